"""Sub-accounts as sub-users: names, limits that begin anew, sealed passwords, and whose they are."""

from __future__ import annotations

from typing import Any

from meshd.accounts import groups, subaccounts, subusers, terms, toplevel
from meshd.accounts.errors import Invalid, NotYours, PlanLimitReached
from meshd.accounts.ownership import ActorId
from meshd.accounts.profile import Profile
from meshd.accounts.subusers import SubUser
from meshd.accounts.subuserterms import Wanted
from meshd.model import UsageEntry
from meshd.store.statements import usage
from tests.accounts.support import NOON, OPERATOR, AccountsCase, OnPostgres, named

FOREIGN = "0" * 32


def seal(account_id: int, password_hash: str) -> bytes:
    return f"{account_id} {password_hash}".encode()


class SubUserTests(AccountsCase):
    def setUp(self) -> None:
        super().setUp()
        self.bob = self.customer("bob")
        self._batches = 0

    def new(self, actor: ActorId | None = None, number: int = 1, **wanted: Any) -> SubUser:
        return self.run_unit(
            subusers.create,
            self.alice.id if actor is None else actor,
            Wanted(**wanted),
            username=subusers.proxy_username(bytes([number]) * 7),
            password_hash=f"hash {number}",
            seal=seal,
            plans=self.plans,
            now=NOON + number,
        )

    def edit(self, sub: SubUser, password_hash: str | None = None, **wanted: Any) -> SubUser:
        return self.run_unit(
            subusers.edit,
            self.alice.id,
            sub.uuid,
            Wanted(**wanted),
            password_hash=password_hash,
            seal=seal,
            plans=self.plans,
            at=NOON,
        )

    def reset(self, *uuids: str, actor: ActorId | None = None) -> int:
        actor = self.alice.id if actor is None else actor
        return self.run_unit(subusers.reset, actor, list(uuids), plans=self.plans, at=NOON)

    def read(self, sub: SubUser) -> SubUser:
        return self.run_unit(subusers.read, self.alice.id, sub.uuid, at=NOON + 100)

    def use(self, sub: SubUser, size: int) -> None:
        entry = UsageEntry(sub.account.id, sub.account.parent_id or 0, 0, 0, size, 1)
        self._batches += 1
        self.run_unit(usage.apply, "test", self._batches, NOON + 60, [entry])

    def names(self, actor: ActorId | None = None) -> list[str]:
        found = self.run_unit(subusers.listing, self.alice.id if actor is None else actor, at=NOON)
        return [each.account.username for each in found]

    def test_a_username(self) -> None:
        """Ten of base32 in lower case, which no selection can be read out of."""
        self.assertEqual(subusers.proxy_username(bytes(7)), "ph-aaaaaaaaaa")
        self.assertEqual(subusers.proxy_username(b"\xff" * 7), "ph-7777777777")

    def test_a_new_one(self) -> None:
        group = self.run_unit(groups.create, self.alice.id, name="crawlers", description="", now=NOON)
        made = self.new(name="one", notes="of mine", limit=500, limited=True, group=group.uuid)
        self.assertEqual((made.name, made.notes, made.group), ("one", "of mine", group.uuid))
        self.assertEqual((made.limited, made.limit, made.used, made.suspended_at), (True, 500, 0, 0))
        self.assertEqual(made.sealed, seal(made.account.id, "hash 1"))
        self.assertEqual(made.account.parent_id, self.alice.id)
        self.assertNotIn("hash", repr(made))

    def test_the_order(self) -> None:
        """That which came with the account, then as they were made; one of another dialect is one of them."""
        self.new(number=2), self.new(number=1)
        first = self.run_unit(
            subusers.add_first,
            self.alice,
            username="ph-first",
            password_hash="h",
            seal=None,
            plans=self.plans,
            now=NOON + 9,
        )
        assert first is not None
        later, earlier = (subusers.proxy_username(bytes([each]) * 7) for each in (2, 1))
        self.assertEqual(self.names(), ["ph-first", "kid", earlier, later])
        self.assertEqual(self.names(self.bob.id), [])

    def test_a_plan_without_room_has_no_first_one(self) -> None:
        tom = self.customer("tom", plan="trial")
        made = self.run_unit(
            subusers.add_first,
            tom,
            username="ph-first",
            password_hash="",
            seal=None,
            plans=self.plans,
            now=NOON,
        )
        self.assertIsNone(made)
        self.assertEqual(self.names(tom.id), [])

    def test_room(self) -> None:
        self.at_plan("20", sub_accounts=2)
        self.new(number=1)
        arguments = {"username": "ph-x", "password_hash": "", "seal": None, "plans": self.plans, "now": NOON}
        self.refused(PlanLimitReached, subusers.create, self.alice.id, Wanted(), **arguments)

    def test_limits(self) -> None:
        """A limit begins anew at a reset, and no ledger changes for it."""
        sub = self.new(limit=100, limited=True)
        self.use(sub, 99)
        self.assertEqual((self.read(sub).used, self.read(sub).suspended_at), (99, 0))
        self.use(sub, 5)
        spent = self.read(sub)
        self.assertEqual((spent.used, spent.limit), (104, 100))
        self.assertEqual(spent.suspended_at, NOON + 60)
        self.assertEqual(self.reset(sub.uuid), 1)
        anew = self.read(sub)
        self.assertEqual((anew.used, anew.limit, anew.suspended_at), (0, 100, 0))
        self.assertEqual(anew.usage.total_bytes, 104)
        self.assertEqual(anew.account.total_limit, 204)
        self.assertEqual(self.edit(sub, limit=300).limit, 300)
        self.assertEqual(self.read(sub).account.total_limit, 404)

    def test_what_is_given_of_a_limit(self) -> None:
        for before, given, after in (
            ({}, {}, 0),
            ({}, {"limited": True, "limit": 7}, 7),
            ({}, {"limit": 7}, 7),
            ({}, {"limited": False, "limit": 7}, 0),
            ({"limit": 7}, {"limited": True}, 7),
            ({"limit": 7}, {"limited": False}, 0),
            ({"limit": 7}, {"name": "x"}, 7),
        ):
            with named((before, given)):
                sub = self.new(number=len(self.names()), **before)
                self.assertEqual(self.edit(sub, **given).limit, after)
        sub = self.new(number=20)
        for wrong in ({"limited": True}, {"limit": 0}, {"limit": -1}, {"limit": 2 * 10**18}):
            with named(wrong):
                arguments = {"plans": self.plans, "at": NOON}
                error = self.refused(Invalid, subusers.edit, self.alice.id, sub.uuid, Wanted(**wrong), **arguments)
                self.assertEqual(list(error.messages), ["total_limit"])

    def test_an_operators_ceiling(self) -> None:
        """Is not the parent's to raise, by no reset either."""
        sub = self.new(limit=100)
        operator = OPERATOR
        self.run_unit(subaccounts.edit, operator, sub.account.username, Profile(total_limit=100), at=NOON)
        self.use(sub, 100)
        self.assertEqual(self.reset(sub.uuid), 0)
        self.assertGreater(self.read(sub).suspended_at, 0)
        arguments = {"plans": self.plans, "at": NOON}
        self.refused(Invalid, subusers.edit, self.alice.id, sub.uuid, Wanted(limit=200), **arguments)

    def test_a_changed_password(self) -> None:
        """Is sealed for its hash; one that another dialect changed leaves a copy of another hash."""
        sub = self.edit(self.new(), password_hash="hash 2")
        self.assertEqual(sub.sealed, seal(sub.account.id, "hash 2"))
        self.run_unit(toplevel.set_password, OPERATOR, sub.account.username, "hash 3", now=NOON)
        sub = self.read(sub)
        self.assertNotEqual(sub.sealed, seal(sub.account.id, sub.account.password_hash))

    def test_out_of_use(self) -> None:
        """By parent or operator, or by its last day."""
        sub = self.new()
        for actor in (self.alice.id, OPERATOR):
            with named(actor):
                self.run_unit(subaccounts.deactivate, actor, sub.account.username, now=NOON + 7)
                self.assertEqual(self.read(sub).suspended_at, NOON + 7)
                self.run_unit(subaccounts.activate, OPERATOR, sub.account.username, now=NOON)
                self.assertEqual(self.read(sub).suspended_at, 0)
        self.run_unit(terms.expire, OPERATOR, sub.account.username, "2026-01-14", now=NOON)
        self.assertEqual(self.read(sub).suspended_at, NOON - 12 * 3600)

    def test_a_monthly_limit(self) -> None:
        """Of another dialect, suspends too, and is no limit of this one."""
        sub = self.new()
        self.run_unit(subaccounts.edit, self.alice.id, sub.account.username, Profile(monthly_limit=50), at=NOON)
        self.use(sub, 50)
        self.assertEqual((self.read(sub).limit, self.read(sub).suspended_at), (0, NOON + 60))

    def test_whose_they_are(self) -> None:
        """Another's, one's own, a parent's and an absent one are the same answer; nobody else is touched."""
        mine, theirs = self.new(number=1), self.new(self.bob.id, number=2)
        kid = next(each for each in self.run_unit(subusers.listing, self.alice.id, at=NOON) if not each.name)
        for actor, uuid in (
            (self.alice.id, theirs.uuid),
            (self.bob.id, mine.uuid),
            (self.kid.id, kid.uuid),
            (self.kid.id, mine.uuid),
            (self.alice.id, FOREIGN),
            (self.alice.id, "x"),
            (self.alice.id, ""),
            (self.alice.id, mine.uuid + "'"),
        ):
            with named((actor, uuid)):
                self.refused(NotYours, subusers.read, actor, uuid, at=NOON)
                self.refused(NotYours, subusers.edit, actor, uuid, Wanted(name="x"), plans=self.plans, at=NOON)
                self.refused(NotYours, subusers.delete, actor, uuid, now=NOON)
        self.assertEqual(self.reset(theirs.uuid, FOREIGN), 0)
        found = self.run_unit(subusers.delete_all, self.alice.id, [theirs.uuid, FOREIGN, mine.uuid], now=NOON)
        self.assertEqual(found, (1, 0, 2))
        self.assertEqual(self.names(self.bob.id), [theirs.account.username])
        for unit, given in (
            (subusers.listing, {"at": NOON}),
            (subusers.reset, {"uuids": [], "plans": self.plans, "at": NOON}),
            (subusers.delete_all, {"uuids": [], "now": NOON}),
            (subusers.move, {"uuids": [], "group": "", "now": NOON}),
        ):
            with named(unit):
                self.refused(NotYours, unit, self.kid.id, **given)

    def test_what_the_operator_put_out_of_use_stays(self) -> None:
        sub = self.new()
        self.run_unit(subaccounts.deactivate, OPERATOR, sub.account.username, now=NOON)
        self.assertEqual(self.run_unit(subusers.delete_all, self.alice.id, [sub.uuid], now=NOON), (0, 1, 0))

    def test_another_parents(self) -> None:
        """A group and a reset of the former family hold there alone."""
        group = self.run_unit(groups.create, self.alice.id, name="crawlers", description="", now=NOON)
        sub = self.new(group=group.uuid, limit=100)
        self.use(sub, 100)
        self.reset(sub.uuid)
        self.run_unit(subaccounts.deactivate, OPERATOR, sub.account.username, now=NOON)
        self.run_unit(terms.move, OPERATOR, sub.account.username, "bob", plans=self.plans, now=NOON + 11)
        (moved,) = self.run_unit(subusers.listing, self.bob.id, at=NOON)
        self.assertEqual((moved.group, moved.used_before, moved.used), ("", 0, 0))

    def test_what_is_told(self) -> None:
        """The audit knows what was done, and no name and no password."""
        sub = self.new(name="secret name")
        self.edit(sub, notes="secret notes", password_hash="hash 2")
        self.reset(sub.uuid)
        actions = [action for _, action, _ in self.history(sub.account)]
        self.assertEqual(actions, ["subuser.reset", "subuser.edit", "account.edit", "account.create"])
        self.assertEqual([line for line in self.dump() if "audit" in line and "secret n" in line], [])


class PostgresSubUserTests(OnPostgres, SubUserTests):
    pass
