"""Listening sockets, each opened once and kept for as long as the settings name its place.

Who accepts from a socket may change; the socket stays open, and clients that connect meanwhile wait in its backlog.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from meshd.config.endpoints import EVERYWHERE, TCP, Endpoint, Inherited, Unix
from meshd.daemon.inherited import Inherited as HandedOver
from meshd.daemon.keeping import name_of


class ListenError(Exception):
    """A listener could not be opened; the text names it."""


class ListeningSocket:
    """A socket that its owner closes; a Unix socket's file is removed with it where the file is still the one made."""

    def __init__(
        self, sock: socket.socket, *, path: str = "", handed_over: bool = False, another_has: bool = False
    ) -> None:
        """path: the absolute path of a Unix socket's file, "" for none.

        handed_over: by a process that says itself how the socket listens; another_has: the file is another process's
        until `own` is called.
        """
        sock.setblocking(False)
        self.sock = sock
        self._path = path
        self._owner = not another_has
        self._file = _file(path)
        self._handed_over = handed_over

    def listen(self, backlog: int) -> None:
        """Listen; of a socket that was handed over its maker sets the backlog.  Raises: OSError."""
        if not self._handed_over:
            self.sock.listen(backlog)
            if self.sock.family != socket.AF_UNIX:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 0)

    def set_mode(self, mode: int) -> None:
        """Change the mode of a Unix socket's file, where the file is still the one made."""
        if self._path and self._file == _file(self._path):
            with suppress(OSError):
                os.chmod(self._path, mode)

    def own(self) -> None:
        """Have the file removed with the socket from now on: no other process listens there any more."""
        self._owner = True

    def leave(self) -> None:
        """Let the file outlive the socket here: another process listens there, or is about to."""
        self._owner = False

    def close(self) -> None:
        self.sock.close()
        if self._owner and self._path and self._file == _file(self._path):
            with suppress(OSError):
                os.unlink(self._path)


def open_sockets(endpoint: Endpoint, handed_over: HandedOver, *, beside: bool = False) -> list[ListeningSocket]:
    """Open a socket at the endpoint's place, or take those that an earlier process had there; TCP does not listen yet.

    beside: until it listens, the socket may share an address with sockets that are giving way.
    Raises: ListenError.
    """
    place = endpoint.place
    try:
        if isinstance(place, Inherited):
            return [ListeningSocket(handed_over.copy(place), handed_over=True)]
        assert isinstance(place, TCP | Unix)
        if waiting := handed_over.waiting(name_of(place)):
            return [_taken(each, endpoint, lent=handed_over.lent) for each in waiting]
        if isinstance(place, TCP):
            return [ListeningSocket(bind(place, beside))]
        return [_unix(os.path.abspath(place.path), endpoint)]
    except (OSError, ValueError) as error:
        raise cannot_listen(endpoint.text, error) from error


def _taken(sock: socket.socket, endpoint: Endpoint, *, lent: bool) -> ListeningSocket:
    place = endpoint.place
    if not isinstance(place, Unix):
        return ListeningSocket(sock, handed_over=lent)
    taken = ListeningSocket(sock, path=os.path.abspath(place.path), handed_over=lent, another_has=True)
    taken.set_mode(endpoint.mode)
    return taken


def cannot_listen(text: str, error: Exception) -> ListenError:
    return ListenError(f"cannot listen on {text}: {getattr(error, 'strerror', None) or error}")


@contextmanager
def giving_way(old: Iterable[ListeningSocket]) -> Iterator[None]:
    """Within the context, other sockets of this process may bind to, and listen on, the addresses of these TCP sockets.

    Linux asks both sides for SO_REUSEPORT: the new sockets are opened with `beside`.
    """
    sockets = [each.sock for each in old]
    try:
        for sock in sockets:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        yield
    finally:
        for sock in sockets:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 0)


def bind(place: TCP, beside: bool) -> socket.socket:
    """A socket at that address; beside: which may share it with others that may too.  Raises: OSError."""
    everywhere = place.interface == EVERYWHERE
    host = ("::" if _has_ipv6() else "0.0.0.0") if everywhere else place.interface  # noqa: S104 (it is what was asked)
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if beside:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if everywhere and ":" in host:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # whatever the host's default
        sock.bind((host, place.port))
    except BaseException:
        sock.close()
        raise
    return sock


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::", 0))
    except OSError:
        return False
    return True


def _unix(path: str, endpoint: Endpoint) -> ListeningSocket:
    """Open a Unix socket that listens: before it listens, it cannot be told from one that a dead process left."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _alone_in(os.path.dirname(path)):
            _clear(path)
            sock.bind(path)
            os.chmod(path, endpoint.mode)
            sock.listen(endpoint.backlog)
            return ListeningSocket(sock, path=path)
    except BaseException:
        sock.close()
        raise


@contextmanager
def _alone_in(folder: str) -> Iterator[None]:
    """Lock the folder: two processes that start at once would each remove the other's new socket.  Raises: OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _clear(path: str) -> None:
    """Remove a socket that a dead process has left.  Raises: OSError where the path is in use."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise FileExistsError(errno.EEXIST, "there is a file that is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.setblocking(False)
        try:
            asking.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except BlockingIOError:
            pass  # so many wait there that it is surely listened on
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def _file(path: str) -> tuple[int, int] | None:
    """Device and inode of the file; None where there is none, as for ""."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
