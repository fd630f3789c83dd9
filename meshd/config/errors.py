"""How settings are refused: always one printable line that names the place and the key."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class ConfigError(Exception):
    """A setting cannot be used; its text is one line for the operator, and holds no secret."""

    def __init__(self, text: str) -> None:
        super().__init__(one_line(text))


def one_line(text: str) -> str:
    """The text with control characters and line breaks escaped, so that a terminal shows one line and obeys nothing."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def shown(raw: object) -> str:
    """A wrong value as a message quotes it: at most 60 characters."""
    try:
        text = repr(raw)
    except ValueError:  # Python prints no whole number of more than 4300 digits
        return "a huge number"
    return text if len(text) <= 60 else text[:57] + "…"


def place(origin: str) -> str:
    """An origin as the beginning of a message: `file meshd.toml:12` as `meshd.toml line 12`."""
    if not origin.startswith("file "):
        return origin
    name, _, line = origin.removeprefix("file ").rpartition(":")
    return f"{name} line {line}"


def suggestion(word: str, known: Iterable[str]) -> str:
    """` (did you mean 'head'?)` with the known word nearest to this one; "" where none is near."""
    near = get_close_matches(word, list(known), n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""
