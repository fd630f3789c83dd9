"""What the API answers, as values, and the shapes that its errors have.

400 is `{"field": ["message", …]}` (a complaint about no single field stands under `__all__`), every other error is
`{"detail": "message"}`.  A reason of `auth.service` becomes a status here and nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus

from meshd.model import Refusal
from meshd.web.forms import WHOLE

CHALLENGES = ('Basic realm="meshd", charset="UTF-8"', 'Bearer realm="meshd"')
"""One field each: clients that read only the first are the ones that know only Basic."""

STORE_PAUSE = 5
"""Seconds to wait when the store is away: it is asked again about as often."""

BUSY_PAUSE = 1
"""Seconds to wait when more passwords wait to be hashed than may: a full queue is worked off in about that."""

PAUSES = {503: STORE_PAUSE, 429: 1}
"""Seconds to wait after a rule of the accounts refused, by its status."""

FOREIGN = "a page of another site made this browser send the request; it is refused"

PHRASES = {status.value: status.phrase for status in HTTPStatus}

EVERY_ANSWER = (
    ("Server", "meshd"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
)
"""No Strict-Transport-Security: it would bind every port of the operator's host, and this is one of them."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its JSON (bytes, where that is encoded already), or nothing at all where body is `EMPTY`."""

    body: object
    status: int = 200
    fields: tuple[tuple[str, str], ...] = field(default=())
    """Beyond those that every answer has; a name may come twice."""
    note: str = ""
    """For the request log, where it says more than the status."""

    def content(self) -> bytes:
        """The bytes of the body.  Spaced as the documents print it, ASCII only."""
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is EMPTY else _json(self.body).encode("ascii")


EMPTY = object()

_json = json.JSONEncoder(allow_nan=False).encode  # json.dumps() would make an encoder each time

NO_CONTENT = Reply(EMPTY, 204)
"""What a deletion answers, where the document says 204."""

DONE = Reply(EMPTY)
"""What a deletion answers, where the document says an empty 200."""


def wrong(messages: Mapping[str, list[str]], status: int = 400) -> Reply:
    """A form that cannot be accepted.  Only 400 has the shape with fields."""
    if status == 400:
        return Reply(dict(messages), 400)
    return refused(status, " ".join(text for texts in messages.values() for text in texts))


def refused(status: int, detail: str, retry_after: int = 0, *fields: tuple[str, str]) -> Reply:
    """Any error in the one shape that its status has; retry_after in seconds, 0 for none."""
    pause = (("Retry-After", str(retry_after)),) if retry_after else ()
    body: object = {WHOLE: [detail]} if status == 400 else {"detail": detail}
    return Reply(body, status, (*pause, *fields))


def unauthenticated(detail: str) -> Reply:
    """401 with both challenges."""
    return refused(401, detail, 0, *(("WWW-Authenticate", challenge) for challenge in CHALLENGES))


def unavailable(retry_after: int = STORE_PAUSE) -> Reply:
    return refused(503, "temporarily unavailable, try again", retry_after)


def internal_error(id_: str) -> Reply:
    """Our own fault.  The id stands in the logs, in one beside what happened."""
    text = f"internal error, id {id_}"
    return Reply({"detail": text}, 500, note=text)


def foreign() -> Reply:
    """To a browser that a page of another site made send the request."""
    return Reply({"detail": FOREIGN}, 403, note=FOREIGN)


def not_admitted(refusal: Refusal) -> Reply | None:
    """The answer to who was not let in; None for a reason that no sign-in can have.

    An inactive account gets 402, the documents' status for an account that may not be used for now: its credentials
    were right, and 401 would make its programs ask again and be banned.  A banned caller is not told whether its
    password was right, since nobody looked.
    """
    match refusal.reason:
        case "auth-required":
            return unauthenticated("authentication required")
        case "auth-invalid":
            return unauthenticated("invalid credentials")
        case "auth-banned":
            return refused(429, "too many failures", max(refusal.retry_after, 1))
        case "account-inactive":
            return refused(402, "account inactive")
        case "auth-unavailable":
            return unavailable(refusal.retry_after or STORE_PAUSE)
        case _:
            return None


def fields_of(reply: Reply, size: int) -> list[tuple[str, str]]:
    """The fields that are this answer's own; size is that of its body."""
    fields = [(name, " ".join(value.splitlines())) for name, value in reply.fields]
    if reply.body is not EMPTY:
        fields.append(("Content-Type", "application/json"))
    if reply.status != 204:  # RFC 9110, 8.6
        fields.append(("Content-Length", str(size)))
    return fields


def head_of(reply: Reply, size: int, date: bytes, *, close: bool) -> bytes:
    """The head from its status to the blank line."""
    return _joined(_constant(reply.status, tuple(fields_of(reply, size))), date, close=close)


def closing_answer(reply: Reply, date: bytes) -> bytes:
    """A whole answer, written below the routes; the connection ends with it."""
    content = reply.content()
    parts = _parts(reply.status, tuple(fields_of(reply, len(content))))  # not kept: a client chooses its Location
    return b"HTTP/1.1 " + _joined(parts, date, close=True) + content


def _joined(parts: tuple[bytes, bytes], date: bytes, *, close: bool) -> bytes:
    return b"%sDate: %s\r\n%s%s\r\n" % (parts[0], date, parts[1], b"Connection: close\r\n" if close else b"")


def _parts(status: int, fields: tuple[tuple[str, str], ...]) -> tuple[bytes, bytes]:
    """The parts of a head, before its date and after it."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in (*EVERY_ANSWER, *fields))
    return f"{status} {PHRASES[status]}\r\n".encode("ascii"), lines.encode("latin-1")


_constant = lru_cache(256)(_parts)
"""Of answers that are written again and again."""
