"""Cells of CSV files that no spreadsheet calculates.  Pure."""

from __future__ import annotations

import re

_FORMULA = re.compile(
    "[\\s']*[=+\\-@\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}"
    "\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}]"
)
"""The beginning of a cell that a spreadsheet takes for a formula."""


def harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula; `plain()` is the reverse."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def plain(cell: str) -> str:
    """The cell as it was before `harmless()`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell, 1) else cell
