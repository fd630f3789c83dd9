"""The problems of the operators' API (RFC 9457): a type, a title and a status for each kind, and their words.

A type is the address of its explanation in the documentation that the daemon itself serves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from meshd.accounts import errors
from meshd.web.forms import WHOLE
from meshd.web.predicates import predicate
from meshd.web.problems import Flaw, Problem
from meshd.web.reply import Fields, Reply

PROBLEM = "application/problem+json"
DOCUMENTATION = "/api/docs/admin/"

STORE_PAUSE = 5
"""Seconds of Retry-After while the store cannot be reached: the daemon tries the store again about as often."""

BUSY_PAUSE = 1
"""Seconds of Retry-After while the queue of passwords to be hashed is full."""

CHALLENGE = 'Basic realm="meshd", charset="UTF-8"'

EVERY_ANSWER = (
    ("Server", "meshd"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
)
"""Header fields of every answer.  No Strict-Transport-Security: it would bind every port of the operator's host."""


class Kind(NamedTuple):
    """One kind of problem."""

    status: int
    title: str
    retry_after: int = 0
    """Seconds of Retry-After; 0 for no such field."""


KINDS: Mapping[str, Kind] = {
    "unauthenticated": Kind(401, "Credentials are missing or wrong"),
    "banned": Kind(429, "Too many failures"),
    "inactive": Kind(403, "The account is inactive"),
    "role": Kind(403, "The account's role does not permit this"),
    "foreign": Kind(403, "Another site made the browser send this request"),
    "password": Kind(403, "A bearer token does not open this"),
    "invalid": Kind(400, "A value cannot be accepted"),
    "taken": Kind(409, "A value is another's already"),
    "plan-limit": Kind(409, "The plan does not allow it"),
    "forbidden": Kind(403, "This may not be done"),
    "not-found": Kind(404, "There is no such thing"),
    "method": Kind(405, "The path does not take this method"),
    "changed": Kind(412, "The resource has changed"),
    "repeat": Kind(422, "The idempotency key was used for another request"),
    "media-type": Kind(415, "The body is no JSON"),
    "too-large": Kind(413, "The body is too large"),
    "too-many": Kind(429, "A slow query of this account is still running", 1),
    "plan-unknown": Kind(409, "The account's plan is not in the settings"),
    "busy": Kind(503, "Too many passwords are waiting to be hashed", BUSY_PAUSE),
    "store": Kind(503, "The store cannot be reached", STORE_PAUSE),
    "internal": Kind(500, "A fault of the service"),
    "malformed": Kind(400, "The request is malformed"),
}
"""Each kind of problem by the end of its type."""

RULINGS: Mapping[type[errors.AccountError], str] = {
    errors.AccountError: "invalid",
    errors.Invalid: "invalid",
    errors.Taken: "taken",
    errors.PlanLimitReached: "plan-limit",
    errors.NotYours: "role",
    errors.Forbidden: "forbidden",
    errors.NotFound: "not-found",
    errors.TooMany: "too-many",
    errors.PlanUnknown: "plan-unknown",
    errors.InUse: "taken",
    errors.Stale: "changed",
    errors.OtherRequest: "repeat",
}
"""The kind of each class of `accounts.errors`."""


def problem(kind: str, detail: str = "", *fields: tuple[str, str], errors_by: Mapping[str, str] | None = None) -> Reply:
    """A problem of that kind.  errors_by: what is wrong, by member of the body or parameter of the query."""
    status, title, retry_after = KINDS[kind]
    named = [{"name": name, "detail": text} for name, text in (errors_by or {}).items()]
    body = {
        "type": f"{DOCUMENTATION}#problem-{kind}",
        "title": title,
        "status": status,
        **({"detail": detail} if detail else {}),
        **({"errors": named} if named else {}),
    }
    pause: Fields = (("Retry-After", str(retry_after)),) if retry_after else ()
    return Reply(body, status, (*pause, *fields), media=PROBLEM)


def of_form(problems: Mapping[str, Problem]) -> Reply:
    """The problem of a body or a query that cannot be accepted."""
    if Flaw.NO_FORM in problems.values():
        return problem("media-type", _of_body(Flaw.NO_FORM))
    if Flaw.MALFORMED in problems.values():
        return problem("malformed", _of_body(Flaw.MALFORMED))
    told = {name: predicate(each) for name, each in problems.items()}
    whole = told.pop(WHOLE, "")
    return problem("invalid", whole or _summary(told), errors_by=told)


def of_rule(error: errors.AccountError) -> Reply:
    """The problem of a change that a rule of the accounts forbids."""
    kind = next(RULINGS[each] for each in type(error).__mro__ if each in RULINGS)
    if isinstance(error, errors.NotYours) and error.absent:
        return problem("not-found", "there is no such account")
    if isinstance(error, errors.Invalid):
        told = {name: " ".join(texts) for name, texts in error.messages.items()}
        return problem(kind, _summary(told), errors_by=told)
    return problem(kind, error.detail)


def _of_body(flaw: Flaw) -> str:
    return f"the body {predicate(flaw)}"


def _summary(told: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {text}" for name, text in told.items())
