"""On whose request something is done, from the request to the record of what it changed.

Between the two lie some three hundred calls that have nothing to do with it.  It is no global: each request has its own
context (PEP 567), which Twisted's coroutines keep over every await, and which whoever is called in it reads.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import NamedTuple


class Cause(NamedTuple):
    """Where a change came from."""

    way: str = ""
    """`cli`, or which API or pages were asked; "" for meshd itself."""
    request: str = ""
    """The request's id, as it stands in the request log; "" for none."""


NOBODY = Cause()

CAUSE: ContextVar[Cause] = ContextVar("meshd_cause", default=NOBODY)

ASKER: ContextVar[str] = ContextVar("meshd_asker", default="")
"""Who has a turn where many wait for one thing: `account 17` for an account and those below it, or the address of who
has not signed in; "" for meshd itself.
"""
