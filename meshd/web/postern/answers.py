"""The shapes that answers and errors have in PosternProxy's API.  Pure.

An error is `{"error": {"code": 400, "message": "…"}}`, where clients of its relative look for it too; lists are bare
arrays.
"""

from __future__ import annotations

from collections.abc import Mapping

from meshd.accounts import errors
from meshd.web.forms import WHOLE
from meshd.web.predicates import predicate
from meshd.web.problems import Problem, Worded
from meshd.web.reply import EMPTY, Fields, Reply

JSON = "application/json"

STORE_PAUSE, BUSY_PAUSE = 5, 1
"""Seconds of Retry-After while the store is away, and while the queue of passwords to be hashed is full."""

EVERY_ANSWER: Fields = (
    ("Server", "meshd"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", "default-src 'self'"),
)
"""Header fields of every answer."""

HSTS: Fields = (("Strict-Transport-Security", "max-age=31536000; includeSubDomains"),)
"""And where the listener speaks TLS: by plain HTTP the field means nothing (RFC 6797, 7.2)."""

DENIED = "Permission Denied"
NOTHING = "Not Found"
UNAUTHENTICATED = "Sign in: send an access token as `Authorization: Bearer <token>`"
WRONG = "Invalid email or password"

STATUSES: Mapping[type[errors.AccountError], int] = {
    errors.AccountError: 400,
    errors.Invalid: 400,
    errors.PlanLimitReached: 409,
    errors.NotYours: 404,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.TooMany: 429,
    errors.PlanUnknown: 503,
    errors.Stale: 409,
    errors.OtherRequest: 409,
    errors.InUse: 409,
}
"""The status of each class of `accounts.errors`."""


def refusal(status: int, message: str, *fields: tuple[str, str]) -> Reply:
    return Reply({"error": {"code": status, "message": message}}, status, fields)


def created(value: object, where: str) -> Reply:
    return Reply(value, 201, (("Location", where),))


def done(*fields: tuple[str, str]) -> Reply:
    """204, for what leaves nothing to tell."""
    return Reply(EMPTY, 204, fields)


def unauthenticated(text: str = UNAUTHENTICATED) -> Reply:
    return refusal(401, text, ("WWW-Authenticate", 'Bearer realm="meshd"'))


def denied() -> Reply:
    return refusal(403, DENIED)


def too_many(text: str, seconds: int) -> Reply:
    """429.  seconds: until the next try is of use."""
    return refusal(429, text, ("Retry-After", str(max(seconds, 1))))


def of_form(problems: Mapping[str, Problem]) -> Reply:
    """400 for a body or a query that cannot be accepted."""
    return refusal(400, "; ".join(sentence(name, each) for name, each in problems.items()))


def of_rule(refused: errors.AccountError) -> Reply:
    """The answer to a change that a rule forbids."""
    status = next(STATUSES[each] for each in type(refused).__mro__ if each in STATUSES)
    match status:
        case 403:
            return denied()
        case 404:
            return refusal(404, NOTHING)
        case 429:
            return too_many(refused.detail, getattr(refused, "seconds", 0) or BUSY_PAUSE)
    if isinstance(refused, errors.Invalid):
        told = [
            f"{name}: {text}" if name != WHOLE else text for name, texts in refused.messages.items() for text in texts
        ]
        return refusal(status, "; ".join(told))
    return refusal(status, refused.detail)


def sentence(name: str, problem: Problem) -> str:
    """What is wrong, with the field's name: "name is required"."""
    if name == WHOLE and isinstance(problem, Worded):
        return problem.text
    return f"{'the body' if name == WHOLE else name} {predicate(problem)}"
