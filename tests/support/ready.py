"""Which of a few sockets or files can be read now, however many the process has open.

`select.select` cannot ask for a descriptor above 1,023, which a test process that has run for long may well have.
"""

from __future__ import annotations

import selectors
from collections.abc import Iterable
from typing import Protocol, TypeVar


class Readable(Protocol):
    def fileno(self) -> int: ...


R = TypeVar("R", bound=Readable | int)


def readable(sources: Iterable[R], seconds: float = 0) -> list[R]:
    """Those with something to read, or at their end, as soon as there are any; none after so many seconds."""
    with selectors.DefaultSelector() as selector:
        for source in sources:
            selector.register(source, selectors.EVENT_READ, source)
        return [key.data for key, _ in selector.select(max(seconds, 0))]
