"""A daemon whose counting is taken out and put back at signals: `python bench/unwatched.py PYTHON -c CODE WORDS`, its
own command last.

A function's code is exchanged, not the function: whoever holds it goes on with the other code, and nothing is called
that a tree without would not call.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parents[1])

from meshd.metrics.lag import Lag  # noqa: E402
from meshd.store.timed import TimedStore  # noqa: E402
from meshd.usage.ends import Ends  # noqa: E402

OUT, IN = signal.SIGRTMIN + 3, signal.SIGRTMIN + 4


def _add(self: Ends, exchanges: Any) -> None:
    """In place of `Ends.add`."""


def _measure(self: Lag) -> None:
    """In place of `Lag._measure`: the timer goes on, so that it is there when the code is put back."""
    self.start()


async def _run(self: TimedStore, unit: Any, /, *args: Any, **kwargs: Any) -> Any:
    """In place of `TimedStore.run`."""
    return await self._store.run(unit, *args, **kwargs)


COUNTING: tuple[tuple[Callable[..., Any], Callable[..., Any]], ...] = (
    (Ends.add, _add),
    (Lag._measure, _measure),
    (TimedStore.run, _run),
)


class Taken:
    """Exchanges the code at each signal, between two turns of the interpreter's."""

    def __init__(self) -> None:
        self._own = [function.__code__ for function, _ in COUNTING]
        signal.signal(OUT, lambda *_: self._exchange([other.__code__ for _, other in COUNTING]))
        signal.signal(IN, lambda *_: self._exchange(self._own))

    def _exchange(self, codes: list[Any]) -> None:
        for (function, _), code in zip(COUNTING, codes, strict=True):
            function.__code__ = code


if __name__ == "__main__":
    taken = Taken()
    command = sys.argv[3]
    sys.argv = ["twistd", *sys.argv[4:]]
    exec(command)
