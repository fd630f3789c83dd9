"""Changes that are made once, however often they are asked for."""

from __future__ import annotations

from functools import partial

from meshd.accounts import repeats, terms
from meshd.accounts.attempt import perform_blocking
from meshd.accounts.errors import Invalid, OtherRequest
from meshd.accounts.repeats import KEPT, Made, Repeat
from meshd.model import Account
from tests.accounts.support import NOON, OPERATOR, AccountsCase, OnPostgres


def answer(account: Account) -> bytes:
    return account.notes.encode()


class RepeatTests(AccountsCase):
    def repeat(self, key: bytes = b"key", request: bytes = b"request") -> Repeat:
        return Repeat(key, request, lambda plain: b"sealed " + plain)

    def once(self, notes: str, repeat: Repeat | None = None, now: int = NOON) -> Made:
        change = partial(terms.annotate, OPERATOR, "alice", notes, now=now)
        return perform_blocking(self.store.run, repeats.once, repeat or self.repeat(), change, answer, now=now)

    def test_once(self) -> None:
        """The second time nothing is done, and the first answer is told."""
        self.assertEqual(self.once("first"), Made(b"sealed first", True))
        self.assertEqual(self.once("second"), Made(b"sealed first", False))
        self.assertEqual(self.account("alice").notes, "first")

    def test_another_request(self) -> None:
        """Under the same key it is refused, under another it is carried out."""
        self.once("first")
        change = partial(terms.annotate, OPERATOR, "alice", "second", now=NOON)
        other = self.repeat(request=b"other")
        self.refused(OtherRequest, repeats.once, other, change, answer, now=NOON)
        self.assertTrue(self.once("second", self.repeat(b"another")).now)

    def test_what_is_refused_leaves_no_trace(self) -> None:
        """So that it may be asked again when the reason is gone."""
        change = partial(terms.annotate, OPERATOR, "alice", "x" * 5000, now=NOON)
        self.refused(Invalid, repeats.once, self.repeat(), change, answer, now=NOON)
        self.assertTrue(self.once("first").now)

    def test_a_day_later(self) -> None:
        """It is forgotten when others come."""
        self.once("first")
        self.once("other", self.repeat(b"another"), NOON + KEPT + 1)
        self.assertTrue(self.once("second", now=NOON + KEPT + 1).now)


class PostgresRepeatTests(OnPostgres, RepeatTests):
    """The same there."""
