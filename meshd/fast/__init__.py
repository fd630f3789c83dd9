"""The native part: methods in C for the few classes that every exchange goes through, where they were built.

`setup.py` builds them where there is a compiler.  Who sets `MESHD_NATIVE=0` has none of them, nor has who runs other
Python than they were built for.
"""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from meshd.config.sources import NATIVE
from meshd.fast.sources import digest
from meshd.values.version import version

FOLDER = Path(__file__).parent


class Built(NamedTuple):
    """What was found of it."""

    module: ModuleType | None = None
    """What runs; None where it was not built, is not wanted, or is stale."""
    stale: bool = False
    """Whether one is there that was built of other sources, and so is left out: its C and this Python may differ."""

    def __str__(self) -> str:
        """What runs here, for people."""
        if self.stale:
            return "Python alone, as its native part was built of other sources"
        return "with its native part" if self.module is not None else "Python alone"


def built() -> Built:
    """The native part, if it is wanted here."""
    if os.environ.get(NATIVE) == "0":
        return Built()
    try:
        module = import_module("meshd.fast.native")
    except ImportError:
        return Built()
    fits = fits_beside(module, digest(FOLDER), version())
    return Built(module) if fits else Built(stale=True)


def fits_beside(module: ModuleType, found: str, installed: str) -> bool:
    """Whether the part was built of what lies beside it.

    found: the digest of that; where there is none, as the C is not installed, the installed version decides.
    """
    if found:
        return getattr(module, "SOURCES", "") == found
    return getattr(module, "VERSION", "") == installed
