"""Datagrams by an exit: from an address of this machine, or passed on by an upstream proxy (RFC 1928, UDP ASSOCIATE).

A carrier is what one exchange has of an exit; it opens a path to each destination.  From this machine each path is a
socket of its own, connected, so that the kernel lets its destination alone be heard.  An upstream proxy passes on all
by one socket; there a datagram is the destination's that says so, and all others are dropped.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from ipaddress import ip_address
from typing import Protocol

from meshd.exits.agreeing import EXIT_FAILED, agreed
from meshd.exits.association import UpstreamAssociation
from meshd.exits.bars import Bar
from meshd.exits.dialling import Dialler, Way
from meshd.exits.handshake import AssociateHandshake
from meshd.exits.localpath import LocalPath
from meshd.exits.unfit import NO_DATAGRAMS, carries
from meshd.model import Refusal
from meshd.sockets.datagrams import BUSY, Path, Receiver, connected
from meshd.sockets.race import DialError
from meshd.sockets.wire import Wire
from meshd.values.internet import is_private, is_public, unwrap


class DatagramCarrier(Protocol):
    """What one exchange has of an exit for its datagrams."""

    async def open(self, host: str, port: int, account_id: int = 0, bar: Bar | None = None) -> Path:
        """A path to host, a name or an address without brackets; runs in a Task.  Raises: DialError, Stopped."""

    def close(self) -> None:
        """Close it with all its paths; calling it again changes nothing."""


async def carrier(dialler: Dialler, choice: Way, ended: Callable[[str], None]) -> DatagramCarrier:
    """Begin to use an exit; runs in a Task, and the caller bounds the time.

    ended: called with the reason when the upstream proxy carries no longer.  Raises: DialError, Stopped.
    """
    exit_ = choice.exit
    if not carries(exit_):
        raise DialError(NO_DATAGRAMS, "either")
    if exit_.upstream is None:
        return FromHere(dialler, choice)
    dialled = await dialler.reach(exit_.upstream)
    wire = Wire(dialler.poller, dialled.fd, dialled.address, registered=True)
    try:
        talk = AssociateHandshake(exit_.upstream)
        await agreed(wire, talk)
        if wire.ending:  # nobody was listening yet when that was told
            raise DialError(EXIT_FAILED, "exit", "exit-ended")
        relay = relay_of(wire.peer, talk.address, strange=exit_.upstream.strange)
        refusal = dialler.own_listener((relay,), talk.port) or dialler.own_mouth((relay,), talk.port)
        if refusal is not None:
            raise DialError(EXIT_FAILED, "exit", "exit-head")
        try:
            sock = _opened(relay, talk.port)
        except DialError as error:  # it says nothing of the destination, nor of connections by that proxy
            raise DialError(EXIT_FAILED, "either", error.cause) from None
        try:
            return UpstreamAssociation(dialler, choice, wire, sock, ended)
        except BaseException:
            sock.close()
            raise
    except BaseException:
        wire.close()
        raise


def relay_of(peer: str, told: str, *, strange: bool) -> str:
    """Where an upstream proxy takes datagrams: where it says, unless that is a place that only we can reach.

    peer: the address that it was reached at; told: what it says, "" for the same.  Raises: DialError.
    """
    if told in {"", peer}:
        return peer
    theirs, reached = unwrap(ip_address(told)), unwrap(ip_address(peer))
    within = is_private(theirs) or (theirs.is_loopback and reached.is_loopback)
    neighbours = within and not strange and not is_public(reached)
    if neighbours or is_public(theirs):
        return told
    raise DialError(EXIT_FAILED, "either", "exit-head")


def _opened(address: str, port: int, source: str = "") -> socket.socket:
    """A connected socket.  Raises: DialError."""
    try:
        return connected(address, port, source)
    except OSError as error:
        if error.errno in BUSY:
            raise DialError(Refusal("overloaded")) from None
        reason = "exit-failed" if error.errno == errno.EADDRNOTAVAIL else "unreachable"
        raise DialError(Refusal(reason), "exit" if reason == "exit-failed" else "destination") from None


class FromHere:
    """A carrier by an address of this machine."""

    def __init__(self, dialler: Dialler, choice: Way) -> None:
        self._dialler, self._choice = dialler, choice

    async def open(self, host: str, port: int, account_id: int = 0, bar: Bar | None = None) -> Path:
        addresses = await self._dialler.addresses(host, port, self._choice, account_id, bar=bar)
        source = self._choice.source
        for address in addresses:
            try:
                return LocalPath(self._dialler.poller, _opened(address, port, source), address, source)
            except DialError as error:
                failure = error
        raise failure

    def close(self) -> None:
        """Do nothing: there are only paths, and each is closed by itself."""


class SolePath:
    """The only path of a carrier, which is closed with it."""

    __slots__ = ("_carrier", "_path", "address", "source")

    def __init__(self, path: Path, carrier: DatagramCarrier) -> None:
        self._path, self._carrier = path, carrier
        self.address, self.source = path.address, path.source

    def begin(self, receiver: Receiver, buffer: memoryview) -> None:
        self._path.begin(receiver, buffer)

    def send(self, data: bytes | memoryview) -> None:
        self._path.send(data)

    def pause(self) -> None:
        self._path.pause()

    def resume(self) -> None:
        self._path.resume()

    def close(self) -> None:
        self._path.close()
        self._carrier.close()
