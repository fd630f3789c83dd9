"""Invoices in a thread of their own."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from meshd.auth.passwords import Busy
from meshd.daemon import invoices
from meshd.daemon.invoices import Invoices
from meshd.topology import Live, Topology
from tests.accounts.test_invoicefile import INVOICE, ORDER, written


class InvoiceTests(TestCase):
    def setUp(self) -> None:
        self.invoices = Invoices(reactor, Live(Topology(proxies={}, exits=(), plans={})))
        self.addCleanup(self.invoices.stop)

    def ask(self) -> Deferred[Any]:
        return Deferred.fromCoroutine(self.invoices.written(ORDER, INVOICE))

    async def test_made_elsewhere(self) -> None:
        """The same file; those who ask at once each get theirs."""
        found = [await each for each in [self.ask() for _ in range(5)]]
        self.assertEqual([written()] * 5, found)

    async def test_too_many(self) -> None:
        """Are refused, and the next can ask again once there is room."""
        self.patch(invoices, "WAITING", 2)
        first, second = self.ask(), self.ask()
        self.failureResultOf(self.ask(), Busy)
        await first
        await second
        self.assertEqual(written(), await self.ask())
