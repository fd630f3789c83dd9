"""The native part: methods in C for the few classes that every exchange goes through, where they were built.

`setup.py` builds them where there is a compiler.  Who sets `MESHD_NATIVE=0` has none of them.
"""

from __future__ import annotations

import os
from importlib import import_module
from types import ModuleType

from meshd.config.sources import NATIVE


def built() -> ModuleType | None:
    """The native module; None where it was not built, or is not wanted."""
    if os.environ.get(NATIVE) == "0":
        return None
    try:
        return import_module("meshd.fast.native")
    except ImportError:
        return None


def which() -> str:
    """What runs here, for people."""
    return "with its native part" if built() is not None else "Python alone"
