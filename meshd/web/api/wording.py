"""The problems of a form in Django's words, which clients of the documented service know.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from meshd.web.bodies import MULTIPART, URLENCODED
from meshd.web.forms import MAX_FIELDS
from meshd.web.problems import Flaw, NoChoice, Problem, TooLarge, TooLong, TooSmall, Unknown, Worded

NOT_JSON = f"Send form-encoded data ({URLENCODED} or {MULTIPART}), not JSON."

FLAWS = {
    Flaw.REQUIRED: "This field is required.",
    Flaw.REPEATED: "This field was sent more than once.",
    Flaw.NUL: "Null characters are not allowed.",
    Flaw.NOT_UTF8: "Enter valid UTF-8.",
    Flaw.NO_DATE: "Enter a valid date.",
    Flaw.NO_MOMENT: "Enter a date, or a date and time as YYYY-MM-DDTHH:MM:SS.",
    Flaw.NO_NUMBER: "Enter a whole number.",
    Flaw.IN_ADDRESS: "Send this field in the body of the request.",
    Flaw.FILE: "Files are not accepted; send the value as plain text.",
    Flaw.ENCODED: "A content transfer encoding is not accepted.",
    Flaw.JSON: NOT_JSON,
    Flaw.NO_FORM: f"Send {URLENCODED} or {MULTIPART}.",
    Flaw.TOO_MANY_FIELDS: f"Too many fields: at most {MAX_FIELDS}.",
    Flaw.TOO_MANY_PARTS: "The multipart form has too many fields, or too long headers.",
    Flaw.NO_BOUNDARY: "The boundary of the multipart form is missing or malformed.",
    Flaw.NOT_AT_BOUNDARY: "The multipart form does not begin with its boundary.",
    Flaw.MALFORMED: "The multipart form is malformed.",
}

STATUSES: Mapping[Problem, int] = {Flaw.TOO_MANY_FIELDS: 413, Flaw.TOO_MANY_PARTS: 413, Flaw.NO_FORM: 415}
"""The status of a problem that is about no field; every other problem has 400."""


def worded(problem: Problem) -> str:
    match problem:
        case Flaw():
            return FLAWS[problem]
        case TooLong(most, has):
            return f"Ensure this value has at most {most} characters (it has {has})."
        case TooSmall(least):
            return f"Ensure this value is greater than or equal to {least}."
        case TooLarge(most):
            return f"Ensure this value is less than or equal to {most}."
        case NoChoice(choices):
            return f"Choose one of {', '.join(choices)}."
        case Unknown(near, known):
            return f"Unknown field; did you mean {near}?" if near else f"Unknown field; known are {', '.join(known)}."
        case Worded(text):
            return text
        case _:
            assert_never(problem)


def messages(problems: Mapping[str, Problem]) -> dict[str, list[str]]:
    """The body of a 400: the messages by field."""
    return {name: [worded(problem)] for name, problem in problems.items()}
