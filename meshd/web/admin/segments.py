"""The segments of a path that a route has in braces, as values."""

from __future__ import annotations

import re

from meshd.accounts.errors import NotFound
from meshd.web.room import Caller

_NUMBER = re.compile(r"[1-9][0-9]{0,17}\Z", re.ASCII)


def text(caller: Caller, name: str) -> str:
    return caller.call.variables[name]


def number(caller: Caller, name: str) -> int:
    """A number as this API writes numbers.  Raises: NotFound for any other text, since nothing has that id."""
    found = _NUMBER.match(text(caller, name))
    if found is None:
        raise NotFound(f"there is no such {name}")
    return int(found[0])
