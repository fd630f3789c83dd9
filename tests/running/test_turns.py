"""Long work in slices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from meshd.running.turns import SLICE, Turns


class Reactor:
    """Turns as a reactor has them: what is asked for in one is done in the next.  (A Clock does it in the same.)"""

    def __init__(self) -> None:
        self.time = 0.0
        self.calls: list[Callable[[], None]] = []

    def seconds(self) -> float:
        return self.time

    def callLater(self, delay: float, call: Callable[[], None]) -> None:
        assert delay == 0
        self.calls.append(call)

    def turn(self) -> None:
        calls, self.calls = self.calls, []
        for call in calls:
            call()


class TurnsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Reactor()
        self.turns = Turns(self.reactor)
        self.did: list[str] = []

    def work(self, name: str, count: int, cost: float = 1.5 * SLICE) -> Iterator[str]:
        """Pieces of which each takes some time."""
        for number in range(count):
            self.reactor.time += cost
            self.did.append(f"{name}{number}")
            yield f"{name}{number}"

    def begin(self, name: str, count: int, cost: float = 1.5 * SLICE) -> Deferred[Any]:
        return Deferred.fromCoroutine(self.turns.taken(self.work(name, count, cost)))

    def test_short(self) -> None:
        """Work that fits into a slice is done at once."""
        self.assertEqual(["a0", "a1"], self.successResultOf(self.begin("a", 2, SLICE / 4)))
        self.assertEqual([], self.successResultOf(self.begin("b", 0)))
        self.assertEqual([], self.reactor.calls)

    def test_long(self) -> None:
        """Other work has its turn after each slice."""
        made = self.begin("a", 3)
        for count in (1, 2, 3):
            self.assertEqual(count, len(self.did))
            self.assertNoResult(made)
            self.reactor.turn()
        self.assertEqual(["a0", "a1", "a2"], self.successResultOf(made))

    def test_several(self) -> None:
        """All of them together have one slice between two turns, one after the other."""
        a, b = self.begin("a", 3), self.begin("b", 2)
        self.assertEqual(["a0", "b0"], self.did)
        for expected in ("a1", "b1", "a2"):
            self.reactor.turn()
            self.assertEqual(expected, self.did[-1])
        self.reactor.turn()
        self.assertEqual(["b0", "b1"], self.successResultOf(b))
        self.reactor.turn()
        self.assertEqual(["a0", "a1", "a2"], self.successResultOf(a))
        self.assertEqual([], self.reactor.calls)

    def test_exception(self) -> None:
        """Is the caller's, in whichever slice; others go on."""

        def breaking() -> Iterator[str]:
            yield from self.work("x", 1)
            raise ZeroDivisionError

        broken, other = Deferred.fromCoroutine(self.turns.taken(breaking())), self.begin("b", 1)
        self.reactor.turn()
        self.failureResultOf(broken, ZeroDivisionError)
        self.reactor.turn()
        self.assertEqual(["b0"], self.successResultOf(other))
