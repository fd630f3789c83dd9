"""What is wrong with a field of a form, as data: each dialect says it in words and with a status of its own.  Pure."""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple


class Flaw(Enum):
    """A problem that is told without a number or a name."""

    REQUIRED = auto()
    REPEATED = auto()
    NUL = auto()
    NOT_UTF8 = auto()
    NO_DATE = auto()
    NO_MOMENT = auto()
    """Neither a date nor a date and time."""
    NO_NUMBER = auto()
    IN_ADDRESS = auto()
    """In the query of a request whose fields are in its body."""
    FILE = auto()
    ENCODED = auto()
    """A part of a multipart form with a content transfer encoding."""

    # About the whole body.
    JSON = auto()
    """Where a form was expected."""
    NO_FORM = auto()
    """Of no type that is read."""
    TOO_MANY_FIELDS = auto()
    TOO_MANY_PARTS = auto()
    """Or too long headers of one, in a multipart form."""
    NO_BOUNDARY = auto()
    NOT_AT_BOUNDARY = auto()
    MALFORMED = auto()


class TooLong(NamedTuple):
    """In characters."""

    most: int
    has: int


class TooSmall(NamedTuple):
    least: int


class TooLarge(NamedTuple):
    most: int


class NoChoice(NamedTuple):
    """None of what may be chosen."""

    choices: tuple[str, ...]


class Unknown(NamedTuple):
    """No field of this form; near is the one that was meant, "" where none is like it."""

    near: str
    known: tuple[str, ...]


class Worded(NamedTuple):
    """A problem of one route alone, in the words of the room that the route is in."""

    text: str


Problem = Flaw | TooLong | TooSmall | TooLarge | NoChoice | Unknown | Worded
