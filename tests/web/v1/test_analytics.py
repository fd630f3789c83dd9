"""What `/v1` tells of what was used: to the byte as the ledger has it, of the whole family, range by range."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from meshd.model import UsageEntry
from meshd.store.statements import series, tops, usage
from meshd.store.unit import Unit
from meshd.web.v1.analytics import IN_LINE, within
from tests.web.support import NOON, Line, named, request
from tests.web.v1.support import V1TestCase

HOUR, DAY = 3600, 86400
NOW = NOON + 60
TODAY = NOON - NOON % DAY
ANY = ("/traffic", "/requests", "/traffic/period-total", "/requests/period-total", "/domain-breakdown")


class AnalyticsTests(V1TestCase):
    def setUp(self) -> None:
        super().setUp()
        self._batches = 0
        jo, sub, eve = self.world.jo, self.world.sub, self.world.eve
        for account, at, size in (
            (jo, NOON, 7),
            (sub, NOON, 100),
            (sub, NOON - 23 * HOUR, 1_000),
            (sub, NOON - 24 * HOUR, 50_000),
            (sub, NOON - 6 * DAY, 600_000),
            (sub, NOON - 29 * DAY, 7_000_000),
            (sub, NOON - 40 * DAY, 80_000_000),
            (eve, NOON, 999_999_999),
        ):
            entry = UsageEntry(account.id, account.parent_id or 0, 0, 1, size - 1, 1)
            self._batches += 1
            self.world.store.file.run(usage.apply, f"j{self._batches}", 1, at, [entry])
        rows = [
            ((jo.id, TODAY, "a.example"), [1, 6, 1, 0]),
            ((sub.id, TODAY, "a.example"), [100, 0, 2, 1]),
            ((sub.id, TODAY - DAY, "b.example"), [51_000, 0, 2, 0]),
            ((sub.id, TODAY - 6 * DAY, "c.example"), [600_000, 0, 1, 0]),
            ((eve.id, TODAY, "eve.example"), [999, 0, 1, 0]),
        ]
        self.world.store.file.run(tops.record, rows, [])
        self.world.now = float(NOW)

    def ask(self, path: str, who: str = "jo", **members: Any) -> Any:
        return self.payload(self.do("POST", path, members, who=who))

    def test_trap_it_is_enveloped(self) -> None:
        """A bare `data` would be unwrapped by the SDK, and be no object."""
        answer = self.do("POST", "/traffic", {"period": "24h", "start_date": None, "end_date": None})
        self.assertEqual(set(answer.json["payload"]), {"labels", "data"})

    def test_by_the_hour(self) -> None:
        """Each hour of a day up to now, of the account with all its sub-users; null and nothing are the same."""
        told = self.ask("/traffic", period="24h", start_date=None, end_date=None)
        self.assertEqual(told, self.ask("/traffic"))
        self.assertEqual((len(told["labels"]), len(told["data"])), (24, 24))
        self.assertEqual((told["labels"][0], told["labels"][-1]), ("2026-01-14 13:00", "2026-01-15 12:00"))
        self.assertEqual((told["data"][0], told["data"][-1], sum(told["data"])), (1_000, 107, 1_107))
        self.assertEqual(sum(self.ask("/requests")["data"]), 3)

    def test_periods(self) -> None:
        for period, spans, total, requests in (
            ("24h", 24, 1_107, 3),
            ("7d", 7, 651_107, 5),
            ("30d", 30, 7_651_107, 6),
            ("90d", 90, 87_651_107, 7),
        ):
            with named(period):
                told = self.ask("/traffic", period=period)
                self.assertEqual((len(told["data"]), sum(told["data"])), (spans, total))
                self.assertEqual(self.ask("/traffic/period-total", period=period), {"total": total})
                self.assertEqual(self.ask("/requests/period-total", period=period), {"total": requests})
        self.assertEqual(self.ask("/traffic", period="7d")["labels"][-1], "2026-01-15")

    def test_custom_ranges(self) -> None:
        for begin, end, first, spans, total in (
            ("2026-01-15", "2026-01-15", "2026-01-15 00:00", 24, 107),
            ("2026-01-14", "2026-01-15", "2026-01-14 00:00", 48, 51_107),
            ("2026-01-14T13:30:00", "2026-01-15T12:00:00Z", "2026-01-14 13:00", 23, 1_000),
            ("2026-01-14 13:00:00", None, "2026-01-14 13:00", 24, 1_107),
            ("2026-01-15T12:00:00.000000Z", None, "2026-01-15 12:00", 1, 107),
            ("2026-01-01", "2026-01-15", "2026-01-01", 15, 651_107),
        ):
            with named((begin, end)):
                told = self.ask("/traffic", period="custom", start_date=begin, end_date=end)
                self.assertEqual((told["labels"][0], len(told["data"]), sum(told["data"])), (first, spans, total))
                given = {"period": "24h", "start_date": begin, "end_date": end}
                self.assertEqual(self.ask("/traffic/period-total", **given), {"total": total})

    def test_the_ledger_has_the_same(self) -> None:
        """Over the same hours, to the byte."""

        def of_ledger() -> Unit[Any]:
            jo = self.world.jo.id
            return (
                yield from series.read(
                    jo, TODAY - 6 * DAY, TODAY + DAY, span=series.HOUR, by="total", most=1000, made=lambda each: each
                )
            )

        rows = self.world.store.file.run(of_ledger)
        self.assertEqual(self.ask("/traffic/period-total", period="7d")["total"], sum(r.up + r.down for r in rows))

    def test_domains(self) -> None:
        """By the days that the period touches, those with most bytes first."""
        items = [
            {"domain": "b.example", "bandwidth": 51_000, "requests": 2},
            {"domain": "a.example", "bandwidth": 107, "requests": 3},
        ]
        self.assertEqual(self.ask("/domain-breakdown"), {"items": items})
        week = self.ask("/domain-breakdown", period="7d")["items"]
        self.assertEqual([each["domain"] for each in week], ["c.example", "b.example", "a.example"])
        day = {"start_date": "2026-01-15", "end_date": "2026-01-15"}
        self.assertEqual(self.ask("/domain-breakdown", **day)["items"], items[1:])

    def test_many_domains(self) -> None:
        """The largest have names, and no byte is lost."""
        rows = [tops.Sum(f"{n}.example", 10, n, 1, 0) for n in range(5)]
        told = list(within(rows, 3))
        self.assertEqual([each.name for each in told], ["0.example", "1.example", "(other)"])
        self.assertEqual(sum(each.up + each.down for each in told), 60)
        self.assertEqual(list(within(rows, 5)), rows)

    def test_whose_it_is(self) -> None:
        """A sub-user that signs in sees its own."""
        self.assertEqual(self.ask("/traffic/period-total", who="sub"), {"total": 1_100})
        self.assertEqual(self.ask("/traffic/period-total", who="eve"), {"total": 999_999_999})
        self.assertEqual(self.ask("/domain-breakdown", who="sub")["items"][1]["bandwidth"], 100)

    def test_what_is_wrong(self) -> None:
        for members, name in (
            ({"period": "2h"}, "period"),
            ({"period": 7}, "period"),
            ({"period": "custom"}, "start_date"),
            ({"end_date": "2026-01-15"}, "start_date"),
            ({"start_date": "yesterday"}, "start_date"),
            ({"start_date": "2026-02-30"}, "start_date"),
            ({"start_date": "2026-01-15", "end_date": "2026-01-14T00:00:00"}, "start_date"),
            ({"start_date": "2024-01-15", "end_date": "2026-01-14"}, "start_date"),
            ({"username": "eve"}, "username"),
        ):
            for path in ANY:
                with named((path, members)):
                    self.invalid(self.do("POST", path, members), name)

    def test_one_at_a_time(self) -> None:
        """A program's questions at once are answered one after the other; a crowd of them is not."""
        self.ask("/traffic")
        self.world.store.waiting = waiting = Deferred()
        lines = [self.begun() for _ in range(IN_LINE)]
        answer = self.do("POST", "/traffic", {})
        self.assertEqual(answer.status, 429)
        self.assertEqual(answer.one("X-RateLimit-Limit"), str(IN_LINE))
        self.world.store.waiting = None
        waiting.callback(None)
        for line in lines:
            self.assertTrue(line.heard().startswith(b"HTTP/1.1 200 "))
        self.assertEqual(self.ask("/traffic/period-total"), {"total": 1_107})

    def begun(self) -> Any:
        """A connection on which a question has been asked."""
        line = Line(self.world.site)
        fields = [("Authorization", f"Bearer {self.world.key('jo')}"), ("Content-Type", "application/json")]
        line.say(request("POST", "/v1/traffic", *fields, body=b"{}"))
        return line
