"""When a connection that does not answer is given up."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.store.interface import StoreUnavailable
from meshd.store.postgres.watch import SILENT_SECONDS, Watch


class FakeLink:
    def __init__(self, asked: float | None = None) -> None:
        self.asked = asked
        self.lost = ""

    def lose(self, reason: str) -> None:
        self.lost = reason


class WatchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.links: list[Any] = []
        self.tried: list[Deferred[Any]] = []
        self.watch = Watch(self.clock, self.connect, lambda: self.links)
        self.watch.start()

    def connect(self) -> Deferred[Any]:
        self.tried.append(Deferred())
        return self.tried[-1]

    def link(self, asked: float | None) -> FakeLink:
        self.links.append(FakeLink(asked))
        return self.links[-1]

    def test_nobody_is_asked_while_all_answer(self) -> None:
        """Idle, or asked a moment ago."""
        self.link(None)
        self.link(SILENT_SECONDS - 1)
        self.clock.advance(SILENT_SECONDS)
        self.assertEqual(self.tried, [])

    def test_no_new_connection_can_be_made(self) -> None:
        """Those that are silent go, with the reason; those that answered meanwhile, or were asked again, stay."""
        silent, answered, again, fresh = (self.link(at) for at in (0, 0, 0, SILENT_SECONDS))
        self.clock.advance(SILENT_SECONDS)
        answered.asked, again.asked = None, SILENT_SECONDS
        self.tried[0].errback(StoreUnavailable("nobody is there"))
        self.assertEqual([link.lost for link in (silent, answered, again, fresh)], ["nobody is there", "", "", ""])

    def test_a_new_connection_works(self) -> None:
        """The old one waits for a slow answer: it stays, and is looked at again."""
        slow, new = self.link(0), FakeLink()
        self.clock.advance(SILENT_SECONDS)
        self.tried[0].callback(new)
        self.assertEqual((slow.lost, new.lost), ("", "closed"))
        self.clock.advance(SILENT_SECONDS)
        self.assertEqual(len(self.tried), 2)

    def test_one_look_at_a_time(self) -> None:
        """However long a connection takes to be made."""
        self.link(0)
        self.clock.pump([SILENT_SECONDS] * 3)
        self.assertEqual(len(self.tried), 1)

    def test_stopped(self) -> None:
        """Nothing is left: no attempt, no call."""
        self.link(0)
        self.clock.advance(SILENT_SECONDS)
        self.watch.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertTrue(self.tried[0].called)
