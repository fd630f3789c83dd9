"""How large a check is, and what it prints.

`FULL=1` in the environment takes the full sizes; everybody's run of the suite takes the small ones.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TypeVar

N = TypeVar("N", int, float)

FULL = os.environ.get("FULL", "") not in {"", "0"}
KEPT = os.environ.get("FIGURES", "")
"""A file that every figure is added to."""


def sized(default: N, full: N) -> N:
    """What this run takes of the two."""
    return full if FULL else default


def figure(what: str, **facts: object) -> None:
    """Print one line of name=value."""
    line = f"{what}: " + "  ".join(f"{name}={_text(value)}" for name, value in facts.items())
    print(line)
    if KEPT:
        with open(KEPT, "a") as file:
            file.write(f"{time.strftime('%H:%M:%S')} {line}\n")


def percentile(values: Sequence[float], part: float = 0.99) -> float:
    """The value that so large a part of them does not exceed; nan of none."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f}ms"


def _text(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
