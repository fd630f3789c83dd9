"""Another label and another end for a token, ends at a minute, and when it was last used, on both databases."""

from __future__ import annotations

from typing import Any

from meshd.accounts import auditing, tokens
from meshd.accounts.auditing import Filters
from meshd.accounts.errors import Forbidden, Invalid, NotFound, NotYours
from meshd.model import Token
from meshd.store.statements import tokens as stored
from tests.accounts.support import DAY, NOON, OPERATOR, AccountsCase, OnPostgres, named


class TokenTermsTests(AccountsCase):
    def edit(self, token: Token, now: int = NOON, **given: Any) -> Token:
        return self.run_unit(tokens.edit, self.alice.id, token.id, now=now, **given)

    def test_what_is_given(self) -> None:
        """Is changed, audited with what was, and told; the rest stays."""
        token = self.token(self.alice.id)
        edited = self.edit(token, label="laptop")
        self.assertEqual(("laptop", ""), (edited.label, edited.expires_on))
        edited = self.edit(token, expires_on="2026-01-16")
        self.assertEqual(("laptop", "2026-01-16"), (edited.label, edited.expires_on))
        self.assertEqual(("alice", "token.edit", self.alice.id), self.told())
        (entry,) = self.run_unit(auditing.entries, OPERATOR, Filters(), limit=1).entries
        self.assertEqual({"expires_on": ["", "2026-01-16"]}, auditing.changed(entry))
        self.assertEqual(("", ""), (self.edit(token, label="", expires_on="").label, self.edit(token).expires_on))
        before = self.history(self.alice)
        self.edit(token, label="", expires_on="")
        self.assertEqual(before, self.history(self.alice))

    def test_an_expired_one(self) -> None:
        """Is valid again with a later end."""
        token = self.token(self.alice.id, expires_on="2026-01-15")
        later = NOON + 5 * DAY
        self.assertEqual("2026-01-21T00:00", self.edit(token, later, expires_on="2026-01-21T00:00").expires_on)

    def test_ends(self) -> None:
        """A date through its day, a minute until it begins; what is past, or neither, is refused."""
        token = self.token(self.alice.id)
        for text in ("2026-01-15", "2026-01-15T12:01", "9999-12-31T23:59"):
            self.assertEqual(text, self.edit(token, expires_on=text).expires_on)
        for text in (
            "2026-01-14",
            "2026-01-15T12:00",
            "2026-01-15T24:00",
            "2026-02-30T10:00",
            "2026-01-15T12:01:00",
            "2026-01-15T12:01Z",
            "2026-01-15 12:01",
            "soon",
        ):
            with named(text):
                error = self.refused(Invalid, tokens.edit, self.alice.id, token.id, expires_on=text, now=NOON)
                self.assertEqual("expires_at", error.field)
        self.refused(Invalid, tokens.edit, self.alice.id, token.id, label="x" * 101, now=NOON)

    def test_activation(self) -> None:
        """Of one that has ended is refused, from its very minute on."""
        token = self.token(self.alice.id, expires_on="2026-01-15T12:01")
        self.run_unit(tokens.deactivate, self.alice.id, token.id, now=NOON)
        for now in (NOON + 60, NOON + 3600):
            self.refused(Invalid, tokens.activate, self.alice.id, token.id, plans=self.plans, now=now)
        self.assertTrue(self.run_unit(tokens.activate, self.alice.id, token.id, plans=self.plans, now=NOON + 59).active)

    def test_whose(self) -> None:
        """One's own and one's sub-accounts'; a sub-account changes none, and a confined token nothing."""
        bob = self.customer("bob")
        own, below = self.token(self.alice.id), self.token(self.alice.id, "kid", 2)
        self.assertEqual("x", self.edit(below, label="x").label)
        self.assertEqual("x", self.run_unit(tokens.edit, OPERATOR, own.id, "alice", label="x", now=NOON).label)
        self.refused(NotFound, tokens.edit, bob.id, own.id, label="y", now=NOON)
        self.refused(NotYours, tokens.edit, self.kid.id, below.id, label="y", now=NOON)
        confined = self.by_token(self.confined(selection="country-us"))
        self.refused(Forbidden, tokens.edit, confined, own.id, label="y", now=NOON)

    def test_whose_tokens_ended(self) -> None:
        """At a minute after the one look and until the other; of those that end with a day nobody asks."""
        for number, end in enumerate(("2026-01-15T12:01", "2026-01-15T12:02", "2026-01-15", "2026-01-16"), 1):
            self.token(self.alice.id, "kid" if number == 2 else None, number, end)
        for since, until, wanted in (
            (NOON, NOON + 59, []),
            (NOON, NOON + 60, [self.alice.id]),
            (NOON + 61, NOON + 150, [self.kid.id]),
            (NOON, NOON + DAY, [self.alice.id, self.kid.id]),
            (NOON + DAY, NOON + 3 * DAY, []),
        ):
            self.assertEqual(wanted, sorted(self.run_unit(stored.ended, since, until) or []))
        self.patch(stored, "MOST_ENDED", 1)
        self.assertIsNone(self.run_unit(stored.ended, NOON, NOON + DAY))


class PostgresTokenTermsTests(OnPostgres, TokenTermsTests):
    """The same on PostgreSQL."""
