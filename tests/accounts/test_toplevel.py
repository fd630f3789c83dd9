from __future__ import annotations

from typing import Any

from meshd.accounts import proxies
from meshd.accounts import toplevel as holders
from meshd.accounts.errors import Invalid, NotYours, Taken
from meshd.accounts.profile import NewAccount, Profile
from meshd.accounts.toplevel import Edited, Terms
from meshd.model import Account
from meshd.store.statements import accounts, audit, tokens
from tests.accounts.support import KNOWN, NOON, OPERATOR, AccountsCase, named

MANY = [f"p{number}" for number in range(30)]


class BootstrapTests(AccountsCase):
    def test_once(self) -> None:
        """The first call makes `admin`, on plan 100 with every proxy; later ones make nothing."""
        root = self.root()
        self.assertEqual(("admin", "root", "100", True), (root.username, root.role, root.plan, root.active))
        self.assertEqual(list(KNOWN), self.run_unit(proxies.authorized, root.id))
        again = self.run_unit(holders.bootstrap, "other", plans=self.plans, proxies=list(KNOWN), now=NOON)
        self.assertIsNone(again)
        self.assertEqual(root, self.run_unit(accounts.root))

    def test_without_the_plan(self) -> None:
        """Settings that name no plan 100 still give the root its proxies."""
        made = self.run_unit(holders.bootstrap, "h", plans={}, proxies=["us", "world"], now=NOON)
        assert made is not None
        self.assertEqual(["us", "world"], self.run_unit(proxies.authorized, made.id))


class CreateTests(AccountsCase):
    def create(self, username: str, plan: str, names: list[str]) -> Account:
        return self.run_unit(
            holders.create,
            OPERATOR,
            NewAccount(username=username),
            terms=Terms(plan),
            plans=self.plans,
            proxies=names,
            now=NOON,
        )

    def test_first_proxies(self) -> None:
        """As many as the plan allows, in the file's order, `world` only where the plan has it."""
        table = [
            ("a trial has the first", "trial", MANY, MANY[:1]),
            ("a trial passes over world", "trial", ["world", "us"], ["us"]),
            ("plan 10 has ten, and no world", "10", ["world", *MANY], MANY[:10]),
            ("plan 50 has world in its place", "50", ["a", "world", "b"], ["a", "world", "b"]),
            ("no proxies at all", "10", [], []),
        ]
        for number, (sentence, plan, names, expected) in enumerate(table):
            with named(sentence):
                account = self.create(f"c{number}", plan, names)
                self.assertEqual(expected, self.run_unit(proxies.authorized, account.id))

    def test_defaults(self) -> None:
        """It is an active customer without limits that bills from today's day."""
        account = self.create("new", "10", [])
        self.assertEqual(
            ("customer", True, 15, 0, 0, None),
            (
                account.role,
                account.active,
                account.billing_day,
                account.monthly_limit,
                account.total_limit,
                account.parent_id,
            ),
        )
        self.assertEqual(("operator:test", "account.create", account.id), self.told())

    def test_refused(self) -> None:
        """Unknown plans, impossible days, a second root, no plan, names that are taken."""
        table: list[tuple[str, str, Terms, set[str]]] = [
            ("an unknown plan", "new", Terms("30"), {"plan"}),
            ("an impossible day", "new", Terms("10", billing_day=32), {"billing_day"}),
            ("a second root", "new", Terms("10", "root"), {"role"}),
            ("no plan", "new", Terms(), {"plan"}),
            ("all of it", "new", Terms("30", "root", 0), {"plan", "role", "billing_day"}),
            ("no username", "", Terms("10"), {"username"}),
        ]
        for sentence, username, terms, fields in table:
            with named(sentence):
                error = self.refused(
                    Invalid,
                    holders.create,
                    OPERATOR,
                    NewAccount(username=username),
                    terms=terms,
                    plans=self.plans,
                    proxies=[],
                    now=NOON,
                )
                self.assertEqual(fields, set(error.messages))
        for username in ("Alice", "kid", "ADMIN"):
            with named(username):
                self.refused(
                    Taken,
                    holders.create,
                    OPERATOR,
                    NewAccount(username=username),
                    terms=Terms("10"),
                    plans=self.plans,
                    proxies=[],
                    now=NOON,
                )

    def test_who_may(self) -> None:
        """The root makes anyone, an admin customers, nobody else an account on top."""
        root, admin, viewer = self.root(), self.customer("adm", role="admin"), self.customer("view", role="viewer")
        made: dict[str, Any] = {"plans": self.plans, "proxies": [], "now": NOON}
        self.run_unit(holders.create, root.id, NewAccount(username="n1"), terms=Terms("10", "admin"), **made)
        self.run_unit(holders.create, admin.id, NewAccount(username="n2"), terms=Terms("10"), **made)
        new = NewAccount(username="n3")
        self.refused(NotYours, holders.create, admin.id, new, terms=Terms("10", "admin"), **made)
        for actor in (viewer, self.alice, self.kid):
            with named(actor.username):
                self.refused(NotYours, holders.create, actor.id, new, terms=Terms("10"), **made)


class EditTests(AccountsCase):
    def edit(self, username: str, profile: Profile | None = None, **terms: Any) -> Edited:
        given = profile or Profile()
        return self.run_unit(holders.edit, OPERATOR, username, given, Terms(**terms), plans=self.plans, now=NOON)

    def test_downgrade_to_a_plan_without_tokens(self) -> None:
        """All tokens of the account and its sub-accounts are put out of use; other families keep theirs."""
        bob = self.customer("bob")
        ours = [self.token(self.alice.id, None, 1).id, self.token(self.alice.id, "kid", 2).id]
        off = self.token(self.alice.id, None, 3)
        self.run_unit(tokens.set_active, off.id, False)
        theirs = self.token(bob.id, None, 4)
        edited = self.edit("alice", plan="trial")
        self.assertEqual(tuple(ours), edited.deactivated)
        for token_id in ours:
            token = self.run_unit(tokens.by_id, token_id)
            assert token is not None
            self.assertFalse(token.active)
        self.assertEqual(theirs, self.run_unit(tokens.by_id, theirs.id))
        self.assertEqual(("operator:test", "account.edit", self.alice.id), self.told())
        self.assertIn("2 tokens deactivated", self.run_unit(audit.of_account, self.alice.id, 1)[0].detail)

    def test_downgrade_to_a_smaller_plan_with_tokens(self) -> None:
        """Tokens stay in use, as the document says only of plans without any."""
        token = self.token(self.alice.id)
        self.assertEqual((), self.edit("alice", plan="10").deactivated)
        self.assertEqual(token, self.run_unit(tokens.by_id, token.id))

    def test_proxies_follow_the_plan(self) -> None:
        """A downgrade keeps those authorised first and takes `world`; an upgrade brings back what one took, as far
        as it goes."""
        rich = self.customer("rich", "50")
        self.assertEqual(("world",), self.edit("rich", plan="20").revoked)
        self.assertEqual(["us", "open"], self.run_unit(proxies.authorized, rich.id))
        self.assertEqual(("open",), self.edit("rich", plan="trial").revoked)
        for plan, restored in (("20", ("open",)), ("100", ("world",))):
            edited = self.edit("rich", plan=plan)
            self.assertEqual(((), restored), (edited.revoked, edited.restored))
        self.assertEqual(["us", "open", "world"], self.run_unit(proxies.authorized, rich.id))

    def test_sub_accounts_follow_the_plan(self) -> None:
        """Whoever reads a sub-account's row sees its parent's plan."""
        self.edit("alice", plan="50")
        account = self.account("kid")
        self.assertEqual("50", account.plan)

    def test_what_is_named_changes(self) -> None:
        """The rest stays; the audit has limits and terms, and of personal fields only their names."""
        edited = self.edit("alice", Profile(email="secret@x.example", total_limit=7), role="viewer", billing_day=31)
        account = edited.account
        self.assertEqual(
            ("viewer", 31, "20", 7, "secret@x.example"),
            (account.role, account.billing_day, account.plan, account.total_limit, account.email),
        )
        detail = self.run_unit(audit.of_account, account.id, 1)[0].detail
        self.assertEqual("billing_day=31; email; role=viewer; total_limit=7", detail)

    def test_refused(self) -> None:
        """A sub-account's terms, the root's role, values that there are not."""
        self.root()
        table: list[tuple[str, str, Profile, Terms]] = [
            ("a sub-account's plan", "kid", Profile(), Terms("50")),
            ("a sub-account's role", "kid", Profile(), Terms(role="admin")),
            ("a sub-account's day", "kid", Profile(), Terms(billing_day=1)),
            ("the root's role", "admin", Profile(), Terms(role="customer")),
            ("another root", "alice", Profile(), Terms(role="root")),
            ("an unknown plan", "alice", Profile(), Terms("30")),
            ("a wrong e-mail address", "alice", Profile(email="x"), Terms()),
        ]
        for sentence, username, profile, terms in table:
            with named(sentence):
                self.refused(Invalid, holders.edit, OPERATOR, username, profile, terms, plans=self.plans, now=NOON)

    def test_customers_set_no_terms(self) -> None:
        """Neither their own nor a sub-account's; a limit of a sub-account they do."""
        self.refused(NotYours, holders.edit, self.alice.id, "kid", Profile(), Terms("50"), plans=self.plans, now=NOON)
        self.refused(NotYours, holders.edit, self.alice.id, "alice", Profile(), Terms("50"), plans=self.plans, now=NOON)
        self.run_unit(holders.edit, self.alice.id, "kid", Profile(total_limit=1), Terms(), plans=self.plans, now=NOON)
        admin = self.customer("adm", role="admin")
        self.refused(
            NotYours, holders.edit, admin.id, "alice", Profile(), Terms(role="admin"), plans=self.plans, now=NOON
        )
