"""What every edge needs to serve a request that repeats the one before it on a kept connection, in few steps.

Where something is not at hand, or the answer is another than the one before, the edge goes on from there as with any
request.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from meshd.passing.connection import Connection
from meshd.passing.kept import KeptOrigins, Origin
from meshd.passing.response import Response
from meshd.sockets.task import TURN

R = TypeVar("R", bound=Response)


class RepeatingConnection(Connection, Generic[R]):
    """A connection whose client may repeat itself."""

    __slots__ = ()

    async def _ask_again(
        self, kept: KeptOrigins[R], origin: Origin[R], head: bytes, method: bytes, *, patience: int = 0
    ) -> bytes | None:
        """Send a request on a kept connection, and pass on an answer like the one before; None where that is done, and
        the exchange is over.  Else the first bytes that came back; none where the connection has ended.

        kept: where the connection is given back to; method: the request's; patience: seconds that the client allows for
        the first byte, 0 for no bound.  Raises: ClientGone, Stopped.
        """
        timeouts = self._plane.live.timeouts
        try:
            self.phase("first-byte-timeout", min(patience or timeouts.first_byte, timeouts.first_byte))
            wire = origin.wire
            try:
                sent = wire.try_send(head)
                if sent < len(head):
                    await wire.send(head[sent:])
                came = await wire.receive()
            except OSError:
                return b""
            told = origin.known(came, method)
            if told is None or len(came) != told.whole or self._plane.draining:
                return came
            answer, record = self._answer_like(told), self.record
            if answer is None or record is None:
                return came
            self._answering = self.framed = True
            record.status = told.status
            data = answer + came[len(told.raw) :]
            done = self.send_now(data) or 0
            if done < len(data) or self._moved >= TURN:
                await self.deliver(data[done:])
        except BaseException:
            origin.close()
            raise
        kept.keep(origin, told.kept_for(timeouts.keep_alive))
        record.close("")
        self.record, self.meter, self._answering = None, None, False
        return None

    def _answer_like(self, told: R, /) -> bytes | None:
        """The head that the client gets of an answer like this one; None where that takes more than its bytes."""
        raise NotImplementedError
