"""The output of commands: aligned and never wrapped for people, or JSON."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

_GAP = "  "


def show_json(out: TextIO, value: Any) -> None:
    json.dump(value, out, indent=2, ensure_ascii=False)
    out.write("\n")


def show_json_rows(out: TextIO, rows: Iterable[Mapping[str, Any]]) -> None:
    """Print a JSON array with a row a line; each row is written when the iterator gives the row."""
    opening = "["
    for row in rows:
        out.write(f"{opening}\n  {json.dumps(row, ensure_ascii=False)}")
        opening = ","
    out.write("[]\n" if opening == "[" else "\n]\n")


def show_table(out: TextIO, headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table with a line a row under the headers; columns of numbers are aligned to the right."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(headers, *cells, strict=True)]
    right = [bool(cells) and all(_is_number(cell) for cell in column) for column in zip(*cells, strict=True)]
    right = right or [False] * len(headers)
    for row in [list(headers), *cells]:
        out.write(_line(row, widths, right))


def show_facts(out: TextIO, facts: Mapping[str, object]) -> None:
    """Print a name and a value a line."""
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        out.write(f"{name:<{width}}{_GAP}{value}".rstrip() + "\n")


def _line(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = []
    for cell, width, to_right in zip(row, widths, right, strict=True):
        blank = " " * (width - _width(cell))
        padded.append(blank + cell if to_right else cell + blank)
    return _GAP.join(padded).rstrip() + "\n"


def _is_number(text: str) -> bool:
    return text[:1].isdigit() and text.isascii() and text.replace(".", "").isdigit() and text.count(".") < 2


def _width(text: str) -> int:
    """The columns of a text on a terminal: wide characters take two, combining characters none."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.combining(char) > 0 for char in text)
