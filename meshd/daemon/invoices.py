"""Invoices are made in a thread of their own, one at a time: each takes some 30 milliseconds of the processor."""

from __future__ import annotations

from typing import Any

from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from meshd.accounts.invoicefile import written
from meshd.accounts.orders import Invoice, Order
from meshd.auth.passwords import Busy
from meshd.topology import Live

WAITING = 64
"""Invoices that may wait for the thread: two seconds of its time."""


class Invoices:
    """Makes PDFs while the thread of the proxy does its own work."""

    def __init__(self, reactor: Any, live: Live) -> None:
        self._reactor = reactor
        self._live = live
        self._thread = ThreadPool(0, 1, "meshd-invoices")
        self._waiting = 0

    def stop(self) -> None:
        """Wait for the one that is being made."""
        if self._thread.started:
            self._thread.stop()

    async def written(self, order: Order, invoice: Invoice) -> bytes:
        """The invoice's PDF.  Raises: Busy."""
        if self._waiting >= WAITING:
            raise Busy
        if not self._thread.started:
            self._thread.start()
        self._waiting += 1
        try:
            font = self._live.topology.selling.font
            made: bytes = await deferToThreadPool(self._reactor, self._thread, written, order, invoice, font=font)
        finally:
            self._waiting -= 1
        return made
