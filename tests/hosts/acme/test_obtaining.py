"""Certificates are obtained, kept and renewed by one process at a time, from an authority of Debian's Pebble."""

from __future__ import annotations

import time
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.trial.unittest import TestCase

from meshd.accounts.published import acme as orders
from meshd.hosts.acme import authority, obtaining
from meshd.hosts.acme.network import Network
from meshd.hosts.certificates import Contexts
from meshd.seldom import Seldom
from meshd.store.statements import acme as stored
from meshd.values.hosting import Acme
from meshd.values.published import Certificate
from tests.hosts.acme.support import Process
from tests.hosts.test_certificates import shown
from tests.support.acmeservers import Challenged, Pebble


class ObtainingTests(TestCase):
    timeout = 90

    def setUp(self) -> None:
        self.patch(obtaining, "SPREAD", 0.05)
        self.patch(authority, "POLL", (0.1, 0.5))
        self.challenged = Challenged(self)
        self.pebble = Pebble(self, self.challenged.port)
        self.now = int(time.time())
        settings = Acme(self.pebble.directory, ca=self.pebble.ca)
        self.process = Process(self, reactor, settings, self.challenged.texts, self.now)

    def served(self, certificate_id: int) -> list[str]:
        """The chain that a client is shown."""
        row = self.process.row(certificate_id)
        settings = row.settings
        contexts = Contexts(lambda: self.process.seals, lambda: self.now, Seldom(lambda: 0.0))
        names, chain, expires = tuple(settings["domain_names"]), settings["certificate"], settings["expires"]
        contexts.take([Certificate(row.id, "acme", names, chain, row.secret, expires)])
        return shown(contexts.of(row.id))

    def state(self, certificate_id: int) -> tuple[str, str]:
        settings = self.process.row(certificate_id).settings
        return settings["state"], settings["problem"]

    async def until_asked(self) -> None:
        """Until the authority looks at a challenge, which then waits."""
        until = time.monotonic() + 60
        while not self.challenged.asked:
            self.assertLess(time.monotonic(), until)
            await _turn()

    async def test_a_certificate_is_obtained(self) -> None:
        """Served with a key that only this installation opens; the account is kept, the challenges are gone, and the
        next look is when a third of the life is left.
        """
        process = self.process
        first = process.order("a.test", "b.test")
        self.assertEqual(self.state(first), ("pending", ""))
        await process.obtaining.look()
        self.assertEqual(self.state(first), ("active", ""))
        self.assertEqual(len(self.served(first)), 2)
        settings = process.row(first).settings
        self.assertNotIn("PRIVATE", str(settings))
        life = settings["expires"] - self.now
        self.assertLess(abs(process.due_at(first) - self.now - life * 2 / 3), 120)
        sealed, uri = process.run(orders.account_key, process.settings.directory)
        self.assertIn(b"PRIVATE", process.seals.open_bytes(sealed, f"account {process.settings.directory}"))
        process.texts.clear()
        await process.refresh()
        self.assertEqual(process.texts, {})
        second = process.order("127.0.0.1")
        await process.obtaining.look()
        self.assertEqual(self.state(second), ("active", ""))
        self.assertEqual(process.run(orders.account_key, process.settings.directory), (sealed, uri))

    async def test_one_process_at_a_time(self) -> None:
        """Two that look at once obtain one certificate."""
        process = self.process
        first = process.order("a.test")
        other = process.another(reactor, "other")
        looks = [ensureDeferred(each.look()) for each in (process.obtaining, other)]
        for look in looks:
            await look
        self.assertEqual(self.state(first), ("active", ""))
        self.assertEqual(len(set(self.challenged.asked)), 1)

    async def test_renewal_where_a_third_is_left(self) -> None:
        """The same names, another certificate; until then a look changes nothing."""
        process = self.process
        first = process.order("a.test")
        await process.obtaining.look()
        before = process.row(first)
        process.now = process.due_at(first)
        await process.obtaining.look()
        after = process.row(first)
        self.assertNotEqual(after.settings["certificate"], before.settings["certificate"])
        self.assertNotEqual(after.secret, before.secret)
        self.assertEqual(self.state(first), ("active", ""))

    async def test_one_that_is_wanted_anew(self) -> None:
        """By somebody who has reasons, such as a key that may be known: long before its time."""
        process = self.process
        first = process.order("a.test")
        await process.obtaining.look()
        before = process.row(first)
        process.run(stored.order, first, process.now)
        await process.obtaining.look()
        self.assertNotEqual(process.row(first).settings["certificate"], before.settings["certificate"])

    async def test_a_renewal_that_fails(self) -> None:
        """The old one is served; it is tried again, ever later; the operator reads why; then it is well again."""
        process = self.process
        first = process.order("a.test")
        await process.obtaining.look()
        before = process.row(first).settings["certificate"]
        process.now = process.due_at(first)
        process.forget_account()  # Pebble takes a name as shown to the same account again in one order of a hundred
        process.texts = {}  # where nobody looks
        pauses = []
        for _ in range(3):
            await process.obtaining.look()
            state, problem = self.state(first)
            self.assertEqual(state, "active")
            self.assertRegex(problem, r"^a\.test: .*404 \(unauthorized\)$")
            self.assertEqual(process.row(first).settings["certificate"], before)
            self.assertEqual(len(self.served(first)), 2)
            pauses.append(process.due_at(first) - process.now)
            process.now = process.due_at(first)
        self.assertEqual(pauses, [900, 1800, 3600])
        process.texts = self.challenged.texts
        await process.obtaining.look()
        self.assertEqual(self.state(first), ("active", ""))
        self.assertNotEqual(process.row(first).settings["certificate"], before)

    async def test_a_name_is_ordered_four_times_an_hour(self) -> None:
        """By however many certificates: then the authority is left alone."""
        process = self.process
        for _ in range(4):
            process.order("a.test")
        await process.obtaining.look()
        fifth = process.order("a.test")
        await process.obtaining.look()
        self.assertEqual(
            self.state(fifth), ("failed", "Too many tries for one of these names: the next is made in 61 minutes.")
        )
        self.assertEqual(process.due_at(fifth) - process.now, 3600)

    async def test_an_authority_that_is_away(self) -> None:
        """Fails what is to be obtained, and changes nothing of what is served."""
        process = self.process
        first = process.order("a.test")
        process.settings = Acme("https://127.0.0.1:1/directory")
        await process.obtaining.look()
        self.assertEqual(self.state(first), ("failed", "The authority cannot be reached."))
        self.assertEqual(process.due_at(first) - process.now, 900)

    async def test_names_that_change_meanwhile(self) -> None:
        """What was obtained for the former names is dropped, and the present ones are due at once."""
        process = self.process
        first = process.order("a.test")
        self.challenged.answering.clear()
        looking = ensureDeferred(process.obtaining.look())
        await self.until_asked()
        process.rename(first, "c.test")
        self.challenged.answering.set()
        await looking
        self.assertEqual(process.row(first).settings["certificate"], "")
        self.assertEqual(process.due_at(first), process.now)
        await process.obtaining.look()
        self.assertEqual(self.state(first), ("active", ""))

    async def test_a_stop(self) -> None:
        """Leaves what was under way to whoever comes next, at once, and takes the challenges away."""
        process = self.process
        first = process.order("a.test")
        self.challenged.answering.clear()
        looking = ensureDeferred(process.obtaining.look())
        await self.until_asked()
        process.stopped.set()
        looking.cancel()
        with self.assertRaises(CancelledError):
            await looking
        self.assertEqual(process.due_at(first), process.now)
        self.assertTrue(process.run(orders.claim, first, "other", process.now + 600, now=process.now))
        process.texts.clear()
        await process.refresh()
        self.assertEqual(process.texts, {})
        self.challenged.answering.set()

    async def test_what_is_wrong_inside_is_not_told(self) -> None:
        """The log has it; the operator reads that it has."""
        process = self.process
        first = process.order("a.test")

        def broken(*_: Any, **__: Any) -> None:
            raise ZeroDivisionError("/secret")

        self.patch(Network, "post", broken)
        await process.obtaining.look()
        self.assertEqual(self.state(first), ("failed", "meshd could not do it: its log says why."))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


def _turn() -> Deferred[None]:
    turn: Deferred[None] = Deferred()
    reactor.callLater(0.02, turn.callback, None)  # type: ignore[attr-defined]
    return turn
