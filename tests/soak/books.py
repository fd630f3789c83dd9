"""What clients counted in an hour, and whether the store and the exchange log say the same."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.load import Book, Bytes, Head

UNBILLED = {402, 407, 429, 503, 509}
"""Refusals before the request was looked at; any other costs what was sent."""


class Complaints(list[str]):
    """Texts of what must not be; those that the disturbance of the moment explains are counted, not kept."""

    def __init__(self, excuses: Callable[[str], bool]) -> None:
        super().__init__()
        self._excuses = excuses
        self.excused = 0

    def append(self, text: str) -> None:
        if self._excuses(text):
            self.excused += 1
        else:
            super().append(text)


@dataclass
class Sums(Book):
    """A book that keeps sums alone, so that it does not grow by the hour."""

    moved: Counter[str] = field(default_factory=Counter)
    """Bytes by account: of what ended well, and of what was sent for a refusal."""
    least: Counter[str] = field(default_factory=Counter)
    """Of what was cut off: what the client has received, which has to be billed."""
    most: Counter[str] = field(default_factory=Counter)
    """Of the same: with all that was given to the kernel, or may have been on its way."""
    cut: Counter[str] = field(default_factory=Counter)
    """How many of the account's exchanges were cut off."""
    deeds: Counter[str] = field(default_factory=Counter)
    """What was done, by the name of its kind."""

    def close(self, ended: Bytes) -> None:
        self.open.remove(ended)
        self.moved[ended.account] += ended.up + ended.down
        self.deeds[ended.method] += 1

    def refuse(self, refused: Bytes, head: Head) -> None:
        self.open.remove(refused)
        self.deeds[f"refused {head.status}"] += 1
        if head.status not in UNBILLED:
            self.moved[refused.account] += refused.up

    def tear(self, torn: Bytes) -> None:
        """It was cut off; what is lost is between bounds."""
        self.open.discard(torn)
        self.cut[torn.account] += 1
        self.least[torn.account] += torn.down
        self.most[torn.account] += torn.up + max(torn.most, torn.down)

    def bounds(self, parents: Mapping[str, str]) -> dict[str, tuple[int, int]]:
        """By account the least and the most that the store may have; the same number where nothing was cut off."""
        names = {*self.moved, *self.least, *parents.values()}
        own = {name: (self.moved[name] + self.least[name], self.moved[name] + self.most[name]) for name in names}
        sums = dict(own)
        for child, parent in parents.items():
            low, high = own.get(child, (0, 0))
            sums[parent] = (sums[parent][0] + low, sums[parent][1] + high)
        return sums


def logged(lines: Iterable[str], names: Mapping[int, str], parents: Mapping[str, str]) -> Counter[str]:
    """The sums of the exchange log's lines by account, a sub-account's with its parent's too."""
    sums: Counter[str] = Counter()
    for line in lines:
        entry: dict[str, Any] = json.loads(line)
        if entry["account"]:
            name = names[entry["account"]]
            bytes_moved = entry["up"] + entry["down"]
            sums[name] += bytes_moved
            if name in parents:
                sums[parents[name]] += bytes_moved
    return sums


def unbalanced(bounds: Mapping[str, tuple[int, int]], stored: Mapping[str, int], log: Mapping[str, int]) -> list[str]:
    """A line for each account whose three sums are not one."""
    found = []
    for name in sorted({*bounds, *(name for name, total in stored.items() if total)}):
        low, high = bounds.get(name, (0, 0))
        billed, written = stored.get(name, 0), log.get(name, 0)
        if billed != written:
            found.append(f"{name}: the store has {billed:,} bytes, the exchange log {written:,}")
        if not low <= billed <= high:
            counted = f"{low:,}" if low == high else f"{low:,} to {high:,}"
            found.append(f"{name}: the store has {billed:,} bytes, clients counted {counted}")
    return found
