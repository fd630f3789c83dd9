"""The contract: how units are carried out, and on which schema."""

from __future__ import annotations

import contextlib

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, DeferredList, gatherResults

from meshd.model import Change
from meshd.store.interface import Conflict, SchemaError, StoreError, StoreUnavailable
from meshd.store.open import BlockingStore
from meshd.store.statements import (
    accounts,
    audit,
    changes,
    tokens,
)
from meshd.store.unit import Statement, Unit
from tests.store.contract import (
    NOW,
    ObjectionError,
    StoreContract,
    add_one,
    change_limit,
    only_one_token,
    query,
    start,
)


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
