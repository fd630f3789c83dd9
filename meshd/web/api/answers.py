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
"""One field each: clients that read only the first are the ones that know only Basic."""

STORE_PAUSE = 5
"""Seconds to wait when the store is away: it is asked again about as often."""

BUSY_PAUSE = 1
"""Seconds to wait when more passwords wait to be hashed than may: a full queue is worked off in about that."""

FOREIGN = "a page of another site made this browser send the request; it is refused"

EVERY_ANSWER = (
    ("Server", "meshd"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
)
"""No Strict-Transport-Security: it would bind every port of the operator's host, and this is one of them."""


class Ruling(NamedTuple):
    """What a kind of rule answers with."""

    status: int
    retry_after: int = 0
    """Seconds; 0 for none."""


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
}
"""Each class of `accounts.errors`."""

NO_CONTENT = Reply(EMPTY, 204)
"""What a deletion answers, where the document says 204."""

DONE = Reply(EMPTY)
"""What a deletion answers, where the document says an empty 200."""


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
