"""The rows of an import that cannot be imported, and how they are told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from meshd.cli.context import Context
from meshd.cli.values import counted

TOLD = 100
"""Bad rows that are told one by one: in a file of the wrong kind every row is bad."""
KEPT = 1000
"""Bad rows that are kept, for those who ask for JSON: half a kilobyte each, with up to as many again meanwhile."""
LONGEST = 200
"""Characters of a reason that are kept."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be imported, and the reason."""

    line: int
    username: str
    reason: str

    def __str__(self) -> str:
        named = f"{self.username}: " if self.username else ""
        return f"line {self.line}: {named}{self.reason}"


class BadRows:
    """How many there are, and the first KEPT of them by their lines."""

    def __init__(self) -> None:
        self.count = 0
        self._kept: list[BadRow] = []

    def add(self, row: BadRow) -> None:
        self.count += 1
        if len(row.reason) > LONGEST:  # it repeats a cell of the file
            row = replace(row, reason=f"{row.reason[:LONGEST]}…")
        self._kept.append(row)
        if len(self._kept) >= 2 * KEPT:
            self._kept = list(self)

    def __iter__(self) -> Iterator[BadRow]:
        """Those that are kept, by line."""
        return iter(sorted(self._kept, key=lambda row: row.line)[:KEPT])

    def tell(self, context: Context) -> None:
        """Note the first of them on stderr, each with its line."""
        for row in list(self)[:TOLD]:
            context.note(str(row))
        if self.count > TOLD:
            context.note(f"… and {counted(self.count - TOLD, 'row')} more")
