"""Sockets that this process was started with: those that the service manager opened (sd_listen_fds(3)), and those that
an earlier process of meshd's had open, which the service manager has kept or that process has handed on itself.

Each of the first kind stays open, under its own number, for as long as the process lives; a listener gets a copy.  So
the number is never given to anything else, and a reload may let go of a socket and take it again.  Those of the second
kind are for the start alone: their listeners get copies, and then `settle` closes what nobody wanted.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Container, MutableMapping
from contextlib import suppress
from typing import Any

from twisted.internet.endpoints import serverFromString

from meshd.config import endpoints
from meshd.daemon.keeping import HOSTED, PREFIX
from meshd.exits.destinations import OwnListeners

_VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


class Inherited:
    """The sockets that were handed over, found by name or by place."""

    def __init__(self, *sockets: tuple[int, str]) -> None:
        """sockets: descriptors with their names, in their order."""
        self._sockets = tuple(each for each in sockets if not each[1].startswith(PREFIX))
        self._kept = [each for each in sockets if each[1].startswith(PREFIX)]
        self.came = self.kept
        """The names of all sockets that came of an earlier process, whatever has become of them."""

    @classmethod
    def take(cls, environ: MutableMapping[str, str]) -> Inherited:
        """Take the sockets of this process; neither they nor the variables about them are passed on to its children."""
        descriptors = _descriptors()
        names = environ.get("LISTEN_FDNAMES", "").split(":")
        for name in _VARIABLES:
            environ.pop(name, None)
        for descriptor in descriptors:
            with suppress(OSError):
                os.set_inheritable(descriptor, False)
        names += [""] * len(descriptors)
        return cls(*zip(descriptors, names, strict=False))

    def number(self, place: endpoints.Inherited) -> int:
        """The descriptor of a place.  Raises: ValueError where there is none, or more than one."""
        if not place.name:
            if place.index >= len(self._sockets):
                raise ValueError("systemd has handed over no such socket")
            return self._sockets[place.index][0]
        at = [index for index, (_, name) in enumerate(self._sockets) if name == place.name]
        if not at:
            raise ValueError("systemd has handed over no such socket")
        if len(at) > 1:
            choices = " or ".join(f"index={index}" for index in at)
            raise ValueError(f"systemd has handed over {len(at)} sockets of that name: choose by {choices}")
        return self._sockets[at[0]][0]

    @property
    def beyond(self) -> OwnListeners:
        """What is listened at beside the sockets of this process: the daemon's, in a worker of its."""
        return OwnListeners()

    @property
    def lent(self) -> bool:
        """Whether the process that opened the kept sockets goes on listening at them: it alone says how, then."""
        return False

    @property
    def activated(self) -> tuple[tuple[int, str], ...]:
        """The sockets of the service manager's own making: descriptors with their names."""
        return self._sockets

    @property
    def kept(self) -> frozenset[str]:
        """The names of the sockets that are still here of an earlier process."""
        return frozenset(name for _, name in self._kept)

    def waiting(self, name: str) -> list[socket.socket]:
        """Copies of the sockets of that name which an earlier process had open; the caller closes them.  OSError."""
        return [_copied(descriptor) for descriptor, each in self._kept if each == name]

    def keep(self, names: Container[str]) -> None:
        """Close those of an earlier process that the settings have no use for: their addresses may be wanted."""
        self._close(lambda name: name in names or name.startswith(HOSTED))

    def settle(self) -> None:
        """Close what is still here of an earlier process, as whoever wanted a socket has a copy."""
        self._close(lambda name: False)

    def _close(self, wanted: Callable[[str], bool]) -> None:
        for descriptor, name in self._kept:
            if not wanted(name):
                os.close(descriptor)
        self._kept = [each for each in self._kept if wanted(each[1])]

    def copy(self, place: endpoints.Inherited) -> socket.socket:
        """Duplicate the socket of a place.  Raises: ValueError where the socket is of another kind, OSError."""
        copy = _copied(self.number(place))
        try:
            _check(copy, place.family)
        except BaseException:
            copy.close()
            raise
        return copy


def _copied(descriptor: int) -> socket.socket:
    """Raises: OSError."""
    copy = os.dup(descriptor)
    try:
        return socket.socket(fileno=copy)
    except BaseException:
        os.close(copy)
        raise


def _descriptors() -> list[int]:
    """The descriptors handed over.  Twisted has taken them out of the environment, so Twisted is asked for each."""
    found: list[int] = []
    with suppress(LookupError):
        while True:
            endpoint: Any = serverFromString(None, f"systemd:domain=INET:index={len(found)}")
            found.append(endpoint.fileno)
    return found


def _check(copy: socket.socket, family: str) -> None:
    """Refuse a socket that does not listen, or whose family is not that of the settings; INET and INET6 count as one.
    Raises: ValueError.
    """
    if copy.type != socket.SOCK_STREAM or not copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise ValueError("it is no socket that listens for connections")
    if (copy.family == socket.AF_UNIX) != (family == "UNIX"):
        raise ValueError(f"its domain is {copy.family.name.removeprefix('AF_')}")
