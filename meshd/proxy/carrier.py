"""A tunnel that was asked for as a resource: capsules on a line that somebody else serves, plain bytes on a pair.

At the other end of the pair is an ordinary connection, so that accounts, limits, exits and the log know nothing of
capsules.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from meshd.http2.answers import AnswerReader, Part
from meshd.http2.restraint import Restraint
from meshd.masque.capsules import BadCapsule
from meshd.masque.tcp import DataReader, Kinds
from meshd.passing.handed import AskedLine
from meshd.proxy import resource
from meshd.proxy.passage import Passage
from meshd.proxy.plane import DataPlane
from meshd.proxy.tunnelled import ResourceConnection, full
from meshd.sockets.wire import shutdown

ANSWERED_IN = 64 * 1024
"""Bytes of a refusal at most: more than any that meshd writes."""


class Carrier(Passage):
    """The passage of one tunnel, from its request on."""

    __slots__ = (
        "_answer",
        "_asked",
        "_body",
        "_cut",
        "_down_ended",
        "_head",
        "_kinds",
        "_left",
        "_reader",
        "_reset",
        "_restraint",
        "_switched",
        "_token",
        "_up_ended",
        "account_id",
        "deadline",
        "slot",
    )

    def __init__(self, plane: DataPlane, line: AskedLine, token: bytes, kinds: Kinds) -> None:
        """token: the protocol's name as the client wrote it; kinds: the capsules that it is sent."""
        super().__init__(plane, line)
        self._asked = line
        self._token, self._kinds = token, kinds
        self._answer = AnswerReader(b"CONNECT")
        self._head: list[resource.Header] = []
        self._body = b""
        self._reader = DataReader()
        self._restraint = Restraint(plane.wheel.monotonic)
        """How many capsules may carry nothing."""
        self._switched = self._cut = False
        self._up_ended = self._down_ended = False
        """Whether the end of that direction was passed on."""
        self.account_id = 0
        self._left = 0
        """Bytes that the client had not taken when that was looked at last."""
        self.deadline = 0.0
        self.slot = 0
        self._reset = _nothing
        """Ends the tunnel with a reset of the origin."""

    def begin(self, proxy: str, peer: str, head: bytes, *, by_address: bool) -> None:
        """Have a request served; head: of CONNECT, as a client of that proxy and that address.

        by_address: whether a listed address is enough to be let in.  Raises: OSError.
        """
        ResourceConnection(self._plane, proxy, self.join(peer, head), self, by_address=by_address).begin()

    # The tunnel's end

    def abort(self) -> None:
        self._cut = True

    def stands(self, reset: Callable[[], None]) -> None:
        """Hear that the tunnel stands, and what resets its origin: at once where the client has left meanwhile."""
        if self._fd >= 0:
            self._reset = reset
        elif not self._up_ended:
            reset()

    def over(self, reason: str) -> None:
        """Hear why the tunnel has ended, of which not all was read; "" where both directions have ended."""
        self._reset = _nothing
        self._cut = self._cut or bool(reason)
        if self._fd >= 0:
            self._wait()

    def expired(self) -> None:
        """End what is left of a tunnel that is over, if its client has taken nothing of it since the last look."""
        if self._line.unsent() == self._left:
            self._hang_up(0)
        else:
            self._wait()

    def _wait(self) -> None:
        """Give the client time to take some of what is left; all of it was counted, so slowness loses nothing."""
        self._left = self._line.unsent()
        self._plane.wheel.arm(self, self._plane.live.timeouts.half_closed)

    def lost(self) -> None:
        """End the tunnel, whose client is gone; the origin hears of a reset, if the client has not said its last."""
        if not self._up_ended:
            self._reset()
        self._close()

    # Bytes

    def _taken(self, data: bytes) -> tuple[bytes, int]:
        reader = self._reader
        try:
            taken = reader.feed(data)
        except BadCapsule:
            taken = None
        if taken is not None and (not reader.dropped or self._allows(reader.dropped)):
            return taken
        self._hang_up()
        return b"", len(data)

    def _allows(self, dropped: int) -> bool:
        """Whether so many more capsules may carry nothing: nobody pays for the work that they make."""
        return self._restraint.allows(self._plane.wheel.monotonic, dropped)

    def resume(self) -> None:
        self.deadline = self._plane.wheel.monotonic + self._plane.live.timeouts.half_closed  # where that is awaited
        super().resume()

    def _given(self, data: bytes) -> None:
        if self._switched:
            self._line.send(self._kinds.framed(data))
        else:
            self._answered(self._answer.feed(data))

    def _over_up(self) -> None:
        """Pass the client's end on, once its last capsule has come; without that the end is none."""
        if not self._switched:
            return
        if self._reader.ended and not self._up_ended:
            self._up_ended = True
            shutdown(self._fd, socket.SHUT_WR)
            self._settle()
        elif self._no_more and not self._up_ended:
            self._hang_up()

    def _over_down(self) -> None:
        if not self._switched:
            self._close()
            full(self._plane, self._asked)
        elif self._cut:
            self._hang_up()
        elif not self._down_ended:
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
            early = self._asked.switch(resource.switched(self._token, self._head), self.account_id)
            if part.body:
                self._line.send(self._kinds.framed(part.body))
            self.received(early)  # also where that is nothing: the client may have ended
            return
        self._body += part.body
        if self._answer.ended or len(self._body) > ANSWERED_IN:
            self._close()
            self._asked.decline(resource.status_of(self._head), resource.refused(self._head, self._body))

    # Endings

    def _settle(self) -> None:
        """Close properly, once both directions have ended."""
        if self._up_ended and self._down_ended:
            self._close()
            self._line.leave(self._plane.live.timeouts.half_closed, properly=True)

    def _hang_up(self, seconds: float | None = None) -> None:
        """Close so that the client knows that something is missing."""
        self._reset()
        self._close()
        self._line.leave(self._plane.live.timeouts.half_closed if seconds is None else seconds, properly=False)

    def _close(self) -> None:
        self._reset = _nothing
        self._plane.wheel.disarm(self)
        super()._close()


def _nothing() -> None:
    """Where no tunnel stands."""
