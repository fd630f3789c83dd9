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
    """A field in the query of a POST, whose fields belong in its body."""
    FILE = auto()
    ENCODED = auto()
    """A part of a multipart form has a content transfer encoding."""

    # About the whole body.
    JSON = auto()
    """JSON where a form was expected."""
    NO_FORM = auto()
    """A body of a media type that is no form's."""
    TOO_MANY_FIELDS = auto()
    TOO_MANY_PARTS = auto()
    """A multipart form with too many parts, or with a part whose headers are too long."""
    NO_BOUNDARY = auto()
    NOT_AT_BOUNDARY = auto()
    MALFORMED = auto()


class TooLong(NamedTuple):
    """A text of `has` characters where at most `most` are allowed."""

    most: int
    has: int


class TooSmall(NamedTuple):
    least: int


class TooLarge(NamedTuple):
    most: int


class NoChoice(NamedTuple):
    """A text that is none of the choices."""

    choices: tuple[str, ...]


class Unknown(NamedTuple):
    """A field that the form does not know; near is the known field that was meant, "" where none is like the name."""

    near: str
    known: tuple[str, ...]


class Worded(NamedTuple):
    """A problem of one route alone, in the words of the room that the route is in."""

    text: str


Problem = Flaw | TooLong | TooSmall | TooLarge | NoChoice | Unknown | Worded
