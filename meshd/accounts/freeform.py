"""Objects that programs keep here and alone understand: what they may be made of, and how large they may be.  Pure.

The store holds such an object as JSON in ASCII, so that no character of it can be one that a database refuses.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any

DEEPEST = 16
"""Objects and lists within one another: more than a person would write, few enough for every parser."""

_written = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


def problem(value: Mapping[str, Any], largest: int) -> str | None:
    """What is wrong with an object that was read from JSON, which may take `largest` bytes; None where nothing is."""
    if not _shallow(value):
        return f"Use at most {DEEPEST} objects and lists within one another."
    if not _finite(value):
        return "Numbers must not be larger than JSON can write them."
    size = len(_written(value))
    return f"Use at most {largest} bytes; these are {size}." if size > largest else None


def written(value: Mapping[str, Any]) -> str:
    """The object as the store keeps it; it must have no problem."""
    return _written(value)


def read(text: str) -> dict[str, Any]:
    """The object that `written` made the text of."""
    value: dict[str, Any] = json.loads(text)
    return value


def _shallow(value: object) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [each for outer in level for each in _inside(outer) if isinstance(each, dict | list)]
        if not level:
            return True
    return False


def _finite(value: object) -> bool:
    """Whether no number is beyond what a double holds, as 1e999 is.  The value must be shallow."""
    if isinstance(value, float):
        return isfinite(value)
    return all(map(_finite, _inside(value)))


def _inside(value: object) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
