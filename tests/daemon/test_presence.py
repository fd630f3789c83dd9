"""What a process tells of itself, in time that is moved by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.daemon import presence
from meshd.daemon.presence import LENGTH, LISTENERS, SECONDS, Presence
from meshd.store.interface import StoreUnavailable
from meshd.store.statements import nodes
from meshd.values.version import version


class Store:
    """Notes what is asked of it, or is away."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.away = False
        self.before = 0
        """When the process had started that told of itself before."""

    async def run(self, unit: Any, *args: Any) -> int:
        if self.away:
            raise StoreUnavailable("away")
        self.asked.append((unit, *args))
        return self.before


class PresenceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.store = Store()
        self.listeners = [("us", "tcp:1"), ("", "tcp:2")]
        self.presence = Presence(
            self.store,  # type: ignore[arg-type]
            self.clock,
            lambda: 1000.0 + self.clock.seconds(),
            "host:/data",
            lambda: self.listeners,
        )

    def stop(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.presence.stop()))

    def word(self, *listeners: str, at: int) -> tuple[Any, ...]:
        return nodes.seen, "host:/data", version(), list(listeners), 1000, at

    def test_from_start_to_stop(self) -> None:
        """At once, and again and again with what it listens at by then; its row goes with it."""
        self.presence.start()
        self.listeners = [("us", "tcp:3")]
        self.clock.advance(SECONDS)
        self.stop()
        self.clock.advance(10 * SECONDS)
        told = [self.word("us tcp:1", "api tcp:2", at=1000), self.word("us tcp:3", at=1005)]
        self.assertEqual(self.store.asked, [*told, (nodes.gone, "host:/data")])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_that_never_started(self) -> None:
        """Another process of that name may be there: its row is not touched."""
        self.stop()
        self.assertEqual(self.store.asked, [])

    def test_while_the_store_is_away(self) -> None:
        """It goes on trying, and a stop is not kept by it."""
        self.store.away = True
        self.presence.start()
        self.clock.advance(SECONDS)
        self.store.away = False
        self.clock.advance(SECONDS)
        self.assertEqual(self.store.asked, [self.word("us tcp:1", "api tcp:2", at=1010)])
        self.store.away = True
        self.stop()

    def test_another_of_the_same_name(self) -> None:
        """Is told of once; not the one that was there before this one, nor a row that was taken away."""
        lines: list[str] = []
        self.patch(presence, "log", SimpleNamespace(warn=lambda text, **values: lines.append(text.format(**values))))
        for before, told in ((900, 0), (1000, 0), (0, 0), (1001, 1), (1001, 1)):
            self.store.before = before
            if before == 900:
                self.presence.start()
            else:
                self.clock.advance(SECONDS)
            self.assertEqual(len(lines), told, before)
        self.assertIn("host:/data", lines[0])
        self.stop()

    def test_bounds(self) -> None:
        """Of thousands of listeners, and of a long one."""
        self.listeners = [("us", "x" * 1000)] * 1000
        self.presence.start()
        (word,) = self.store.asked
        self.assertEqual((len(word[3]), {len(each) for each in word[3]}), (LISTENERS, {LENGTH}))
        self.stop()
