"""What waits for its turn, in C and in Python: lines for their log, and connections for a request."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.logger import Logger

from meshd.logs.linelog import LineLog
from meshd.passing.kept import KeptOrigins, Key, Origin, Server
from meshd.sockets.wheel import Wheel
from tests.fast.test_exchanges import Both

KEYS: tuple[Key, ...] = (
    (1, "", "direct", "", "h.test", 80),
    (1, "s", "direct", "", "h.test", 80),
    (2, "", "e", "", "h.test", 80),
)


class Lines(LineLog[int]):
    """Tells how many records it was given to write at once."""

    def __init__(self, clock: Clock, many: int, kept: int) -> None:
        super().__init__("lines", "", clock, Logger(), many=many, kept=kept)
        self.told: list[int] = []

    def _write(self, records: list[int]) -> int:
        self.told.append(len(records))
        return len(records) if len(self.told) % 3 else 0


class LinesTest(Both):
    def test_each_bound(self) -> None:
        """How many wait until they are written, and how many are given up."""

        def does() -> object:
            found: list[object] = []
            for many in range(1, 6):
                for kept in range(6):
                    clock = Clock()
                    lines = Lines(clock, many, kept)
                    for number in range(14):
                        lines._put(number)
                        clock.advance(2.0 * (number % 7 == 6))
                        found.append((list(lines._waiting), lines.dropped, list(lines.told), lines._timer is None))
            return found

        in_python, native = self.both(does)
        self.assertEqual(native, in_python)


class Special(Origin[Any]):
    """One that C does not know."""

    __slots__ = ()


class KeptTest(Both):
    @settings(deadline=None, max_examples=60)
    @given(st.lists(st.tuples(st.booleans(), st.integers(0, 2), st.integers(0, 9)), max_size=24), st.integers(1, 4))
    def test_any_order(self, steps: list[tuple[bool, int, int]], most: int) -> None:
        """What is kept is taken again by its key alone, as long as there is room."""

        def does() -> object:
            told: list[object] = []
            pool: KeptOrigins[Any] = KeptOrigins(None, Wheel(Clock()), lambda: most)  # type: ignore[arg-type]
            free: list[Origin[Any]] = []
            for number, (keep, place, kind) in enumerate(steps):
                if keep and kind < 5 and free:
                    pool.keep(free.pop(), kind - 1)
                elif keep:
                    closed = lambda number=number: told.append(number)  # noqa: E731
                    wire: Any = SimpleNamespace(ending=False, readable=kind == 9, watcher=None, close=closed)
                    of = Special if kind == 8 else Origin
                    origin = of(pool, Server(), KEYS[place], wire, str(number))
                    pool.keep(origin, 60)
                else:
                    taken = pool.take(KEYS[place])
                    told.append(taken and (taken.source, taken.used, taken.idle))
                    free += [taken] if taken is not None else []
                told.append([(key, [each.source for each in all_]) for key, all_ in pool._idle.items()])
                told.append((pool._proven.count, pool._unproven.count, pool._room))
            return told

        in_python, native = self.both(does)
        self.assertEqual(native, in_python)
