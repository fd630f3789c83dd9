"""A store that is exchanged while it is used: who asks meanwhile waits, and the one that is there then answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from meshd.store import switch
from meshd.store.interface import StoreUnavailable
from meshd.store.switch import Switch


class Store:
    """Answers when the test wants it to."""

    def __init__(self) -> None:
        self.asked: list[Deferred[Any]] = []
        self.wake: Callable[[], None] = lambda: None
        self.stopped = False

    async def run(self, unit: Any) -> Any:
        self.asked.append(asked := Deferred())
        return await asked

    def on_change(self, wake: Callable[[], None]) -> None:
        self.wake = wake

    async def stop(self) -> None:
        self.stopped = True


def begun(work: Any) -> Deferred[Any]:
    return Deferred.fromCoroutine(work)


class SwitchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.old, self.new = Store(), Store()
        self.switch = Switch(self.old)  # type: ignore[arg-type]

    def ask(self) -> Deferred[Any]:
        return begun(self.switch.run(lambda: None))  # type: ignore[arg-type,return-value]

    def test_what_is_under_way_ends_first(self) -> None:
        """Held is who has nothing under way; what comes meanwhile is asked of nobody."""
        first = self.ask()
        holding = begun(self.switch.hold())
        second = self.ask()
        self.assertNoResult(holding)
        self.old.asked[0].callback("one")
        self.assertEqual(self.successResultOf(first), "one")
        self.successResultOf(holding)
        self.assertNoResult(second)
        self.assertEqual(len(self.old.asked), 1)

    def test_the_new_one_answers(self) -> None:
        """All that waited, and wakes as the old one did; the old one is closed."""
        woken: list[int] = []
        self.switch.on_change(lambda: woken.append(1))
        self.successResultOf(begun(self.switch.hold()))
        waiting = self.ask()
        self.successResultOf(begun(self.switch.replace(self.new)))  # type: ignore[arg-type]
        self.new.asked[0].callback("new")
        self.assertEqual(self.successResultOf(waiting), "new")
        self.assertTrue(self.old.stopped)
        self.new.wake()
        self.assertEqual(woken, [1, 1])

    def test_nothing_has_come_of_it(self) -> None:
        """The old one goes on."""
        self.successResultOf(begun(self.switch.hold()))
        waiting = self.ask()
        self.switch.release()
        self.old.asked[0].callback("old")
        self.assertEqual(self.successResultOf(waiting), "old")

    def test_who_waits_no_more(self) -> None:
        """Is asked for nowhere."""
        self.successResultOf(begun(self.switch.hold()))
        waiting = self.ask()
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.switch.release()
        self.assertEqual(self.old.asked, [])

    def test_a_bound(self) -> None:
        """As a store has one."""
        self.patch(switch, "WAITING", 2)
        self.successResultOf(begun(self.switch.hold()))
        waiting = [self.ask() for _ in range(2)]
        self.failureResultOf(self.ask(), StoreUnavailable)
        self.switch.release()
        self.assertEqual([self.old.asked[n].callback(n) for n in range(2)], [None, None])
        self.assertEqual([self.successResultOf(each) for each in waiting], [0, 1])

    def test_a_stop(self) -> None:
        """Leaves nobody waiting."""
        self.successResultOf(begun(self.switch.hold()))
        waiting = self.ask()
        self.successResultOf(begun(self.switch.stop()))
        self.old.asked[0].errback(StoreUnavailable("the store is closed"))
        self.failureResultOf(waiting, StoreUnavailable)
