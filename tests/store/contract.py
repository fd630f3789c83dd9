"""What a store promises, run on each database by the modules beside this one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, DeferredList, gatherResults
from twisted.trial.unittest import TestCase

from meshd.model import Account, AuthorizedHostname, AuthorizedIP, Ban, Change, Token, Usage, UsageEntry
from meshd.store.feed import Feed
from meshd.store.interface import Conflict, SchemaError, Store, StoreError, StoreUnavailable
from meshd.store.open import BlockingStore
from meshd.store.statements import (
    accounts,
    addresses,
    audit,
    bans,
    changes,
    hostnames,
    identities,
    proxies,
    tokens,
    usage,
)
from meshd.store.unit import Statement, Unit
from meshd.usage import period

DAY = 86_400
NOW = 1_770_000_000
"""2 February 2026, 02:40 UTC: with billing day 10, in the period from 10 January to 10 February."""

JANUARY = period.start(10, NOW)
FEBRUARY = period.following(10, NOW)


def start(coroutine: Any) -> Deferred[Any]:
    return Deferred.fromCoroutine(coroutine)


class ObjectionError(Exception):
    """A unit's own objection."""


def query(sql: str, **params: Any) -> Unit[list[Any]]:
    """One statement as a unit."""
    return (yield Statement(sql, params))


def add_one(account_id: int) -> Unit[None]:
    """Read, then write what follows from it."""
    yield from accounts.lock(account_id)
    account = yield from accounts.by_id(account_id)
    assert account is not None
    yield from accounts.edit(account_id, total_limit=account.total_limit + 1)


def only_one_token(account_id: int, digest: bytes) -> Unit[Token]:
    """A rule over several rows."""
    yield from accounts.lock(account_id)
    if (yield from tokens.count(account_id)) >= 1:
        raise ObjectionError
    return (yield from tokens.create(account_id, digest, "", "", NOW))


def change_limit(account_id: int, limit: int) -> Unit[None]:
    yield from accounts.edit(account_id, total_limit=limit)
    yield from changes.publish(account_id)


class StoreContract(TestCase):
    """Every promise; a subclass says how to make a store."""

    __test__ = False
    timeout = 60

    async def open(self, **options: Any) -> Store:
        """A started store on this test's database; each call is another process, as far as stores can tell."""
        raise NotImplementedError

    def url(self) -> str:
        """Of this test's database."""
        raise NotImplementedError

    async def setUp(self) -> None:
        self.store = await self.open()

    async def create(self, username: str = "bob", parent: Account | None = None, **columns: Any) -> Account:
        columns = {"role": "customer", "plan": "10", "password_hash": "", "billing_day": 10, "now": NOW} | columns
        return await self.store.run(accounts.create, username, parent_id=parent.id if parent else None, **columns)

    async def bill(self, batch: int, *entries: UsageEntry, at: int = NOW, journal: str = "j") -> Any:
        return await self.store.run(usage.apply, journal, batch, at, entries)

    async def fails(self, error: type[Exception], unit: Callable[..., Unit[Any]], *args: Any, **kwargs: Any) -> Any:
        try:
            result = await self.store.run(unit, *args, **kwargs)
        except error as raised:
            return raised
        self.fail(f"{result!r} instead of {error.__name__}")
        return None


class AccountContract(StoreContract):
    """Accounts and what belongs to them."""

    async def test_create(self) -> None:
        """What was created is what is found, whatever the case of the name."""
        made = await self.create(
            "Bob", first_name="B", last_name="O'B", email="b%20@x", monthly_limit=3, total_limit=2**60, plan="20"
        )
        self.assertEqual(
            made,
            Account(made.id, "Bob", None, "customer", "20", True, "B", "O'B", "b%20@x", 3, 2**60, 10, NOW, ""),
        )
        self.assertEqual(await self.store.run(accounts.by_id, made.id), made)
        self.assertEqual(await self.store.run(accounts.by_username, "bOB"), made)
        self.assertIsNone(await self.store.run(accounts.by_username, "bo"))

    async def test_username_taken(self) -> None:
        """A username is one whatever its case, over the whole installation."""
        parent = await self.create("bob")
        raised = await self.fails(
            Conflict,
            accounts.create,
            "BOB",
            parent_id=parent.id,
            role="customer",
            plan="10",
            password_hash="",
            billing_day=1,
            now=NOW,
        )
        self.assertEqual(str(raised), "this username is taken already")

    async def test_one_root(self) -> None:
        """There is one root account, and no second."""
        self.assertIsNone(await self.store.run(accounts.root))
        root = await self.create("admin", role="root")
        self.assertEqual(await self.store.run(accounts.root), root)
        other = await self.create("bob")
        await self.fails(Conflict, accounts.edit, other.id, role="root")

    async def test_edit(self) -> None:
        """Editing sets the columns that are given and leaves the others."""
        account = await self.create()
        edited = await self.store.run(accounts.edit, account.id, active=False, plan="50")
        self.assertEqual((edited.active, edited.plan, edited.username), (False, "50", "bob"))
        self.assertEqual(await self.store.run(accounts.edit, account.id), edited)
        self.assertIsNone(await self.store.run(accounts.edit, account.id + 1, plan="50"))
        await self.fails(TypeError, accounts.edit, account.id, username="eve")

    async def test_children(self) -> None:
        """A parent's sub-accounts come by name, nobody else's among them."""
        parent = await self.create("p")
        subs = [await self.create(name, parent) for name in ("b", "A")]
        await self.create("c", await self.create("other"))
        self.assertEqual(await self.store.run(accounts.children, parent.id), subs[::-1])
        self.assertEqual(await self.store.run(accounts.count_children, parent.id), 2)

    async def test_pages(self) -> None:
        """Pages by id cover every account once."""
        made = [await self.create(f"u{i}") for i in range(5)]
        first = await self.store.run(accounts.page, 0, 3)
        second = await self.store.run(accounts.page, first[-1].id, 3)
        self.assertEqual(first + second, made)
        self.assertEqual(await self.store.run(accounts.page, second[-1].id, 3), [])

    async def test_delete(self) -> None:
        """Deletion leaves nothing of the account and its sub-accounts, except what they cost and the audit."""
        grand = await self.create("grand")
        parent = await self.create("parent", grand)
        sub = await self.create("sub", parent)
        for account in (parent, sub):
            await self.store.run(tokens.create, account.id, account.username.encode(), "", "", NOW)
            await self.store.run(addresses.add, account.id, f"192.0.2.{account.id}", "", NOW)
            await self.store.run(hostnames.add, account.id, f"{account.username}.example", NOW)
            await self.store.run(proxies.authorize, account.id, "us", NOW)
        await self.bill(1, UsageEntry(sub.id, parent.id, 7, 1, 2, 1), UsageEntry(parent.id, grand.id, 0, 10, 0, 1))
        await self.store.run(accounts.delete, parent.id)
        self.assertEqual(await self.store.run(accounts.page, 0, 9), [grand])
        for table in ("tokens", "authorized_ips", "authorized_hostnames", "proxy_authorizations", "usage_hours"):
            self.assertEqual(await self.store.run(query, f"select * from {table}"), [], table)
        self.assertEqual(await self.store.run(query, "select account_id, total_bytes from usage"), [(grand.id, 10)])

    async def test_ids_are_not_used_again(self) -> None:
        """A late bill of a deleted account must not reach a new one."""
        gone = await self.create()
        await self.store.run(accounts.delete, gone.id)
        self.assertGreater((await self.create()).id, gone.id)

    async def test_tokens(self) -> None:
        """A token's whole life."""
        account, other = await self.create(), await self.create("eve")
        made = await self.store.run(tokens.create, account.id, b"\0\xff'%", "label", "2026-03-01", NOW)
        second = await self.store.run(tokens.create, account.id, b"2", "", "", NOW)
        self.assertEqual(made, Token(made.id, account.id, "label", True, "2026-03-01", NOW))
        self.assertEqual(await self.store.run(tokens.by_digest, b"\0\xff'%"), made)
        self.assertIsNone(await self.store.run(tokens.by_digest, b"\0"))
        self.assertEqual(await self.store.run(tokens.by_id, made.id), made)
        self.assertEqual(await self.store.run(tokens.of_account, account.id), [made, second])
        self.assertEqual(await self.store.run(tokens.count, other.id), 0)
        self.assertFalse((await self.store.run(tokens.set_active, made.id, False)).active)
        self.assertTrue((await self.store.run(tokens.set_active, made.id, True)).active)
        await self.fails(Conflict, tokens.create, other.id, b"2", "", "", NOW)
        self.assertTrue(await self.store.run(tokens.delete, made.id))
        self.assertFalse(await self.store.run(tokens.delete, made.id))
        self.assertEqual(await self.store.run(tokens.count, account.id), 1)

    async def test_ids_from_outside(self) -> None:
        """A number that no id can be finds nothing."""
        for number in (0, -1, 2**63, 10**30):
            self.assertIsNone(await self.store.run(tokens.by_id, number))
            self.assertIsNone(await self.store.run(tokens.set_active, number, True))
            self.assertFalse(await self.store.run(tokens.delete, number))
            self.assertIsNone(await self.store.run(accounts.by_id, number))
            self.assertIsNone(await self.store.run(identities.load, number, NOW))

    async def test_deactivate_all(self) -> None:
        """A plan without tokens deactivates the account's and its sub-accounts', no others."""
        parent, other = await self.create("p"), await self.create("o")
        sub = await self.create("s", parent)
        made = [
            await self.store.run(tokens.create, account.id, str(i).encode(), "", "", NOW)
            for i, account in enumerate((parent, sub, other, sub))
        ]
        await self.store.run(tokens.set_active, made[3].id, False)
        self.assertEqual(await self.store.run(tokens.deactivate_all, parent.id), [made[0].id, made[1].id])
        self.assertTrue((await self.store.run(tokens.by_id, made[2].id)).active)

    async def test_addresses(self) -> None:
        """An address belongs to one account of the whole installation."""
        bob, eve = await self.create("bob"), await self.create("eve")
        made = await self.store.run(addresses.add, bob.id, "192.0.2.1", "home", NOW)
        self.assertEqual(made, AuthorizedIP(bob.id, "192.0.2.1", "home", NOW))
        self.assertEqual(
            str(await self.fails(Conflict, addresses.add, eve.id, "192.0.2.1", "", NOW)).split()[1], "address"
        )
        self.assertEqual(await self.store.run(addresses.by_address, "192.0.2.1"), made)
        self.assertEqual(await self.store.run(addresses.of_account, bob.id), [made])
        self.assertEqual(await self.store.run(addresses.count, eve.id), 0)
        self.assertFalse(await self.store.run(addresses.delete, eve.id, "192.0.2.1"))
        self.assertTrue(await self.store.run(addresses.delete, bob.id, "192.0.2.1"))
        self.assertEqual(await self.store.run(addresses.count, bob.id), 0)

    async def test_hostnames(self) -> None:
        """A hostname belongs to one account of the whole installation."""
        bob, eve = await self.create("bob"), await self.create("eve")
        made = await self.store.run(hostnames.add, bob.id, "b.example", NOW)
        first = await self.store.run(hostnames.add, eve.id, "a.example", NOW)
        self.assertEqual(made, AuthorizedHostname(bob.id, "b.example", NOW))
        self.assertEqual(
            str(await self.fails(Conflict, hostnames.add, eve.id, "b.example", NOW)).split()[1], "hostname"
        )
        self.assertEqual(await self.store.run(hostnames.by_hostname, "b.example"), made)
        self.assertEqual(await self.store.run(hostnames.of_account, bob.id), [made])
        self.assertEqual(await self.store.run(hostnames.page, "", 1), [first])
        self.assertEqual(await self.store.run(hostnames.page, "a.example", 5), [made])
        self.assertFalse(await self.store.run(hostnames.delete, eve.id, "b.example"))
        self.assertTrue(await self.store.run(hostnames.delete, bob.id, "b.example"))
        self.assertEqual(await self.store.run(hostnames.count, bob.id), 0)

    async def test_proxies(self) -> None:
        """Authorisations keep their order; a second of the same changes nothing."""
        bob = await self.create()
        authorized = [await self.store.run(proxies.authorize, bob.id, name, NOW) for name in ("us", "open", "us")]
        self.assertEqual(authorized, [True, True, False])
        self.assertEqual(await self.store.run(proxies.of_account, bob.id), ["us", "open"])
        self.assertTrue(await self.store.run(proxies.revoke, bob.id, "us"))
        self.assertFalse(await self.store.run(proxies.revoke, bob.id, "us"))
        self.assertEqual(await self.store.run(proxies.of_account, bob.id), ["open"])

    async def test_identity(self) -> None:
        """A sub-account's identity holds its parent, its parent's proxies and both usages, by every way of asking."""
        parent = await self.create("parent")
        sub = await self.create("Sub", parent, billing_day=1)
        await self.store.run(proxies.authorize, parent.id, "us", NOW)
        await self.store.run(proxies.authorize, parent.id, "open", NOW)
        token = await self.store.run(tokens.create, sub.id, b"d", "", "", NOW)
        await self.store.run(addresses.add, sub.id, "192.0.2.1", "", NOW)
        await self.store.run(hostnames.add, sub.id, "a.example", NOW)
        await self.bill(1, UsageEntry(sub.id, parent.id, 0, 1, 2, 1), UsageEntry(parent.id, 0, 0, 4, 0, 1))
        found = await self.store.run(identities.load, sub.id, NOW)
        self.assertEqual((found.account, found.parent, found.proxies), (sub, parent, frozenset({"us", "open"})))
        self.assertEqual(found.usage, Usage(sub.id, 3, 3, JANUARY))
        self.assertEqual(found.parent_usage, Usage(parent.id, 7, 7, JANUARY))
        self.assertEqual(await self.store.run(identities.by_username, "SUB", NOW), found)
        self.assertEqual(await self.store.run(identities.by_token, b"d", NOW), (found, token))
        self.assertEqual(await self.store.run(identities.by_address, "192.0.2.1", NOW), found)
        self.assertEqual(await self.store.run(identities.by_hostname, "a.example", NOW), found)
        alone = await self.store.run(identities.load, parent.id, FEBRUARY)
        self.assertEqual((alone.parent, alone.parent_usage, len(alone.proxies)), (None, None, 2))
        self.assertEqual(alone.usage, Usage(parent.id, 7, 0, FEBRUARY))

    async def test_hostile_texts(self) -> None:
        """Whatever a client wrote can be looked for, and finds nothing."""
        await self.create("bob")
        for text in ("bob\0", "\ud800", "'; drop table accounts --", "%", "x" * 100_000, "", ":id", "bob" + "x" * 99):
            self.assertIsNone(await self.store.run(identities.by_username, text, NOW), text[:9])
            self.assertIsNone(await self.store.run(identities.by_address, text, NOW), text[:9])
            self.assertIsNone(await self.store.run(identities.by_hostname, text, NOW), text[:9])
            self.assertIsNone(await self.store.run(bans.find, text, text, NOW), text[:9])

    async def test_what_cannot_be_stored(self) -> None:
        """A value that no column holds is a StoreError, and the store goes on."""
        account = await self.create()
        await self.fails(StoreError, accounts.edit, account.id, total_limit=2**64)
        await self.fails(StoreError, accounts.edit, account.id, email="\ud800")
        await self.fails(StoreError, accounts.edit, account.id, total_limit=-1)
        await self.fails(StoreError, tokens.create, account.id + 1, b"", "", "", NOW)
        self.assertEqual(await self.store.run(accounts.by_id, account.id), account)

    async def test_audit(self) -> None:
        """The audit of an account comes newest first and outlives it."""
        account = await self.create()
        for n in range(3):
            await self.store.run(audit.record, NOW + n, "admin", "edit", account.id, f"plan={n}")
        await self.store.run(accounts.delete, account.id)
        found = await self.store.run(audit.of_account, account.id, 2)
        self.assertEqual([entry.detail for entry in found], ["plan=2", "plan=1"])
        self.assertEqual(found[0], audit.AuditEntry(NOW + 2, "admin", "edit", account.id, "plan=2"))


class UsageContract(StoreContract):
    """Money."""

    async def test_twice(self) -> None:
        """A batch applied twice counts once; so does an older one that comes late."""
        bob = await self.create()
        first = await self.bill(4, UsageEntry(bob.id, 0, 0, 5, 6, 1))
        self.assertEqual([standing.usage for standing in first], [Usage(bob.id, 11, 11, JANUARY)])
        self.assertIsNone(await self.bill(4, UsageEntry(bob.id, 0, 0, 5, 6, 1)))
        self.assertIsNone(await self.bill(3, UsageEntry(bob.id, 0, 0, 5, 6, 1)))
        self.assertEqual((await self.store.run(usage.of_account, bob.id, NOW)).total_bytes, 11)

    async def test_journals_are_told_apart(self) -> None:
        """Batches of different journals have numbers of their own."""
        bob = await self.create()
        await self.bill(1, UsageEntry(bob.id, 0, 0, 1, 0, 1), journal="a")
        await self.bill(1, UsageEntry(bob.id, 0, 0, 2, 0, 1), journal="b")
        self.assertEqual((await self.store.run(usage.of_account, bob.id, NOW)).total_bytes, 3)

    async def test_same_batch_at_once(self) -> None:
        """Of two that replay the same batch at the same time, one adds it."""
        bob = await self.create()
        other = await self.open()
        entry = UsageEntry(bob.id, 0, 0, 1, 0, 1)
        results = await gatherResults(
            [start(store.run(usage.apply, "j", 1, NOW, [entry])) for store in (self.store, other) * 5]
        )
        self.assertEqual(len([result for result in results if result is not None]), 1)
        self.assertEqual((await self.store.run(usage.of_account, bob.id, NOW)).total_bytes, 1)

    async def test_parent(self) -> None:
        """A sub-account's bytes count for it and for its parent, in the parent's billing period."""
        parent = await self.create("parent", billing_day=10, total_limit=5)
        sub = await self.create("sub", parent, billing_day=1)
        standings = await self.bill(1, UsageEntry(sub.id, parent.id, 0, 5, 6, 1), UsageEntry(parent.id, 0, 0, 1, 0, 1))
        self.assertEqual(
            [(s.account_id, s.parent_id, s.total_limit, s.billing_day, s.usage) for s in standings],
            [
                (parent.id, None, 5, 10, Usage(parent.id, 12, 12, JANUARY)),
                (sub.id, parent.id, 0, 10, Usage(sub.id, 11, 11, JANUARY)),
            ],
        )

    async def test_deleted(self) -> None:
        """Bytes of an account that is gone are billed to its parent, and those of nobody to nobody."""
        parent = await self.create("parent")
        sub = await self.create("sub", parent)
        await self.store.run(accounts.delete, sub.id)
        standings = await self.bill(1, UsageEntry(sub.id, parent.id, 0, 5, 6, 1), UsageEntry(sub.id + 7, 0, 0, 1, 1, 1))
        self.assertEqual([(s.account_id, s.usage.total_bytes) for s in standings], [(parent.id, 11)])
        self.assertEqual(await self.store.run(usage.series, sub.id, 0, 2 * NOW), [])

    async def test_empty_batch(self) -> None:
        """A batch without entries is remembered like any other."""
        self.assertEqual(await self.bill(1), [])
        self.assertIsNone(await self.bill(1))

    async def test_period(self) -> None:
        """A new period begins at zero; a clock that steps back, or an old journal, never opens the last one again."""
        bob = await self.create()
        entry = UsageEntry(bob.id, 0, 0, 1, 0, 1)
        await self.bill(1, entry, at=FEBRUARY - 1)
        (standing,) = await self.bill(2, entry, at=FEBRUARY)
        self.assertEqual(standing.usage, Usage(bob.id, 2, 1, FEBRUARY))
        (standing,) = await self.bill(3, entry, at=FEBRUARY - 1)
        self.assertEqual(standing.usage, Usage(bob.id, 3, 2, FEBRUARY))
        self.assertEqual(await self.store.run(usage.of_account, bob.id, JANUARY), Usage(bob.id, 3, 2, FEBRUARY))

    async def test_period_on_reading(self) -> None:
        """What is read after a period's end counts nothing for the new one, whoever has not been billed since."""
        bob = await self.create()
        await self.bill(1, UsageEntry(bob.id, 0, 0, 1, 0, 1))
        self.assertEqual(await self.store.run(usage.of_account, bob.id, FEBRUARY - 1), Usage(bob.id, 1, 1, JANUARY))
        self.assertEqual(await self.store.run(usage.of_account, bob.id, FEBRUARY), Usage(bob.id, 1, 0, FEBRUARY))
        standing = await self.store.run(usage.standing, bob.id, FEBRUARY)
        self.assertEqual(standing.usage, Usage(bob.id, 1, 0, FEBRUARY))

    async def test_never_used(self) -> None:
        """Who has used nothing has a usage all the same; who is not there has none."""
        bob = await self.create()
        self.assertEqual(await self.store.run(usage.of_account, bob.id, NOW), Usage(bob.id, 0, 0, JANUARY))
        self.assertEqual((await self.store.run(usage.standing, bob.id, NOW)).usage, Usage(bob.id, 0, 0, JANUARY))
        self.assertIsNone(await self.store.run(usage.standing, bob.id + 1, NOW))
        self.assertEqual(await self.store.run(usage.of_account, bob.id + 1, NOW), Usage(bob.id + 1, 0, 0, 0))

    async def test_crossing(self) -> None:
        """The batch that reaches a limit publishes its account once, a parent's as well as a sub-account's."""
        parent = await self.create("parent", total_limit=30)
        sub = await self.create("sub", parent, monthly_limit=10)
        told = []
        for batch in range(1, 6):
            await self.bill(batch, UsageEntry(sub.id, parent.id, 0, 4, 4, 1))
            found = await self.store.run(changes.since, 0, 99)
            told.append([change.account_id for change in found])
        self.assertEqual(told, [[], [sub.id], [sub.id], [sub.id, parent.id], [sub.id, parent.id]])
        await self.bill(6, UsageEntry(sub.id, parent.id, 0, 10, 0, 1), at=FEBRUARY)
        found = await self.store.run(changes.since, 2, 99)
        self.assertEqual([change.account_id for change in found], [sub.id])

    async def test_series(self) -> None:
        """Own bytes come by hour and token, the parent's without its sub-accounts'."""
        parent = await self.create("parent")
        sub = await self.create("sub", parent)
        hour = NOW - NOW % 3600
        await self.bill(1, UsageEntry(sub.id, parent.id, 0, 1, 2, 1), UsageEntry(sub.id, parent.id, 7, 3, 4, 1))
        await self.bill(2, UsageEntry(sub.id, parent.id, 7, 10, 20, 2), UsageEntry(parent.id, 0, 0, 9, 9, 9))
        await self.bill(3, UsageEntry(sub.id, parent.id, 7, 100, 200, 3), at=NOW + 3600)
        self.assertEqual(
            await self.store.run(usage.series, sub.id, hour, hour + 3600), [(hour, 0, 1, 2, 1), (hour, 7, 13, 24, 3)]
        )
        self.assertEqual(await self.store.run(usage.series, sub.id, hour + 1, NOW * 2), [(hour + 3600, 7, 100, 200, 3)])
        self.assertEqual(await self.store.run(usage.series, parent.id, 0, NOW * 2), [(hour, 0, 9, 9, 9)])

    async def test_many(self) -> None:
        """A batch of hundreds of accounts is added whole, in a few statements."""
        parent = await self.create("parent")
        subs = [await self.create(f"s{i}", parent) for i in range(230)]
        entries = [UsageEntry(sub.id, parent.id, token, 1, 1, 1) for sub in subs for token in (0, 1)]
        counted: list[str] = []

        def watched() -> Unit[Any]:
            unit = usage.apply("j", 1, NOW, entries)
            statement, result = next(unit), None
            try:
                while True:
                    counted.append(statement.sql)
                    statement = unit.send((yield statement))
            except StopIteration as end:
                result = end.value
            return result

        standings = await self.store.run(watched)
        self.assertEqual({s.usage.total_bytes for s in standings if s.account_id != parent.id}, {4})
        self.assertEqual(standings[0].usage, Usage(parent.id, 920, 920, JANUARY))
        self.assertEqual([s.account_id for s in standings], [parent.id, *(sub.id for sub in subs)])
        self.assertLess(len(set(counted)), 12)

    async def test_many_nodes(self) -> None:
        """Nodes that bill the same accounts in other orders at the same time lose nothing."""
        other = await self.open()
        made = [await self.create(f"u{i}") for i in range(20)]
        work = []
        for batch in range(1, 11):
            for name, store, order in (("a", self.store, made), ("b", other, made[::-1])):
                entries = [UsageEntry(account.id, 0, 0, 1, 1, 1) for account in order]
                work.append(start(store.run(usage.apply, name, batch, NOW, entries)))
        await gatherResults(work)
        found = await self.store.run(usage.standings, [account.id for account in made], NOW)
        applied = {s.usage.total_bytes for s in found}
        batches = dict(await self.store.run(query, "select id, last_batch from journals"))
        self.assertEqual(batches, {"a": 10, "b": 10})
        self.assertEqual(len(applied), 1, "each batch is added to all of its accounts or to none")

    async def test_delete_meanwhile(self) -> None:
        """Accounts that are deleted while they are billed take nobody else's bytes with them."""
        other = await self.open()
        parent = await self.create("parent")
        subs = [await self.create(f"s{i}", parent) for i in range(20)]
        work = []
        for n, sub in enumerate(subs):
            entries = [UsageEntry(s.id, parent.id, 0, 1, 0, 1) for s in subs]
            work.append(start(self.store.run(usage.apply, f"j{n}", 1, NOW, entries)))
            work.append(start(other.run(accounts.delete, sub.id)))
        await gatherResults(work)
        self.assertEqual((await self.store.run(usage.of_account, parent.id, NOW)).total_bytes, 400)
        self.assertEqual(await self.store.run(query, "select account_id from usage"), [(parent.id,)])


class BanContract(StoreContract):
    """Wrong credentials."""

    async def failed(self, username: str, now: int = NOW, address: str = "192.0.2.1", **bounds: int) -> Ban | None:
        bounds = {"limit": 4, "window": 600, "seconds": 10_800, "names_limit": 20} | bounds
        return await self.store.run(bans.failed, address, username, now, **bounds)

    async def test_fourth(self) -> None:
        """The fourth failure of a name from an address within the window bans just that name from there."""
        outcomes = [await self.failed(name, NOW + n) for n, name in enumerate(["bob", "BOB", "bob", "Bob"])]
        ban = Ban("192.0.2.1", "bob", NOW + 3 + 10_800)
        self.assertEqual(outcomes, [None, None, None, ban])
        self.assertEqual(await self.store.run(bans.find, "192.0.2.1", "BOB", NOW + 4), ban)
        self.assertIsNone(await self.store.run(bans.find, "192.0.2.1", "eve", NOW + 4))
        self.assertIsNone(await self.store.run(bans.find, "192.0.2.2", "bob", NOW + 4))
        self.assertIsNone(await self.store.run(bans.find, "192.0.2.1", "bob", ban.until))
        self.assertEqual(await self.store.run(bans.active, NOW + 4, 9), [ban])

    async def test_window(self) -> None:
        """Failures that lie longer back than the window do not count."""
        outcomes = [await self.failed("bob", NOW + 201 * n) for n in range(8)]
        self.assertEqual(outcomes, [None] * 8)

    async def test_after_a_ban(self) -> None:
        """When a ban is over, its name has all its tries again."""
        outcomes = [await self.failed("bob", NOW + n, limit=2, seconds=1) for n in range(6)]
        self.assertEqual([bool(ban) for ban in outcomes], [False, True] * 3)

    async def test_many_names(self) -> None:
        """So many wrong names from one address ban the address for every name."""
        outcomes = [await self.failed(f"u{n}", names_limit=5) for n in (0, 0, 0, 0, 1, 2, 3, 4)]
        self.assertEqual([ban and ban.username for ban in outcomes], [None] * 3 + ["u0"] + [None] * 3 + ["*"])
        self.assertEqual((await self.store.run(bans.find, "192.0.2.1", "somebody", NOW)).username, "*")
        self.assertIsNone(await self.failed("bob", address="192.0.2.2", names_limit=5))

    async def test_concurrent(self) -> None:
        """Of failures at the same time, on several nodes, none is missed."""
        other = await self.open()
        bounds = {"limit": 20, "window": 600, "seconds": 60, "names_limit": 50}
        outcomes = await gatherResults(
            [start(store.run(bans.failed, "192.0.2.1", "bob", NOW, **bounds)) for store in (self.store, other) * 10]
        )
        self.assertEqual(len([ban for ban in outcomes if ban]), 1)

    async def test_lift(self) -> None:
        """A lifted ban is gone, and so are the failures that led to it."""
        for n in range(4):
            await self.failed("bob", NOW + n)
        await self.failed("eve")
        self.assertEqual(await self.store.run(bans.lift, "192.0.2.1", "BOB"), 1)
        self.assertEqual(await self.store.run(bans.lift, "192.0.2.1", "bob"), 0)
        self.assertIsNone(await self.store.run(bans.find, "192.0.2.1", "bob", NOW))
        self.assertIsNone(await self.failed("bob"))
        await self.store.run(bans.add, Ban("192.0.2.1", "*", NOW + 60))
        await self.store.run(bans.add, Ban("192.0.2.1", "eve", NOW + 60))
        self.assertEqual(await self.store.run(bans.lift, "192.0.2.1", ""), 2)
        self.assertEqual(await self.store.run(query, "select * from failures"), [])

    async def test_add(self) -> None:
        """A ban that is there already is prolonged, never shortened."""
        for seconds in (60, 90, 30):
            await self.store.run(bans.add, Ban("192.0.2.1", "Bob", NOW + seconds))
        self.assertEqual(await self.store.run(bans.active, NOW, 9), [Ban("192.0.2.1", "bob", NOW + 90)])
        self.assertEqual(await self.store.run(bans.active, NOW + 90, 9), [])

    async def test_old_ones_are_forgotten(self) -> None:
        """Failures and bans that are over leave the store."""
        for n in range(4):
            await self.failed("bob", NOW + n)
        await self.failed("eve", NOW + 100_000)
        self.assertEqual(await self.store.run(query, "select username from failures"), [("eve",)])
        self.assertEqual(await self.store.run(query, "select * from bans"), [])


class ChangeContract(StoreContract):
    """The change feed."""

    async def test_numbers(self) -> None:
        """Each change has the next number; a reader gets those after the one it knows."""
        self.assertEqual(await self.store.run(changes.newest), 0)
        self.assertEqual(await self.store.run(changes.since, 0, 9), [])
        for account_id in (5, 0, 7):
            await self.store.run(changes.publish, account_id)
        self.assertEqual(await self.store.run(changes.since, 0, 2), [Change(1, 5), Change(2, 0)])
        self.assertEqual(await self.store.run(changes.since, 2, 2), [Change(3, 7)])
        self.assertEqual(await self.store.run(changes.newest), 3)

    async def test_gap(self) -> None:
        """A reader whose next number was pruned, or that knows one the store never gave, forgets everything."""
        for account_id in (5, 6, 7):
            await self.store.run(changes.publish, account_id)
        await self.store.run(changes.prune, 1)
        self.assertEqual(await self.store.run(changes.since, 0, 9), [Change(2, 0), Change(3, 7)])
        self.assertEqual(await self.store.run(changes.since, 2, 9), [Change(3, 7)])
        self.assertEqual(await self.store.run(changes.since, 8, 9), [Change(3, 0)])
        await self.store.run(changes.prune, 0)
        self.assertEqual(await self.store.run(changes.since, 1, 9), [Change(3, 0)])

    async def test_pruning(self) -> None:
        """The feed prunes itself, and keeps what a reader may still want."""
        self.patch(changes, "KEEP", 3)
        self.patch(changes, "PRUNE_EVERY", 5)
        for _ in range(11):
            await self.store.run(changes.publish, 1)
        found = await self.store.run(query, "select seq from changes order by seq")
        self.assertEqual(found, [(8,), (9,), (10,), (11,)])

    async def test_rolled_back(self) -> None:
        """A unit that fails publishes nothing, and its number is given to the next."""

        def objecting() -> Unit[None]:
            yield from changes.publish(5)
            raise ObjectionError

        woken: list[int] = []
        self.store.on_change(lambda: woken.append(1))
        await self.fails(ObjectionError, objecting)
        self.assertEqual(woken, [])
        await self.store.run(changes.publish, 6)
        self.assertEqual(await self.store.run(changes.since, 0, 9), [Change(1, 6)])

    async def test_commit_order(self) -> None:
        """With writers on two nodes, a reader never sees a number before a smaller one."""
        other = await self.open()
        made = [await self.create(f"u{i}") for i in range(5)]
        writing = DeferredList(
            [start(store.run(change_limit, made[n % 5].id, n)) for n in range(40) for store in (self.store, other)]
        )
        seen: list[int] = []
        while len(seen) < 80:
            seen += [change.seq for change in await self.store.run(changes.since, len(seen), 7)]
            self.assertEqual(seen, list(range(1, len(seen) + 1)))
        await writing

    async def test_feed(self) -> None:
        """A feed begins with everything, then tells each change soon, its own process's and another's."""
        other = await self.open()
        told: list[Change] = []
        reached: dict[int, Deferred[None]] = {n: Deferred() for n in (1, 2, 3)}

        def notify(change: Change) -> None:
            told.append(change)
            reached[len(told)].callback(None)

        await self.store.run(changes.publish, 4)
        feed = Feed(self.store, reactor, notify, every=0.05)
        feed.start()
        self.addCleanup(lambda: start(feed.stop()))
        await reached[1]
        await self.store.run(changes.publish, 5)
        await reached[2]
        await other.run(changes.publish, 6)
        await reached[3]
        self.assertEqual(told, [Change(1, 0), Change(2, 5), Change(3, 6)])

    async def test_wakes(self) -> None:
        """A change published here wakes who asked for it, without a poll."""
        woken: Deferred[None] = Deferred()
        self.store.on_change(lambda: woken.called or woken.callback(None))
        await self.store.run(changes.publish, 4)
        await woken


class UnitContract(StoreContract):
    """How units are carried out."""

    async def test_lost_updates(self) -> None:
        """Two hundred reads and writes at the same time, on two nodes, lose none."""
        other = await self.open()
        bob = await self.create()
        await gatherResults([start(store.run(add_one, bob.id)) for store in (self.store, other) * 100])
        self.assertEqual((await self.store.run(accounts.by_id, bob.id)).total_limit, 200)

    async def test_limit_of_one(self) -> None:
        """Of many creations at once against a limit of one, one passes."""
        other = await self.open()
        bob = await self.create()
        outcomes = await DeferredList(
            [start(store.run(only_one_token, bob.id, bytes([n]))) for n in range(10) for store in (self.store, other)],
            consumeErrors=True,
        )
        failures = [failure for passed, failure in outcomes if not passed]
        self.assertEqual(len(outcomes) - len(failures), 1)
        self.assertEqual({failure.type for failure in failures}, {ObjectionError})
        self.assertEqual(await self.store.run(tokens.count, bob.id), 1)

    async def test_rollback(self) -> None:
        """A unit that raises leaves nothing, and its exception comes as it is."""

        def objecting() -> Unit[None]:
            yield from audit.record(NOW, "a", "b", 1)
            raise ObjectionError("no")

        self.assertEqual(str(await self.fails(ObjectionError, objecting)), "no")
        self.assertEqual(await self.store.run(audit.of_account, 1, 9), [])

    async def test_conflict_rolls_back(self) -> None:
        """A Conflict leaves nothing of what the unit did before it."""
        bob = await self.create()
        await self.store.run(tokens.create, bob.id, b"d", "", "", NOW)

        def twice() -> Unit[None]:
            yield from audit.record(NOW, "a", "b", 1)
            yield from tokens.create(bob.id, b"d", "", "", NOW)

        await self.fails(Conflict, twice)
        self.assertEqual(await self.store.run(audit.of_account, 1, 9), [])

    async def test_a_unit_says_what_a_conflict_means(self) -> None:
        """A unit is told of the failed statement and may raise its own word for it."""
        await self.create("bob")

        def told() -> Unit[None]:
            try:
                yield Statement("insert into failure_locks (slot) values (1)", {})
            except Conflict as error:
                raise ObjectionError("taken") from error

        self.assertEqual(str(await self.fails(ObjectionError, told)), "taken")

    async def test_no_going_on(self) -> None:
        """A unit that ignores a failed statement fails as a whole, whether it goes on or returns."""

        def ignoring(further: bool) -> Unit[str]:
            yield from audit.record(NOW, "a", "b", 1)
            with contextlib.suppress(Conflict):
                yield Statement("insert into failure_locks (slot) values (1)", {})
            if further:
                yield from audit.record(NOW, "a", "b", 1)
            return "done"

        for further in (True, False):
            raised = await self.fails(StoreError, ignoring, further)
            self.assertIn("went on", str(raised))
        self.assertEqual(await self.store.run(audit.of_account, 1, 9), [])

    async def test_no_internals(self) -> None:
        """An error's text shows nothing of the database."""
        raised = await self.fails(StoreError, query, "select secret from nowhere")
        self.assertEqual(str(raised), "the store refuses a statement or a value")
        self.assertIsNotNone(raised.__cause__, "what the log will say")

    async def test_nothing_to_do(self) -> None:
        """A unit may end without a statement."""

        def idle() -> Unit[int]:
            return 7
            yield

        self.assertEqual(await self.store.run(idle), 7)

    async def test_literals(self) -> None:
        """Per cent signs, colons and quotes in a text mean themselves."""
        sql = "select ':a %', ':b' || :c, 7 % 4 -- :d %s"
        self.assertEqual(await self.store.run(query, sql, c="%(x)s'"), [(":a %", ":b%(x)s'", 3)])

    async def test_bytes(self) -> None:
        """Bytes come back as bytes."""
        bob = await self.create()
        await self.store.run(tokens.create, bob.id, bytes(range(256)), "", "", NOW)
        ((digest,),) = await self.store.run(query, "select digest from tokens")
        self.assertIs(type(digest), bytes)
        self.assertEqual(digest, bytes(range(256)))

    async def test_gone_before_it_began(self) -> None:
        """What nobody waits for any more is not begun."""
        began: list[int] = []

        def noted(n: int) -> Unit[None]:
            began.append(n)
            yield from audit.record(NOW, "a", "b", 1, str(n))

        waiting = [start(self.store.run(noted, n)) for n in range(200)]
        for deferred in waiting[100:]:
            deferred.cancel()
            self.failureResultOf(deferred, CancelledError)
        await gatherResults(waiting[:100])
        entries = await self.store.run(audit.of_account, 1, 999)
        self.assertEqual(len(entries), len(set(began)))
        self.assertLess(len(entries), 150)

    async def test_gone_after_it_began(self) -> None:
        """What was begun is carried to its end, and its caller is free at once."""
        began: set[int] = set()

        def noted(n: int) -> Unit[None]:
            began.add(n)
            yield from audit.record(NOW, "a", "b", 1, str(n))
            if n:
                yield from audit.record(NOW, "a", "b", 2, str(n))

        for n in range(1, 60):
            deferred = start(self.store.run(noted, n))
            for _ in range(n % 6):
                turn: Deferred[None] = Deferred()
                reactor.callLater(0, turn.callback, None)
                await turn
            deferred.cancel()
            deferred.addErrback(lambda failure: failure.trap(CancelledError))
            self.assertTrue(deferred.called)
        await self.store.stop()
        self.store = await self.open()
        first = {int(entry.detail) for entry in await self.store.run(audit.of_account, 1, 999)}
        second = {int(entry.detail) for entry in await self.store.run(audit.of_account, 2, 999)}
        self.assertEqual((first, second), (began, began))

    async def test_stop_finishes(self) -> None:
        """Stopping waits for what was asked for before, and refuses what comes after."""
        bob = await self.create()
        asked = [start(self.store.run(add_one, bob.id)) for _ in range(20)]
        await self.store.stop()
        await gatherResults(asked)
        await self.fails(StoreUnavailable, accounts.by_id, bob.id)
        self.store = await self.open()
        self.assertEqual((await self.store.run(accounts.by_id, bob.id)).total_limit, 20)

    async def test_blocking(self) -> None:
        """The command line works on the same store, and wakes the daemon's feed by what it publishes."""
        blocking = BlockingStore(self.url())
        self.addCleanup(blocking.close)
        self.assertEqual(blocking.migrate(), [])
        bob = blocking.run(
            accounts.create,
            "bob",
            parent_id=None,
            role="customer",
            plan="10",
            password_hash="",
            billing_day=1,
            now=NOW,
        )
        blocking.run(change_limit, bob.id, 7)
        self.assertEqual((await self.store.run(accounts.by_username, "bob")).total_limit, 7)
        self.assertEqual(await self.store.run(changes.since, 0, 9), [Change(1, bob.id)])
        self.assertRaises(Conflict, blocking.run, query, "insert into failure_locks (slot) values (1)")
        self.assertRaises(StoreError, blocking.run, query, "select secret from nowhere")
        self.assertRaises(StoreError, blocking.run, accounts.edit, bob.id, email="\ud800")
        blocking.close()
        self.assertEqual(blocking.run(accounts.by_id, bob.id).username, "bob")


class SchemaContract(StoreContract):
    """What a schema must be."""

    async def test_newer(self) -> None:
        """A schema that a newer program made is refused, with what to do."""
        await self.store.run(
            query, "insert into schema_migrations (number, name, sha256, applied_at) values (999, 'x', 'y', 0)"
        )
        for migrate in (True, False):
            raised = await self.refused(migrate)
            self.assertIn("newer", str(raised))
        blocking = BlockingStore(self.url())
        self.addCleanup(blocking.close)
        self.assertRaises(SchemaError, blocking.run, accounts.root)

    async def test_edited(self) -> None:
        """An applied migration that differs from this program's is refused."""
        await self.store.run(query, "update schema_migrations set sha256 = 'another' where number = 1")
        for migrate in (True, False):
            raised = await self.refused(migrate)
            self.assertIn("0001_initial.sql", str(raised))

    async def refused(self, migrate: bool) -> SchemaError:
        try:
            await self.open(migrate=migrate)
        except SchemaError as error:
            return error
        return self.fail("it was not refused")
