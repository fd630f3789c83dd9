"""Bans in memory, and the counting while the store is away."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.auth.bans import BanTable, Failure, name_of_token, name_of_user
from meshd.auth.recent import Recent
from meshd.auth.verified import PER_ADDRESS, Verified
from meshd.model import Ban

HERE, THERE = "192.0.2.1", "192.0.2.2"

NAMES = {
    "a username in lower case": ("Alice.B@example", "alice.b@example"),
    "without a selection": ("Alice-Country-us-session-é", "alice"),
    "nor what could be one": ("my-session-1", "my"),
    "not where nothing is before it": ("-session-1", "-session-1"),
    "one that nobody can have": ("al ice", "(malformed)"),
    "nor with a selection": ("al ice-country-us", "(malformed)"),
    "one that is too long": ("a" * 31, "(malformed)"),
    "an empty one": ("", "(malformed)"),
    "a look-alike letter is none of ours": ("\u212aate", "(malformed)"),
    "nor is a NUL": ("alice\0", "(malformed)"),
    "nor a line's end": ("alice\n", "(malformed)"),
}

LEFT = {
    "the pair that is banned": (HERE, "alice", 100),
    "another name from there": (HERE, "bob", 0),
    "that name from elsewhere": (THERE, "alice", 0),
    "any name from an address that is banned whole": ("192.0.2.3", "carol", 50),
    "the longer of two bans": ("192.0.2.3", "alice", 70),
    "one that is over": (HERE, "old", 0),
}

TRIES = {
    "three of one name ban nobody": ([("alice", 0)] * 3, []),
    "the fourth bans that name": ([("alice", 0)] * 4, ["alice"]),
    "of two names each has its own count": ([("alice", 0), ("bob", 0)] * 3, []),
    "what is older than the window does not count": ([("alice", -600)] * 3 + [("alice", 0)], []),
    "what is younger does": ([("alice", -599)] * 3 + [("alice", 0)], ["alice"]),
    "as many names as that ban all": ([(f"name{n}", 0) for n in range(5)], ["*"]),
    "one fewer does not": ([(f"name{n}", 0) for n in range(4)], []),
}


class NameTests(SynchronousTestCase):
    def test_name_of_user(self) -> None:
        """A ban calls a username by its key, and all that cannot be one by one name."""
        for sentence, (username, expected) in NAMES.items():
            self.assertEqual(name_of_user(username), expected, sentence)

    def test_name_of_token(self) -> None:
        """A token's name tells tokens apart, is no username, and is not its whole digest."""
        self.assertNotEqual(name_of_token(b"a" * 32), name_of_token(b"b" * 32))
        self.assertEqual(name_of_token(b"\x01" * 32), "token:" + "01" * 8)


class TableTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.table = BanTable()

    def wrong(self, name: str, at: int = 0) -> None:
        self.table.failed(Failure(HERE, name, 1000 + at), limit=4, window=600, seconds=100, names_limit=5)

    def banned(self) -> list[str]:
        return sorted(self.table.by_address.get(HERE, {}))

    def test_left(self) -> None:
        """A ban concerns an address and a name, or a whole address."""
        self.table.replace([Ban(HERE, "alice", 1100), Ban("192.0.2.3", "*", 1050), Ban("192.0.2.3", "alice", 1070)])
        self.table.add(Ban(HERE, "old", 1000))
        for sentence, (address, name, expected) in LEFT.items():
            self.assertEqual(self.table.left(address, name, 1000), expected, sentence)

    def test_counting_alone(self) -> None:
        """While the store is away the same numbers ban in this process."""
        for sentence, (tries, expected) in TRIES.items():
            self.table = BanTable()
            for name, at in tries:
                self.wrong(name, at)
            self.assertEqual(self.banned(), expected, sentence)

    def test_counting_alone_by_address(self) -> None:
        """Failures from elsewhere are no part of an address's count."""
        for number in range(3):
            self.wrong("alice")
            elsewhere = Failure(THERE, f"name{number}", 1000)
            self.table.failed(elsewhere, limit=4, window=600, seconds=100, names_limit=4)
        elsewhere = Failure(THERE, "alice", 1000)
        self.table.failed(elsewhere, limit=4, window=600, seconds=100, names_limit=5)
        self.assertEqual(self.table.by_address, {})

    def test_a_lifted_ban_goes(self) -> None:
        """What the store no longer says is over."""
        self.table.add(Ban(HERE, "alice", 1100))
        self.table.reading()
        self.table.replace([])
        self.assertEqual(self.table.left(HERE, "alice", 1000), 0)
        self.assertFalse(self.table.by_address)

    def test_a_ban_made_during_a_reading_stays(self) -> None:
        """The store was read before it knew."""
        self.table.reading()
        self.table.add(Ban(HERE, "alice", 1100))
        self.table.replace([])
        self.assertEqual(self.table.left(HERE, "alice", 1000), 100)

    def test_adding_never_shortens(self) -> None:
        """The longer end of one ban holds."""
        self.table.add(Ban(HERE, "alice", 1100))
        self.table.add(Ban(HERE, "alice", 1050))
        self.assertEqual(self.table.left(HERE, "alice", 1000), 100)

    def test_the_same_credential_counts_once_in_the_window(self) -> None:
        """From the one that counted, not from the last: who goes on trying is counted again, once a window."""
        counts = [self.table.counts(b"guess", HERE, second, 600) for second in (0.0, 5.0, 599.9, 600.0, 900.0, 1200.0)]
        self.assertEqual(counts, [True, False, False, True, False, True])

    def test_each_address_and_credential_counts(self) -> None:
        """Once means once from one address, and of one credential."""
        self.assertTrue(self.table.counts(b"guess", HERE, 0, 600))
        self.assertTrue(self.table.counts(b"guess", THERE, 0, 600))
        self.assertTrue(self.table.counts(b"other", HERE, 0, 600))

    def test_the_ban_of_an_address_spares_whom_it_is_told_to(self) -> None:
        """Not from a ban of its own name, not at another address, and no longer than that ban lasts."""
        self.table.spare(HERE, ["early"])
        self.table.replace([Ban(HERE, "*", 1100), Ban(HERE, "bob", 1050), Ban(THERE, "*", 1100)])
        self.table.spare(HERE, ["alice", "bob"])
        left = {name: self.table.left(HERE, name, 1000) for name in ("alice", "bob", "carol", "early")}
        self.assertEqual(left, {"alice": 0, "bob": 50, "carol": 100, "early": 100})
        self.assertEqual(self.table.left(THERE, "alice", 1000), 100)
        self.table.replace([Ban(HERE, "*", 1100)])
        self.assertEqual(self.table.left(HERE, "alice", 1000), 0)
        self.table.replace([])
        self.table.replace([Ban(HERE, "*", 1300)])
        self.assertEqual(self.table.left(HERE, "alice", 1000), 300)

    def test_who_is_spared_is_told_to_the_store_once(self) -> None:
        """What the store says itself is not told to it, and what it says of an address that is not banned is old."""
        self.table.replace([Ban(HERE, "*", 1100)], [Ban(HERE, "alice", 1100), Ban(THERE, "alice", 900)])
        self.table.spare(HERE, ["alice", "bob"])
        told = [Ban(HERE, "bob", 1100)]
        self.assertEqual(self.table.unpublished(), told)
        self.table.published([*told, Ban(THERE, "alice", 900)])
        self.assertEqual(self.table.unpublished(), [])
        self.assertFalse(self.table.spares(THERE, "alice"))

    def test_unsaved_failures_are_bounded_and_leave_in_order(self) -> None:
        """The oldest are lost first, and what was told is told no more."""
        for number in range(1100):
            self.wrong(f"name{number}")
        first = self.table.unsaved()
        assert first is not None
        self.assertEqual(first.name, "name100")
        self.table.saved(first)
        self.table.saved(first)
        following = self.table.unsaved()
        assert following is not None
        self.assertEqual(following.name, "name101")


class VerifiedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.bound = 2 * PER_ADDRESS
        self.verified = Verified(lambda: self.bound)

    def test_span(self) -> None:
        """Who was right there within the span, counted from the last time."""
        self.verified.note(HERE, "alice", 0)
        self.verified.note(HERE, "bob", 0)
        self.verified.note(HERE, "bob", 50)
        self.verified.note(THERE, "carol", 50)
        self.assertEqual(self.verified.names(HERE, 99, 100), {"alice", "bob"})
        self.assertEqual(self.verified.names(HERE, 100, 100), {"bob"})
        self.assertEqual(self.verified.names("192.0.2.99", 100, 100), set())

    def test_bounds(self) -> None:
        """Of an address the name that was right longest ago goes first, of all the address."""
        for number in range(PER_ADDRESS + 2):
            self.verified.note(HERE, f"name{number}", 0)
            self.verified.note(HERE, "name0", 0)
        names = self.verified.names(HERE, 0, 1)
        self.assertEqual((len(names), len(self.verified)), (PER_ADDRESS, PER_ADDRESS))
        self.assertTrue({"name0", f"name{PER_ADDRESS + 1}"} <= names)
        self.assertFalse({"name1", "name2"} & names)
        for number in range(PER_ADDRESS):
            self.verified.note(f"10.0.0.{number}", "alice", 0)
        self.verified.note(HERE, "name5", 0)
        self.assertEqual(len(self.verified), self.bound)
        self.verified.note("198.51.100.1", "alice", 0)
        self.assertEqual(len(self.verified), self.bound)
        self.assertEqual(self.verified.names("10.0.0.0", 0, 1), set())
        self.assertEqual(len(self.verified.names(HERE, 0, 1)), PER_ADDRESS)


class RecentTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.recent: Recent[str, int] = Recent(2, 10)

    def test_span(self) -> None:
        """An entry is fresh for its span, and may be had within a longer one."""
        self.recent.add("a", 100, 7)
        self.assertEqual(self.recent.fresh("a", 109.9), 7)
        self.assertIsNone(self.recent.fresh("a", 110))
        self.assertEqual(self.recent.within("a", 110, 300), 7)
        self.assertIsNone(self.recent.within("a", 400, 300))
        self.assertIsNone(self.recent.fresh("b", 100))
        self.assertIsNone(self.recent.within("b", 100, 300))

    def test_doubt(self) -> None:
        """Doubt ends freshness and no more; to be added again is to be fresh again."""
        self.recent.add("a", 100, 7)
        self.recent.doubt()
        self.assertIsNone(self.recent.fresh("a", 101))
        self.assertEqual(self.recent.within("a", 101, 300), 7)
        self.recent.add("a", 102, 7)
        self.assertEqual(self.recent.fresh("a", 103), 7)

    def test_bound(self) -> None:
        """The one added longest ago goes first."""
        for key in ("a", "b", "a", "c"):
            self.recent.add(key, 100, 7)
        self.assertEqual([self.recent.fresh(key, 100) for key in "abc"], [7, None, 7])
        self.assertEqual(len(self.recent), 2)
