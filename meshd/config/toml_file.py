"""The operator's file: read once, each value with its line, each complaint with the file's name and that line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshd.config.errors import ConfigError, shown, suggestion
from meshd.config.kinds import Kind, KindError, under
from meshd.config.toml_lines import KeyPath, lines


@dataclass(frozen=True, slots=True)
class File:
    """What the settings file says: values as TOML has them, not yet checked."""

    name: str
    """The file's name as the operator wrote it."""
    path: Path
    data: dict[str, Any]
    lines: Mapping[KeyPath, int]

    def origin(self, path: KeyPath) -> str:
        """Where a value stands, as `meshd config show` says: `file meshd.toml:12`."""
        return f"file {self.name}:{self._line(path)}"

    def wrong(self, path: KeyPath, text: str) -> ConfigError:
        return ConfigError(f"{self.name} line {self._line(path)}: {text}")

    def get(self, path: KeyPath) -> Any:
        """The raw value at a path, None where the file has none (TOML has no null).  Raises: ConfigError."""
        found: Any = self.data
        for key in path:
            if not isinstance(found, dict):
                raise self.wrong(path[:-1], f"{title(path[:-1])} must be a table")
            found = found.get(key)
            if found is None:
                return None
        return found

    def table(self, path: KeyPath, raw: object, kinds: Mapping[str, Kind]) -> dict[str, Any]:
        """The values that one table has.  Known keys are read first: a wrong value may explain an unknown key.
        Raises: ConfigError.
        """
        values = {
            key: self.value((*path, key), item, kinds[key]) for key, item in self.items(path, raw) if key in kinds
        }
        self.known(path, raw, kinds)
        return values

    def items(self, path: KeyPath, raw: object) -> list[tuple[str, Any]]:
        """Keys and raw values of a table.  Raises: ConfigError where it is no table."""
        if not isinstance(raw, dict):
            raise self.wrong(path, f"{title(path)} must be a table")
        return list(raw.items())

    def known(self, path: KeyPath, raw: object, names: Mapping[str, Any] | frozenset[str]) -> None:
        """Refuse the first key that is none of these names.  Raises: ConfigError."""
        for key, _ in self.items(path, raw):
            if key not in names:
                text = f"{title(path)} unknown key '{key}'{suggestion(key, names)}"
                raise self.wrong((*path, key), text.lstrip())

    def value(self, path: KeyPath, raw: object, kind: Kind) -> Any:
        """The value of its kind; relative paths start from the file's folder.  Raises: ConfigError."""
        try:
            return kind(raw, self.path.parent)
        except KindError as wrong:
            place = path if wrong.item is None else (*path, wrong.item)
            raise self.wrong(place, f"{title(path[:-1])} {path[-1]} {complaint(wrong)}".lstrip()) from wrong

    def _line(self, path: KeyPath) -> int:
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read(name: str, cwd: Path) -> File:
    """Read the settings file.  Raises: ConfigError where the file cannot be read or is no TOML."""
    try:
        path = under(cwd, name)
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{name}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{name}: cannot be read: {error}") from error
    return parse(name, path, raw)


def parse(name: str, path: Path, raw: bytes) -> File:
    """Parse the bytes of the settings file.  Raises: ConfigError where they are no TOML."""
    text = raw.decode("utf-8-sig", "replace")
    try:
        raw.decode("utf-8")
        return File(name, path, tomllib.loads(text), lines(text))
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{name} line {line}: not UTF-8") from error
    except RecursionError as error:
        raise ConfigError(f"{name}: nested too deeply") from error
    except ValueError as error:
        raise ConfigError(f"{name}{_where(str(error), text)}") from error


def title(path: KeyPath) -> str:
    """A table as its header is written: `[proxies.us]`, `[[exits]]`."""
    keys = ".".join(str(key) for key in path if isinstance(key, str))
    if not keys:
        return ""
    return f"[[{keys}]]" if isinstance(path[-1], int) else f"[{keys}]"


def complaint(wrong: KindError) -> str:
    """The end of a message: what a value must be, what it is, and why that is wrong."""
    return f"must be {wrong.words}, not {shown(wrong.raw)}" + (f" ({wrong.detail})" if wrong.detail else "")


def _where(message: str, text: str) -> str:
    """tomllib's message with the line, which tomllib puts at the end, in front."""
    match = re.fullmatch(r"(.*) \(at (?:line ([0-9]+), column [0-9]+|end of document)\)", message, re.DOTALL)
    if match is None:
        return f": not TOML: {message}"
    return f" line {match[2] or text.count(chr(10)) + 1}: not TOML: {match[1]}"
