"""Bytes between a line that somebody else serves and one end of a pair of sockets, each way as fast as it is taken."""

from __future__ import annotations

import os
import socket
from contextlib import suppress

from meshd.passing.handed import Line
from meshd.proxy.plane import DataPlane
from meshd.sockets.poll import OUT
from meshd.sockets.wire import Wire

PIECE = 16 * 1024
"""Bytes that are read of the pair at once."""

TURN = 16
"""Pieces that one passage moves before others get their turn."""

SLICE = 4096
"""Bytes of a client that are worked on at once, where they may be frames of a few bytes each."""


class Passage:
    """Owns one end of the pair; a `Taker`.  As it is here, bytes go through as they are."""

    __slots__ = ("_fd", "_line", "_no_more", "_paused", "_plane", "_raw", "_readable", "_reads", "_up")

    def __init__(self, plane: DataPlane, line: Line) -> None:
        self._plane, self._line = plane, line
        self._raw = b""
        """Bytes of the client that are not worked on yet: what came at once, at most."""
        self._up = b""
        """Bytes of a slice that the pair had no room for."""
        self._reads = True
        """Whether the client is read."""
        self._readable = self._paused = False
        self._no_more = False
        """Whether the client has ended its direction of the connection, and may go on reading."""
        self._fd = -1

    def join(self, peer: str, first: bytes = b"") -> Wire:
        """Make the pair, with some bytes in it; the other end, as a client's with that address.  Raises: OSError."""
        poller = self._plane.poller
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with ours, theirs:
            ours.setblocking(False)
            theirs.setblocking(False)
            self._up = first[ours.send(first) :]  # a head may be longer than what a pair takes
            poller.add(ours.fileno(), self)
            self._fd = ours.detach()
            try:
                wire = Wire(poller, theirs.fileno(), peer)
            except OSError:
                self._close()
                raise
            theirs.detach()
        poller.stand_behind(wire.fd, self, outside=1)
        return wire

    # Called by the poller

    def ready(self, fd: int, events: int) -> None:
        if events & OUT and self._up:
            self._go_up()
        if events & ~OUT:
            self._readable = True
            self._go_down()

    def closed(self) -> None:
        """Do nothing: the end of the pair is read when all before it was."""

    def abort(self) -> None:
        """Hear that the connection at the other end is being reset."""

    # Taker: from the client

    def received(self, data: bytes) -> None:
        self._raw += data
        self._go_up()

    def ended(self) -> None:
        """Hear that the client sends no more."""
        self._no_more = True
        if self._fd >= 0 and not (self._up or self._raw):
            self._over_up()

    def lost(self) -> None:
        """Hear that the client is gone."""
        self._close()

    def _go_up(self) -> None:
        """Give the pair what it takes of what came; the client is read on where that is all."""
        budget = TURN
        while self._fd >= 0 and (self._flush() and self._raw) and budget:
            budget -= 1
            self._up, read = self._taken(self._raw[:SLICE])
            self._raw = self._raw[read:]
        if self._fd < 0:
            return
        waits = bool(self._up or self._raw)
        if self._reads is waits:
            self._reads = not waits
            self._line.read_on(self._reads)
        if self._raw and not self._up:
            self._plane.relay.again(self._go_up)
        elif not waits:
            self._over_up()

    def _flush(self) -> bool:
        """Whether the pair has taken all; what nobody reads any more is dropped."""
        try:
            while self._up:
                self._up = self._up[os.write(self._fd, self._up) :]
        except BlockingIOError:
            return False
        except OSError:
            self._up = b""
        return True

    # Taker: to the client

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        self._go_down()

    def _go_down(self) -> None:
        """Send what came from the pair, until the line has no room."""
        for _ in range(TURN):
            if self._fd < 0 or self._paused or not self._readable:
                return
            try:
                data = os.read(self._fd, PIECE)
            except BlockingIOError:
                self._readable = False
                return
            except OSError:
                data = b""
                self.abort()
            if data:
                self._given(data)
            else:
                self._readable = False
                self._over_down()
        self._plane.relay.again(self._go_down)

    # What is done with bytes, and with ends

    def _taken(self, data: bytes) -> tuple[bytes, int]:
        """What the pair is to have of a client's bytes, and how many of these were worked on."""
        return data, len(data)

    def _given(self, data: bytes) -> None:
        """Send the client what came from the pair."""
        self._line.send(data)

    def _over_up(self) -> None:
        """Look whether the client has ended, as all that came was given to the pair."""

    def _over_down(self) -> None:
        """Close, since the pair has ended."""
        self._close()
        self._line.leave(self._plane.live.timeouts.half_closed, properly=True)

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        self._raw = self._up = b""
        if fd >= 0:
            self._plane.poller.remove(fd)
            with suppress(OSError):
                os.close(fd)
