"""What a value may be: each kind says it in words, reads it from TOML and from an environment's text, or refuses it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

AUTO = "auto"

Reader = Callable[[Any, Path], Any]


class KindError(ValueError):
    """A value is not of its kind."""

    def __init__(self, words: str, raw: object, detail: str = "", item: int | None = None) -> None:
        super().__init__(words)
        self.words = words
        self.raw = raw
        self.detail = detail
        self.item = item
        """The position of the value in a list, from 0; None outside a list."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value may be.  `read` gets a raw value and the folder that relative paths start from; the text of its
    ValueError is the reason why not."""

    words: str
    """What follows "must be"."""
    read: Reader
    from_text: Callable[[str], object] = str
    """The raw value that the text of an environment variable or a flag means.  Raises: ValueError."""
    secret: bool = False
    """Whether a wrong value must not be quoted."""
    embedded: Callable[[str], str] = str
    """How a path is written within a text of this kind."""

    def __call__(self, raw: object, base: Path) -> Any:
        try:
            return self.read(raw, base)
        except KindError:
            raise
        except ValueError as error:
            raise KindError(self.words, "***" if self.secret else raw, str(error)) from error


def number(low: int, high: int) -> Kind:
    """A whole number; TOML's true, an int to Python, is refused."""

    def read(raw: Any, _: Path) -> int:
        if type(raw) is not int or not low <= raw <= high:
            raise ValueError
        return raw

    return Kind(f"a whole number from {low} to {high}", read, _number_from_text)


class ByCores(int):
    """What "auto" is to the program that reads it; to another one, with other cores, it is another number."""


def processes(most: int) -> Kind:
    """A number of processes, or "auto" for as many as there are cores that this program may use."""
    counted = number(1, most)

    def read(raw: Any, base: Path) -> int:
        return ByCores(min(len(os.sched_getaffinity(0)), most)) if raw == AUTO else counted(raw, base)

    def from_text(text: str) -> object:
        return AUTO if text == AUTO else _number_from_text(text)

    return Kind(f'{counted.words}, or "{AUTO}" for one for each core', read, from_text)


def seconds(low: float, high: float) -> Kind:
    def read(raw: Any, _: Path) -> float:
        if type(raw) not in (int, float) or not low <= raw <= high:
            raise ValueError  # NaN is within nothing
        return raw  # type: ignore[no-any-return]

    return Kind(f"a number of seconds from {low:g} to {high:g}", read, _number_from_text)


def gigabytes(high: int) -> Kind:
    """A number of GB, of which a fraction is a whole byte or more."""

    def read(raw: Any, _: Path) -> float:
        if type(raw) not in (int, float) or not (raw == 0 or 1e-9 <= raw <= high):
            raise ValueError  # NaN is within nothing
        return raw  # type: ignore[no-any-return]

    return Kind(f"a number of GB from 0 to {high}", read, _number_from_text)


def choice(*words: str) -> Kind:
    quoted = [f'"{word}"' for word in words]
    return pattern(f"{', '.join(quoted[:-1])} or {quoted[-1]}", "|".join(map(re.escape, words)))


def pattern(words: str, expression: str, convert: Callable[[str], str] = str) -> Kind:
    """Text that a regular expression matches as a whole, converted."""
    compiled = re.compile(expression)

    def matched(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError
        return convert(text)

    return text_kind(words, matched)


def text_kind(words: str, convert: Callable[[str], Any]) -> Kind:
    """Text that `convert` takes without a ValueError; the value is what `convert` gives."""

    def read(raw: Any, _: Path) -> Any:
        if not isinstance(raw, str):
            raise ValueError
        return convert(raw)

    return Kind(words, read)


def list_of(kind: Kind, *, empty: bool = True, into: Callable[[Any], Any] = tuple) -> Kind:
    """A list without repetitions whose items are all of one kind."""
    words = f"a list, each item {kind.words}"

    def read(raw: Any, base: Path) -> Any:
        if not isinstance(raw, list):
            raise KindError(words, raw)
        if not raw and not empty:
            raise KindError(f"{words}, and not empty", raw)
        values: dict[Any, None] = {}
        for position, item in enumerate(raw):
            try:
                value = kind(item, base)
            except KindError as wrong:
                raise KindError(wrong.words, wrong.raw, wrong.detail, position) from wrong
            if value in values:
                raise KindError(kind.words, item, "it stands there twice", position)
            values[value] = None
        return into(values)

    return Kind(words, read, lambda text: [part.strip() for part in text.split(",") if part.strip()])


def _number_from_text(text: str) -> int | float:
    if not re.fullmatch(r"-?[0-9]{1,18}(\.[0-9]{1,9})?", text, re.ASCII):
        raise ValueError
    return float(text) if "." in text else int(text)


def _truth_from_text(text: str) -> bool:
    """A truth value from text, also as environments of containers write truth values.  Raises: ValueError."""
    truths = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    if text.lower() not in truths:
        raise ValueError
    return truths[text.lower()]


def _truth(raw: Any, _: Path) -> bool:
    if not isinstance(raw, bool):
        raise ValueError
    return raw


def _path(raw: Any, base: Path) -> Path:
    if not isinstance(raw, str) or not raw or not raw.isprintable():
        raise ValueError
    return under(base, raw)


def under(base: Path, text: str) -> Path:
    """A path from text that may be relative to `base`, or begin with `~` for a home folder.  Raises: ValueError."""
    try:
        return base / Path(text).expanduser()
    except RuntimeError as error:
        raise ValueError("there is no such home folder") from error


def caption(text: str) -> str:
    """A text that people are shown, without blanks around it.  Raises: ValueError."""
    bare = text.strip()
    if not bare or len(bare) > CAPTION or not bare.isprintable():
        raise ValueError
    return bare


CAPTION = 64
"""Characters of a text that people are shown."""

TEXT = text_kind(f"a text of up to {CAPTION} characters that can be printed", caption)
TRUTH = Kind("true or false", _truth, _truth_from_text)
PATH = Kind("a path", _path)
NAME = pattern("a name of up to 64 letters, digits and .-_", r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
