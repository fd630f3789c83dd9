"""The shapes that answers and errors have in ProxyHat's API.  Pure.

Its SDK reads JSON alone, takes `payload` or else `data` out of an object, and calls an error what `description` or else
`message` says.  Which of the shapes a call has is documented for its family.
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

EVERY_ANSWER = (
    ("Server", "meshd"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
)
"""Header fields of every answer."""

UNAUTHENTICATED = "Unauthenticated."
SECOND_FACTOR = {"message": "Two-factor authentication required.", "requires_2fa": True}
"""What the document of the API says of a sign-in without the code of a second factor."""
NOTHING = "The requested resource was not found."
"""Whether there is none, or it is another's."""
GIVEN = "The given data was invalid."

STATUSES: Mapping[type[errors.AccountError], int] = {
    errors.AccountError: 400,
    errors.Invalid: 422,
    errors.PlanLimitReached: 403,
    errors.NotYours: 404,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.TooMany: 429,
    errors.PlanUnknown: 503,
    errors.InUse: 409,
    errors.Stale: 409,
    errors.OtherRequest: 409,
}
"""The status of each class of `accounts.errors`."""

NAMES: Mapping[str, str] = {
    "label": "name",
    "current": "current_password",
    "total_limit": "traffic_limit",
}
"""What fields that rules name are called in this API; a route that calls one otherwise says so itself (`named`)."""


def payload(value: object, status: int = 200, meta: Mapping[str, object] | None = None) -> Reply:
    """The envelope of most families."""
    body = {"success": True, "payload": value, "meta": dict(meta or {}), "errors": [], "description": ""}
    return Reply(body, status)


def bare(value: object, status: int = 200) -> Reply:
    """An answer without an envelope."""
    return Reply(value, status)


def done() -> Reply:
    """204, for what leaves nothing to tell."""
    return Reply(EMPTY, 204)


def message(status: int, text: str, *fields: tuple[str, str]) -> Reply:
    """An error that is about no field."""
    return Reply({"message": text}, status, fields)


def unauthenticated(text: str = UNAUTHENTICATED) -> Reply:
    return message(401, text, ("WWW-Authenticate", 'Bearer realm="meshd"'))


def too_many(seconds: int, limit: int) -> Reply:
    """429.  seconds: until the next try is of use; limit: how many tries are allowed in that time."""
    counts: Fields = (("X-RateLimit-Limit", str(limit)), ("X-RateLimit-Remaining", "0"))
    return message(429, "Too Many Attempts.", ("Retry-After", str(max(seconds, 1))), *counts)


def invalid(told: Mapping[str, list[str]]) -> Reply:
    """422, with the sentences about each field; those under WHOLE are about the body as a whole."""
    whole = told.get(WHOLE, [])
    fields = {name: texts for name, texts in told.items() if name != WHOLE}
    text = " ".join([*whole, *(each for texts in fields.values() for each in texts)]) or GIVEN
    body = {"success": False, "payload": None, "errors": fields, "description": text, "message": text}
    return Reply(body, 422)


def of_form(problems: Mapping[str, Problem]) -> Reply:
    """422 for a body or a query that cannot be accepted."""
    return invalid({name: [_sentence(name, each)] for name, each in problems.items()})


def of_rule(error: errors.AccountError) -> Reply:
    """The answer to a change that a rule of the accounts forbids."""
    if isinstance(error, errors.Invalid):
        return invalid(named(error, NAMES).messages)
    if isinstance(error, errors.TooMany):
        return too_many(error.seconds or BUSY_PAUSE, error.limit)
    status = next(STATUSES[each] for each in type(error).__mro__ if each in STATUSES)
    if isinstance(error, errors.NotYours | errors.NotFound):
        return message(404, NOTHING)
    return message(status, _capital(f"{error.detail}."))


def named(error: errors.Invalid, names: Mapping[str, str]) -> errors.Invalid:
    """The same refusal, with the fields called as `names` has it."""
    return errors.Invalid({names.get(name, name): texts for name, texts in error.messages.items()})


def _sentence(name: str, problem: Problem) -> str:
    told = predicate(problem)
    end = "" if told.endswith("?") else "."
    if name == WHOLE and isinstance(problem, Worded):
        return f"{_capital(told)}{end}"
    what = "body" if name == WHOLE else f"{name.replace('_', ' ')} field"
    return f"The {what} {told}{end}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
