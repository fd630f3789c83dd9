"""What a process knows of what is published follows what the store has, by what has changed alone."""

from __future__ import annotations

from typing import Any

from meshd.accounts.published import reading, resources
from meshd.store.statements import changes, published
from tests.accounts.published.support import PublishedCase
from tests.accounts.support import DAY, NOON, OnPostgres


class ReadingTests(PublishedCase):
    def setUp(self) -> None:
        super().setUp()
        self.known: dict[int, Any] = {}
        self.revision = 0

    def follow(self, limit: int = 2) -> int:
        """Read what is newer, as a process does; how many rows that were."""
        count = 0
        while True:
            news = self.run_unit(reading.newer, self.revision, limit)
            self.assertFalse(news.lost)
            for row in news.rows:
                self.known.pop(row.id, None)
                if not row.deleted:
                    self.known[row.id] = row
            count += len(news.rows)
            self.revision = news.revision
            if not news.more:
                return count

    def test_a_process_follows(self) -> None:
        """What was made, changed and deleted since, each as it is now."""
        hosts = [self.made(domain_names=[f"{number}.b"]) for number in range(5)]
        self.assertEqual((self.follow(), list(self.known)), (5, [host.id for host in hosts]))
        self.assertEqual(self.follow(), 0)
        self.changed(hosts[1], meta={"a": 1})
        self.changed(hosts[1], meta={"a": 2})
        self.run_unit(resources.delete, self.anna.id, hosts[2].kind, hosts[2].id, now=NOON)
        self.assertEqual(self.follow(), 2)
        self.assertEqual(self.known[hosts[1].id].settings["meta"], {"a": 2})
        self.assertNotIn(hosts[2].id, self.known)
        self.assertEqual(self.revision, self.run_unit(changes.newest))

    def test_what_changed_together_is_read_together(self) -> None:
        """However many rows were asked for: to go on after their number would leave some out."""
        for number in range(3):
            self.made(domain_names=[f"{number}.b"], ssl_forced=True)
        news = self.run_unit(reading.newer, 0, 1)
        self.assertEqual([row.kind for row in news.rows], ["certificates", "proxy-hosts"])
        self.assertTrue(news.more)
        self.assertEqual(self.follow(1), 6)

    def test_who_has_slept_for_long_reads_all_anew(self) -> None:
        """Once something that was deleted meanwhile is forgotten."""
        first, other = self.made(), self.made("dead-hosts")
        self.follow()
        slept = self.revision
        self.run_unit(resources.delete, self.anna.id, first.kind, first.id, now=NOON)
        self.follow()
        late = NOON + resources.PRUNED_AFTER + 1
        self.run_unit(resources.delete, self.anna.id, other.kind, other.id, now=late)
        self.assertTrue(self.run_unit(reading.newer, slept, 10).lost)
        self.assertFalse(self.run_unit(reading.newer, self.revision, 10).lost)
        self.assertFalse(self.run_unit(reading.newer, 0, 10).lost)
        self.assertEqual([row.id for row in self.run_unit(reading.newer, 0, 10).rows], [other.id])

    def test_what_is_forgotten_is_bounded(self) -> None:
        """A deletion forgets so many of those that are long gone, and of no other."""
        for number in range(5):
            row = self.made(domain_names=[f"{number}.b"])
            self.run_unit(resources.delete, self.anna.id, row.kind, row.id, now=NOON + number)
        self.run_unit(published.prune, NOON + 3, 2)
        self.assertEqual(len(self.run_unit(published.newer, 0, 10)), 3)
        self.run_unit(published.prune, NOON + DAY, 2)
        self.assertEqual(len(self.run_unit(published.newer, 0, 10)), 1)


class ReadingOnPostgresTests(OnPostgres, ReadingTests):
    """The same on PostgreSQL."""
