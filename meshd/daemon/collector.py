"""Python's garbage collector, as suits a process with very many objects that live long."""

from __future__ import annotations

import gc


def quieten() -> None:
    """Collect seldom from now on, and never look at what is there now: it stays for as long as the process does.

    Full collections would go through every idle tunnel.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
