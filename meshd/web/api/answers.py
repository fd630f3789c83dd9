"""The shapes that errors have in ProxyMesh's API, and the status of each.

400 is `{"field": ["message", …]}` (a complaint about no single field stands under `__all__`), every other error is
`{"detail": "message"}`.  A rule of `accounts` becomes a status here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from meshd.accounts import errors
from meshd.web.forms import WHOLE
from meshd.web.reply import EMPTY, Reply

CHALLENGES = ('Basic realm="meshd", charset="UTF-8"', 'Bearer realm="meshd"')
"""Challenges of WWW-Authenticate, a field each and Basic first: clients that read one field know only Basic."""

STORE_PAUSE = 5
"""Seconds of Retry-After while the store cannot be reached: the daemon tries the store again about as often."""

BUSY_PAUSE = 1
"""Seconds of Retry-After while the queue of passwords to be hashed is full: hashing a full queue takes about that."""

FOREIGN = "a page of another site made this browser send the request; it is refused"

EVERY_ANSWER = (
    ("Server", "meshd"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
)
"""Header fields of every answer.  No Strict-Transport-Security: it would bind every port of the operator's host."""


class Ruling(NamedTuple):
    """How a broken rule of the accounts is answered."""

    status: int
    retry_after: int = 0
    """Seconds of Retry-After; 0 for no such field."""


RULINGS: Mapping[type[errors.AccountError], Ruling] = {
    errors.AccountError: Ruling(400),
    errors.Invalid: Ruling(400),
    errors.Taken: Ruling(400),
    errors.PlanLimitReached: Ruling(402),
    errors.NotYours: Ruling(403),
    errors.Forbidden: Ruling(403),
    errors.NotFound: Ruling(404),
    errors.TooMany: Ruling(429, 1),
    errors.PlanUnknown: Ruling(503, STORE_PAUSE),
    errors.InUse: Ruling(409),
    errors.Stale: Ruling(412),
    errors.OtherRequest: Ruling(422),
}
"""The status of each class of `accounts.errors`."""

NO_CONTENT = Reply(EMPTY, 204)
"""The answer to a deletion for which ProxyMesh's document says 204."""

DONE = Reply(EMPTY)
"""The answer to a deletion for which ProxyMesh's document says an empty 200."""


def refused(status: int, detail: str, retry_after: int = 0, *fields: tuple[str, str]) -> Reply:
    """An error in the shape that its status has; retry_after in seconds, 0 for no Retry-After."""
    pause = (("Retry-After", str(retry_after)),) if retry_after else ()
    body: object = {WHOLE: [detail]} if status == 400 else {"detail": detail}
    return Reply(body, status, (*pause, *fields))


def unauthenticated(detail: str) -> Reply:
    """A 401 with both challenges."""
    return refused(401, detail, 0, *(("WWW-Authenticate", challenge) for challenge in CHALLENGES))


def unavailable(retry_after: int = STORE_PAUSE) -> Reply:
    return refused(503, "temporarily unavailable, try again", retry_after)
