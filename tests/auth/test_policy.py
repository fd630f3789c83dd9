"""What depends on the account, the proxy and the date alone."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from meshd.auth.policy import inactive, may_pass, open_to, token_end, token_valid
from meshd.model import Account, Identity, Token, Usage

ALICE = Account(1, "alice", None, "customer", "10", True, "", "", "", 0, 0, 1, 0, "")
SUB = replace(ALICE, id=2, username="sub", parent_id=1)
USED = Usage(1, 0, 0, 0)
TOKEN = Token(1, 1, "", True, "", 0)
NOON = 1_795_305_600 + 43_200
"""2026-11-22T12:00:00 UTC."""


def identity(account: Account, parent: Account | None = None) -> Identity:
    return Identity(account, parent, ("us",), USED, USED if parent else None)


def off(account: Account) -> Account:
    return replace(account, active=False)


PASSING = {
    "an active account passes where it is authorised": (identity(ALICE), "us", ""),
    "not elsewhere": (identity(ALICE), "world", "proxy-not-authorized"),
    "not when it is deactivated": (identity(off(ALICE)), "us", "account-inactive"),
    "of two reasons the account's comes first": (identity(off(ALICE)), "world", "account-inactive"),
    "a sub-account passes with an active parent": (identity(SUB, ALICE), "us", ""),
    "not with a deactivated one": (identity(SUB, off(ALICE)), "us", "account-inactive"),
    "nor deactivated itself": (identity(off(SUB), ALICE), "us", "account-inactive"),
}

VALID = {
    "one without an end": (TOKEN, True),
    "one that ends later": (replace(TOKEN, expires_on="2026-11-23"), True),
    "one on its last day": (replace(TOKEN, expires_on="2026-11-22"), True),
    "one the day after": (replace(TOKEN, expires_on="2026-11-21"), False),
    "one that ends the next second": (replace(TOKEN, expires_on="2026-11-22T12:01"), True),
    "one that ends this very minute": (replace(TOKEN, expires_on="2026-11-22T12:00"), False),
    "a deactivated one": (replace(TOKEN, active=False), False),
}


class PolicyTests(SynchronousTestCase):
    def test_may_pass(self) -> None:
        """Who may pass where; and the short cut for it says the same."""
        for sentence, (who, proxy, reason) in PASSING.items():
            refusal = may_pass(who, proxy)
            self.assertEqual(refusal.reason if refusal else "", reason, sentence)
            self.assertEqual(proxy in open_to(who), refusal is None, sentence)

    def test_only(self) -> None:
        """A token's list of proxies takes some away and adds none."""
        wide = replace(identity(ALICE), proxies=frozenset({"us", "open"}))
        for proxy, reason in {"us": "", "open": "proxy-not-authorized", "world": "proxy-not-authorized"}.items():
            refusal = may_pass(wide, proxy, {"us", "world"})
            self.assertEqual(refusal.reason if refusal else "", reason, proxy)
        self.assertEqual(open_to(wide, {"us", "world"}), {"us"})
        self.assertEqual(open_to(identity(off(ALICE)), {"us"}), frozenset())

    def test_inactive(self) -> None:
        """Without a proxy in question, only activity counts."""
        self.assertIsNone(inactive(identity(ALICE)))
        self.assertIsNotNone(inactive(identity(off(ALICE))))

    def test_token_valid(self) -> None:
        """A token is valid through its last day, in UTC."""
        for sentence, (token, expected) in VALID.items():
            self.assertIs(token_valid(token, NOON), expected, sentence)

    def test_token_end(self) -> None:
        """It ends with the first second of the next day."""
        self.assertEqual(token_end(replace(TOKEN, expires_on="2026-12-31")), 1_798_761_600)
        self.assertEqual(token_end(TOKEN), float("inf"))
        self.assertEqual(token_end(replace(TOKEN, expires_on="2026-12-31T12:30")), 1_798_761_600 - 41_400)
