"""Kinds of settings about what a plan's accounts are held to: bounds and destination rules."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from meshd.config.kinds import Kind, choice, number
from meshd.values.bounds import MOST, OnLimit
from meshd.values.rules import read

BOUNDS: Mapping[str, Kind] = {
    **{name: number(0, most) for name, most in MOST.items()},
    "on_limit": choice(*get_args(OnLimit)),
}
"""The bounds of meshd.values.bounds; the same keys stand in the settings of a plan."""


def _rules(raw: Any, _: Path) -> str:
    if not isinstance(raw, dict):
        raise ValueError
    return read(raw).render()


RULES = Kind("a table with only = [...] or except = [...]", _rules)
