"""A daemon that counts nothing, or everything many times over, as signals say: `python bench/unwatched.py PYTHON -c
CODE WORDS`, its own command last.

A function's code is exchanged, not the function: whoever holds it goes on with the other code, and without counting
nothing is called that a tree without would not call.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parents[1])

from meshd.metrics.lag import Lag  # noqa: E402
from meshd.store.timed import TimedStore  # noqa: E402
from meshd.usage.ends import Ends  # noqa: E402

OUT, IN = signal.SIGRTMIN + 3, signal.SIGRTMIN + 4
FOLD = 50
"""Times that all is counted.  The code below says the number itself: it runs among other modules' names."""


class Out:
    """Code without counting."""

    def add(self: Any, exchanges: Any) -> None:
        """In place of `Ends.add`."""

    def _measure(self: Any) -> None:
        """In place of `Lag._measure`: the timer goes on, so that it is there when the code is put back."""
        self.start()

    async def run(self: Any, unit: Any, /, *args: Any, **kwargs: Any) -> Any:
        """In place of `TimedStore.run`."""
        return await self._store.run(unit, *args, **kwargs)


class In:
    """The same with all counting FOLD times."""

    def add(self: Any, exchanges: Any) -> None:
        for _ in range(50):
            self.once(exchanges)

    def _measure(self: Any) -> None:
        for _ in range(50):
            self._seen.observe(max(self._clock.seconds() - self._due, 0.0))
        self.start()

    async def run(self: Any, unit: Any, /, *args: Any, **kwargs: Any) -> Any:
        for _ in range(50):
            began = self._seconds()
        try:
            return await self._store.run(unit, *args, **kwargs)
        finally:
            for _ in range(50):
                self._took.observe(self._seconds() - began)


COUNTING: tuple[tuple[type, str], ...] = ((Ends, "add"), (Lag, "_measure"), (TimedStore, "run"))


class Exchanged:
    """Exchanges the code at each signal, between two turns of the interpreter's.  Until then all is counted once."""

    def __init__(self) -> None:
        self._own = [_code(place, name) for place, name in COUNTING]
        Ends.once = FunctionType(self._own[0], Ends.add.__globals__)  # type: ignore[attr-defined]
        signal.signal(OUT, lambda *_: self._take(Out))
        signal.signal(IN, lambda *_: self._take(In))

    def close(self) -> None:
        """Count once again."""
        for (place, name), code in zip(COUNTING, self._own, strict=True):
            vars(place)[name].__code__ = code

    def _take(self, codes: type) -> None:
        for place, name in COUNTING:
            vars(place)[name].__code__ = _code(codes, name)


def _code(place: type, name: str) -> CodeType:
    function: Callable[..., Any] = vars(place)[name]
    return function.__code__


if __name__ == "__main__":
    exchanged = Exchanged()
    command = sys.argv[3]
    sys.argv = ["twistd", *sys.argv[4:]]
    exec(command)
