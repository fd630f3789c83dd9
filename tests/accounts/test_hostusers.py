"""Users of the API of published hosts: accounts, under another name."""

from __future__ import annotations

from typing import Any

from meshd.accounts import hosttokens, hostusers
from meshd.accounts.errors import Forbidden, Invalid, NotFound, Taken
from meshd.accounts.ownership import ByToken
from meshd.accounts.published import resources
from meshd.model import Account
from meshd.store.statements import accounts, refreshes, tokens
from tests.accounts.published.support import PublishedCase
from tests.accounts.support import KNOWN, NOON, OPERATOR, OnPostgres, named


class UserTests(PublishedCase):
    def new(self, actor: Any = None, **given: Any) -> Account:
        facts: dict[str, Any] = {
            "name": "Jane Doe",
            "email": "jane@mesh.example",
            "password_hash": "h",
            "role": "viewer",
        }
        facts |= {"plans": self.plans, "proxies": list(KNOWN), "now": NOON}
        return self.run_unit(hostusers.create, self.anna.id if actor is None else actor, **{**facts, **given})

    def change(self, account: Account, actor: Any = None, **given: Any) -> Account:
        return self.run_unit(hostusers.change, self.anna.id if actor is None else actor, account.id, **given, now=NOON)

    def test_who_is_one(self) -> None:
        """Admins and viewers, the root as an admin; in pages, by id."""
        root = self.account("admin")
        found = self.run_unit(hostusers.listing, self.vera.id)
        self.assertEqual(
            [(each.username, hostusers.role_of(each)) for each in found],
            [
                ("admin", "admin"),
                ("anna", "admin"),
                ("vera", "viewer"),
            ],
        )
        self.assertEqual(self.run_unit(hostusers.listing, self.vera.id, after=root.id, limit=1), [found[1]])
        self.assertEqual(self.run_unit(hostusers.read, self.vera.id, self.anna.id), found[1])
        for other in (self.alice.id, self.kid.id, 0, 2**70):
            self.refused(NotFound, hostusers.read, self.anna.id, other)

    def test_a_life(self) -> None:
        """Made, changed, with another password, gone."""
        jane = self.new()
        self.assertEqual(
            (jane.username, hostusers.name_of(jane), jane.role), ("jane@mesh.example", "Jane Doe", "viewer")
        )
        self.assertEqual(self.told(), ("anna", "account.create", jane.id))
        changed = self.change(jane, name="Jane", email="j@mesh.example", role="admin", active=False)
        self.assertEqual((hostusers.name_of(changed), changed.email), ("Jane", "j@mesh.example"))
        self.assertEqual((changed.role, changed.active), ("admin", False))
        self.assertEqual(self.told(), ("anna", "account.edit", jane.id))
        self.run_unit(hostusers.set_password, self.anna.id, jane.id, "other", now=NOON)
        self.assertEqual(self.account("jane@mesh.example").password_hash, "other")
        self.run_unit(hostusers.delete, self.anna.id, jane.id, now=NOON)
        self.assertIsNone(self.run_unit(accounts.by_id, jane.id))

    def test_the_accounts_name(self) -> None:
        """The user's where that can be one, else the address, else one of nobody's."""
        self.run_unit(accounts.edit, self.alice.id, email="Alice@x.example")
        for name, email, username in (
            ("jane", "a@x.example", "jane"),
            ("Jane Doe", "b@x.example", "b@x.example"),
            ("anna", "c@x.example", "c@x.example"),
            ("alice@x.example", "d@x.example", "d@x.example"),
            ("Zoë", "a-long-address-of-somebody@x.example", ""),
        ):
            with named(name):
                made = self.new(name=name, email=email)
                self.assertEqual(hostusers.name_of(made), name)
                if username:
                    self.assertEqual(made.username, username)
                else:
                    self.assertTrue(made.username.startswith("user-"))

    def test_what_a_user_cannot_be(self) -> None:
        """All that is wrong at once; an address is one user's."""
        error = self.assertRaises(Invalid, self.new, name="", email="x", role="root")
        self.assertEqual(set(error.messages), {"name", "email", "role"})
        for field, value in (
            ("name", "x" * 42),
            ("name", "x" * 21),
            ("name", "a\nb"),
            ("email", ""),
            ("role", "customer"),
            ("role", ""),
        ):
            with named((field, value)):
                self.assertEqual(set(self.assertRaises(Invalid, self.new, **{field: value}).messages), {field})
        self.assertRaises(Taken, self.new, email="ANNA@mesh.example")
        self.customer("named@mesh.example")
        self.assertRaises(Taken, self.new, email="Named@mesh.example")
        jane = self.new()
        self.assertRaises(Taken, self.change, jane, email="anna@mesh.example")
        self.assertEqual(self.change(jane, email="JANE@mesh.example").email, "JANE@mesh.example")

    def test_who_may(self) -> None:
        """Viewers look, customers do not even that."""
        jane = self.new()
        facts: dict[str, Any] = {"name": "x", "email": "x@x.example", "password_hash": "h", "role": "admin"}
        writes: list[Any] = [
            (hostusers.create, (), {**facts, "plans": self.plans}),
            (hostusers.change, (jane.id,), {"name": "y"}),
            (hostusers.set_password, (jane.id, "h"), {}),
            (hostusers.delete, (jane.id,), {}),
        ]
        viewer = ByToken(self.vera.id, self.a_token(self.vera))
        for who in (self.vera.id, viewer, self.alice.id, ByToken(self.anna.id, self.a_token(self.anna, ""))):
            for unit, args, more in writes:
                with named((who, unit.__name__)):
                    self.refused(Forbidden, unit, who, *args, **more, now=NOON)
        self.refused(Forbidden, hostusers.listing, self.alice.id)
        for who in (OPERATOR, self.account("admin").id, ByToken(self.anna.id, self.a_token(self.anna))):
            with named(who):
                self.run_unit(hostusers.change, who, jane.id, name=f"Name {who}"[:10], now=NOON)

    def test_the_root_account_is_left_alone(self) -> None:
        """By this API."""
        root = self.account("admin")
        for unit, args in ((hostusers.change, {"name": "x"}), (hostusers.delete, {})):
            self.refused(Forbidden, unit, self.anna.id, root.id, **args, now=NOON)
        self.refused(Forbidden, hostusers.set_password, self.anna.id, root.id, "h", now=NOON)

    def test_nobody_shuts_herself_out(self) -> None:
        """Nor takes her own role; her name she may change."""
        self.refused(Forbidden, hostusers.delete, self.anna.id, self.anna.id, now=NOON)
        for given in ({"active": False}, {"role": "viewer"}):
            self.refused(Forbidden, hostusers.change, self.anna.id, self.anna.id, **given, now=NOON)
        self.change(self.anna, name="Anna", active=True, role="admin")

    def test_ones_own_password_takes_the_present_one(self) -> None:
        """Of a viewer too."""
        for who in (self.anna, self.vera):
            for verified in ("", "hash of nobody"):
                refused = self.refused(
                    Invalid, hostusers.set_password, who.id, who.id, "new", verified=verified, now=NOON
                )
                self.assertEqual(refused.field, "current")
            self.run_unit(hostusers.set_password, who.id, who.id, "new", verified=who.password_hash, now=NOON)
            self.assertEqual(self.account(who.username).password_hash, "new")

    def test_what_ends_sign_ins(self) -> None:
        """Another password, and being switched off; access tokens stay."""
        access = self.a_token(self.vera)
        for number, end in enumerate(
            (
                lambda: self.run_unit(hostusers.set_password, self.anna.id, self.vera.id, "new", now=NOON),
                lambda: self.change(self.vera, active=False),
            )
        ):
            digests = {"access": bytes([number]) * 32, "refresh": bytes([number + 9]) * 32}
            token = self.run_unit(hosttokens.begin, self.vera.id, **digests, now=NOON).token
            end()
            self.assertIsNone(self.run_unit(tokens.by_id, token.id))
            self.assertIsNone(self.run_unit(refreshes.taken, digests["refresh"]))
        self.assertIsNotNone(self.run_unit(tokens.by_id, access))

    def test_what_changes_nothing_is_told_to_nobody(self) -> None:
        before = self.dump()
        self.change(self.vera, name="vera", role="viewer", active=True)
        self.assertEqual(before, self.dump())

    def test_hosts_of_one_who_goes(self) -> None:
        """Are the root's."""
        row = self.made()
        boss = self.customer("boss", role="admin")
        self.run_unit(hostusers.delete, boss.id, self.anna.id, now=NOON)
        after = self.run_unit(resources.read, boss.id, row.kind, row.id)
        self.assertEqual(after.owner_id, self.account("admin").id)
        self.assertEqual(self.run_unit(hosttokens.listing, boss.id), [])


class UserOnPostgresTests(OnPostgres, UserTests):
    """The same on PostgreSQL."""
