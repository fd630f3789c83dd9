"""What a process knows of what is published."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from meshd.hosts.book import HostBook
from meshd.store.interface import StoreUnavailable
from meshd.values.published import ProxyHost, Published, Upstream

HOST = ProxyHost(1, ("a.example",), "http", (Upstream("10.0.0.1", 80),))


class BookTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.stored = Published(hosts=(HOST,))
        self.away = False
        self.heard: list[Published] = []
        self.book = HostBook(self.newer)
        self.book.on_change(lambda before, after: self.heard.append(after))

    async def newer(self, known: Published) -> Published:
        if self.away:
            raise StoreUnavailable("the database is away")
        return self.stored

    def test_a_change_is_heard_once(self) -> None:
        for _ in range(2):
            self.successResultOf(Deferred.fromCoroutine(self.book.refresh()))
        self.assertEqual(self.heard, [self.stored])

    def test_a_store_that_fails_after_a_change(self) -> None:
        """Who has changed something hears of no failure, since the change is kept; it is served once the store answers,
        of which the change feed has to hear a failure, to ask again.
        """
        self.away = True
        self.successResultOf(Deferred.fromCoroutine(self.book.follow()))
        self.failureResultOf(Deferred.fromCoroutine(self.book.refresh()), StoreUnavailable)
        self.assertEqual(self.heard, [])
        self.away = False
        self.successResultOf(Deferred.fromCoroutine(self.book.refresh()))
        self.assertEqual(self.heard, [self.stored])
