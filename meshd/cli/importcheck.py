"""The check of the rows of an import, of each by itself, against the others and against the store, before any is added.

A file may have a million rows, so none is kept until all are checked: of each its name and what is to come of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from meshd.cli.badrows import BadRow, BadRows
from meshd.cli.context import Context
from meshd.cli.csvrows import Offered, ReadRow, read
from meshd.cli.progress import Progress
from meshd.cli.sieve import Place, Sieve

T = TypeVar("T")

BATCH = 500
"""Rows in a transaction: enough to be fast, few enough that the daemon's own writes wait for milliseconds only."""

LEFT_OUT, ON_TOP, BELOW = range(3)
"""What comes of a row; top-level accounts are added first."""


@dataclass(slots=True)
class Sifted:
    """What comes of each row of a file that is not blank, in the file's order."""

    bad: BadRows
    fates: bytearray = field(default_factory=bytearray)
    roots: int = 0

    def good(self) -> int:
        """How many rows can be added."""
        return len(self.fates) - self.fates.count(LEFT_OUT)

    def has(self, fate: int, number: int) -> bool:
        """Whether this comes of the row of that number, counted from 0."""
        return number < len(self.fates) and self.fates[number] == fate


def batches(rows: Iterable[T]) -> Iterator[list[T]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, BATCH)):
        yield batch


def sift(context: Context, lines: Iterable[str], offered: Offered, bad: BadRows) -> Sifted:
    """What comes of every row; the bad ones are added to `bad`.  Raises: Refused where the lines are no CSV."""
    sifted, sieve = Sifted(bad), Sieve(context.run, offered.rules.plans)
    with context.progress("checked") as progress:
        for places in batches(_on_top(lines, offered, sifted, sieve, progress)):
            _judge(sifted, sieve, places, ON_TOP)
        for places in batches(sieve.aside()):
            _judge(sifted, sieve, places, BELOW)
            progress.step(len(places))
    return sifted


def _on_top(
    lines: Iterable[str], offered: Offered, sifted: Sifted, sieve: Sieve, progress: Progress
) -> Iterator[Place]:
    """The rows of top-level accounts that are right by themselves; those of sub-accounts are put aside."""
    for number, row in enumerate(read(lines, offered)):
        sifted.fates.append(LEFT_OUT)
        if isinstance(row, ReadRow):
            account = row.account
            place = Place(number, account.line, account.username, account.parent, account.common.terms.plan or "")
            if account.parent:
                sieve.put_aside(place)
                continue
            yield place
        elif isinstance(row, BadRow):
            sifted.bad.add(row)
        else:
            sifted.roots += 1
        progress.step()


def _judge(sifted: Sifted, sieve: Sieve, places: list[Place], fate: int) -> None:
    for place, reason in zip(places, sieve.reasons(places), strict=True):
        if reason is None:
            sifted.fates[place.number] = fate
        else:
            sifted.bad.add(BadRow(place.line, place.username, reason))
