"""Groups of sub-users: whose they are, and what becomes of those who are in one."""

from __future__ import annotations

from unittest import mock

from meshd.accounts import groups, subusers
from meshd.accounts.errors import Invalid, NotFound, NotYours, PlanLimitReached
from meshd.accounts.groups import Group
from meshd.accounts.ownership import ActorId
from meshd.accounts.subuserterms import Wanted
from tests.accounts.support import NOON, AccountsCase, OnPostgres, named


class GroupTests(AccountsCase):
    def setUp(self) -> None:
        super().setUp()
        self.bob = self.customer("bob")

    def new(self, name: str = "crawlers", actor: ActorId | None = None, at: int = NOON) -> Group:
        actor = self.alice.id if actor is None else actor
        return self.run_unit(groups.create, actor, name=name, description="all of them", now=at)

    def kid_of(self) -> str:
        (kid,) = self.run_unit(subusers.listing, self.alice.id, at=NOON)
        return kid.uuid

    def test_a_life(self) -> None:
        """Made, filled, renamed, deleted; its sub-user stays and is in none."""
        group = self.new()
        self.assertEqual(self.run_unit(subusers.move, self.alice.id, [self.kid_of()], group.uuid, now=NOON), 1)
        renamed = self.run_unit(groups.edit, self.alice.id, group.uuid, name="bots", description=None, now=NOON)
        self.assertEqual((renamed.name, renamed.description, renamed.size), ("bots", "all of them", 1))
        found = self.run_unit(groups.read, self.alice.id, group.uuid, at=NOON)
        self.assertEqual([each.account.username for each in found.members], ["kid"])
        self.run_unit(groups.delete, self.alice.id, group.uuid, now=NOON)
        self.assertEqual(self.run_unit(groups.listing, self.alice.id, at=NOON), [])
        (kid,) = self.run_unit(subusers.listing, self.alice.id, at=NOON)
        self.assertEqual(kid.group, "")

    def test_out_of_any(self) -> None:
        group = self.new()
        self.run_unit(subusers.move, self.alice.id, [self.kid_of()], group.uuid, now=NOON)
        self.assertEqual(self.run_unit(subusers.move, self.alice.id, [self.kid_of()], "", now=NOON), 1)
        self.assertEqual(self.run_unit(groups.listing, self.alice.id, at=NOON)[0].group.size, 0)

    def test_their_order(self) -> None:
        made = [self.new(f"group {each}", at=NOON + each) for each in (2, 1, 3)]
        told = [each.group.name for each in self.run_unit(groups.listing, self.alice.id, at=NOON)]
        self.assertEqual(told, ["group 1", "group 2", "group 3"])
        self.assertEqual(len(made), 3)

    def test_whose_they_are(self) -> None:
        """Another's is as an absent one, in a path and as somewhere to put a sub-user."""
        theirs = self.new(actor=self.bob.id)
        for uuid in (theirs.uuid, "0" * 32, "x", ""):
            with named(uuid):
                self.refused(NotFound, groups.read, self.alice.id, uuid, at=NOON)
                edit = {"name": "x", "description": None, "now": NOON}
                self.refused(NotFound, groups.edit, self.alice.id, uuid, **edit)
                self.refused(NotFound, groups.delete, self.alice.id, uuid, now=NOON)
                if uuid:
                    self.refused(Invalid, subusers.move, self.alice.id, [self.kid_of()], uuid, now=NOON)
                    given = {"plans": self.plans, "at": NOON}
                    self.refused(Invalid, subusers.edit, self.alice.id, self.kid_of(), Wanted(group=uuid), **given)
        self.refused(NotYours, groups.listing, self.kid.id, at=NOON)
        self.refused(NotYours, groups.create, self.kid.id, name="x", description="", now=NOON)

    def test_what_is_none(self) -> None:
        for name, description in (("", ""), (" ", ""), ("x" * 101, ""), ("x\n", ""), ("x", "x" * 5000)):
            with named((name, description)):
                given = {"name": name, "description": description, "now": NOON}
                self.refused(Invalid, groups.create, self.alice.id, **given)

    def test_so_many(self) -> None:
        self.new()
        with mock.patch.object(groups, "MOST_GROUPS", 1):
            given = {"name": "x", "description": "", "now": NOON}
            self.refused(PlanLimitReached, groups.create, self.alice.id, **given)


class PostgresGroupTests(OnPostgres, GroupTests):
    pass
