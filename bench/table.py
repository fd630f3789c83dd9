"""Samples to medians, ratios and a table in Markdown; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

Samples = Mapping[tuple[str, str], Sequence[float]]
"""By the names of a proxy and a work: one figure a round."""

BEGIN = "<!-- table: made by bench/compare.py --write -->"
END = "<!-- end of table -->"

LOW = 0.05
"""A ratio under this is not shown as 0.0."""


@dataclass(frozen=True, slots=True)
class Column:
    """What is compared."""

    name: str
    heading: str
    wanted: str = ""
    """The aim, as a reader may check it: "2x"."""


COLUMNS = (
    Column("get", "keep-alive GET", "at least 2x Squid"),
    Column("connect", "tunnels opened", "at least 1.1x Squid"),
    Column("bulk", "tunnel MB", "at least 1.8x Squid"),
    Column("idle", "bytes of an idle tunnel", "at most 3,072"),
)


def grouped(value: float) -> str:
    """19300.4 as 19,300; what is small keeps three digits."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def quotient(value: float, other: float) -> float:
    """Of two figures; 0.0 where the other is nothing, as in a run too short for a single exchange."""
    return value / other if other else 0.0


def ratio(value: float, other: float) -> str:
    if not other:
        return ""
    found = quotient(value, other)
    return f"{found:.2f}x" if found >= LOW else f"{found:.3f}x"


def cell(samples: Samples, proxy: str, column: str, against: str) -> str:
    """The median, and its ratio to that of the proxy that is the measure; a dash for what was not measured."""
    mine, theirs = samples.get((proxy, column)), samples.get((against, column))
    if not mine:
        return "-"
    value = median(mine)
    told = ratio(value, median(theirs)) if theirs and proxy != against else ""
    return f"{grouped(value)} ({told})" if told else grouped(value)


def table(samples: Samples, proxies: Sequence[str], against: str = "Squid", marked: Collection[str] = ()) -> str:
    """One row a proxy; ratios to `against`; a dagger at the names that are marked."""
    rows = [["", *(column.heading for column in COLUMNS)], ["---", *("---:" for _ in COLUMNS)]]
    names = {proxy: f"{proxy} †" if proxy in marked else proxy for proxy in proxies}
    rows += [[names[proxy], *(cell(samples, proxy, column.name, against) for column in COLUMNS)] for proxy in proxies]
    rows.append(["*wanted of meshd*", *(column.wanted for column in COLUMNS)])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def spread(values: Sequence[float]) -> float:
    """How far the rounds lie apart, in parts of their median."""
    middle = median(values)
    return quotient(max(values) - min(values), abs(middle))


def spreads(samples: Samples, proxies: Sequence[str]) -> str:
    """One line a proxy: the spread of each column over the rounds."""
    lines = []
    for proxy in proxies:
        found = [(column.heading, samples.get((proxy, column.name))) for column in COLUMNS]
        told = ", ".join(f"{heading} {spread(values):.0%}" for heading, values in found if values)
        lines.append(f"- {proxy}: {told}")
    return "\n".join(lines)


def replaced(document: str, text: str, begin: str = BEGIN, end: str = END) -> str:
    """The document with the text between its two markers.  ValueError where it has not exactly one of each."""
    if document.count(begin) != 1 or document.count(end) != 1 or document.index(begin) > document.index(end):
        raise ValueError("the document needs one begin and one end marker")
    before, after = document.partition(begin)[0], document.partition(end)[2]
    return f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}"
