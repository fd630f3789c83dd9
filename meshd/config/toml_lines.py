"""On which line of a TOML text each key stands, which tomllib does not tell.

The text has been accepted by tomllib already, so this only walks it: nothing is checked here, and what is looked up but
was not found has the line of what it stands in.
"""

from __future__ import annotations

import re
import tomllib

KeyPath = tuple[str | int, ...]
"""Keys and list positions from the top: `("exits", 0, "name")`."""

_BLANK = re.compile(r"(?:[ \t\r\n,]|#[^\n]*)*")
_KEY = re.compile(r"""[ \t]*("(?:\\.|[^"\\])*"|'[^']*'|[A-Za-z0-9_-]+)[ \t]*""")
_TEXT = re.compile(
    r'''"""(?:\\.|(?!""")[^\\])*""""{0,2}'''
    r"""|\'\'\'(?:(?!\'\'\').)*\'\'\'\'{0,2}"""
    r'''|"(?:\\.|[^"\\])*"'''
    r"""|'[^']*'""",
    re.DOTALL,
)
_BARE = re.compile(r"[^,\]}#\n]+")
"""A number, a date or a truth value."""


def lines(text: str) -> dict[KeyPath, int]:
    """The line, counted from 1, of each key, table and list item."""
    return _Walk(text).statements()


class _Walk:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[KeyPath, int] = {}
        self._counted = (0, 1)
        self._tables: dict[KeyPath, int] = {}
        """How many tables each array of tables has so far."""

    def statements(self) -> dict[KeyPath, int]:
        """Walk over headers and pairs to the end; the lines found."""
        table: KeyPath = ()
        self._blank()
        while self.at < len(self.text):
            if self.text.startswith("[", self.at):
                table = self._header()
            else:
                self._pair(table)
            self._blank()
        return self.found

    def _header(self) -> KeyPath:
        brackets = 2 if self.text.startswith("[[", self.at) else 1
        line = self._line()
        self.at += brackets
        keys = self._keys()
        self.at += brackets
        path = self._latest(keys[:-1], line) + keys[-1:]
        self.found.setdefault(path, line)
        if brackets == 2:
            self._tables[path] = self._tables.get(path, 0) + 1
        path = self._within(path)
        self.found[path] = line
        return path

    def _latest(self, keys: KeyPath, line: int) -> KeyPath:
        """The path of keys in a header, where the name of an array of tables means the array's latest table."""
        path: KeyPath = ()
        for key in keys:
            path = self._within((*path, key))
            self.found.setdefault(path, line)
        return path

    def _within(self, path: KeyPath) -> KeyPath:
        return (*path, self._tables[path] - 1) if path in self._tables else path

    def _pair(self, table: KeyPath) -> None:
        line = self._line()
        for key in self._keys():
            table = (*table, key)
            self.found.setdefault(table, line)
        self.at += 1  # the equals sign
        self._value(table)

    def _keys(self) -> KeyPath:
        keys: list[str] = []
        while match := _KEY.match(self.text, self.at):
            self.at = match.end()
            keys.append(_unquoted(match[1]))
            if not self.text.startswith(".", self.at):
                break
            self.at += 1
        return tuple(keys)

    def _value(self, path: KeyPath) -> None:
        self._blank()
        if self.text.startswith("[", self.at):
            self._list(path)
        elif self.text.startswith("{", self.at):
            self._inline_table(path)
        elif match := _TEXT.match(self.text, self.at) or _BARE.match(self.text, self.at):
            self.at = match.end()
        else:
            self.at += 1  # never met in what tomllib accepts, and no reason to walk in a circle

    def _list(self, path: KeyPath) -> None:
        self._open()
        item = 0
        while not self._closes("]"):
            self.found[*path, item] = self._line()
            self._value((*path, item))
            self._blank()
            item += 1

    def _inline_table(self, path: KeyPath) -> None:
        self._open()
        while not self._closes("}"):
            self._pair(path)
            self._blank()

    def _open(self) -> None:
        self.at += 1
        self._blank()

    def _closes(self, bracket: str) -> bool:
        closing = self.text.startswith(bracket, self.at)
        self.at += closing
        return closing or self.at >= len(self.text)

    def _blank(self) -> None:
        match = _BLANK.match(self.text, self.at)
        assert match is not None
        self.at = match.end()

    def _line(self) -> int:
        """The line of the place reached; counted on from the last call, since a large file has many lines."""
        at, line = self._counted
        self._counted = (self.at, line + self.text.count("\n", at, self.at))
        return self._counted[1]


def _unquoted(key: str) -> str:
    return str(tomllib.loads(f"key = {key}")["key"]) if key[0] in "\"'" else key
