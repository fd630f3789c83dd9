"""Work in a thread of its own."""

from __future__ import annotations

from contextvars import copy_context
from functools import partial
from threading import current_thread, main_thread
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from meshd.auth.passwords import Busy
from meshd.daemon import aside
from meshd.daemon.aside import Aside
from meshd.running.cause import ASKER
from tests.accounts.test_invoicefile import written


class AsideTests(TestCase):
    def setUp(self) -> None:
        self.aside = Aside(reactor)
        self.addCleanup(self.aside.stop)

    def ask(self) -> Deferred[Any]:
        return Deferred.fromCoroutine(self.aside.done(written))

    async def test_made_elsewhere(self) -> None:
        """An invoice is the same file as here; those who ask at once each get theirs."""
        found = [await each for each in [self.ask() for _ in range(5)]]
        self.assertEqual([written()] * 5, found)
        self.assertIsNot(await self.aside.done(current_thread), main_thread())

    async def test_too_many(self) -> None:
        """Are refused, and the next can ask again once there is room."""
        self.patch(aside, "WAITING", 1)
        first, second = self.ask(), self.ask()
        self.failureResultOf(self.ask(), Busy)
        await first
        await second
        self.assertEqual(written(), await self.ask())

    async def test_turns(self) -> None:
        """Whoever asks for one thing does not wait for all that another has asked for, and is not refused for it."""
        self.patch(aside, "WAITING", 8)
        made: list[str] = []

        def asked(asker: str) -> Deferred[Any]:
            def begin() -> Deferred[Any]:
                ASKER.set(asker)
                return Deferred.fromCoroutine(self.aside.done(partial(made.append, asker)))

            return copy_context().run(begin)

        many = [asked("account 1") for _ in range(9)]
        one = asked("account 2")
        self.failureResultOf(many[-1], Busy)
        for each in [*many[:-1], one]:
            await each
        self.assertEqual(made[:4], ["account 1", "account 1", "account 2", "account 1"])

    async def test_stopped(self) -> None:
        """What is being made is, what waits is refused, and nothing begins any more."""
        making, waiting = self.ask(), self.ask()
        self.aside.stop()
        self.failureResultOf(waiting, Busy)
        self.failureResultOf(self.ask(), Busy)
        self.assertEqual(written(), await making)

    async def test_exception(self) -> None:
        """Is the caller's, and the place is free again."""
        self.patch(aside, "WAITING", 0)
        for _ in range(2):
            with self.assertRaises(ZeroDivisionError):
                await self.aside.done(partial(divmod, 1, 0))
