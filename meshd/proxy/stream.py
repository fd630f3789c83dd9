"""One stream of HTTP/2: a client's connection by HTTP/1.1, at the other end of a pair of sockets.

What the client sends by its stream is written to the pair as HTTP/1.1 has it, and what comes back is an answer.  So
accounts, exits, limits and the log know nothing of streams.  What waits is bounded by the kernel's buffers of the pair
and by the stream's window; a direction that is full stops its sender, and no other stream.
"""

from __future__ import annotations

import os
import socket
from typing import Protocol

from h2.errors import ErrorCodes

from meshd.http2.answers import AnswerReader, Part
from meshd.http2.bodies import Body
from meshd.http2.requests import Asked, Header, Malformed
from meshd.proxy.pairs import Pair
from meshd.proxy.sending import Sending
from meshd.sockets.poll import GONE, OUT
from meshd.sockets.wire import hung_up, shutdown

WINDOW = 128 * 1024
"""Bytes of a body, or of a tunnel, that a client may send before they are taken; so many wait in memory at most."""

PIECE = 16 * 1024
"""Bytes that are dropped at once."""

LEFT_OVER = 64 * 1024
"""Bytes that are dropped of a tunnel whose client has left, while its origin says goodbye."""


class StreamOwner(Protocol):
    """The session that a stream is a part of."""

    @property
    def sending(self) -> Sending: ...

    def reset(self, stream: Stream, code: ErrorCodes) -> None:
        """End a stream before its time."""

    def forget(self, stream: Stream) -> None:
        """Let go of a stream that has ended."""


class Stream:
    """Has one end of a pair, until the stream has ended."""

    __slots__ = (
        "_answer",
        "_asked",
        "_body",
        "_broken",
        "_down",
        "_fd",
        "_gone",
        "_left",
        "_left_over",
        "_once",
        "_over",
        "_pair",
        "_session",
        "_taken",
        "_trailers",
        "_up",
        "_up_ended",
        "id",
        "queued",
        "readable",
    )

    def __init__(self, session: StreamOwner, number: int, asked: Asked, *, ended: bool) -> None:
        """number: the stream's; asked: its request; ended: whether no body follows."""
        self.id = number
        self.queued = False
        """Whether the stream waits for its turn to send."""
        self.readable = False
        self._session = session
        self._asked = asked
        self._body = Body(chunked=asked.chunked)
        self._up = b""
        """Bytes for the pair, which had no room for them: a head, or a piece of the body at most."""
        self._up_ended = self._once = ended
        """Whether the client sends no more; and whether its request was all that it sent."""
        self._left = asked.length or 0
        """Bytes of the body that are still to come, where the request told its length."""
        self._taken = 0
        """Bytes that came, and that the client was not told of."""
        self._down = b""
        """Bytes of the answer for which the client has no room."""
        self._trailers: list[Header] = []
        self._gone = False
        """Whether the other end of the pair is closed."""
        self._broken = False
        """Whether the connection at the other end was reset."""
        self._over = False
        self._left_over = 0
        """Bytes that may still be dropped, once the client has left; 0 while it has not."""
        self._pair: Pair | None = None
        self._fd = -1

    def begin(self, pair: Pair) -> None:
        """Write the request into a pair, which is the stream's from now on."""
        asked = self._asked
        self._answer = AnswerReader(asked.method, upgraded=asked.upgraded, known=pair.known)
        self._pair, self._fd = pair, pair.fd
        pair.hold(self)
        self._up = self._asked.head
        self._flush()

    # From the client

    def take(self, data: bytes, size: int) -> None:
        """Take bytes of the body or of the tunnel; size: by how much they fill the window.  Raises: Malformed."""
        self._taken += size
        if self._answer.refused:
            return  # bytes of a tunnel that never stood, which nobody is to take for anything else
        if self._asked.length is not None:
            self._left -= len(data)
            if self._left < 0:
                raise Malformed("more of a body than was told of")
        if self._pair is not None and not self._unwritten and not self._asked.chunked:
            data = data[self._pair.write(data) :]
        self._body.add(data)
        self._flush()

    def end(self, trailers: list[Header] | None = None) -> None:
        """Hear that the client sends no more; trailers: the fields behind a body.  Raises: Malformed."""
        if self._up_ended:
            return
        if self._asked.length is not None and self._left:
            raise Malformed("less of a body than was told of")
        self._up_ended = True
        self._body.end(trailers)
        self._flush()
        self._settle()

    def _flush(self) -> None:
        """Give the pair what it takes; what nobody reads any more is dropped."""
        while self._pair is not None and self._unwritten:
            self._up = self._up or self._body.take()
            self._up = self._up[self._pair.write(self._up) :]
            if self._up:
                break
        if len(self._body) < WINDOW // 2:
            self._tell_taken()
        if self._up_ended and not self._unwritten and self._asked.is_tunnel:
            shutdown(self._fd, socket.SHUT_WR)

    @property
    def _unwritten(self) -> bool:
        """Whether the pair has not taken all that came."""
        return bool(self._up or self._body)

    def _tell_taken(self) -> None:
        """Give the client room for what was taken, once that is much."""
        if self._taken >= WINDOW // 2 and not self._up_ended:
            taken, self._taken = self._taken, 0
            self._session.sending.give_room(taken, self.id)

    # Called by the poller

    def ready(self, fd: int, events: int) -> None:
        if events & GONE:
            self._gone = True
        if events & OUT and (self._unwritten or self._taken):
            self._flush()
            self._session.sending.wake()
        if self._left_over:
            self._drop()
        elif self._over:
            self._settle()
        elif events & ~OUT:
            self.readable = True
            self._session.sending.stirred(self)

    def abort(self) -> None:
        """Hear that the connection at the other end is being reset."""
        self._broken = True

    # To the client

    @property
    def can_send(self) -> bool:
        """Whether there may be something for the client, if it has room."""
        return not self._over and (self.readable or bool(self._down) or self._answer.ended)

    def send(self) -> int:
        """Send a piece of the answer, as far as the client has room; how many bytes that is."""
        sending = self._session.sending
        if not self._down and not self._answer.ended:
            part = self._read()
            if part is None:
                return 0
            self._send_heads(part)
            if self._answer.refused:
                self._up = b""
                self._body.drop()
            self._down, self._trailers = part.body, part.trailers
        size = min(len(self._down), sending.room(self.id))
        last = self._answer.ended and size == len(self._down)
        if size or (last and not self._trailers and not self._over):
            sending.body(self.id, self._down[:size], last=last and not self._trailers)
            self._down = self._down[size:]
        if last:
            if self._trailers:
                sending.head(self.id, self._trailers, last=True)
            self._over = True
            self._settle()
        elif self._down:
            sending.wait_for_room(self)
        return size

    def _read(self) -> Part | None:
        """What came from the pair; None where nothing did, or where the stream has been ended by it."""
        try:
            data = os.read(self._fd, self._session.sending.share)
        except BlockingIOError:
            self.readable = False
            return None
        except OSError:
            data, self._broken = b"", True
        if data:
            return self._answer.feed(data)
        self.readable = False
        if self._broken or self._is_cut() or not self._answer.end():
            self._session.reset(self, ErrorCodes.CONNECT_ERROR if self._asked.is_tunnel else ErrorCodes.INTERNAL_ERROR)
            return None
        return Part([], b"", [])

    def _is_cut(self) -> bool:
        """Whether a tunnel was closed, as at a limit, while its client might go on: by no end of the origin's."""
        self._gone = self._gone or hung_up(self._fd)
        return self._asked.is_tunnel and self._gone and not self._up_ended

    def _send_heads(self, part: Part) -> None:
        bare = self._answer.ended and not part.body and not part.trailers
        for place, head in enumerate(part.heads, 1):
            last = bare and place == len(part.heads)
            self._session.sending.head(self.id, head, last=last)
            self._over = last

    def _settle(self) -> None:
        """End the stream, once its answer is sent and no more is taken; of a tunnel the other direction may go on."""
        if not self._over or self._fd < 0:
            return
        if self._up_ended and not (self._unwritten and self._asked.is_tunnel):
            self._session.forget(self)
        elif self._gone or not self._asked.is_tunnel:
            self._session.reset(self, ErrorCodes.NO_ERROR)  # no more of the body is wanted (RFC 9113, 8.1)

    def give_up(self) -> None:
        """End the stream, of which nothing can be sent: the client has reset it, or the answer is none of ours."""
        self._session.reset(self, ErrorCodes.INTERNAL_ERROR)

    def leave(self) -> None:
        """Give up the pair, since the client has left: a tunnel's origin hears of an end, and not of a reset."""
        if self._over or not self._asked.is_tunnel or self._fd < 0:
            self.close()
            return
        self._over, self._left_over = True, LEFT_OVER
        self._up = b""
        self._body.drop()
        shutdown(self._fd, socket.SHUT_WR)
        self._drop()

    def _drop(self) -> None:
        """Drop what still comes, up to the end or a bound; the tunnel behind ends by itself, or by its own timeout."""
        try:
            while self._left_over > 0 and (data := os.read(self._fd, PIECE)):
                self._left_over -= len(data)
        except BlockingIOError:
            return
        except OSError:
            pass
        self.close()

    def part(self) -> Pair | None:
        """Give up the pair, whose request was answered; None where it is closed, as nothing else may go by it."""
        answer, pair = self._answer, self._pair
        whole = answer.ended and not answer.surplus and self._once and not self._asked.is_tunnel
        if pair is None or not whole or self._gone or self._broken or self._unwritten or not pair.is_empty():
            self.close()
            return None
        self._pair, self._fd = None, -1
        return pair

    def close(self) -> None:
        """Close the pair."""
        self._over, self._left_over = True, 0
        pair, self._pair, self._fd = self._pair, None, -1
        if pair is not None:
            pair.close()
