"""Registering: what an account begins with, who may, and that an address and an invitation count once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import cycle, permutations
from typing import Any

from twisted.trial.unittest import SynchronousTestCase, TestCase

from meshd.accounts import hostusers, invitations, oneself, registering, subaccounts, terms, toplevel, usernames
from meshd.accounts.attempt import perform_blocking
from meshd.accounts.errors import AccountError, Forbidden, Invalid, NotFound, Taken
from meshd.accounts.holders import NOTHING
from meshd.accounts.profile import NewAccount
from meshd.accounts.registering import Applicant, Entry, parts
from meshd.model import Account
from meshd.store.open import BlockingStore
from meshd.store.statements import accounts, proxies, tokens
from meshd.store.unit import Unit
from meshd.topology import PLANS
from tests.accounts.atonce import in_the_midst
from tests.accounts.support import DAY, NOON, OPERATOR, AccountsCase, OnPostgres, named
from tests.support.stores import migrated_postgres_url

SPARE = "user_abcdefghij"


def applicant(email: str = "ann@mail.example", **more: str) -> Applicant:
    return Applicant(**{"name": "Ann Example", "email": email, "password_hash": "hash", **more})


def how(registration: str = "open", **more: Any) -> dict[str, Any]:
    entry = Entry(more.pop("email", "x").encode().rjust(32, b"\0"), 3600, b"proof")
    known = {"spare": SPARE, "plan": "10", "plans": PLANS, "proxies": ["gateway", "us", "world"], "now": NOON}
    return {"registration": registration, "entry": entry, **known, **more}


class PartsTests(SynchronousTestCase):
    def test_parts_of_a_name(self) -> None:
        for name, expected in {
            "Ann": ("Ann", ""),
            "Ann Example": ("Ann", "Example"),
            "Ann  Maria\tExample": ("Ann Maria", "Example"),
            "Anna Maria Magdalena Example": ("Anna Maria Magdalena", "Example"),
            "Anna Maria Magdalena Theresia Example": ("Anna Maria Magdalena", "Theresia Example"),
            "x" * 30: ("x" * 20, ""),
            f"{'x' * 30} {'y' * 30}": ("x" * 20, "y" * 20),
            "": ("", ""),
        }.items():
            with named(name):
                self.assertEqual(parts(name), expected)


class RegisteringTests(AccountsCase):
    def register(self, email: str = "ann@mail.example", **more: Any) -> Account:
        about = {key: more.pop(key) for key in ("name", "code") if key in more}
        return self.run_unit(registering.register, applicant(email, **about), **how(email=email, **more))

    def invitation(self, uses: int = 1, until: int = 0) -> tuple[str, int]:
        code = invitations.new_code()
        made = self.run_unit(
            invitations.create,
            OPERATOR,
            digest=invitations.code_digest(code),
            label="for friends",
            uses=uses,
            until=until,
            now=NOON,
        )
        return code, made.id

    def test_what_an_account_begins_with(self) -> None:
        """A plan that includes nothing, so that it lives from what is bought; the gateway; a sign-in."""
        ann = self.register()
        self.assertEqual(
            (ann.username, ann.email, ann.first_name, ann.last_name), ("ann", "ann@mail.example", "Ann", "Example")
        )
        self.assertEqual((ann.parent_id, ann.role, ann.plan, ann.monthly_limit), (None, "customer", "10", NOTHING))
        self.assertEqual(self.run_unit(proxies.of_account, ann.id), ["gateway", "us"])
        self.assertEqual([each.kind for each in self.run_unit(tokens.of_account, ann.id, "access")], ["access"])
        self.assertEqual(self.told(), ("ann", "account.register", ann.id))

    def test_a_plan_that_includes_traffic_has_its_own_limit(self) -> None:
        self.at_plan("10", included_gb=5, proxies=2)
        ann = self.register(plans=self.plans)
        self.assertEqual(ann.monthly_limit, 0)
        self.assertEqual(self.run_unit(proxies.of_account, ann.id), ["gateway", "us"])

    def test_usernames(self) -> None:
        """What stands before the @ where it can be a username and is free; else the spare one."""
        for email, username in {
            "Bob.Smith+x@mail.example": "bob.smith+x",
            "alice@mail.example": SPARE,
            "ALICE@other.example": SPARE + "1",
            "admin@mail.example": SPARE + "2",
            "jo-country-us@mail.example": SPARE + "3",
            "o'hara@mail.example": SPARE + "4",
            f"{'x' * 31}@mail.example": SPARE + "5",
        }.items():
            with named(email):
                made = self.register(email, spare=username if username.startswith(SPARE) else SPARE)
                self.assertEqual(made.username, username)

    def test_an_address_is_one_accounts(self) -> None:
        """Whatever the case, and whether it is another's address or name; a sub-account's address gives way."""
        self.register()
        self.below("alice", "under@mail.example", email="kid@mail.example")
        for email in ("ann@mail.example", "ANN@Mail.example", "under@mail.EXAMPLE"):
            with named(email):
                self.assertEqual(
                    set(self.refused(Taken, registering.register, applicant(email), **how()).messages), {"email"}
                )
                self.refused(Taken, registering.require_welcome, applicant(email), registration="open", now=NOON)
        made = self.register("KID@mail.example", spare=f"{SPARE}2")
        self.assertEqual(self.run_unit(usernames.sign_in_name, "kid@mail.example"), made.username)

    def test_what_is_no_address(self) -> None:
        for email in (
            "",
            "ann",
            "@mail.example",
            "a b@mail.example",
            "a,b@mail.example",
            "<a@mail.example>",
            "a@mail.example\nBcc: b@mail.example",
            "ä@mail.example",
            "a@mail",
            "a@-x.example",
            "a@192.0.2.1",
            "a..b@mail.example",
            f"{'x' * 65}@mail.example",
        ):
            with named(email):
                allowed = email == "a@mail"
                if allowed:
                    registering.require_valid("Ann", email)
                    continue
                self.assertRaises(Invalid, registering.require_valid, "Ann", email)

    def test_closed(self) -> None:
        self.refused(Forbidden, registering.register, applicant(), **how("closed"))

    def test_by_invitation(self) -> None:
        """As often as it says, until it ends, however the code is typed; nothing of it goes where nobody registers."""
        code, id_ = self.invitation(uses=2)
        for wrong in ("", "aaaa-bbbb-cccc-dddd", "x" * 500, "ü"):
            with named(wrong):
                refused = self.refused(Invalid, registering.register, applicant(code=wrong), **how("invite"))
                self.assertEqual(set(refused.messages), {"referral_code"})
                self.refused(
                    Invalid, registering.require_welcome, applicant(code=wrong), registration="invite", now=NOON
                )
        self.register(code=code, registration="invite")
        self.refused(Taken, registering.register, applicant(code=code), **how("invite"))
        bob = self.register("bob@mail.example", code=code.upper().replace("-", " "), registration="invite")
        self.assertIn(("bob", "account.register", f"by invitation {id_}"), self.history(bob))
        self.refused(Invalid, registering.register, applicant("cy@mail.example", code=code), **how("invite"))

    def test_an_invitation_ends(self) -> None:
        code, _ = self.invitation(until=NOON + DAY)
        late = how("invite", now=NOON + DAY)
        self.refused(Invalid, registering.register, applicant(code=code), **late)
        self.register(code=code, registration="invite", now=NOON + DAY - 1)

    def test_what_comes_with_it(self) -> None:
        """Within the same transaction."""
        seen: list[str] = []

        def first(account: Account) -> Unit[None]:
            seen.append((yield from accounts.by_id(account.id)).username)  # type: ignore[union-attr]
            raise NotFound("no")

        self.refused(NotFound, registering.register, applicant(), **how(first=first))
        self.assertEqual(seen, ["ann"])

    def test_no_secret_is_shown(self) -> None:
        self.assertNotIn("hash", repr(applicant(code="abcd")))
        self.assertNotIn("abcd", repr(applicant(code="abcd")))


class RegisteringOnPostgresTests(OnPostgres, RegisteringTests):
    """The same on PostgreSQL."""


class AtOnceTests(TestCase):
    """On PostgreSQL, where units really run at the same time."""

    def setUp(self) -> None:
        self.url = migrated_postgres_url(self)
        self.store = self.open()
        self.store.migrate()

    def open(self) -> BlockingStore:
        store = BlockingStore(self.url)
        self.addCleanup(store.close)
        return store

    def race(self, registration: str, **more: str) -> list[str]:
        stores = [self.open() for _ in range(6)]

        def run(number: int) -> str:
            email = more.get("email") or f"a{number}@mail.example"
            told = how(registration, spare=f"{SPARE}{number}", email=str(number))
            try:
                perform_blocking(
                    stores[number].run, registering.register, applicant(email, code=more.get("code", "")), **told
                )
            except AccountError as error:
                return type(error).__name__
            return ""

        with ThreadPoolExecutor(6) as threads:
            return sorted(threads.map(run, range(6)))

    def test_one_address(self) -> None:
        self.assertEqual(self.race("open", email="ann@mail.example"), ["", *["Taken"] * 5])

    def test_one_address_whoever_gives_it(self) -> None:
        """While somebody takes an address, who else wants it waits: by registering, as a user, as her own, as the name
        of a sub-account.
        """
        ann, bea = (
            self.store.run(
                toplevel.create,
                OPERATOR,
                NewAccount(username=name, password_hash="h"),
                terms=toplevel.Terms("100"),
                plans=PLANS,
                proxies=(),
                now=NOON,
            )
            for name in ("ann", "bea")
        )
        user = {"password_hash": "h", "role": "viewer", "plans": PLANS, "now": NOON}
        ways: list[Callable[[str], Unit[Any]]] = [
            lambda email: registering.register(applicant(email), **how(email=email)),
            lambda email: hostusers.create(OPERATOR, name="Bo Example", email=email, **user),
            lambda email: oneself.change_email(ann.id, email, verified="h", now=NOON),
            lambda email: subaccounts.create(bea.id, NewAccount(username=email), plans=PLANS, now=NOON),
            lambda email: terms.rename(OPERATOR, f"kid-{email[:-10]}", email, now=NOON),
        ]
        stores = cycle([self.open() for _ in range(3)])
        for number, (first, second) in enumerate(permutations(ways, 2)):
            with named(number):
                email = f"a{number}@x.example"
                kid = NewAccount(username=f"kid-a{number}")
                self.store.run(subaccounts.create, bea.id, kid, plans=PLANS, now=NOON)
                units = partial(first, email), partial(second, email)
                self.assertEqual(in_the_midst(self, lambda: next(stores), units[0], "lower(email)", units[1]), "Taken")

    def test_the_last_use_of_an_invitation(self) -> None:
        code = invitations.new_code()
        self.store.run(
            invitations.create,
            OPERATOR,
            digest=invitations.code_digest(code),
            label="",
            uses=2,
            until=0,
            now=NOON,
        )
        self.assertEqual(self.race("invite", code=code), ["", "", *["Invalid"] * 4])
