from __future__ import annotations

from meshd.accounts import exits, traffic
from meshd.accounts.errors import Forbidden
from meshd.accounts.ownership import ActorId
from meshd.accounts.traffic import Overview, Span
from meshd.model import RestingExit
from meshd.store.statements import exits as stored
from meshd.store.statements import opened, tops
from meshd.store.statements.tops import EXIT, HOUR, OUTCOME, Sum
from meshd.store.unit import Statement, Unit
from tests.accounts.support import DAY, NOON, OPERATOR, AccountsCase, OnPostgres

KNOWN = ("rack-1", "rack-2", "rack-3", "rack-4")


def seen(account_id: int, at: int) -> Unit[None]:
    sql = "insert into usage (account_id, total_bytes, period_bytes, period_start, seen_at) values (:id, 1, 1, 1, :at)"
    yield Statement(sql, {"id": account_id, "at": at})


def made(account_id: int, at: int) -> Unit[None]:
    yield Statement("update accounts set created_at = :at where id = :id", {"id": account_id, "at": at})


class TrafficTests(AccountsCase):
    def setUp(self) -> None:
        super().setUp()
        spans = [
            NOON,
            NOON - HOUR,
            NOON - 2 * HOUR,
            NOON - 23 * HOUR,
            NOON - 24 * HOUR,
            NOON - 29 * DAY,
            NOON - 30 * DAY,
        ]
        self.run_unit(tops.record, [], [((OUTCOME, at, "served"), [1, 2, 10**n, 0]) for n, at in enumerate(spans)])
        self.run_unit(tops.record, [], [((OUTCOME, NOON, "exit"), [5, 5, 3, 3])])
        rows = [((EXIT, NOON, "rack-1"), [1, 2, 3, 1]), ((EXIT, NOON - 2 * HOUR, "rack-2"), [1, 2, 9, 0])]
        self.run_unit(tops.record, [], rows)

    def overview(self, actor: ActorId = OPERATOR) -> Overview:
        return self.run_unit(traffic.overview, actor, known=KNOWN, now=NOON + 60)

    def test_spans(self) -> None:
        """The running hour with the one before it; the running one of 24; the running day of 30."""
        found = self.overview().spans
        self.assertEqual(
            {"hour": 11 + 3, "day": 1111 + 3, "month": 111111 + 3},
            {span: each.exchanges for span, each in found.items()},
        )
        hour = found["hour"]
        self.assertEqual((NOON - HOUR, 7, 9), (hour.since, hour.up, hour.down))
        self.assertEqual(Sum("exit", 5, 5, 3, 3), hour.outcomes["exit"])
        self.assertEqual(Sum("auth", 0, 0, 0, 0), hour.outcomes["auth"])

    def test_customers(self) -> None:
        """Those that were billed something of late; those that are new, without sub-accounts."""
        old, older = self.customer("old"), self.customer("older")
        for account, at in ((self.alice, NOON), (self.kid, NOON - 2 * HOUR), (old, NOON - 20 * DAY), (older, 0)):
            self.run_unit(seen, account.id, at)
        self.run_unit(made, old.id, NOON - 2 * HOUR)
        self.run_unit(made, older.id, NOON - 20 * DAY)
        found = self.overview().spans
        self.assertEqual({"hour": 1, "day": 2, "month": 3}, {span: each.active for span, each in found.items()})
        self.assertEqual({"hour": 1, "day": 2, "month": 3}, {span: each.new for span, each in found.items()})

    def test_exits(self) -> None:
        """Drained comes first; a rest that is over counts no more; what the settings lack is not counted."""
        self.run_unit(exits.drain, OPERATOR, ["rack-1"], known=KNOWN, now=NOON)
        rests = [("rack-1", NOON + 99), ("rack-2", NOON + 99), ("rack-3", NOON + 1), ("gone", NOON + 99)]
        self.run_unit(stored.record, "a", [RestingExit("a", name, until, 3, "x", NOON) for name, until in rests], [])
        self.assertEqual((2, 1, 1), tuple(self.overview().exits))

    def test_what_is_open(self) -> None:
        """By all processes that still tell."""
        for node, at, total in (("a", NOON, 700), ("b", NOON + 60, 5), ("dead", NOON - 60, 1000)):
            self.run_unit(opened.write, node, at, total, [])
        self.assertEqual(705, self.overview().open)

    def test_by_exit(self) -> None:
        """Those with most exchanges first."""
        span: Span
        for span, names in (("hour", ["rack-1"]), ("day", ["rack-2", "rack-1"]), ("month", ["rack-2", "rack-1"])):
            found = self.run_unit(traffic.by_exit, OPERATOR, span=span, limit=9, now=NOON)
            self.assertEqual(names, [each.name for each in found])
            self.assertEqual(Sum("rack-1", 1, 2, 3, 1), found[-1])

    def test_series(self) -> None:
        """Each hour of a day and each day of a month once, those without traffic too; the sums are the overview's."""
        for span, step, count in (("hour", HOUR, 2), ("day", HOUR, 24), ("month", DAY, 30)):
            found = self.run_unit(traffic.series, OPERATOR, span=span, now=NOON + 60)
            told = self.overview().spans[span]
            self.assertEqual([told.since + step * number for number in range(count)], [each.at for each in found])
            self.assertEqual(told.exchanges, sum(each.exchanges for each in found))
            self.assertEqual((told.up, told.down), (sum(each.up for each in found), sum(each.down for each in found)))

    def test_who_may(self) -> None:
        """Whoever reads for the whole installation."""
        viewer = self.customer("vera", role="viewer")
        self.assertEqual(self.overview().exits, self.overview(viewer.id).exits)
        self.refused(Forbidden, traffic.overview, self.alice.id, known=KNOWN, now=NOON)
        self.refused(Forbidden, traffic.series, self.alice.id, span="day", now=NOON)
        self.refused(Forbidden, traffic.by_exit, self.alice.id, span="day", limit=9, now=NOON)


class PostgresTrafficTests(OnPostgres, TrafficTests):
    pass
