from __future__ import annotations

from dataclasses import replace

from meshd.accounts import subaccounts, terms
from meshd.accounts import toplevel as holders
from meshd.accounts.errors import Invalid, NotFound, NotYours, PlanLimitReached, Taken
from meshd.accounts.ownership import ByToken
from meshd.accounts.profile import NewAccount, Profile
from meshd.model import GB
from meshd.store.statements import accounts, tokens
from tests.accounts.support import NOON, OPERATOR, AccountsCase, named


class DetailsTests(AccountsCase):
    def test_a_sub_account(self) -> None:
        """Account, parent and usage in one answer, the name in any case."""
        identity = self.run_unit(subaccounts.details, self.alice.id, "Kid", at=NOON)
        self.assertEqual(("kid", self.alice.id), (identity.account.username, identity.account.parent_id))
        self.assertEqual(self.alice, identity.parent)
        self.assertEqual((0, 1768435200), (identity.usage.total_bytes, identity.usage.period_start))

    def test_not_yours_and_not_there(self) -> None:
        """One 403 for a foreign account, its sub-account, oneself, one's parent and nobody at all."""
        self.customer("bob")
        self.below("bob", "bobs")
        seen = set()
        for actor, username in (
            (self.alice, "bob"),
            (self.alice, "bobs"),
            (self.alice, "alice"),
            (self.alice, "nobody"),
            (self.alice, "x" * 10_000),
            (self.alice, "kid\0"),
            (self.kid, "kid"),
            (self.kid, "alice"),
            (self.kid, "bobs"),
        ):
            with named((actor.username, username[:40])):
                error = self.refused(NotYours, subaccounts.details, actor.id, username, at=NOON)
                seen.add((type(error), error.detail))
        self.assertEqual({(NotYours, "not a sub-account of yours")}, seen)


class CreateTests(AccountsCase):
    def test_created(self) -> None:
        """It has its parent's plan, billing day and proxies, and is a customer."""
        new = NewAccount(
            username="new",
            password_hash="h",
            profile=Profile(first_name="N", last_name="W", email="n@w.example", monthly_limit=GB, total_limit=2 * GB),
        )
        identity = self.run_unit(subaccounts.create, self.alice.id, new, plans=self.plans, now=NOON)
        account = identity.account
        self.assertEqual(("20", 15, "customer"), (account.plan, account.billing_day, account.role))
        self.assertEqual((GB, 2 * GB, "N"), (account.monthly_limit, account.total_limit, account.first_name))
        self.assertEqual(("us", "open"), identity.proxies)
        self.assertEqual(("alice", "account.create", account.id), self.told())

    def test_another_ones_address(self) -> None:
        """It is no sub-account's name, since nobody would come to the sub-account by it; another sub-account's is."""
        self.customer("mail", email="Ann@x.example")
        self.below("alice", "under", email="bo@x.example")
        new = NewAccount(username="ann@x.example")
        for unit, more in ((subaccounts.create, {"now": NOON}), (subaccounts.require_creatable, {})):
            error = self.refused(Taken, unit, self.alice.id, new, plans=self.plans, **more)
            self.assertEqual({"username": ["This username is taken."]}, error.messages)
        self.refused(Taken, terms.rename, OPERATOR, "kid", "ANN@x.example", now=NOON)
        self.below("alice", "bo@x.example")
        self.customer("ann@x.example")

    def test_taken(self) -> None:
        """Any account's name in any case, and the root's before there is a root."""
        self.customer("bob")
        for username in ("kid", "KID", "Bob", "alice", "admin", "Admin"):
            with named(username):
                new = NewAccount(username=username)
                error = self.refused(Taken, subaccounts.create, self.alice.id, new, plans=self.plans, now=NOON)
                self.assertEqual({"username": ["This username is taken."]}, error.messages)

    def test_names_with_a_selection(self) -> None:
        """What reads as a name with a selection is refused to everybody: be it one's own, another's or nobody's."""
        self.customer("bob")
        root = self.root()
        for username in (
            "bob-session-1",
            "BOB-Strict",
            "alice-session-1",
            "kid-strict",
            "nobody-ttl-5-not-a",
            "x-exit",
        ):
            with named(username):
                new = NewAccount(username=username)
                for actor, parent in ((self.alice.id, None), (root.id, "alice"), (OPERATOR, "alice")):
                    words = {"parent": parent, "plans": self.plans}
                    error = self.refused(Invalid, subaccounts.create, actor, new, **words, now=NOON)
                    self.assertNotIsInstance(error, Taken)
                    self.assertRegex(
                        error.messages["username"][0], "^This reads as the name .* with a selection; leave"
                    )
                    self.refused(Invalid, subaccounts.require_creatable, actor, new, **words)
        for username in ("bob-sessions-1", "bob_session_1", "-session-1", "bob-countryside"):
            new = NewAccount(username=username)
            self.run_unit(subaccounts.create, self.alice.id, new, plans=self.plans, now=NOON)

    def test_wrong_values(self) -> None:
        """Every field at fault is told."""
        profile = Profile(first_name="x" * 21, last_name="\n", email="no", monthly_limit=-1, total_limit=10**30)
        new = NewAccount(username="a b", profile=profile)
        error = self.refused(Invalid, subaccounts.create, self.alice.id, new, plans=self.plans, now=NOON)
        expected = {"username", "first_name", "last_name", "email", "monthly_limit", "total_limit"}
        self.assertEqual(expected, set(error.messages))

    def test_plan_limit(self) -> None:
        """As many sub-accounts as the plan says; deleting one makes room."""
        self.at_plan("20", sub_accounts=2)
        self.below("alice", "second")
        new = NewAccount(username="third")
        self.refused(PlanLimitReached, subaccounts.create, self.alice.id, new, plans=self.plans, now=NOON)
        self.refused(PlanLimitReached, subaccounts.require_creatable, self.alice.id, new, plans=self.plans)
        self.run_unit(subaccounts.delete, self.alice.id, "second", now=NOON)
        self.run_unit(subaccounts.require_creatable, self.alice.id, new, plans=self.plans)
        self.below("alice", "third")

    def test_no_sub_accounts_below_sub_accounts(self) -> None:
        """Neither by itself nor by the operator, nor for somebody else."""
        new = NewAccount(username="new")
        self.refused(NotYours, subaccounts.create, self.kid.id, new, plans=self.plans, now=NOON)
        self.refused(Invalid, subaccounts.create, OPERATOR, new, parent="kid", plans=self.plans, now=NOON)
        self.customer("bob")
        self.refused(NotYours, subaccounts.create, self.alice.id, new, parent="bob", plans=self.plans, now=NOON)
        self.refused(NotFound, subaccounts.create, OPERATOR, new, parent="nobody", plans=self.plans, now=NOON)

    def test_no_secret_in_repr(self) -> None:
        """A new account's hash does not show in logs or tracebacks."""
        self.assertNotIn("secret", repr(NewAccount(username="x", password_hash="secret")))


class ChangeTests(AccountsCase):
    def test_edit(self) -> None:
        """What is named changes, what is not stays, an empty text empties; the answer shows it."""
        self.run_unit(subaccounts.edit, self.alice.id, "kid", Profile(email="k@x.example", total_limit=5), at=NOON)
        self.assertEqual(("alice", "account.edit", self.kid.id), self.told())
        identity = self.run_unit(
            subaccounts.edit, self.alice.id, "kid", Profile(email=""), password_hash="other", at=NOON
        )
        self.assertEqual(replace(self.kid, total_limit=5, password_hash="other"), identity.account)

    def test_edit_refused(self) -> None:
        """Wrong values, and accounts of others."""
        self.customer("bob")
        self.refused(Invalid, subaccounts.edit, self.alice.id, "kid", Profile(email="no"), at=NOON)
        for actor, username in ((self.alice, "bob"), (self.alice, "alice"), (self.kid, "kid"), (self.kid, "alice")):
            with named((actor.username, username)):
                self.refused(NotYours, subaccounts.edit, actor.id, username, Profile(email="a@b"), at=NOON)

    def test_deactivate_and_activate(self) -> None:
        """Both are told of, and both may be repeated."""
        for _ in range(2):
            identity = self.run_unit(subaccounts.deactivate, self.alice.id, "kid", now=NOON)
            self.assertFalse(identity.account.active)
            self.assertEqual(("alice", "account.deactivate", self.kid.id), self.told())
        self.assertTrue(self.run_unit(subaccounts.activate, self.alice.id, "kid", now=NOON).account.active)
        self.assertEqual(("alice", "account.activate", self.kid.id), self.told())
        self.refused(NotYours, subaccounts.activate, self.kid.id, "kid", now=NOON)

    def test_delete(self) -> None:
        """A sub-account with what is its own; of a parent, the whole family; the audit remembers."""
        token = self.token(self.alice.id, "kid")
        self.run_unit(subaccounts.delete, self.alice.id, "kid", now=NOON)
        self.assertEqual(("alice", "account.delete", self.kid.id), self.told())
        self.assertIsNone(self.run_unit(tokens.by_id, token.id))
        self.below("alice", "other")
        self.refused(NotYours, subaccounts.delete, self.alice.id, "alice", now=NOON)
        self.run_unit(subaccounts.delete, OPERATOR, "alice", now=NOON)
        self.assertEqual([], self.run_unit(accounts.page, 0, 10))
        self.assertEqual(("operator:test", "account.delete", self.alice.id), self.told())

    def test_the_root_stays(self) -> None:
        """It is neither deactivated nor deleted, not by the operator either."""
        root = self.root()
        self.refused(Invalid, subaccounts.deactivate, OPERATOR, "admin", now=NOON)
        self.refused(Invalid, subaccounts.delete, OPERATOR, "admin", now=NOON)
        self.refused(NotYours, subaccounts.delete, root.id, "admin", now=NOON)

    def test_above_customers(self) -> None:
        """An admin deactivates customers and no other admin; a viewer only looks."""
        admin, viewer = self.customer("adm", role="admin"), self.customer("view", role="viewer")
        self.run_unit(subaccounts.deactivate, admin.id, "alice", now=NOON)
        self.run_unit(subaccounts.details, viewer.id, "alice", at=NOON)
        self.refused(NotYours, subaccounts.deactivate, viewer.id, "alice", now=NOON)
        for username in ("adm", "view"):
            self.refused(NotYours, subaccounts.delete, admin.id, username, now=NOON)

    def test_sub_accounts_of_those_above_are_theirs(self) -> None:
        """What an admin may do with customers ends at the sub-accounts of the root and of other admins."""
        self.root()
        admin = self.customer("adm", role="admin")
        self.customer("other", role="admin")
        for parent, name in (("admin", "roots"), ("other", "others")):
            self.below(parent, name)
            self.refused(NotYours, subaccounts.details, admin.id, name, at=NOON)
            self.refused(NotYours, subaccounts.deactivate, admin.id, name, now=NOON)
        self.run_unit(subaccounts.deactivate, admin.id, "kid", now=NOON)

    def test_by_token_a_role_is_worth_nothing(self) -> None:
        """A stolen token of an admin or of the root reaches its own sub-accounts, and no customer."""
        root, admin = self.root(), self.customer("adm", role="admin")
        for actor in (root, admin):
            by_token = ByToken(actor.id, self.token(actor.id, None, actor.id).id)
            self.below(actor.username, f"{actor.username}.sub")
            self.run_unit(subaccounts.details, by_token, f"{actor.username}.sub", at=NOON)
            for name in ("alice", "kid"):
                self.run_unit(subaccounts.details, actor.id, name, at=NOON)
                self.refused(NotYours, subaccounts.details, by_token, name, at=NOON)
                self.refused(NotYours, subaccounts.delete, by_token, name, now=NOON)

    def test_an_admins_sub_account_is_no_admin(self) -> None:
        """Whoever is below an admin or the root is a customer and sees nobody."""
        self.root()
        below = self.below("admin", "helper")
        self.assertEqual("customer", below.role)
        self.refused(NotYours, subaccounts.details, below.id, "alice", at=NOON)


class PasswordTests(AccountsCase):
    def test_set_by_parent_and_operator(self) -> None:
        """It is published, so that what is remembered of the old one is dropped."""
        self.run_unit(holders.set_password, self.alice.id, "kid", "new hash", now=NOON)
        self.assertEqual(("alice", "account.password", self.kid.id), self.told())
        account = self.account("kid")
        self.assertEqual("new hash", account.password_hash)
        self.refused(NotYours, holders.set_password, self.kid.id, "alice", "mine", now=NOON)
        self.refused(NotFound, holders.set_password, OPERATOR, "nobody", "h", now=NOON)
