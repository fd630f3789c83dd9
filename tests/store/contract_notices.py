"""The contract: notices are written with what they tell of, handed out once and in order, and kept within bounds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import gatherResults

from meshd.model import RestingExit, UsageEntry
from meshd.store.statements import accounts, audit, bans, exits, expiring, nearing, noticekeeping, notices, usage
from meshd.store.statements.notices import Row, Told
from meshd.store.unit import Unit
from meshd.values.notices import KINDS
from meshd.values.times import DAY, iso, today
from tests.store.contract import NOW, StoreContract, query, start

GB = 10**9


def many(count: int, subjects: int = 1) -> Unit[None]:
    for number in range(count):
        yield from notices.tell("ban.begun", f"ban:{number % subjects}", NOW, {"number": number})


class NoticeContract(StoreContract):
    """An outbox, and what is written into it."""

    async def wanted(self, *names: str, kinds: Sequence[str] = KINDS, place: str = "there", now: int = NOW) -> None:
        await self.store.run(notices.seen, [Told(name, kinds, place) for name in names or ("ops",)], now)

    async def claim(
        self, target: str = "ops", owner: str = "a", now: int = NOW, most: int = 4, store: Any = None
    ) -> list[Row]:
        found: list[Row] = await (store or self.store).run(notices.claim, target, owner, now, now + 60, most)
        return found

    async def all_told(self, target: str = "ops") -> list[tuple[str, str, dict[str, Any]]]:
        """Kind, username and data of all that waits, in its order; it is sent by that."""
        found = []
        while rows := await self.claim(target, most=1000):
            for row in rows:
                found.append((row.id, row.notice.kind, row.notice.username, json.loads(row.notice.data)))
                await self.store.run(notices.sent, row.id, "a", target)
        return [each[1:] for each in sorted(found)]

    # Writing

    async def test_nobody_wants_it(self) -> None:
        """Nothing is written, and nothing is kept for whoever wants it later."""
        await self.store.run(many, 3)
        await self.wanted(kinds=["exit.back"])
        await self.store.run(many, 3)
        self.assertEqual(await self.store.run(noticekeeping.page, 0, 9), [])

    async def test_each_target_has_its_own_row(self) -> None:
        """With one id."""
        await self.wanted("ops", "mail:ops@mesh.example")
        await self.store.run(many, 1)
        (one,), (two,) = await self.claim(), await self.claim("mail:ops@mesh.example")
        self.assertEqual(one.notice, two.notice)
        self.assertNotEqual(one.id, two.id)

    async def test_with_the_change_or_not_at_all(self) -> None:
        """What is undone is not told."""
        await self.wanted()

        def undone() -> Unit[None]:
            yield from audit.record(NOW, "x", "account.edit", 1)
            raise ValueError

        await self.fails(ValueError, undone)
        self.assertEqual(await self.all_told(), [])

    async def test_changes_of_accounts(self) -> None:
        """By the audit's action, with the names of fields and no values; what changes no account is not told."""
        await self.wanted()
        bob = await self.create()

        def changes() -> Unit[None]:
            for action in ("account.create", "account.edit", "account.seen_as", "hosts.created", "token.create"):
                changed = '{"plan":["10","20"],"password":null}' if action == "account.edit" else ""
                yield from audit.record(NOW, "x", action, bob.id, "detail", changed)
            yield from audit.record(NOW, "x", "account.import", bob.id, "3 accounts")
            yield from audit.record(NOW, "x", "exit.drain", 0, "rack-1")
            yield from accounts.delete(bob.id)
            yield from audit.record(NOW, "x", "account.delete", bob.id, username="bob")

        await self.store.run(changes)
        self.assertEqual(
            await self.all_told(),
            [
                ("account.created", "bob", {"action": "account.create", "fields": []}),
                ("account.changed", "bob", {"action": "account.edit", "fields": ["password", "plan"]}),
                ("account.changed", "bob", {"action": "token.create", "fields": []}),
                ("account.created", "bob", {"action": "account.import", "fields": [], "detail": "3 accounts"}),
                ("account.deleted", "bob", {"action": "account.delete", "fields": []}),
            ],
        )

    async def test_bans(self) -> None:
        """With the account's name, and with no name that no account has: it may be a password."""
        await self.wanted()
        await self.create("bob")
        for name in ("bob", "hunter2"):
            for number in range(2):
                bounds = {"limit": 2, "window": 600, "seconds": 60, "names_limit": 9}
                await self.store.run(bans.failed, "192.0.2.1", name, NOW, f"{number}", **bounds)
        told = await self.all_told()
        self.assertEqual([(kind, username) for kind, username, _ in told], [("ban.begun", "bob"), ("ban.begun", "")])
        self.assertNotIn("hunter2", json.dumps(told))
        self.assertEqual(told[0][2], {"address": "192.0.2.1", "until": iso(NOW + 60) + "Z", "every_name": False})

    async def test_exits(self) -> None:
        """Told when the first process has one rest, and when the last one has it back."""
        await self.wanted()

        def rest(node: str) -> RestingExit:
            return RestingExit(node, "rack-1", NOW + 5, 3, "refused", NOW)

        await self.store.run(exits.record, "a", [rest("a")], [], NOW)
        await self.store.run(exits.record, "a", [rest("a")], [], NOW)
        await self.store.run(exits.record, "b", [rest("b")], [], NOW)
        await self.store.run(exits.record, "a", [], ["rack-1"], NOW)
        self.assertEqual([kind for kind, *_ in await self.all_told()], ["exit.resting"])
        await self.store.run(exits.record, "b", [], ["rack-1", "never there"], NOW)
        self.assertEqual(await self.all_told(), [("exit.back", "", {"exit": "rack-1", "node": "b"})])

    async def test_exits_of_a_process_that_is_gone(self) -> None:
        """They rest in none any more, and are tried anew: a stop, the start after a crash, and who tidies say so."""
        await self.wanted()
        for _ in range(2):
            await self.store.run(exits.record, "a", [RestingExit("a", "r", NOW + 5, 3, "refused", NOW)], [], NOW)
            await self.store.run(exits.forget, "a", NOW)
        await self.store.run(exits.record, "a", [RestingExit("a", "r", NOW + 5, 3, "refused", NOW)], [], NOW)
        await self.store.run(exits.record, "b", [RestingExit("b", "r", NOW + 9, 3, "refused", NOW)], [], NOW)
        await self.store.run(exits.prune, NOW + 6, NOW)
        told = await self.all_told()
        self.assertEqual([kind for kind, *_ in told], ["exit.resting", "exit.back"] * 2 + ["exit.resting"])
        await self.store.run(exits.prune, NOW + 10, NOW)
        self.assertEqual(await self.all_told(), [("exit.back", "", {"exit": "r", "node": "b"})])

    async def test_expiry(self) -> None:
        """Once, on the first day after the last one; long ago and yet to come are not told."""
        await self.wanted()
        for number, day in enumerate((today(NOW - DAY), today(NOW), today(NOW - 30 * DAY), "")):
            bob = await self.create(f"bob{number}")
            await self.store.run(accounts.edit, bob.id, expires_on=day)
        for _ in range(2):
            await self.store.run(expiring.tell, 0, 10, NOW)
        self.assertEqual(await self.all_told(), [("account.expired", "bob0", {"expires_on": today(NOW - DAY)})])
        await self.store.run(expiring.tell, 0, 10, NOW + DAY)
        self.assertEqual([each[1] for each in await self.all_told()], ["bob1"])

    # Quotas

    async def percents(self) -> list[tuple[str, str, Any]]:
        return [(name, data["limit"], data["percent"]) for _, name, data in await self.all_told()]

    async def test_levels_are_told_once_in_a_period(self) -> None:
        """As bytes pass them, all that one batch passes; again in the next month, and not by a batch sent twice."""
        await self.wanted(kinds=["account.quota"])
        bob = await self.create(monthly_limit=100 * GB)
        for batch, size in enumerate((79, 1, 1, 13, 1, 1, 9), 1):
            await self.bill(batch, UsageEntry(bob.id, 0, 0, size * GB, 0, 1))
            await self.bill(batch, UsageEntry(bob.id, 0, 0, size * GB, 0, 1))
        self.assertEqual(await self.percents(), [("bob", "month", 80), ("bob", "month", 95), ("bob", "month", 100)])
        await self.bill(8, UsageEntry(bob.id, 0, 0, 96 * GB, 0, 1), at=NOW + 31 * DAY)
        self.assertEqual(await self.percents(), [("bob", "month", 80), ("bob", "month", 95)])

    async def test_levels_of_both_limits_and_of_parents(self) -> None:
        """Each counts for itself."""
        await self.wanted(kinds=["account.quota"])
        anna = await self.create("anna", total_limit=1000)
        bob = await self.create("bob", anna, monthly_limit=100)
        await self.bill(1, UsageEntry(bob.id, anna.id, 0, 50, 45, 1))
        self.assertEqual(await self.percents(), [("bob", "month", 80), ("bob", "month", 95)])
        await self.bill(2, UsageEntry(anna.id, 0, 0, 850, 0, 1))
        self.assertEqual(await self.percents(), [("anna", "total", 80)])

    async def test_another_limit_is_told_anew(self) -> None:
        """A higher one once bytes come near to it, a lower one as soon as it is set, and the first one never again."""
        await self.wanted(kinds=["account.quota"])
        bob = await self.create(monthly_limit=100)
        await self.bill(1, UsageEntry(bob.id, 0, 0, 90, 0, 1))
        self.assertEqual(await self.percents(), [("bob", "month", 80)])
        for limit, expected in ((200, []), (110, [80]), (100, []), (92, [80, 95]), (200, []), (92, [])):
            await self.store.run(accounts.edit, bob.id, monthly_limit=limit)
            await self.store.run(usage.judged, bob.id, NOW, {})
            self.assertEqual([percent for *_, percent in await self.percents()], expected, limit)

    async def test_limits_of_long_ago_are_forgotten(self) -> None:
        """Of a limit that is raised again and again a few are remembered, of either kind; the present one always."""
        await self.wanted(kinds=["account.quota"])
        bob = await self.create()
        await self.bill(1, UsageEntry(bob.id, 0, 0, 1000, 0, 1))
        limits = range(1100, 1100 + nearing.KEPT + 3)
        for limit in limits:
            await self.store.run(accounts.edit, bob.id, total_limit=limit, monthly_limit=limit)
            await self.store.run(usage.judged, bob.id, NOW, {})
        found = "select scope, count(*), max(limit_bytes) from quota_levels group by scope order by scope"
        rows = [(scope, nearing.KEPT + 1, limits[-1]) for scope in ("month", "total")]
        self.assertEqual(await self.store.run(query, found), rows)
        await self.store.run(query, "delete from notices")
        for limit, expected in ((limits[-2], []), (limits[0], [80] * 2), (limits[-2], [])):
            await self.store.run(accounts.edit, bob.id, total_limit=limit, monthly_limit=limit)
            await self.store.run(usage.judged, bob.id, NOW, {})
            self.assertEqual([percent for *_, percent in await self.percents()], expected, limit)

    async def test_prepaid_bytes_are_a_part_of_the_limit(self) -> None:
        """Who buys some is told of them anew."""
        await self.wanted(kinds=["account.quota"])
        bob = await self.create(monthly_limit=100)
        await self.bill(1, UsageEntry(bob.id, 0, 0, 100, 0, 1))
        self.assertEqual([percent for *_, percent in await self.percents()], [80, 95, 100])
        await self.store.run(usage.prepay, bob.id, 100)
        await self.store.run(usage.judged, bob.id, NOW, {})
        self.assertEqual(await self.percents(), [])
        await self.bill(2, UsageEntry(bob.id, 0, 0, 60, 0, 1))
        self.assertEqual([percent for *_, percent in await self.percents()], [80])
        await self.bill(3, UsageEntry(bob.id, 0, 0, 40, 0, 1))
        self.assertEqual([percent for *_, percent in await self.percents()], [95, 100])

    async def test_nobody_wanted_to_know(self) -> None:
        """Who is at a level when somebody first does is told of at the next whole percent, whoever is there then."""
        bob = await self.create(monthly_limit=1000)
        await self.bill(1, UsageEntry(bob.id, 0, 0, 850, 0, 1))
        await self.wanted(kinds=["account.quota"])
        await self.bill(2, UsageEntry(bob.id, 0, 0, 1, 0, 1))
        self.assertEqual(await self.percents(), [])
        await self.bill(3, UsageEntry(bob.id, 0, 0, 9, 0, 1))
        self.assertEqual(await self.percents(), [("bob", "month", 80)])

    async def test_a_plan_that_came_down(self) -> None:
        """By a reload, of which no unit hears: the next batch tells."""
        await self.wanted(kinds=["account.quota"])
        bob = await self.create(plan="10")
        await self.store.run(usage.apply, "j", 1, NOW, [UsageEntry(bob.id, 0, 0, 90, 0, 1)], {"10": 1000})
        self.assertEqual(await self.percents(), [])
        await self.store.run(usage.apply, "j", 2, NOW, [UsageEntry(bob.id, 0, 0, 1, 0, 1)], {"10": 100})
        self.assertEqual(await self.percents(), [("bob", "month", 80)])

    # Sending

    async def test_one_of_a_subject_at_a_time(self) -> None:
        """The oldest first, and no later one while it waits for its next try."""
        await self.wanted()
        await self.store.run(many, 6, 2)
        first = await self.claim()
        self.assertEqual([json.loads(row.notice.data)["number"] for row in first], [0, 1])
        self.assertEqual(await self.claim(), [])
        await self.store.run(notices.sent, first[0].id, "a", "ops")
        await self.store.run(notices.later, first[1].id, "a", NOW + 30, "busy")
        second = await self.claim()
        self.assertEqual([json.loads(row.notice.data)["number"] for row in second], [2])
        again = await self.claim(now=NOW + 30)
        self.assertEqual([(json.loads(row.notice.data)["number"], row.tries) for row in again], [(1, 1)])
        self.assertEqual(again[0].notice, first[1].notice)

    async def test_given_up(self) -> None:
        """The next one of its subject has its turn, and people see why."""
        await self.wanted()
        await self.store.run(many, 2)
        (row,) = await self.claim()
        await self.store.run(notices.given_up, row.id, "a", "ops", "it answered 500")
        (row,) = await self.claim()
        self.assertEqual(json.loads(row.notice.data)["number"], 1)
        kept = await self.store.run(noticekeeping.page, 0, 9)
        self.assertEqual([(each.state, each.why) for each in kept], [("failed", "it answered 500"), ("waiting", "")])

    async def test_several_processes(self) -> None:
        """Each notice is in one hand, and in another one once that has died."""
        await self.wanted()
        await self.store.run(many, 30, 30)
        others = [await self.open() for _ in range(3)]
        taken = await gatherResults(
            [start(self.claim(owner=f"n{n % 3}", store=others[n % 3], most=4)) for n in range(9)]
        )
        ids = [row.id for rows in taken for row in rows]
        self.assertEqual(len(ids), len(set(ids)))
        late = await self.claim(now=NOW + 61, most=99)
        self.assertLessEqual(set(ids), {row.id for row in late})
        await self.store.run(notices.sent, late[0].id, "n0", "ops")  # which it is no longer to say
        self.assertEqual(len(await self.store.run(noticekeeping.page, 0, 99)), 30)

    async def test_a_process_that_comes_back(self) -> None:
        """What it had in hand is free at once."""
        await self.wanted()
        await self.store.run(many, 1)
        await self.claim(owner="a")
        await self.store.run(notices.released, "b")
        self.assertEqual(await self.claim(), [])
        await self.store.run(notices.released, "a")
        self.assertEqual(len(await self.claim()), 1)

    async def test_gone(self) -> None:
        """Nothing is written for it and nothing tried, until it is somewhere else or people ask for it."""
        await self.wanted("ops", "other")
        await self.store.run(many, 3)
        self.assertEqual(await self.store.run(notices.gone, "ops", "410"), 3)
        await self.store.run(many, 1)
        await self.wanted("ops", "other")
        await self.store.run(many, 1)
        self.assertEqual(await self.claim(), [])
        self.assertEqual([row.notice.kind for row in await self.claim("other")], ["ban.begun"])
        await self.wanted("ops", place="elsewhere")
        await self.store.run(many, 1)
        self.assertEqual(len(await self.claim()), 1)
        await self.store.run(notices.gone, "ops", "410")
        self.assertEqual(await self.store.run(noticekeeping.again, "ops", NOW + 99), 4)
        self.assertEqual(len(await self.claim(now=NOW + 99)), 1)
        (ops, _) = await self.store.run(noticekeeping.targets)
        self.assertEqual((ops.gone, ops.waiting, ops.failed), (False, 4, 4))

    # Bounds

    async def test_too_many(self) -> None:
        """The oldest are dropped, and counted; of another target none."""
        self.patch(noticekeeping, "MOST", 5)
        self.patch(noticekeeping, "FAILED", 2)
        await self.wanted("ops", "other", kinds=["ban.begun"])
        await self.store.run(many, 5)
        await self.store.run(notices.retire, ["other"])
        await self.store.run(many, 4)
        tidied = await self.store.run(noticekeeping.tidy, NOW)
        self.assertEqual(tidied.dropped, {"ops": 4})
        self.assertEqual([json.loads(row.notice.data)["number"] for row in await self.claim()], [4])
        (ops,) = await self.store.run(noticekeeping.targets)
        self.assertEqual((ops.waiting, ops.dropped), (5, 4))
        await self.store.run(notices.gone, "ops", "410")
        await self.store.run(noticekeeping.tidy, NOW)
        kept = await self.store.run(noticekeeping.page, 0, 99)
        self.assertEqual([each.target for each in kept if each.state == "failed"], ["ops"] * 2)

    async def test_too_old(self) -> None:
        """It is given up, and forgotten later; so are marks."""
        await self.wanted()
        await self.store.run(many, 2)
        self.assertTrue(await self.store.run(notices.once, "x", NOW + 9))
        self.assertFalse(await self.store.run(notices.once, "x", NOW + 9))
        at = NOW + noticekeeping.AGE
        self.assertEqual((await self.store.run(noticekeeping.tidy, at)).late, {})
        self.assertTrue(await self.store.run(notices.once, "x", NOW + 9))
        self.assertEqual((await self.store.run(noticekeeping.tidy, at + 1)).late, {"ops": 2})
        self.assertEqual(len(await self.store.run(noticekeeping.page, 0, 9)), 2)
        await self.store.run(noticekeeping.tidy, at + noticekeeping.KEPT + 1)
        self.assertEqual(await self.store.run(noticekeeping.page, 0, 9), [])

    async def test_targets_that_nobody_names(self) -> None:
        """Are forgotten after an hour, or at once where the settings had them."""
        await self.wanted("ops", "other")
        await self.wanted("ops", now=NOW + notices.UNSEEN)
        self.assertEqual(len(await self.store.run(noticekeeping.targets)), 2)
        await self.wanted("ops", now=NOW + notices.UNSEEN + 1)
        self.assertEqual([each.name for each in await self.store.run(noticekeeping.targets)], ["ops"])
        await self.store.run(notices.retire, ["ops", "never there"])
        self.assertEqual(await self.store.run(noticekeeping.targets), [])
