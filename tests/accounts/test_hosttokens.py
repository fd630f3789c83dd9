"""Access tokens and sign-ins of the API of published hosts."""

from __future__ import annotations

from typing import Any

from meshd.accounts import hosttokens
from meshd.accounts.errors import Forbidden, Invalid, NotFound, PlanLimitReached
from meshd.accounts.hosttokens import MOST_SESSIONS, MOST_TOKENS, REFRESHED, SECONDS
from meshd.accounts.ownership import ByToken
from meshd.store.statements import accounts, changes, refreshes, tokens
from meshd.values.times import end_of
from tests.accounts.published.support import PublishedCase
from tests.accounts.support import DAY, NOON, OPERATOR, OnPostgres, named


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


class AccessTokenTests(PublishedCase):
    def new(self, actor: Any, number: int = 1, name: str = "ci-deploy") -> Any:
        return self.run_unit(hosttokens.create, actor, name=name, digest=key(number), now=NOON)

    def test_a_life(self) -> None:
        """Of one's own: made, told with its name and times, revoked; it never expires."""
        token = self.new(self.anna.id)
        self.assertEqual((token.kind, token.label, token.expires_on, token.used_at), ("hosts", "ci-deploy", "", 0))
        self.assertEqual(self.told(), ("anna", "access-token.create", self.anna.id))
        self.assertEqual(self.run_unit(hosttokens.listing, self.anna.id), [token])
        self.assertEqual(self.run_unit(hosttokens.listing, self.vera.id), [])
        self.run_unit(hosttokens.delete, self.anna.id, token.id, now=NOON)
        self.assertEqual(self.told(), ("anna", "access-token.delete", self.anna.id))
        self.assertEqual(self.run_unit(hosttokens.listing, self.anna.id), [])

    def test_anothers_is_not_there(self) -> None:
        """Not for an admin either, and no token of another kind is."""
        token = self.new(self.vera.id)
        plain = self.token(self.anna.id, None, 9)
        for which in (
            token.id,
            plain.id,
            self.a_token(self.anna, "session"),
            self.a_token(self.anna, "meter"),
            0,
            2**70,
        ):
            self.refused(NotFound, hosttokens.delete, self.anna.id, which, now=NOON)

    def test_who_may(self) -> None:
        """A viewer too, and by a token of that API; customers and other tokens may not."""
        for number, actor in enumerate((self.vera.id, ByToken(self.vera.id, self.a_token(self.vera)))):
            made = self.new(actor, number)
            self.run_unit(hosttokens.delete, actor, made.id, now=NOON)
        for who in (self.alice.id, self.kid.id, OPERATOR, ByToken(self.anna.id, self.a_token(self.anna, ""))):
            with named(who):
                self.refused(Forbidden, hosttokens.create, who, name="x", digest=key(5), now=NOON)

    def test_names_and_numbers(self) -> None:
        """A name is needed; there are so many at most."""
        for name in ("", " ", "x" * 101, "a\nb"):
            refused = self.refused(Invalid, hosttokens.create, self.anna.id, name=name, digest=key(1), now=NOON)
            self.assertEqual(refused.field, "name")
        for number in range(MOST_TOKENS):
            self.new(self.anna.id, number)
        self.refused(PlanLimitReached, hosttokens.create, self.anna.id, name="x", digest=key(999), now=NOON)

    def test_they_go_with_their_account_and_stay_with_its_password(self) -> None:
        """As the documents have it."""
        token = self.new(self.anna.id)
        self.run_unit(tokens.end_access, self.anna.id)
        self.assertEqual(self.run_unit(hosttokens.listing, self.anna.id), [token])
        self.run_unit(accounts.delete, self.anna.id)
        self.assertIsNone(self.run_unit(tokens.by_id, token.id))


class SignInTests(PublishedCase):
    def begin(self, number: int, account_id: int = 0, now: int = NOON) -> Any:
        """Sign in, with the secrets `number` and `number + 1000`."""
        whose = account_id or self.anna.id
        secrets = {"access": key(number), "refresh": key(number + 1000)}
        return self.run_unit(hosttokens.begin, whose, **secrets, now=now).token

    def renew(self, old: int, new: int, now: int = NOON) -> Any:
        secrets = {"access": key(new), "refresh": key(new + 1000)}
        found = self.run_unit(hosttokens.renew, key(old + 1000), **secrets, now=now)
        return found and found.token

    def alive(self, *numbers: int) -> list[bool]:
        return [self.run_unit(tokens.by_digest, key(number)) is not None for number in numbers]

    def test_for_a_quarter_of_an_hour(self) -> None:
        """And no minute longer than another."""
        for now in (NOON, NOON + 1, NOON + 59):
            token = self.begin(now - NOON, now=now)
            self.assertEqual(token.kind, "session")
            self.assertLessEqual(now + SECONDS, end_of(token.expires_on))
            self.assertLess(end_of(token.expires_on), now + SECONDS + 60)

    def test_a_customer_has_none(self) -> None:
        """Nor has whoever is not active."""
        secrets = {"access": key(1), "refresh": key(2)}
        self.run_unit(accounts.edit, self.vera.id, active=False)
        for who in (self.alice.id, self.kid.id, self.vera.id, 999):
            self.refused(Forbidden, hosttokens.begin, who, **secrets, now=NOON)

    def test_renewed(self) -> None:
        """For days, each time with other secrets, the old ones being worth nothing."""
        self.begin(1)
        for number in range(2, 6):
            renewed = self.renew(number - 1, number, NOON + number * DAY)
            self.assertEqual(renewed.account_id, self.anna.id)
        self.assertEqual(self.alive(1, 2, 3, 4, 5), [False] * 4 + [True])
        self.assertIsNone(self.renew(5, 6, NOON + 5 * DAY + REFRESHED))
        self.assertIsNone(self.renew(77, 7))

    def test_one_that_is_used_again_ends_all_that_came_of_it(self) -> None:
        """And nothing else; every process is told."""
        self.begin(1)
        self.begin(50)
        self.renew(1, 2)
        self.renew(2, 3)
        before = self.run_unit(changes.newest)
        self.assertIsNone(self.renew(1, 4))
        self.assertEqual([each.account_id for each in self.run_unit(changes.since, before, 9)], [self.anna.id])
        self.assertEqual(self.alive(1, 2, 3, 4, 50), [False] * 4 + [True])
        self.assertIsNone(self.renew(3, 5))
        self.assertIsNotNone(self.renew(50, 51))

    def test_what_ends_a_sign_in(self) -> None:
        """Another password, another role, an account that is off, and none."""
        for number, (edit, back) in enumerate(
            (
                ({"password_hash": "other"}, {"password_hash": "hash of anna"}),
                ({"role": "viewer"}, {"role": "admin"}),
                ({"role": "customer"}, {"role": "admin"}),
                ({"active": False}, {"active": True}),
            )
        ):
            with named(edit):
                self.begin(10 * number)
                self.run_unit(accounts.edit, self.anna.id, **edit)
                self.assertIsNone(self.renew(10 * number, 10 * number + 1))
                self.run_unit(accounts.edit, self.anna.id, **back)
                self.assertIsNone(self.renew(10 * number, 10 * number + 1))
                self.assertEqual(self.alive(10 * number), [False])
        self.begin(90)
        self.run_unit(accounts.delete, self.anna.id)
        self.assertIsNone(self.renew(90, 91))

    def test_ended_by_hand(self) -> None:
        """By the token, by what renews it, or by both; an access token is no sign-in."""
        for number, how in enumerate(("token", "refresh", "both")):
            with named(how):
                token = self.begin(number)
                refresh = key(number + 1000) if how != "token" else b""
                which = token.id if how != "refresh" else 0
                ended = self.run_unit(hosttokens.end, token_id=which, refresh=refresh, now=NOON)
                self.assertEqual((ended, self.alive(number)), (self.anna.id, [False]))
                self.assertEqual(self.told(), ("anna", "account.sign-out", self.anna.id))
                self.assertIsNone(self.renew(number, 90 + number))
        access = self.a_token(self.anna)
        before = self.dump()
        self.assertEqual(self.run_unit(hosttokens.end, token_id=access, refresh=key(5), now=NOON), 0)
        self.assertEqual(before, self.dump())

    def test_bounded(self) -> None:
        """Of too many sign-ins of one account the oldest end; what is over goes with the next."""
        self.begin(500, self.vera.id)
        for number in range(MOST_SESSIONS + 3):
            self.begin(number)
        self.assertEqual(self.alive(0, 1, 2, 3, 500), [False, False, False, True, True])
        self.begin(400, now=NOON + REFRESHED)
        self.assertIsNone(self.run_unit(refreshes.taken, key(1500)))
        self.assertIsNotNone(self.run_unit(refreshes.taken, key(1400)))
        self.run_unit(refreshes.keep, self.anna.id, 1)
        self.run_unit(refreshes.end_all, self.vera.id)
        self.assertIsNotNone(self.run_unit(refreshes.taken, key(1400)))

    def test_one_sign_in_that_is_renewed_again_and_again_is_bounded(self) -> None:
        """The newest and what it came of are known, and other sign-ins are left alone."""
        self.patch(hosttokens, "MOST_RENEWALS", 3)
        self.begin(50)
        self.begin(0)
        for number in range(1, 6):
            self.assertIsNotNone(self.renew(number - 1, number))
        known = [self.run_unit(refreshes.taken, key(number + 1000)) is not None for number in (50, *range(6))]
        self.assertEqual(known, [True, False, False, False, True, True, True])
        self.assertIsNone(self.renew(0, 9))
        self.assertEqual(self.alive(5), [True])
        self.assertIsNone(self.renew(3, 9))
        self.assertEqual(self.alive(5, 50), [False, True])


class AccessTokenOnPostgresTests(OnPostgres, AccessTokenTests):
    """The same on PostgreSQL."""


class SignInOnPostgresTests(OnPostgres, SignInTests):
    """The same on PostgreSQL."""
