"""Exits of the settings with how each of them is, filtered and page by page.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from meshd.accounts.exits import Health
from meshd.model import DrainedExit, RestingExit
from meshd.topology import Exit
from meshd.values.addresses import join_host

STATES = {"": "any", "up": "up", "resting": "resting", "drained": "drained"}


class Row(NamedTuple):
    """An exit without its credentials."""

    exit: Exit
    drained: DrainedExit | None
    resting: list[RestingExit]
    """The rests that go on, by process."""

    @property
    def state(self) -> str:
        return "drained" if self.drained else "resting" if self.resting else "up"

    @property
    def where(self) -> str:
        """The upstream proxy, or the address or prefix that requests leave from; "" where the kernel chooses one."""
        upstream = self.exit.upstream
        if upstream is not None:
            return join_host(upstream.host, upstream.port)
        return self.exit.address or (str(self.exit.prefix) if self.exit.prefix else "")


class Filter(NamedTuple):
    """Which exits are shown; "" for any."""

    state: str = ""
    country: str = ""
    tag: str = ""

    def lets(self, row: Row) -> bool:
        here = self.country.upper() in ("", row.exit.country) and (not self.tag or self.tag in row.exit.tags)
        return here and self.state in ("", row.state)


def described(exit_: Exit) -> dict[str, object]:
    """What the settings say of an exit, as JSON tells it: without its credentials; None for what they do not say."""
    upstream = exit_.upstream
    return {
        "name": exit_.name,
        "kind": exit_.kind,
        "address": exit_.address or (str(exit_.prefix) if exit_.prefix else None),
        "upstream": join_host(upstream.host, upstream.port) if upstream else None,
        "country": exit_.country or None,
        "tags": sorted(exit_.tags),
        "weight": exit_.weight,
        "region": exit_.region or None,
        "city": exit_.city or None,
        "isp": exit_.isp or None,
        "zip": exit_.zip or None,
        "asn": exit_.asn or None,
        "cost": None if exit_.cost is None else str(exit_.cost),
        "found": sorted(exit_.found),
    }


def row_of(exit_: Exit, health: Health, now: int) -> Row:
    resting = [each for each in health.resting.get(exit_.name, ()) if each.until > now]
    return Row(exit_, health.drained.get(exit_.name), resting)


def page(
    exits: Iterable[Exit], health: Health, wanted: Filter, *, begin: int, limit: int, now: int
) -> tuple[list[Row], int]:
    """At most `limit` exits, in the order of the settings from a place on, and where the next begins; 0 for nowhere."""

    def found() -> Iterator[tuple[int, Row]]:
        for place, each in enumerate(islice(exits, begin, None), begin):
            row = row_of(each, health, now)
            if wanted.lets(row):
                yield place, row

    rows = list(islice(found(), limit + 1))
    return [row for _, row in rows[:limit]], rows[limit][0] if len(rows) > limit else 0
