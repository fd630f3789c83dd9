"""The contract: sessions of the pages, second factors, and accounts by their e-mail address."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import gatherResults

from meshd.auth import sessions
from meshd.model import Account
from meshd.store.interface import Conflict
from meshd.store.statements import accounts
from meshd.store.statements import secondfactors as factors
from meshd.store.statements import sessions as stored
from tests.store.contract import NOW, StoreContract, query, start


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


class SessionContract(StoreContract):
    """Sessions, and what signs in beside a password."""

    async def setUp(self) -> None:
        await super().setUp()
        self.bob = await self.create("bob", password_hash="hash")

    async def begin(self, number: int, now: int = NOW, account: Account | None = None, **how: Any) -> None:
        whose = {"client": "192.0.2.1", "agent": "a browser"}
        await self.store.run(sessions.begin, account or self.bob, key(number), now=now, **whose, **how)

    async def found(self, number: int, now: int = NOW, **how: Any) -> str:
        found = await self.store.run(sessions.find, key(number), now, **how)
        return found.identity.account.username if found else ""

    async def test_found_by_its_digest(self) -> None:
        """With the account; what was not begun is nobody's."""
        await self.begin(1)
        self.assertEqual([await self.found(1), await self.found(2)], ["bob", ""])
        (shown,) = await self.store.run(sessions.listing, self.bob.id, NOW)
        self.assertEqual((shown.client, shown.agent, shown.began_at), ("192.0.2.1", "a browser", NOW))

    async def test_a_digest_is_ones(self) -> None:
        """Twice the same secret would be two sign-ins with one cookie."""
        await self.begin(1)
        whose = {"client": "", "agent": "", "now": NOW}
        await self.fails(Conflict, sessions.begin, self.bob, key(1), **whose)

    async def test_ends(self) -> None:
        """After twelve hours in which nothing was asked, after thirty days whatever was."""
        await self.begin(1)
        self.assertEqual(await self.found(1, NOW + sessions.LIFE.idle - 1), "bob")
        self.assertEqual(await self.found(1, NOW + 2 * sessions.LIFE.idle - 2), "bob")
        self.assertEqual(await self.found(1, NOW + 3 * sessions.LIFE.idle - 2), "")
        await self.begin(2)
        at = NOW
        while await self.found(2, at):
            at += sessions.LIFE.idle // 2
        self.assertEqual(at, NOW + sessions.LIFE.longest)

    async def test_ends_by_the_settings(self) -> None:
        """By those that hold when it is asked for, shorter or longer than at its begin."""
        await self.begin(1)
        short, busy = sessions.Life(100, 10_000), sessions.Life(100, 150)
        self.assertEqual(await self.found(1, NOW + 99, life=short), "bob")
        self.assertEqual(await self.found(1, NOW + 199, life=short), "")
        await self.begin(2, life=busy)
        self.assertEqual(await self.found(2, NOW + 90, life=busy), "bob")
        self.assertEqual(await self.found(2, NOW + 150, life=short), "")

    async def test_seen_is_written_once_a_minute(self) -> None:
        """Not by every page."""
        await self.begin(1)
        for seconds, expected in ((59, NOW), (60, NOW + 60), (100, NOW + 60), (120, NOW + 120)):
            await self.found(1, NOW + seconds)
            (shown,) = await self.store.run(sessions.listing, self.bob.id, NOW)
            self.assertEqual(shown.seen_at, expected)

    async def test_what_ends_it_at_once(self) -> None:
        """Another password, an inactive account or parent, no account; it does not come back with what was before."""
        kid = await self.create("kid", self.bob, password_hash="hash")
        undone = {
            "another password": (kid, {"password_hash": "other"}, {"password_hash": "hash"}),
            "inactive": (kid, {"active": False}, {"active": True}),
            "an inactive parent": (self.bob, {"active": False}, {"active": True}),
        }
        for number, (case, (account, change, back)) in enumerate(undone.items()):
            await self.begin(number, account=kid)
            await self.store.run(accounts.edit, account.id, **change)
            self.assertEqual(await self.found(number), "", case)
            await self.store.run(accounts.edit, account.id, **back)
            self.assertEqual(await self.found(number), "", case)
        await self.begin(9, account=kid)
        await self.store.run(accounts.delete, self.bob.id)
        self.assertEqual(await self.found(9), "")

    async def test_bounded(self) -> None:
        """Of too many of one account the one that was seen longest ago goes; another's stay."""
        eve = await self.create("eve")
        await self.begin(1000, account=eve)
        for number in range(sessions.MOST + 2):
            await self.begin(number, NOW + number)
        left = [number for number in range(sessions.MOST + 2) if await self.found(number, NOW + 50)]
        self.assertEqual(left, list(range(2, sessions.MOST + 2)))
        self.assertEqual(await self.found(1000), "eve")

    async def test_swept(self) -> None:
        """What is over goes with the next sign-in, whosever."""
        eve = await self.create("eve")
        await self.begin(1, account=eve)
        await self.begin(2, NOW + sessions.LIFE.idle)
        self.assertEqual(await self.store.run(query, "select account_id from sessions"), [(self.bob.id,)])

    async def test_ended_by_hand(self) -> None:
        """One, by its holder alone; all of an account; the one that another replaces."""
        eve = await self.create("eve")
        for number in (1, 2, 3):
            await self.begin(number, NOW + number)
        (newest, *_) = await self.store.run(sessions.listing, self.bob.id, NOW)
        self.assertFalse(await self.store.run(sessions.end_one, eve.id, newest.id))
        self.assertTrue(await self.store.run(sessions.end_one, self.bob.id, newest.id))
        self.assertEqual([await self.found(number) for number in (1, 2, 3)], ["bob", "bob", ""])
        await self.begin(4, replacing=key(2))
        self.assertEqual([await self.found(number) for number in (1, 2, 4)], ["bob", "", "bob"])
        await self.store.run(sessions.end_all, self.bob.id)
        self.assertEqual([await self.found(number) for number in (1, 2, 4)], ["", "", ""])

    async def test_half(self) -> None:
        """Half signed in is nobody: not found as a session, not listed, over in minutes, with so many tries."""
        await self.begin(1, half=True)
        self.assertEqual([await self.found(1), await self.found(1, half=True)], ["", "bob"])
        self.assertEqual(await self.store.run(sessions.listing, self.bob.id, NOW), [])
        self.assertEqual(await self.found(1, NOW + sessions.HALF, half=True), "")
        tries = [await self.store.run(sessions.tried, key(1)) for _ in range(sessions.TRIES + 1)]
        self.assertEqual(tries, [True] * sessions.TRIES + [False])
        self.assertEqual(await self.found(1, half=True), "")
        await self.begin(2)
        self.assertEqual(await self.found(2, half=True), "")
        self.assertFalse(await self.store.run(sessions.tried, key(2)))

    async def test_tries_at_once(self) -> None:
        """On several nodes they are counted one by one."""
        await self.begin(1, half=True)
        other = await self.open()
        tries = [start(store.run(stored.tried, key(1), 5)) for store in (self.store, other) * 5]
        self.assertEqual(sum(await gatherResults(tries)), 5)

    async def test_a_step_is_taken_once(self) -> None:
        """By whichever node is first; a step before it is gone too, and another secret has none."""
        self.assertTrue(await self.store.run(factors.add, self.bob.id, "S", 10, NOW))
        self.assertFalse(await self.store.run(factors.add, self.bob.id, "T", 10, NOW))
        other = await self.open()
        taken = [start(store.run(factors.take_step, self.bob.id, "S", 11)) for store in (self.store, other) * 3]
        self.assertEqual(sum(await gatherResults(taken)), 1)
        for secret, step, expected in (("S", 10, False), ("S", 11, False), ("T", 12, False), ("S", 12, True)):
            self.assertEqual(await self.store.run(factors.take_step, self.bob.id, secret, step), expected)

    async def test_a_recovery_code_is_taken_once(self) -> None:
        """And the next set replaces the last."""
        await self.store.run(factors.add, self.bob.id, "S", 10, NOW)
        await self.store.run(factors.replace_recovery_codes, self.bob.id, [key(1), key(2)])
        other = await self.open()
        taken = [start(store.run(factors.take_recovery_code, self.bob.id, key(1))) for store in (self.store, other) * 3]
        self.assertEqual(sum(await gatherResults(taken)), 1)
        self.assertEqual((await self.store.run(factors.of_account, self.bob.id)).recovery_codes, 1)
        await self.store.run(factors.replace_recovery_codes, self.bob.id, [key(3)])
        self.assertFalse(await self.store.run(factors.take_recovery_code, self.bob.id, key(2)))
        self.assertTrue(await self.store.run(factors.delete, self.bob.id))
        self.assertFalse(await self.store.run(factors.delete, self.bob.id))
        self.assertFalse(await self.store.run(factors.take_recovery_code, self.bob.id, key(3)))

    async def test_by_email(self) -> None:
        """Whatever the case; several where several have it, sub-accounts last; one without any is nobody's."""
        for name, email in (("a", "One@x.example"), ("b", "two@x.example"), ("c", "TWO@x.example"), ("d", "")):
            await self.create(name, email=email)
        for asked, expected in (("one@X.example", ["a"]), ("two@x.example", ["b", "c"]), ("", []), ("x", [])):
            found = await self.store.run(accounts.by_email, asked, 2)
            self.assertEqual(sorted(each.username for each in found), expected)
        parent = await self.create("e")
        for name in ("f", "g"):
            await self.create(name, parent, email="one@x.example")
        found = await self.store.run(accounts.by_email, "one@x.example", 2)
        self.assertEqual(found[0].username, "a")
