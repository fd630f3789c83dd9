"""The record of what was done by the API of published hosts."""

from __future__ import annotations

import json
from typing import Any

from meshd.accounts import hostaudit
from meshd.accounts.errors import Forbidden, Invalid
from meshd.store.statements import hostsaudit
from meshd.store.unit import Statement, Unit
from tests.accounts.published.support import PublishedCase
from tests.accounts.support import DAY, NOON, OPERATOR, OnPostgres, named


def counted() -> Unit[int]:
    rows = yield Statement("select count(*) from hosts_audit", {})
    return int(rows[0][0])


class AuditTests(PublishedCase):
    def note(self, at: int = NOON, **given: Any) -> None:
        who = {"account_id": self.anna.id, "username": "anna", "email": "anna@mesh.example", "address": "192.0.2.1"}
        facts = {"action": "update", "resource_type": "proxy_host", "resource_id": 1, **who, **given}
        self.run_unit(hostaudit.record, at=at, **facts)

    def listed(self, **asked: Any) -> list[Any]:
        return self.run_unit(hostaudit.listing, self.anna.id, **asked)

    def test_an_entry(self) -> None:
        """With who, what, from where, and what else there is to know."""
        self.note(details={"name": "ü", "was": None})
        (entry,) = self.listed()
        self.assertEqual((entry.at, entry.account_id, entry.username), (NOON, self.anna.id, "anna"))
        self.assertEqual((entry.action, entry.resource_type, entry.resource_id), ("update", "proxy_host", 1))
        self.assertEqual((entry.address, json.loads(entry.details)), ("192.0.2.1", {"name": "ü", "was": None}))

    def test_the_newest_first_in_pages(self) -> None:
        """Fifty, or as many as are asked for, within bounds."""
        for number in range(60):
            self.note(NOON + number // 2, resource_id=number)
        self.assertEqual([each.resource_id for each in self.listed()], list(range(59, 9, -1)))
        self.assertEqual([each.resource_id for each in self.listed(page=2)], list(range(9, -1, -1)))
        self.assertEqual([each.resource_id for each in self.listed(page=3, limit=7)], list(range(45, 38, -1)))
        self.assertEqual(self.listed(page=9), [])
        for bad in ({"page": 0}, {"limit": 0}, {"limit": 101}, {"page": 501, "limit": 100}):
            self.refused(Invalid, hostaudit.listing, self.anna.id, **bad)

    def test_filters(self) -> None:
        """Each alone, and together."""
        rows: list[dict[str, Any]] = [
            {},
            {"action": "delete"},
            {"resource_type": "certificate"},
            {"username": "vera", "email": ""},
            {"username": "vera", "email": "", "action": "delete", "resource_type": "certificate"},
            {"username": "nobody@x.example", "account_id": 0, "action": "login"},
        ]
        for number, row in enumerate(rows):
            self.note(NOON + number, **row)
        for asked, wanted in (
            ({"action": "delete"}, [4, 1]),
            ({"resource_type": "certificate"}, [4, 2]),
            ({"user": "VERA"}, [4, 3]),
            ({"user": "anna@MESH.example"}, [2, 1, 0]),
            ({"user": "nobody@x.example"}, [5]),
            ({"user": "vera", "action": "delete"}, [4]),
            ({"action": "delete", "resource_type": "certificate"}, [4]),
            ({"user": "anna", "action": "delete", "resource_type": "certificate"}, []),
            ({"since": NOON + 2, "until": NOON + 4}, [3, 2]),
            ({"since": NOON + 2, "until": NOON + 4, "user": "anna"}, [2]),
            ({"user": "\0\ud800"}, []),
        ):
            with named(asked):
                self.assertEqual([each.at - NOON for each in self.listed(**asked)], wanted)

    def test_who_may_read_it(self) -> None:
        """Admins alone."""
        for who in (self.vera.id, self.alice.id):
            self.refused(Forbidden, hostaudit.listing, who)
        for who in (OPERATOR, self.account("admin").id):
            self.assertEqual(self.run_unit(hostaudit.listing, who), [])

    def test_what_strangers_send_is_cut(self) -> None:
        """And made into something that a store can hold."""
        self.note(
            username="x" * 999, action="\0\ud800" * 99, address="y" * 99, details={"a": "z" * 5000}, resource_id=2**70
        )
        (entry,) = self.listed()
        self.assertEqual((len(entry.username), len(entry.action), len(entry.address)), (255, 64, 64))
        self.assertEqual((entry.details, entry.resource_id), ("{}", 0))

    def test_old_ones_go(self) -> None:
        """By their age, and by their number, some at a time."""
        for number in range(10):
            self.note(NOON + number * DAY)
        self.run_unit(hostsaudit.prune, NOON + 4 * DAY, 0, 3)
        self.assertEqual(self.run_unit(counted), 7)
        self.run_unit(hostsaudit.prune, NOON + 4 * DAY, 0, 3)
        self.assertEqual(self.run_unit(counted), 6)
        ids = sorted(each.id for each in self.listed())
        self.run_unit(hostsaudit.prune, 0, ids[3], 3)
        self.assertEqual(sorted(each.id for each in self.listed()), ids[3:])

    def test_they_go_by_themselves(self) -> None:
        """With one of so many that come."""
        self.note(NOON)
        for _ in range(hostaudit.PRUNE_EVERY):
            self.note(NOON + hostaudit.KEPT + 1)
        self.assertEqual(self.run_unit(counted), hostaudit.PRUNE_EVERY)


class AuditOnPostgresTests(OnPostgres, AuditTests):
    """The same on PostgreSQL."""
