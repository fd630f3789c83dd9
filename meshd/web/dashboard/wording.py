"""What is wrong with a form, in words for the person who filled it in.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from meshd.accounts.errors import AccountError, Forbidden, Invalid, NotFound, NotYours, PlanUnknown, Stale, TooMany
from meshd.web.forms import WHOLE, FormError
from meshd.web.problems import Flaw, NoChoice, Problem, TooLarge, TooLong, TooSmall, Unknown, Worded

FLAWS = {
    Flaw.REQUIRED: "Fill this in.",
    Flaw.NUL: "This holds a character that cannot be used.",
    Flaw.NOT_UTF8: "This holds a character that cannot be read.",
    Flaw.NO_DATE: "Enter a date as YYYY-MM-DD.",
    Flaw.NO_MOMENT: "Enter a date as YYYY-MM-DD, or with a time as YYYY-MM-DD HH:MM (UTC).",
    Flaw.NO_NUMBER: "Enter a whole number.",
}

ODD = "The browser sent something other than this page's form.  Go back, load the page again, and try once more."

STATUSES: Mapping[type[AccountError], int] = {
    AccountError: 400,
    NotYours: 403,
    Forbidden: 403,
    NotFound: 404,
    Stale: 409,
    TooMany: 429,
    PlanUnknown: 503,
}


def worded(problem: Problem) -> str:
    match problem:
        case Flaw():
            return FLAWS.get(problem, ODD)
        case TooLong(most, has):
            return f"Use at most {most} characters; this has {has}."
        case TooSmall(least):
            return f"Enter {least} or more."
        case TooLarge(most):
            return f"Enter {most} or less."
        case NoChoice(choices):
            return f"Choose one of {', '.join(choices)}."
        case Unknown():
            return ODD
        case Worded(text):
            return text
        case _:
            assert_never(problem)


def told(error: FormError | AccountError) -> dict[str, str]:
    """The sentence about each field, or under WHOLE about no single one."""
    if isinstance(error, FormError):
        return {name: worded(problem) for name, problem in error.problems.items()}
    if isinstance(error, Invalid):
        return {name: " ".join(texts) for name, texts in error.messages.items()}
    return {WHOLE: sentence(error.detail)}


def status_of(error: FormError | AccountError) -> int:
    """The HTTP status of a page that shows the problem."""
    if isinstance(error, FormError):
        return 413 if Flaw.TOO_MANY_FIELDS in error.problems.values() else 400
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def sentence(detail: str) -> str:
    """A detail as a sentence: with a capital, and a full stop."""
    return f"{detail[:1].upper()}{detail[1:]}{'' if detail.endswith(('.', '!', '?')) else '.'}"
