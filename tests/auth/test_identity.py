"""What is remembered, for how long, and what makes it forgotten."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from meshd.auth.identity import PER_ACCOUNT, IdentityCache, Proof, Proofs, Verdict
from meshd.model import Account, Admission, Identity, Usage
from meshd.selection import NONE

USED = Usage(1, 0, 0, 0)
PLAIN = Account(1, "alice", None, "customer", "10", True, "", "", "", 0, 0, 1, 0, "h4sh")


def admission(account_id: int, parent_id: int | None = None) -> Admission:
    account = replace(PLAIN, id=account_id, username=f"user{account_id}", parent_id=parent_id)
    return Admission(Identity(account, None, ("us",), USED, None), "password", "", 0, NONE, "")


def verdict(account_id: int, parent_id: int | None = None, until: float = 100.0, last: float = 200.0) -> Verdict:
    return Verdict(admission(account_id, parent_id), "alice", until, last, frozenset({"us"}))


class CacheTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.bound = 3
        self.cache = IdentityCache(lambda: self.bound)

    def held(self, *keys: str) -> list[str]:
        return [key for key in keys if self.cache.fresh(key, 0) is not None]

    def test_ages(self) -> None:
        """Fresh before its time, stale after it, nothing in the end."""
        self.cache.put("a", verdict(1))
        self.assertIsNotNone(self.cache.fresh("a", 99.9))
        self.assertIsNone(self.cache.fresh("a", 100))
        self.assertIsNotNone(self.cache.stale("a", 199.9))
        self.assertIsNone(self.cache.stale("a", 200))

    def test_least_recently_used_goes_first(self) -> None:
        """Over the bound, what was used stays."""
        for number, key in enumerate("abc", 1):
            self.cache.put(key, verdict(number))
        self.cache.fresh("a", 0)
        self.cache.put("d", verdict(4))
        self.assertEqual(self.held(*"abcd"), ["a", "c", "d"])

    def test_a_smaller_bound_after_a_reload(self) -> None:
        """The bound is asked for each time."""
        for number, key in enumerate("abc", 1):
            self.cache.put(key, verdict(number))
        self.bound = 1
        self.cache.put("d", verdict(4))
        self.assertEqual(self.held(*"abcd"), ["d"])

    def test_one_account_pushes_out_its_own(self) -> None:
        """Many sticky keys of one account leave the others' entries alone."""
        self.bound = 10 * PER_ACCOUNT
        self.cache.put("other", verdict(2))
        for number in range(PER_ACCOUNT + 5):
            self.cache.put(f"key{number}", verdict(1))
        self.assertEqual(self.held("other", "key0", "key4", "key5"), ["other", "key5"])
        self.assertEqual(len(self.cache), PER_ACCOUNT + 1)

    def test_passing_verdicts_push_out_each_other(self) -> None:
        """However many accounts have them: a quarter of the bound is theirs, and what is asked for again stays."""
        self.bound = 40
        for number in range(20):
            self.cache.put(f"base{number}", verdict(number))
        for number in range(1000):
            self.cache.put(f"sid{number}", verdict(number % 20), passing=True)
            self.cache.of_account(number % 20, 0)
        self.assertEqual(len(self.cache), 30)
        self.assertEqual(self.held(*(f"base{number}" for number in range(20))), [f"base{n}" for n in range(20)])
        self.assertEqual(self.held("sid989", "sid990", "sid999"), ["sid990", "sid999"])
        self.cache.drop(0)
        self.assertEqual((len(self.cache), self.cache._passing), (0, {}))

    def test_passing_verdicts_of_one_account_leave_its_base(self) -> None:
        """Of too many of its own the passing ones go first, however long it lasts."""
        self.bound = 10 * PER_ACCOUNT
        for key in ("base", "token"):
            self.cache.put(key, verdict(1))
        for number in range(3 * PER_ACCOUNT):
            self.cache.put(f"sid{number}", verdict(1), passing=True)
        self.assertEqual(len(self.cache), PER_ACCOUNT)
        self.assertEqual(self.held("base", "token", "sid0"), ["base", "token"])
        self.cache.put("third", verdict(1))
        self.assertEqual(len(self.cache), PER_ACCOUNT)

    def test_a_passing_verdict_that_comes_to_stay(self) -> None:
        """The last put says which of both it is."""
        self.bound = 8
        self.cache.put("a", verdict(1), passing=True)
        self.cache.put("a", verdict(1))
        self.assertEqual((self.held("a"), self.cache._passing), (["a"], {}))

    def test_drop_an_account(self) -> None:
        """All of an account's entries go, and nobody else's."""
        for key, account_id in (("a", 1), ("b", 1), ("c", 2)):
            self.cache.put(key, verdict(account_id))
        self.cache.drop(1)
        self.assertEqual(self.held(*"abc"), ["c"])

    def test_drop_a_parent(self) -> None:
        """With a parent go its sub-accounts; with a sub-account only itself."""
        for key, (account_id, parent_id) in {"p": (1, None), "s": (2, 1), "t": (3, 1)}.items():
            self.cache.put(key, verdict(account_id, parent_id))
        self.cache.drop(2)
        self.assertEqual(self.held(*"pst"), ["p", "t"])
        self.cache.drop(1)
        self.assertEqual(self.held(*"pst"), [])

    def test_drop_everything(self) -> None:
        """Account 0 is all accounts."""
        self.cache.put("a", verdict(1))
        self.cache.put("b", verdict(2, 1))
        self.cache.drop(0)
        self.assertEqual(len(self.cache), 0)

    def test_of_account(self) -> None:
        """An account is known as long as one of its entries is fresh, or serves while the store is away."""
        self.cache.put("a", verdict(1, until=50, last=60))
        self.cache.put("b", verdict(1, until=100))
        found = self.cache.of_account(1, 70)
        assert found is not None
        self.assertEqual(found.until, 100)
        self.assertIsNone(self.cache.of_account(1, 150))
        self.assertIsNotNone(self.cache.of_account(1, 150, away=True))
        self.assertIsNone(self.cache.of_account(2, 0))

    def test_what_was_read_before_a_drop_is_not_current(self) -> None:
        """The account's own change, its parent's, everybody's; not another's."""
        for dropped, expected in {2: False, 1: False, 0: False, 3: True}.items():
            before = self.cache.epoch
            self.cache.drop(dropped)
            self.assertIs(self.cache.current(admission(2, 1), before), expected, dropped)
            self.assertTrue(self.cache.current(admission(2, 1), self.cache.epoch))

    def test_many_drops_are_remembered_in_a_bounded_way(self) -> None:
        """When too many were dropped to tell them apart, nothing old is current."""
        before = self.cache.epoch
        for account_id in range(10, 10 + 4097):
            self.cache.drop(account_id)
        self.assertFalse(self.cache.current(admission(2), before))
        self.assertTrue(self.cache.current(admission(2), self.cache.epoch))

    def test_nothing_is_left_behind(self) -> None:
        """Entries that went by age, bound or change leave no index entries."""
        for number in range(50):
            self.cache.put(f"key{number}", verdict(number, parent_id=1000 + number % 2))
        self.cache.put("key49", verdict(7, 1001))
        for parent in (1000, 1001):
            self.cache.drop(parent)
        self.assertEqual((len(self.cache), self.cache._keys, self.cache._children), (0, {}, {}))


class ProofTests(SynchronousTestCase):
    def test_bound_and_age(self) -> None:
        """Proofs are bounded, the oldest first out, and end by their time."""
        proofs = Proofs(lambda: 2)
        for key in (b"a", b"b", b"c"):
            proofs.put(key, Proof(1, "h4sh", 100))
        self.assertIsNone(proofs.get(b"a", 0))
        self.assertIsNotNone(proofs.get(b"c", 99))
        self.assertIsNone(proofs.get(b"c", 100))
        self.assertEqual(len(proofs), 2)

    def test_no_hash_is_shown(self) -> None:
        """A repr has no encoded password in it."""
        self.assertNotIn("h4sh", repr((Proof(1, "h4sh", 1), verdict(1))))
