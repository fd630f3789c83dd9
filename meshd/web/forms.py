"""What a client sent, as named texts: strict where it could be read two ways, and every complaint named by its field.

Bytes become a Form; a Form is read inside `with form.reading() as field:`, whose end raises everything that was wrong
at once.  What is wrong is data (`problems`), which a dialect puts into words.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from urllib.parse import unquote_to_bytes

from meshd.values.times import is_date, read_time, read_typed
from meshd.web.problems import Flaw, NoChoice, Problem, TooLarge, TooLong, TooSmall, Unknown

LARGEST_STORED = 2**63 - 1
"""The largest integer that SQLite and PostgreSQL store."""

MAX_FIELDS = 100
"""Fields that a form may have (threats.md, part 3).  No form of ours has more than ten."""

WHOLE = "__all__"
"""The name under which FormError has a problem that is about no single field."""

_NEAR = 0.65
"""Ratio of difflib from which a name is a slip of a known one: `user` of `username`, but not `count` of `until`."""
_LONGEST_SLIP = 64
"""Characters of a name that is compared with the known ones; comparing longer names would take a while."""

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,30}\Z")  # int() would take " 5", "+5", "1_0" and the digits of every script


class FormError(Exception):
    """The form cannot be accepted: the problem of each field that has one."""

    def __init__(self, problems: Mapping[str, Problem]) -> None:
        super().__init__("; ".join(f"{name}: {problem}" for name, problem in problems.items()))
        self.problems = problems

    @classmethod
    def of(cls, problem: Problem, *, field: str = WHOLE) -> FormError:
        """A FormError with one problem, of the whole form unless a field is named."""
        return cls({field: problem})


class Form(dict[str, str]):
    """Named texts, each name once, each value valid UTF-8 without NUL."""

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """Give a Reading of this form; leaving the block raises FormError with all problems that the Reading noted."""
        reading = Reading(self)
        yield reading
        if reading.problems:
            raise FormError(reading.problems)


class Reading:
    """Typed values out of a form.  A wrong field gives a stand-in, and its problem is raised when the block ends."""

    __slots__ = ("_form", "problems")

    def __init__(self, form: Form) -> None:
        self._form = form
        self.problems: dict[str, Problem] = {}

    def text(self, name: str, longest: int, *, required: bool = False) -> str:
        """The text of a field without the blanks around it; "" for a field that was not sent."""
        text = self._stripped(name)
        if required and not text:
            self.wrong(name, Flaw.REQUIRED)
        return self._bounded(name, text, longest)

    def listed(self, name: str, longest: int) -> list[str]:
        """The texts between the commas of a field, without blanks; [] for a field that was not sent."""
        return [each for part in self.text(name, longest).split(",") if (each := part.strip())]

    def changed(self, name: str, longest: int) -> str | None:
        """The text of a field; None for a field that was not sent, "" for a field that was sent empty."""
        return self.text(name, longest) if name in self._form else None

    def secret(self, name: str, longest: int) -> str:
        """The text of a field as it was sent, blanks included; "" for a field that was not sent."""
        return self._bounded(name, self._form.get(name, ""), longest)

    def optional(self, name: str, longest: int) -> str | None:
        """The text of a field; None for a field that was not sent, or was sent empty."""
        return self.text(name, longest) or None

    def date(self, name: str) -> str:
        """A field with an ISO date that exists; "" for a field that was not sent, or was sent blank."""
        text = self._stripped(name)
        if text and not is_date(text):
            self.wrong(name, Flaw.NO_DATE)
        return text

    def moment(self, name: str, *, typed: bool = False) -> int | None:
        """Seconds since the epoch of a date (its first second) or a date and time, UTC; None for a field not sent.

        typed: whether a person typed it, who may leave out the seconds, and the T.
        """
        text = self._stripped(name)
        if not text:
            return None
        found = read_typed(text) if typed else read_time(text)
        if found is None:
            self.wrong(name, Flaw.NO_MOMENT)
        return found

    def whole_number(self, name: str, *, least: int, most: int, default: int | None = None) -> int:
        """A number in decimal digits; a field that was not sent gives the default, or is a problem without one."""
        text = self._stripped(name)
        if not text and default is not None:
            return default
        if not text:
            self.wrong(name, Flaw.REQUIRED)
        if not _WHOLE_NUMBER.match(text):
            self.wrong(name, Flaw.NO_NUMBER)
            return least
        number = int(text)
        if number < least:
            self.wrong(name, TooSmall(least))
        if number > most:
            self.wrong(name, TooLarge(most))
        return number

    def optional_number(self, name: str, *, least: int, most: int) -> int | None:
        """A number as of `whole_number`; None for a field that was not sent, or was sent empty."""
        return self.whole_number(name, least=least, most=most) if self._stripped(name) else None

    def choice(self, name: str, choices: Sequence[str]) -> str:
        """A field that is one of the choices; the first choice for a field that was not sent."""
        text = self._stripped(name) or choices[0]
        if text not in choices:
            self.wrong(name, NoChoice(tuple(choices)))
        return text

    def _stripped(self, name: str) -> str:
        return self._form.get(name, "").strip()

    def _bounded(self, name: str, text: str, longest: int) -> str:
        if len(text) > longest:
            self.wrong(name, TooLong(longest, len(text)))
        return text

    def wrong(self, name: str, problem: Problem) -> None:
        """Note the problem of a field, unless the field has one: a second that follows from the first would confuse."""
        self.problems.setdefault(name, problem)


def from_pairs(pairs: Iterable[tuple[bytes, bytes]]) -> Form:
    """The form of name and value pairs that are decoded but untrusted.  Raises: FormError."""
    texts: dict[str, str] = {}
    problems: dict[str, Problem] = {}
    for raw_name, raw_value in pairs:
        name, value = _text(raw_name, WHOLE), _text(raw_value, shown(raw_name))
        if name in texts:
            problems[shown(raw_name)] = Flaw.REPEATED
        texts[name] = value
    if problems:
        raise FormError(problems)
    return Form(texts)


def from_urlencoded(data: bytes) -> Form:
    """The form in a body or a query of the type `application/x-www-form-urlencoded`.

    Only "&" separates: a reader that also splits at ";" sees other fields than the writer wrote.  A "%" that begins no
    escape stands for itself, as the URL standard has it.  Raises: FormError.
    """
    parts = [part for part in data.split(b"&") if part]
    if len(parts) > MAX_FIELDS:
        raise FormError.of(Flaw.TOO_MANY_FIELDS)
    split = (part.partition(b"=") for part in parts)
    return from_pairs((_unquoted(name), _unquoted(value)) for name, _, value in split)


def require_known(form: Form, fields: Sequence[str]) -> None:
    """Refuse a form with fields that are not known: each was meant to do something.  Raises: FormError."""
    unknown = [name for name in form if name not in fields]
    if unknown:
        raise FormError({_told(name): Unknown(_near(name, fields), tuple(fields)) for name in unknown})


def refuse_slips(query: Form, fields: Sequence[str]) -> None:
    """Refuse a query with what looks like a slip of a known field; other unknown fields may be.  Raises: FormError."""
    near = {name: _near(name, fields) for name in query if name not in fields}
    slips = {_told(name): Unknown(meant, tuple(fields)) for name, meant in near.items() if meant}
    if slips:
        raise FormError(slips)


def _told(name: str) -> str:
    """The name of a field as an error has it: that of a JSON member may hold half of a surrogate pair."""
    return shown(name.encode("utf-8", "surrogatepass"))


def _near(name: str, fields: Sequence[str]) -> str:
    """The known field that a name is a slip of; "" where none is near."""
    if len(name) > _LONGEST_SLIP:
        return ""
    return next(iter(get_close_matches(name.lower().replace("-", "_"), fields, 1, _NEAR)), "")


def shown(name: bytes) -> str:
    """The name of a field as an error may repeat the name: printable ASCII, 100 bytes at most."""
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}" for byte in name[:100]) or WHOLE


def _unquoted(part: bytes) -> bytes:
    return unquote_to_bytes(part.replace(b"+", b" "))


def _text(raw: bytes, field: str) -> str:
    if b"\0" in raw:
        raise FormError.of(Flaw.NUL, field=field)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise FormError.of(Flaw.NOT_UTF8, field=field) from None
