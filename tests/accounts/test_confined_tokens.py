"""Tokens that are for less than their account may do, and what any token leaves behind."""

from __future__ import annotations

from typing import Any

from meshd.accounts import allowlists, history, proxies, subaccounts, tokens
from meshd.accounts import toplevel as holders
from meshd.accounts.errors import Forbidden
from meshd.accounts.ownership import ByToken
from meshd.accounts.profile import NewAccount, Profile
from meshd.accounts.toplevel import Terms
from meshd.model import Token
from meshd.store.statements import accounts, series
from meshd.store.statements import tokens as stored
from meshd.values.traces import Entry, Made
from tests.accounts.support import KNOWN, NOON, OPERATOR, AccountsCase, OnPostgres, named

IP, OTHER = "93.184.216.34", "93.184.216.35"


class ConfinedTokenTests(AccountsCase):
    """A token for some proxies, or one that chooses exits."""

    def changes(self, actor: ByToken) -> list[tuple[str, Any, tuple[Any, ...], dict[str, Any]]]:
        """One of each kind that the API has."""
        made: dict[str, Any] = {"plans": self.plans, "now": NOON}
        known: dict[str, Any] = {"known": KNOWN, "now": NOON}
        new = NewAccount(username="planted", password_hash="h")
        return [
            ("sub/create", subaccounts.create, (actor, new), made),
            ("sub/create, asked before", subaccounts.require_creatable, (actor, new), {"plans": self.plans}),
            ("sub/edit", subaccounts.edit, (actor, "kid", Profile(total_limit=1)), {"password_hash": "h", "at": NOON}),
            ("sub/edit, asked before", subaccounts.require_editable, (actor, "kid", Profile()), {}),
            ("sub/edit of nobody", subaccounts.edit, (actor, "nobody", Profile()), {"at": NOON}),
            ("a password", holders.set_password, (actor, "kid", "h"), {"now": NOON}),
            ("sub/activate", subaccounts.activate, (actor, "kid"), {"now": NOON}),
            ("sub/deactivate", subaccounts.deactivate, (actor, "kid"), {"now": NOON}),
            ("sub/delete", subaccounts.delete, (actor, "kid"), {"now": NOON}),
            ("ip/add", allowlists.add_ip, (actor, None, OTHER, ""), made),
            ("ip/add to a sub-account", allowlists.add_ip, (actor, "kid", OTHER, ""), made),
            ("ip/delete", allowlists.delete_ip, (actor, None, IP), {"now": NOON}),
            ("hostname/add", allowlists.add_hostname, (actor, None, "b.example.com"), made),
            ("hostname/delete", allowlists.delete_hostname, (actor, None, "a.example.com"), {"now": NOON}),
            ("proxy/add", proxies.authorize, (actor, None, "us"), {**known, **made}),
            ("proxy/delete", proxies.revoke, (actor, None, "us"), known),
            ("a plan", holders.edit, (actor, "kid", Profile(), Terms("100")), made),
            ("an account on top", holders.create, (actor, new), {**made, "terms": Terms("100"), "proxies": []}),
        ]

    def test_it_changes_nothing(self) -> None:
        """By whatever it is confined, and on whatever it is tried; what it may is said, and how it is done."""
        self.run_unit(allowlists.add_ip, self.alice.id, None, IP, "", plans=self.plans, now=NOON)
        self.run_unit(allowlists.add_hostname, self.alice.id, None, "a.example.com", plans=self.plans, now=NOON)
        for how in ({"proxies": ["us"]}, {"selection": "country-us"}):
            actor = self.by_token(self.confined(**how))
            for sentence, unit, args, kwargs in self.changes(actor):
                with named((how, sentence)):
                    error = self.refused(Forbidden, unit, *args, **kwargs)
                    self.assertIn("changes nothing", error.detail)

    def test_it_reads(self) -> None:
        """Everything that its account may read."""
        actor = self.by_token(self.confined(proxies=["us"]))
        self.run_unit(allowlists.ips, actor, None, at=NOON)
        self.run_unit(allowlists.hosts, actor, "kid", at=NOON)
        self.run_unit(proxies.authorized, actor)
        self.run_unit(subaccounts.details, actor, "kid", at=NOON)
        span: dict[str, Any] = {"since": None, "until": None, "span": series.DAY, "by": "total", "now": NOON}
        self.run_unit(history.series, actor, None, **span)

    def test_a_sub_accounts_changes_nothing_of_its_own(self) -> None:
        """Its allowlist neither."""
        actor = self.by_token(self.confined("kid", proxies=["us"]))
        self.refused(Forbidden, allowlists.add_ip, actor, None, IP, "", plans=self.plans, now=NOON)

    def test_one_that_is_not_confined_goes_on(self) -> None:
        """As the vendor's document has it."""
        actor = self.by_token(self.token(self.alice.id))
        self.run_unit(allowlists.add_ip, actor, None, IP, "", plans=self.plans, now=NOON)
        self.run_unit(subaccounts.create, actor, NewAccount(username="new"), plans=self.plans, now=NOON)


class TokenTraceTests(AccountsCase):
    """What a token has done, and what it leaves."""

    def plant(self, actor: ByToken) -> None:
        run, made = self.run_unit, {"plans": self.plans, "now": NOON}
        run(proxies.revoke, self.alice.id, None, "open", known=KNOWN, now=NOON)
        run(proxies.authorize, actor, None, "open", known=KNOWN, **made)
        run(subaccounts.create, actor, NewAccount(username="planted", password_hash="h"), **made)
        run(subaccounts.edit, actor, "kid", Profile(), password_hash="h", at=NOON)
        run(allowlists.add_ip, actor, None, IP, "", **made)
        run(allowlists.add_hostname, actor, "kid", "a.example.com", **made)
        # By the password that the token has set.
        run(allowlists.add_ip, self.kid.id, None, OTHER, "", **made)

    MADE = Made(
        ("planted",),
        ("kid",),
        (Entry("alice", IP), Entry("kid", OTHER)),
        (Entry("kid", "a.example.com"),),
        (Entry("alice", "open"),),
    )

    def token_of(self, number: int = 1) -> Token:
        return self.token(self.alice.id, None, number)

    def test_the_audit_names_the_token(self) -> None:
        """Each change, of whichever account; with the password the name alone."""
        token = self.token_of()
        self.plant(self.by_token(token))
        actor = f"alice (token {token.id})"
        by_it = [(who, action) for who, action, _ in self.history(self.alice) if "token " in who]
        self.assertEqual([(actor, "ip.add"), (actor, "proxy.authorize")], by_it)
        self.assertEqual((actor, "account.create"), self.history(self.account("planted"))[0][:2])
        kids = [(who, action) for who, action, _ in self.history(self.kid)]
        self.assertEqual([("kid", "ip.add"), (actor, "hostname.add"), (actor, "account.edit")], kids[:3])
        self.run_unit(allowlists.delete_ip, self.alice.id, None, IP, now=NOON)
        self.assertEqual(("alice", "ip.delete", IP), self.history(self.alice)[0])

    def test_whoever_ends_it_hears_what_it_has_made(self) -> None:
        """Deactivated, deleted, and asked for afterwards; nothing of it for another family, nor of another token."""
        token, other = self.token_of(), self.token_of(2)
        self.plant(self.by_token(token))
        self.assertEqual(self.MADE, self.run_unit(tokens.deactivate, self.alice.id, token.id, now=NOON).made)
        self.assertEqual(self.MADE, self.run_unit(tokens.delete, OPERATOR, token.id, now=NOON).made)
        self.assertEqual(self.MADE, self.run_unit(tokens.made, self.alice.id, token.id))
        self.assertEqual(Made(), self.run_unit(tokens.delete, self.alice.id, other.id, now=NOON).made)
        bob = self.customer("bob")
        self.assertEqual(Made(), self.run_unit(tokens.made, bob.id, token.id))
        only_kids = Made((), ("kid",), (Entry("kid", OTHER),), (Entry("kid", "a.example.com"),))
        self.assertEqual(only_kids, self.run_unit(tokens.made, self.alice.id, token.id, "kid"))

    def test_what_was_undone_is_told_no_more(self) -> None:
        """Taken away, or made anew by the password."""
        token = self.token_of()
        self.plant(self.by_token(token))
        run, made = self.run_unit, {"plans": self.plans, "now": NOON}
        run(subaccounts.delete, self.alice.id, "planted", now=NOON)
        run(subaccounts.edit, self.alice.id, "kid", Profile(), password_hash="mine", at=NOON)
        run(allowlists.delete_ip, self.alice.id, None, IP, now=NOON)
        run(allowlists.add_ip, self.alice.id, None, IP, "", **made)
        run(allowlists.delete_hostname, self.alice.id, "kid", "a.example.com", now=NOON)
        run(proxies.revoke, self.alice.id, None, "open", known=KNOWN, now=NOON)
        left = Made(ips=(Entry("kid", OTHER),))
        self.assertEqual(left, run(tokens.delete, self.alice.id, token.id, now=NOON).made)
        run(allowlists.delete_ip, self.alice.id, "kid", OTHER, now=NOON)
        run(allowlists.add_ip, self.kid.id, None, OTHER, "", **made)
        self.assertEqual(Made(), run(tokens.made, self.alice.id, token.id))

    def test_one_that_was_ended_since_it_signed_in_changes_nothing(self) -> None:
        """What is remembered of it elsewhere for a moment plants nothing after its end was told."""
        for number, end in enumerate((tokens.deactivate, tokens.delete), 1):
            token = self.token_of(number)
            actor = self.by_token(token)
            self.run_unit(end, self.alice.id, token.id, now=NOON)
            with named(end.__name__):
                self.refused(Forbidden, allowlists.add_ip, actor, None, IP, "", plans=self.plans, now=NOON)

    def test_tokens_of_no_number(self) -> None:
        """A number that is no token's has made nothing."""
        self.run_unit(allowlists.add_ip, self.alice.id, None, IP, "", plans=self.plans, now=NOON)
        for number in (0, -1, 99):
            self.assertEqual(Made(), self.run_unit(tokens.made, self.alice.id, number))

    def test_deactivating_twice_is_told_once(self) -> None:
        """What changes nothing is in no audit and is announced to nobody."""
        token = self.token_of()
        self.run_unit(tokens.deactivate, self.alice.id, token.id, now=NOON)
        before = self.dump()
        self.run_unit(tokens.deactivate, self.alice.id, token.id, now=NOON)
        self.assertEqual(before, self.dump())
        self.assertEqual(1, [action for _, action, _ in self.history(self.alice)].count("token.deactivate"))
        self.assertFalse(self.run_unit(stored.hold, token.id))
        self.assertEqual(1, self.run_unit(accounts.count_children, self.alice.id))


class PostgresConfinedTokenTests(OnPostgres, ConfinedTokenTests):
    """The same rules there."""


class PostgresTokenTraceTests(OnPostgres, TokenTraceTests):
    """The same rules there."""
