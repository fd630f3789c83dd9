"""A tunnel that was asked for as a resource: capsules on a line that somebody else serves, plain bytes on a pair.

At the other end of the pair is an ordinary connection, so that accounts, limits, exits and the log know nothing of
capsules.  Each direction waits for whoever takes its bytes: the pair's buffer, or the line's.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress

from meshd.http2.answers import AnswerReader, Part
from meshd.masque.capsules import BadCapsule
from meshd.masque.tcp import DataReader, Kinds
from meshd.proxy import resource
from meshd.proxy.plane import DataPlane
from meshd.proxy.tunnelled import Line, ResourceConnection, full
from meshd.sockets.poll import OUT
from meshd.sockets.wire import Wire, shutdown

PIECE = 16 * 1024
"""Bytes that one capsule has at most, and that are read at once."""

TURN = 16
"""Pieces that one tunnel moves before others get their turn."""

SLICE = 4096
"""Bytes of a client that are read as capsules at once, as each may be a capsule of no more than five."""

ANSWERED_IN = 64 * 1024
"""Bytes of a refusal at most: more than any that meshd writes."""


class Carrier:
    """Owns one end of the pair.  What a `Taker` of the web's is."""

    __slots__ = (
        "_answer",
        "_body",
        "_cut",
        "_down_ended",
        "_fd",
        "_head",
        "_kinds",
        "_line",
        "_paused",
        "_plane",
        "_raw",
        "_readable",
        "_reader",
        "_reads",
        "_switched",
        "_token",
        "_up",
        "_up_ended",
        "deadline",
        "reset",
        "slot",
    )

    def __init__(self, plane: DataPlane, line: Line, token: bytes, kinds: Kinds) -> None:
        """token: the protocol's name as the client wrote it; kinds: the capsules that it is sent."""
        self._plane, self._line = plane, line
        self._token, self._kinds = token, kinds
        self._answer = AnswerReader(b"CONNECT")
        self._head: list[resource.Header] = []
        self._body = b""
        self._reader = DataReader()
        self._raw = b""
        """Capsules that are not read yet: what came at once, at most."""
        self._up = b""
        """Bytes of a slice that the pair had no room for."""
        self._reads = True
        """Whether the client is read."""
        self._switched = self._readable = self._paused = self._cut = False
        self._up_ended = self._down_ended = False
        """Whether the end of that direction was passed on."""
        self._fd = -1
        self.deadline = 0.0
        self.slot = 0
        self.reset = _nothing
        """Ends the tunnel with a reset of the origin."""

    def begin(self, proxy: str, peer: str, head: bytes) -> None:
        """Have a request served; head: of CONNECT, as a client of that proxy and that address.  Raises: OSError."""
        poller = self._plane.poller
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with ours, theirs:
            ours.setblocking(False)
            theirs.setblocking(False)
            ours.send(head)  # the first bytes of a pair, which takes more
            poller.add(ours.fileno(), self)
            self._fd = ours.detach()
            try:
                wire = Wire(poller, theirs.fileno(), peer)
            except OSError:
                self._close()
                raise
            theirs.detach()
        poller.stand_behind(wire.fd, self, outside=1)
        ResourceConnection(self._plane, proxy, wire, self).begin()

    # Called by the poller, and by the connection at the other end

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
        self._cut = True

    def over(self, reason: str) -> None:
        """Hear why the tunnel has ended, of which not all was read; "" where both directions have ended."""
        self.reset = _nothing
        self._cut = self._cut or bool(reason)
        self._plane.wheel.arm(self, self._plane.live.timeouts.half_closed)

    def expired(self) -> None:
        """End what a client has not taken in time of a tunnel that is over."""
        self._cut = True
        self._hang_up(0)

    # Taker: from the client

    def received(self, data: bytes) -> None:
        self._raw += data
        self._go_up()

    def lost(self) -> None:
        """End the tunnel, whose client is gone; the origin hears of a reset, if the client has not said its last."""
        if not self._up_ended:
            self.reset()
        self._close()

    def _go_up(self) -> None:
        """Give the pair what it takes of what came; the client is read on where that is all."""
        budget = TURN
        while self._fd >= 0 and (self._flush() and self._raw) and budget:
            budget -= 1
            piece, self._raw = self._raw[:SLICE], self._raw[SLICE:]
            try:
                self._up = self._reader.feed(piece)
            except BadCapsule:
                self._hang_up()
                return
        if self._fd < 0:
            return
        waits = bool(self._up or self._raw)
        if self._reads is waits:
            self._reads = not waits
            self._line.read_on(self._reads)
        if self._raw and not self._up:
            self._plane.relay.again(self._go_up)
        elif not waits and self._reader.ended and not self._up_ended:
            self._up_ended = True
            shutdown(self._fd, socket.SHUT_WR)
            self._settle()

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
            if self._fd < 0 or self._paused or not self._readable or self._down_ended:
                return
            try:
                data = os.read(self._fd, PIECE)
            except BlockingIOError:
                self._readable = False
                return
            except OSError:
                data, self._cut = b"", True
            if not data:
                self._end_of_pair()
            elif self._switched:
                self._line.send(self._kinds.framed(data))
            else:
                self._answered(self._answer.feed(data))
        self._plane.relay.again(self._go_down)

    def _end_of_pair(self) -> None:
        if not self._switched:
            self._close()
            full(self._plane, self._line)
        elif self._cut:
            self._hang_up()
        else:
            self._down_ended = True
            self._line.send(self._kinds.last())
            self._settle()

    def _answered(self, part: Part) -> None:
        """Pass an answer on: the tunnel's beginning, or a refusal once it is whole."""
        for head in part.heads:
            self._head = head
        if not self._answer.begun:
            return
        if resource.status_of(self._head) == 101:
            self._switched = True
            early = self._line.switch(resource.switched(self._token, self._head))
            if part.body:
                self._line.send(self._kinds.framed(part.body))
            if early:
                self.received(early)
            return
        self._body += part.body
        if self._answer.ended or len(self._body) > ANSWERED_IN:
            self._decline(self._head, self._body)

    def _decline(self, head: list[resource.Header], body: bytes) -> None:
        self._close()
        self._line.decline(resource.status_of(head), resource.refused(head, body))

    # Endings

    def _settle(self) -> None:
        """Close properly, once both directions have ended."""
        if self._up_ended and self._down_ended:
            self._close()
            self._line.leave(self._plane.live.timeouts.half_closed, properly=True)

    def _hang_up(self, seconds: float | None = None) -> None:
        """Close so that the client knows that something is missing."""
        self.reset()
        self._close()
        self._line.leave(self._plane.live.timeouts.half_closed if seconds is None else seconds, properly=False)

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        self._raw = self._up = b""
        self.reset = _nothing
        self._plane.wheel.disarm(self)
        if fd >= 0:
            self._plane.poller.remove(fd)
            with suppress(OSError):
                os.close(fd)


def _nothing() -> None:
    """Where no tunnel stands."""
