"""The interpreter and the reactor, as every process of a daemon has them."""

from __future__ import annotations

import sys
import time
from typing import Any

SWITCH = 0.0002
"""Seconds that another thread may keep the interpreter while the reactor's wants it: the store's, or one that hashes
or draws.  Of Python's 5 ms the reactor would wait after each of its system calls."""


def tune(reactor: Any) -> None:
    """To be called before the first timer."""
    # Or all timers would stand still or jump when the wall clock is set.
    reactor.seconds = time.monotonic
    sys.setswitchinterval(SWITCH)
