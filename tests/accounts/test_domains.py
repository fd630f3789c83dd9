from __future__ import annotations

from unittest import mock

from meshd.accounts import domains, subaccounts
from meshd.accounts.domains import DAYS, OTHER
from meshd.accounts.errors import Invalid, NotYours
from meshd.accounts.ownership import ActorId
from meshd.store.statements import tops
from tests.accounts.support import DAY, NOON, OPERATOR, AccountsCase, OnPostgres

TODAY = NOON - NOON % DAY


class DomainsTests(AccountsCase):
    def setUp(self) -> None:
        super().setUp()
        rows = [
            ((self.alice.id, TODAY, "a.example"), [1, 1, 1, 0]),
            ((self.kid.id, TODAY, "a.example"), [10, 10, 1, 1]),
            ((self.kid.id, TODAY - (DAYS - 1) * DAY, "b.example"), [500, 0, 1, 0]),
            ((self.kid.id, TODAY - DAYS * DAY, "b.example"), [9000, 0, 1, 0]),
        ]
        self.run_unit(tops.record, rows, [])

    def of(self, actor: ActorId, username: str | None = None, *, family: bool = True) -> list[tuple[str, int]]:
        found = self.run_unit(domains.report, actor, username, since=None, until=None, family=family, now=NOON)
        return [(row.name, row.up) for row in found.rows]

    def test_whose_is_told(self) -> None:
        """A family's together, of the last days; a sub-account's to itself and to its parent."""
        self.assertEqual([("b.example", 500), ("a.example", 11)], self.of(self.alice.id))
        self.assertEqual([("a.example", 1)], self.of(self.alice.id, family=False))
        for actor, username in ((self.kid.id, None), (self.alice.id, "kid"), (OPERATOR, "kid")):
            self.assertEqual([("b.example", 500), ("a.example", 10)], self.of(actor, username))
        self.customer("bob")
        span = {"since": None, "until": None, "now": NOON}
        self.refused(NotYours, domains.report, self.alice.id, "bob", **span)

    def test_a_range(self) -> None:
        """Of the days that begin in it."""
        found = self.run_unit(domains.report, self.alice.id, None, since=TODAY - DAYS * DAY, until=TODAY, now=NOON)
        self.assertEqual([("b.example", 9500)], [(row.name, row.up) for row in found.rows])
        self.refused(Invalid, domains.report, self.alice.id, None, since=NOON, until=NOON, now=NOON)
        with mock.patch.object(domains, "MOST_READ", 2):
            self.refused(Invalid, domains.report, self.alice.id, None, since=0, until=NOON, now=NOON)

    def test_a_sub_account_that_goes(self) -> None:
        """Leaves its bytes to its parent's report, and no name."""
        self.run_unit(subaccounts.delete, self.alice.id, "kid", now=NOON)
        self.assertEqual([("a.example", 1), (OTHER, 510)], self.of(self.alice.id))


class PostgresDomainsTests(OnPostgres, DomainsTests):
    pass
