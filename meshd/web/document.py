"""The JSON object in a request's body: read strictly, each member of one type, each problem named by its member.  Pure.

A name that comes twice, a number that is no JSON, a text that no database stores are refused rather than interpreted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from meshd.values.times import is_date
from meshd.web.forms import LARGEST_STORED, MAX_FIELDS, WHOLE, Form, FormError, shown
from meshd.web.problems import Flaw, NoChoice, Problem, TooLarge, TooLong, TooSmall, Worded

JSON = "application/json"
MERGE = "application/merge-patch+json"
"""RFC 7396: what a PATCH here is, whichever of the two names it comes under."""

MOST_TEXTS = 1000
"""Elements of a list of texts; the longest list that a rule takes."""


class Document(Form):
    """The members of a body: as a Form their names, as `members` their values."""

    def __init__(self, members: Mapping[str, Any]) -> None:
        super().__init__(dict.fromkeys(members, ""))
        self.members = members

    @contextmanager
    def members_read(self) -> Iterator[Members]:
        """Give Members of this body; leaving the block raises FormError with all problems that the Members noted."""
        members = Members(self.members)
        yield members
        if members.problems:
            raise FormError(members.problems)


class Members:
    """Typed values out of a body.  A wrong member gives a stand-in, and its problem is raised when the block ends.

    None stands for a member that was not sent, so that a PATCH leaves it; `null` empties what can be empty.
    """

    def __init__(self, members: Mapping[str, Any]) -> None:
        self._members = members
        self.problems: dict[str, Problem] = {}

    def text(self, name: str, longest: int) -> str | None:
        """A text, without blanks around it; "" for `null`."""
        value = self._of_type(name, str, "a string or null")
        return None if value is None else self._bounded(name, value.strip(), longest)

    def required(self, name: str, longest: int) -> str:
        """A text that must be there and hold something."""
        text = self.text(name, longest)
        if not text:
            self.wrong(name, Flaw.REQUIRED)
        return text or ""

    def secret(self, name: str, longest: int) -> str | None:
        """A text as it was sent, blanks included; "" for `null`."""
        value = self._of_type(name, str, "a string or null")
        return None if value is None else self._bounded(name, value, longest)

    def required_secret(self, name: str, longest: int) -> str:
        """A text as it was sent, that must be there and hold something."""
        text = self.secret(name, longest)
        if not text:
            self.wrong(name, Flaw.REQUIRED)
        return text or ""

    def number(self, name: str, *, least: int = 0, most: int = LARGEST_STORED) -> int | None:
        """A whole number; the least one for `null`."""
        value: int | None = self._of_type(name, int, "a whole number", empty=least)
        if value is None or least <= value <= most:
            return value
        self.wrong(name, TooSmall(least) if value < least else TooLarge(most))
        return least

    def truth(self, name: str) -> bool | None:
        value: bool | None = self._of_type(name, bool, "true or false", empty=False)
        return value

    def date(self, name: str) -> str | None:
        """An ISO date; "" for `null`."""
        text = self.text(name, 10)
        if text and not is_date(text):
            self.wrong(name, Flaw.NO_DATE)
        return text

    def choice(self, name: str, choices: Sequence[str]) -> str | None:
        """One of the choices; `null` is none of them."""
        text = self.text(name, 100)
        if text is not None and text not in choices:
            self.wrong(name, NoChoice(tuple(choices)))
        return text

    def texts(self, name: str, longest: int, most: int = MOST_TEXTS) -> list[str] | None:
        """A list of texts; [] for `null`."""
        value = self._of_type(name, list, "a list of strings", empty=())
        if value is None:
            return None
        if not all(isinstance(each, str) for each in value) or len(value) > most:
            self.wrong(name, Worded(f"must be a list of at most {most} strings"))
            return []
        return [self._bounded(name, each.strip(), longest) for each in value]

    def table(self, name: str) -> Mapping[str, Any] | None:
        """An object within the body; an empty one for `null`."""
        value: Mapping[str, Any] | None = self._of_type(name, dict, "an object", empty={})
        return value

    def is_null(self, name: str) -> bool:
        """Whether the member was sent as `null`."""
        return name in self._members and self._members[name] is None

    def wrong(self, name: str, problem: Problem) -> None:
        """Note the problem of a member, unless it has one already: a second mostly follows from the first."""
        self.problems.setdefault(name, problem)

    def _of_type(self, name: str, kind: type, called: str, *, empty: Any = "") -> Any:
        if name not in self._members:
            return None
        value = self._members[name]
        if value is None:
            return empty
        if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            return value
        self.wrong(name, Worded(f"must be {called}"))
        return empty

    def _bounded(self, name: str, text: str, longest: int) -> str:
        if len(text) > longest:
            self.wrong(name, TooLong(longest, len(text)))
        elif "\0" in text:
            self.wrong(name, Flaw.NUL)
        elif not _is_storable(text):
            self.wrong(name, Flaw.NOT_UTF8)
        return text


def read_document(content_type: bytes | None, body: bytes) -> Document:
    """The members of a body, none for an empty one.  Raises: FormError."""
    if not body:
        return Document({})
    kind = (content_type or b"").decode("latin-1").partition(";")[0].strip().lower()
    if kind not in (JSON, MERGE):
        raise FormError.of(Flaw.NO_FORM)
    try:
        members = json.loads(body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse)
    except UnicodeDecodeError:
        raise FormError.of(Flaw.NOT_UTF8) from None
    except (ValueError, RecursionError):
        raise FormError.of(Flaw.MALFORMED) from None
    if not isinstance(members, dict):
        raise FormError({WHOLE: Worded("the body must be a JSON object")})
    if len(members) > MAX_FIELDS:  # each unknown name is compared with those that are known
        raise FormError.of(Flaw.TOO_MANY_FIELDS)
    return Document(members)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise FormError.of(Flaw.REPEATED, field=shown(name.encode("utf-8", "replace")))
        members[name] = value
    return members


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)  # NaN and Infinity, which Python reads and JSON does not have


def _is_storable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True
