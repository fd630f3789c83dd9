"""What accounts have used as a file of CSV (RFC 4180), for operators' spreadsheets and billing.  Pure."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from io import StringIO

from meshd.accounts.periods import Used
from meshd.values.cells import harmless
from meshd.values.times import iso

MEDIA = "text/csv; charset=utf-8; header=present"

COLUMNS = (
    "username",
    "parent",
    "plan",
    "active",
    "period_start",
    "period_end",
    "bytes_up",
    "bytes_down",
    "bytes",
    "exchanges",
    "limit",
)
"""Columns of the file, in this order."""


def written(rows: Iterable[Used]) -> Iterator[str]:
    """The lines of the file, first that of names; nothing in it is what a spreadsheet would take for a formula."""
    yield _line(COLUMNS)
    for each in rows:
        whose = (each.username, each.parent, each.plan, str(each.active).lower())
        moved = (each.up, each.down, each.total, each.exchanges, each.limit)
        yield _line([*map(harmless, whose), f"{iso(each.start)}Z", f"{iso(each.end)}Z", *moved])


def _line(cells: Iterable[object]) -> str:
    line = StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
