"""Who obtains which certificate when, and what every process has to answer for."""

from __future__ import annotations

from meshd.accounts.published import acme, reading, resources
from meshd.accounts.published.rows import Row
from meshd.store.statements import acme as stored
from meshd.store.statements import changes
from meshd.values.published import HOSTS
from tests.accounts.published.support import PublishedCase
from tests.accounts.support import DAY, NOON, OnPostgres

LEASE = acme.LEASE


class DueTests(PublishedCase):
    def due(self, now: int = NOON) -> list[tuple[int, int]]:
        return [(each.row.id, each.failures) for each in self.run_unit(acme.due, now)]

    def claim(self, row: Row, node: str, now: int) -> bool:
        return self.run_unit(acme.claim, row.id, node, now + LEASE)

    def wanted(self) -> list[bool]:
        return [each.wanted for each in self.run_unit(acme.due, NOON)]

    def test_one_process_at_a_time(self) -> None:
        """Until it is done, or its time is over."""
        row = self.made("certificates")
        self.assertEqual(self.due(), [(row.id, 0)])
        self.assertEqual([self.claim(row, node, NOON) for node in "ab"], [True, False])
        self.assertEqual(self.due(NOON + LEASE - 1), [])
        self.assertFalse(self.claim(row, "b", NOON + LEASE - 1))
        self.assertEqual(self.due(NOON + LEASE), [(row.id, 0)])
        self.assertTrue(self.claim(row, "b", NOON + LEASE))
        self.assertFalse(self.run_unit(acme.claim, row.id, "a", NOON + 5 * LEASE, now=NOON + LEASE + 1))

    def test_obtained(self) -> None:
        """Served from then on, and due again when it is to be renewed."""
        row = self.made("certificates")
        self.claim(row, "a", NOON)
        self.run_unit(acme.obtained, row.id, "CHAIN", b"sealed", NOON + 90 * DAY, NOON + 60 * DAY, NOON + 5)
        found = self.shown(row)
        wanted = {"certificate": "CHAIN", "expires": NOON + 90 * DAY, "state": "active", "problem": ""}
        self.assertEqual(found.settings, {**row.settings, **wanted})
        self.assertEqual((found.secret, found.modified_at), (b"sealed", NOON + 5))
        self.assertEqual((self.due(NOON + 60 * DAY - 1), self.due(NOON + 60 * DAY)), ([], [(row.id, 0)]))

    def test_failed(self) -> None:
        """Told to the operator, tried again later; what was there is served still."""
        row = self.made("certificates")
        for number in (1, 2):
            self.claim(row, "a", NOON)
            self.run_unit(acme.failed, row.id, "x" * 600, NOON, NOON)
            self.assertEqual(self.due(), [(row.id, number)])
        found = self.shown(row)
        self.assertEqual((found.settings["state"], len(found.settings["problem"])), ("failed", acme.LONGEST_PROBLEM))
        self.run_unit(acme.obtained, row.id, "CHAIN", b"sealed", NOON + DAY, NOON, NOON)
        self.assertEqual(self.due(), [(row.id, 0)])
        self.run_unit(acme.failed, row.id, "late", NOON, NOON)
        found = self.shown(row)
        self.assertEqual((found.settings["state"], found.settings["problem"]), ("active", "late"))
        self.assertEqual((found.settings["certificate"], found.secret), ("CHAIN", b"sealed"))

    def test_names_that_were_changed_meanwhile(self) -> None:
        """What was obtained for others is dropped, no failure is told, and the present names are due at once."""
        row = self.made("certificates")
        for settle in (
            (acme.obtained, row.id, "CHAIN", b"sealed", NOON + 90 * DAY, NOON + 60 * DAY, NOON + 5, ["former.b"]),
            (acme.failed, row.id, "x", NOON + 60 * DAY, NOON + 5, ["former.b"]),
        ):
            self.claim(row, "a", NOON + 5)
            self.assertIsNone(self.run_unit(*settle))
            self.assertEqual(self.due(NOON + 5), [(row.id, 0)])
            self.assertEqual(self.shown(row).settings, row.settings)
        names = row.settings["domain_names"][::-1]
        self.assertIsNotNone(self.run_unit(acme.failed, row.id, "x", NOON, NOON + 5, names))

    def test_wanted(self) -> None:
        """Until it was obtained, or has failed; a claim that is given up keeps that."""
        row = self.made("certificates")
        self.claim(row, "a", NOON)
        self.run_unit(acme.released, row.id, NOON)
        self.assertEqual(self.wanted(), [True])
        self.claim(row, "a", NOON)
        self.run_unit(acme.obtained, row.id, "CHAIN", b"sealed", NOON + DAY, NOON, NOON)
        self.assertEqual(self.wanted(), [False])
        self.run_unit(stored.order, row.id, NOON)
        self.assertEqual(self.wanted(), [True])

    def test_postponed(self) -> None:
        """Nothing is changed or told but when to look again."""
        row = self.made("certificates")
        self.claim(row, "a", NOON)
        before = self.run_unit(changes.newest)
        self.run_unit(acme.postponed, row.id, NOON + 9)
        self.assertEqual((self.due(NOON + 8), self.due(NOON + 9)), ([], [(row.id, 0)]))
        self.assertEqual((self.run_unit(changes.newest), self.shown(row)), (before, row))

    def test_one_that_is_gone_or_off_is_nobodys_business(self) -> None:
        """What comes of it too late is dropped."""
        row, off = self.made("certificates"), self.made("certificates", domain_names=["off.b"])
        self.run_unit(resources.switch, self.anna.id, off.kind, off.id, False, now=NOON)
        self.run_unit(resources.delete, self.anna.id, row.kind, row.id, now=NOON)
        self.assertEqual(self.due(), [])
        self.assertIsNone(self.run_unit(acme.obtained, row.id, "CHAIN", b"sealed", NOON, NOON, NOON))
        self.assertIsNone(self.run_unit(acme.failed, row.id, "x", NOON, NOON))
        self.run_unit(resources.switch, self.anna.id, off.kind, off.id, True, now=NOON)
        self.assertEqual(self.due(), [(off.id, 0)])


class ChallengeTests(PublishedCase):
    def test_every_process_is_told(self) -> None:
        """When there is one and when there is none any more, and only then."""
        before = self.run_unit(changes.newest)
        self.run_unit(acme.challenge, "token", "token.key", NOON)
        self.run_unit(acme.challenge, "token", "token.key2", NOON + 1)
        self.assertEqual(self.run_unit(reading.challenges), [("token", "token.key2")])
        self.run_unit(acme.unchallenge, "token")
        self.run_unit(acme.unchallenge, "token")
        self.assertEqual(self.run_unit(reading.challenges), [])
        told = self.run_unit(changes.since, before, 10)
        self.assertEqual([each.account_id for each in told], [HOSTS] * 3)

    def test_one_that_nobody_took_away(self) -> None:
        """Is forgotten a day later."""
        self.run_unit(acme.challenge, "a", "1", NOON)
        self.run_unit(acme.challenge, "b", "2", NOON + DAY)
        self.assertEqual(self.run_unit(reading.challenges), [("b", "2"), ("a", "1")])
        self.run_unit(acme.challenge, "c", "3", NOON + DAY + 1)
        self.assertEqual(self.run_unit(reading.challenges), [("c", "3"), ("b", "2")])

    def test_the_key_of_each_authority(self) -> None:
        """Kept as it was sealed."""
        self.assertIsNone(self.run_unit(acme.account_key))
        for directory, sealed, uri in (("", b"1", "u1"), ("d", b"2", "u2"), ("d", b"3", "u3")):
            self.run_unit(acme.keep_account_key, sealed, uri, directory)
        found = [self.run_unit(acme.account_key, directory) for directory in ("", "d", "e")]
        self.assertEqual(found, [(b"1", "u1"), (b"3", "u3"), None])


class DueOnPostgresTests(OnPostgres, DueTests):
    """The same on PostgreSQL."""


class ChallengeOnPostgresTests(OnPostgres, ChallengeTests):
    """The same on PostgreSQL."""
