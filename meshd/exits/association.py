"""The datagrams of one exchange as an upstream proxy passes them on (RFC 1928, 7)."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable

from meshd.exits.agreeing import EXIT_FAILED
from meshd.exits.bars import Bar
from meshd.exits.dialling import Dialler, Way
from meshd.sockets.datagrams import AT_ONCE, Path, Receiver, ending
from meshd.sockets.poll import IN
from meshd.sockets.race import DialError
from meshd.sockets.wire import Watcher, Wire
from meshd.socks5 import datagram_head, head_size


class UpstreamAssociation(Watcher):
    """A carrier by an upstream proxy that passes datagrams on as long as the connection to it stands."""

    __slots__ = ("_buffer", "_choice", "_dialler", "_ended", "_heard", "_paths", "_paused", "_sock", "_wire", "source")

    def __init__(
        self, dialler: Dialler, choice: Way, wire: Wire, sock: socket.socket, ended: Callable[[str], None]
    ) -> None:
        """Take over the connection and the socket, which is connected to where the upstream takes datagrams."""
        self._dialler, self._choice = dialler, choice
        self._wire: Wire | None = wire
        self._sock = sock
        self._ended = ended
        self._paths: dict[AssociationPath, None] = {}
        """All of them, the oldest first."""
        self._heard: dict[bytes, AssociationPath] = {}
        """Who hears a place, by the head of a datagram, RSV and FRAG left out: of several paths the last to send."""
        self._buffer = memoryview(bytearray(1))
        self._paused = False
        self.source = choice.exit.address or choice.exit.name
        wire.watcher = self
        dialler.poller.add(sock.fileno(), self, IN)

    async def open(self, host: str, port: int, account_id: int = 0, bar: Bar | None = None) -> Path:
        address = (await self._dialler.addresses(host, port, self._choice, account_id, bar=bar))[0]
        if self._wire is None:
            raise DialError(EXIT_FAILED, "exit", "exit-ended")
        path = AssociationPath(self, address, datagram_head(address, port))
        self._paths[path] = None
        return path

    def stirred(self, wire: Wire) -> None:
        """End all where the upstream proxy has ended; what it says meanwhile means nothing."""
        if wire.ending or wire.gone:
            self._end("exit-failed")

    def ready(self, fd: int, events: int) -> None:
        """Hand over what has come from destinations that were asked for."""
        for _ in range(AT_ONCE):
            if self._wire is None:
                return
            if not self._listens():
                self.pause()
                return
            try:
                size = self._sock.recv_into(self._buffer)
            except BlockingIOError:
                return
            except OSError:
                self._end("exit-failed")
                return
            if size > 4:
                self._hand_over(self._buffer[:size])

    def _listens(self) -> bool:
        """Whether there is room for a datagram: all receivers have it in common, as they are of one exchange."""
        first = next((path.receiver for path in self._paths if path.receiver is not None), None)
        return first is None or first.listens

    def _hand_over(self, data: memoryview) -> None:
        length = head_size(data)
        path = self._heard.get(bytes(data[2:length]))
        if path is not None and path.receiver is not None:
            path.receiver.came(data[length:])

    @property
    def over(self) -> bool:
        return self._wire is None

    def begin(self, buffer: memoryview) -> None:
        """Hear with this buffer; before there is a path, whatever comes is dropped."""
        self._buffer = buffer

    def send(self, path: AssociationPath, data: bytes | memoryview) -> None:
        """Send one datagram; what comes from there is from now on an answer to this path's.

        Where nobody is there that is the upstream proxy's end, and ends all in a later turn.  Raises: OSError, which
        says nothing of the destination.
        """
        self._heard[path.place] = path
        try:
            self._sock.sendmsg([path.head, data])
        except OSError as error:
            if not ending(error):
                raise
            self._dialler.clock.callLater(0, self._end, "exit-failed")
            raise OSError(errno.ENOBUFS, "the upstream proxy takes no datagram") from None

    def pause(self) -> None:
        if not self._paused and self._wire is not None:
            self._paused = True
            self._dialler.poller.pause(self._sock.fileno())

    def resume(self) -> None:
        if self._paused and self._wire is not None:
            self._paused = False
            self._dialler.poller.resume(self._sock.fileno())
            self.ready(self._sock.fileno(), IN)

    def leave(self, path: AssociationPath) -> None:
        if path in self._paths:
            del self._paths[path]
            if self._heard.get(path.place) is path:
                del self._heard[path.place]
            self.resume()  # it may be the one that has paused all

    def close(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            self._dialler.poller.remove(self._sock.fileno())
            self._sock.close()
            wire.close()

    def _end(self, reason: str) -> None:
        if self._wire is not None:
            self.close()
            for path in list(self._paths):
                if path.receiver is not None:
                    path.receiver.closed(reason)
            self._ended(reason)


class AssociationPath:
    """One destination of what an upstream proxy passes on."""

    __slots__ = ("_carrier", "address", "head", "place", "receiver", "source")

    def __init__(self, carrier: UpstreamAssociation, address: str, head: bytes) -> None:
        self._carrier, self.head = carrier, head
        self.place = head[2:]
        self.address, self.source = address, carrier.source
        self.receiver: Receiver | None = None

    def begin(self, receiver: Receiver, buffer: memoryview) -> None:
        if self._carrier.over:  # it has ended while nobody listened here
            receiver.closed("exit-failed")
            return
        self.receiver = receiver
        self._carrier.begin(buffer)

    def send(self, data: bytes | memoryview) -> None:
        self._carrier.send(self, data)

    def pause(self) -> None:
        self._carrier.pause()

    def resume(self) -> None:
        self._carrier.resume()

    def close(self) -> None:
        self.receiver = None
        self._carrier.leave(self)
