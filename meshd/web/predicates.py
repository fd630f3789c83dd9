"""What is wrong with a value, as the rest of a sentence about it: "is required", "must be at least 1".  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from meshd.web.forms import MAX_FIELDS
from meshd.web.problems import Flaw, NoChoice, Problem, TooLarge, TooLong, TooSmall, Unknown, Worded

FLAWS: Mapping[Flaw, str] = {
    Flaw.REQUIRED: "is required",
    Flaw.REPEATED: "was sent more than once",
    Flaw.NUL: "must hold no null character",
    Flaw.NOT_UTF8: "must be valid UTF-8",
    Flaw.NO_DATE: "must be a date as YYYY-MM-DD",
    Flaw.NO_MOMENT: "must be a date, or a date and time as YYYY-MM-DDTHH:MM:SS, in UTC",
    Flaw.NO_NUMBER: "must be a whole number",
    Flaw.IN_ADDRESS: "belongs in the body of the request",
    Flaw.FILE: "must be no file",
    Flaw.ENCODED: "must have no transfer encoding",
    Flaw.JSON: "must be no JSON",
    Flaw.NO_FORM: "must be application/json",
    Flaw.TOO_MANY_FIELDS: f"has more than {MAX_FIELDS} parameters or members",
    Flaw.TOO_MANY_PARTS: "has too many parts",
    Flaw.NO_BOUNDARY: "has no boundary",
    Flaw.NOT_AT_BOUNDARY: "does not begin with its boundary",
    Flaw.MALFORMED: "is no valid JSON",
}


def predicate(problem: Problem) -> str:
    match problem:
        case Flaw():
            return FLAWS[problem]
        case TooLong(most, has):
            return f"must have at most {most} characters; it has {has}"
        case TooSmall(least):
            return f"must be at least {least}"
        case TooLarge(most):
            return f"must be at most {most}"
        case NoChoice(choices):
            return f"must be one of {', '.join(choices)}"
        case Unknown(near, known):
            return (
                f"is unknown; did you mean {near}?" if near else f"is unknown; known are {', '.join(known) or 'none'}"
            )
        case Worded(text):
            return text
        case _:
            assert_never(problem)
