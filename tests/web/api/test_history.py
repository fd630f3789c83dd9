"""`GET /api/usage/` and `GET /api/activity/`: what an account's holder sees of what was used and done."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from meshd.model import Account, UsageEntry
from meshd.store.statements import activity, usage
from meshd.topology import Limits
from meshd.values.exchanges import Exchange
from tests.web.api.document import DocumentTestCase
from tests.web.support import NOON, Line, basic, named, read_answer, request

HOUR = 3600
DAY = 86_400
MIDNIGHT = "2026-01-15T00:00:00"


class UsageTests(DocumentTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.batch = 0

    def bill(self, account: Account, up: int, down: int, *, at: int = NOON, token_id: int = 0) -> None:
        self.batch += 1
        entry = UsageEntry(account.id, account.parent_id or 0, token_id, up, down, 1)
        self.world.store.file.run(usage.apply, "j", self.batch, at, [entry])

    def rows(self, query: str = "", **options: Any) -> list[tuple[Any, ...]]:
        answer = self.get(f"/api/usage/{query}", **options)
        assert answer.status == 200, answer
        return [tuple(row.values()) for row in answer.json["usage"]]

    def test_by_day_and_account_unless_said_otherwise(self) -> None:
        """The caller's and its sub-accounts', of the billing period until now, beside the account's details."""
        self.bill(self.world.jo, 1, 2)
        self.bill(self.world.sub, 10, 20, at=NOON + 1)
        self.bill(self.world.eve, 5, 5)
        self.world.later(60)
        answer = self.get("/api/usage/")
        details = self.get("/api/sub/get/?username=sub").json
        expected = {
            "interval": "day",
            "by": "account",
            "since": MIDNIGHT,
            "until": "2026-01-15T12:01:01",
            "usage": [
                {"at": MIDNIGHT, "username": "jo", "bytes_up": 1, "bytes_down": 2, "exchanges": 1},
                {"at": MIDNIGHT, "username": "sub", "bytes_up": 10, "bytes_down": 20, "exchanges": 1},
            ],
        }
        self.assertEqual({key: value for key, value in answer.json.items() if key != "account"}, expected)
        self.assertEqual(
            answer.json["account"] | {"username": "sub"},
            details | {"monthly_bandwidth": 33e-9, "total_bandwidth": 33e-9},
        )

    def test_by_hour_token_and_total(self) -> None:
        """Spans begin with the hour; a token is told by its id, what was used without one by null."""
        token = self.token()["id"]
        self.bill(self.world.jo, 1, 2, token_id=token)
        self.bill(self.world.jo, 3, 4, at=NOON + 10)
        self.bill(self.world.sub, 5, 6, at=NOON + HOUR)
        self.world.later(2 * HOUR)
        noon, one = "2026-01-15T12:00:00", "2026-01-15T13:00:00"
        self.assertEqual(
            self.rows("?interval=hour&by=token"),
            [(noon, "jo", None, 3, 4, 1), (noon, "jo", token, 1, 2, 1), (one, "sub", None, 5, 6, 1)],
        )
        self.assertEqual(self.rows("?interval=hour&by=total"), [(noon, 4, 6, 2), (one, 5, 6, 1)])
        self.assertEqual(self.rows("?by=total"), [(MIDNIGHT, 9, 12, 3)])

    def test_a_range_has_its_begin_and_not_its_end(self) -> None:
        """Dates mean their first second; what begins at until is not among it."""
        for day in range(3):
            self.bill(self.world.jo, day + 1, 0, at=NOON + day * DAY)
        self.world.later(5 * DAY)
        ups = {
            "?since=2026-01-16": [2, 3],
            "?until=2026-01-16": [1],
            "?since=2026-01-16&until=2026-01-17": [2],
            "?since=2026-01-15T00:00:00&until=2026-01-17T00:00:01": [1, 2, 3],
            "?since=2026-01-15T00:00:01&until=2026-01-17T00:00:00": [2],
            "?interval=hour&since=2026-01-15T12:00:00&until=2026-01-17T12:00:01": [1, 2, 3],
            "?interval=hour&since=2026-01-15T12:00:01&until=2026-01-17T12:00:00": [2],
            "?since=2020-01-01&until=2020-01-02": [],
        }
        for query, expected in ups.items():
            with named(query):
                self.assertEqual([row[2] for row in self.rows(query)], expected)

    def test_a_new_period_begins_a_new_series(self) -> None:
        """Without since, it is that of the limits; earlier ones can be asked for."""
        self.bill(self.world.jo, 1, 0)
        self.world.later(40 * DAY)
        self.assertEqual(self.rows(), [])
        self.assertEqual(self.get("/api/usage/").json["since"], "2026-02-15T00:00:00")
        self.assertEqual(len(self.rows("?since=2026-01-01")), 1)

    def test_a_parent_names_a_sub_account_and_a_sub_account_sees_itself(self) -> None:
        """Its own rows, its own details, and nobody else's."""
        self.bill(self.world.jo, 1, 1)
        self.bill(self.world.sub, 2, 2)
        expected = [(MIDNIGHT, "sub", 2, 2, 1)]
        self.assertEqual(self.rows("?username=sub"), expected)
        self.assertEqual(self.rows(who="sub"), expected)
        own = self.get("/api/usage/", who="sub").json["account"]
        self.assertEqual(own, self.get("/api/sub/get/?username=sub").json)

    def test_deleted_sub_accounts_stay_in_the_series_as_on_the_bill(self) -> None:
        """Without a name; rows of any grouping add up to the account's bandwidth."""
        self.bill(self.world.jo, 1, 0)
        self.bill(self.world.sub, 2, 0, token_id=self.token(username="sub")["id"])
        self.post("/api/sub/delete/", username="sub")
        self.bill(self.world.sub, 4, 0)
        self.assertEqual(self.rows(), [(MIDNIGHT, None, 6, 0, 2), (MIDNIGHT, "jo", 1, 0, 1)])
        self.assertEqual(self.rows("?by=token"), [(MIDNIGHT, None, None, 6, 0, 2), (MIDNIGHT, "jo", None, 1, 0, 1)])
        self.assertEqual(self.rows("?by=total"), [(MIDNIGHT, 7, 0, 3)])
        self.assertEqual(self.get("/api/usage/").json["account"]["total_bandwidth"], 7e-9)

    def test_what_is_wrong_is_named(self) -> None:
        """Each field, in a 400."""
        wrong = {
            "interval=week": {"interval": ["Choose one of day, hour."]},
            "by=host": {"by": ["Choose one of account, token, total."]},
            "since=yesterday": {"since": ["Enter a date, or a date and time as YYYY-MM-DDTHH:MM:SS."]},
            "since=2026-02-30": {"since": ["Enter a date, or a date and time as YYYY-MM-DDTHH:MM:SS."]},
            "since=2026-01-15T25:00:00": {"since": ["Enter a date, or a date and time as YYYY-MM-DDTHH:MM:SS."]},
            "until=2026-01-15%2012:00:00": {"until": ["Enter a date, or a date and time as YYYY-MM-DDTHH:MM:SS."]},
            "since=2026-01-16&until=2026-01-16": {"since": ["This must be before until."]},
            "since=2026-01-17": {"since": ["This must be before until."]},
        }
        for query, messages in wrong.items():
            with named(query):
                self.assertEqual(self.get(f"/api/usage/?{query}").seen, (400, messages))

    def test_more_than_one_answer_may_tell_is_refused(self) -> None:
        """Rows of the answer, and rows that would have to be read for it; with what to do about it."""
        connection = self.world.store.file._connection
        assert connection is not None
        for rows, query in ((10_001, "by=account"), (50_001, "by=total")):
            hours = [(self.world.jo.id, hour * HOUR, 0, 1, 1, 1) for hour in range(rows)]
            connection.executemany("insert or ignore into usage_hours values (?, ?, ?, ?, ?, ?)", hours)
            with named(query):
                answer = self.get(f"/api/usage/?since=1970-01-01&interval=hour&{query}")
                self.assertEqual((answer.status, list(answer.json)), (400, ["since"]))
        self.assertEqual(self.rows("?since=1970-01-01"), [])

    def test_one_question_at_a_time(self) -> None:
        """429 while another one of the account is with the store; another account's is none of its business."""
        self.get("/api/proxies/")
        self.world.store.waiting = waiting = Deferred()
        first = Line(self.world.site)
        first.say(request("GET", "/api/usage/", ("Authorization", basic("jo", "secret"))))
        self.world.store.waiting = None
        busy = self.get("/api/activity/")
        self.assertEqual((busy.status, busy.one("Retry-After")), (429, "1"))
        self.assertEqual(self.get("/api/usage/", who="eve").status, 200)
        waiting.callback(None)
        self.assertEqual(read_answer(first.heard()).status, 200)
        self.assertEqual(self.get("/api/activity/").status, 200)


class ActivityTests(DocumentTestCase):
    def end(self, account: Account, number: int, *, at: float = NOON, **facts: Any) -> None:
        name, host = account.username, "example.com"
        ended = Exchange(
            f"r-{number}", at, 0.25, account.id, name, 0, "us", "192.0.2.1", "GET", host, 80, "e", 200, "", 1, 2
        )
        self.world.store.file.run(activity.add, [ended._replace(**facts)])

    def ids(self, query: str = "", **options: Any) -> list[str]:
        return [each["request_id"] for each in self.get(f"/api/activity/{query}", **options).json["activity"]]

    def test_an_exchange_with_all_that_is_known_of_it(self) -> None:
        """When, for how long, whose, where to, by which exit, what moved and how it ended."""
        self.end(self.world.sub, 1, at=NOON + 0.5, token_id=9, status=509, reason="quota-total")
        expected = {
            "request_id": "r-1",
            "at": "2026-01-15T12:00:00.500",
            "seconds": 0.25,
            "username": "sub",
            "token": 9,
            "proxy": "us",
            "client": "192.0.2.1",
            "method": "GET",
            "host": "example.com",
            "port": 80,
            "exit": "e",
            "status": 509,
            "reason": "quota-total",
            "bytes_up": 1,
            "bytes_down": 2,
        }
        self.assertEqual(self.get("/api/activity/").seen, (200, {"activity": [expected], "next": None}))

    def test_a_parent_sees_its_family_and_a_sub_account_itself(self) -> None:
        """Newest first; by name only that sub-account's; and of foreign accounts nothing."""
        self.end(self.world.jo, 1)
        self.end(self.world.sub, 2, at=NOON + 1)
        self.end(self.world.eve, 3, at=NOON + 2)
        self.assertEqual(self.ids(), ["r-2", "r-1"])
        self.assertEqual(self.ids("?username=sub"), ["r-2"])
        self.assertEqual(self.ids(who="sub"), ["r-2"])
        self.assertEqual(self.ids(who="eve"), ["r-3"])

    def test_paged_by_cursor(self) -> None:
        """Each once, in order, also of those that ended at the same moment, whatever ends meanwhile."""
        for number in range(7):
            self.end(self.world.jo, number, at=NOON + number // 3)
        seen, query = [], "?limit=2"
        while True:
            answer = self.get(f"/api/activity/{query}").json
            seen += [each["request_id"] for each in answer["activity"]]
            self.end(self.world.jo, 100 + len(seen), at=NOON + 50)
            if answer["next"] is None:
                break
            query = f"?limit=2&cursor={answer['next']}"
        self.assertEqual(seen, [f"r-{number}" for number in (6, 5, 4, 3, 2, 1, 0)])

    def test_a_page_that_is_just_full_is_the_last(self) -> None:
        """No cursor leads to an empty page."""
        for number in range(4):
            self.end(self.world.jo, number)
        self.assertIsNone(self.get("/api/activity/?limit=4").json["next"])
        self.assertIsNotNone(self.get("/api/activity/?limit=3").json["next"])

    def test_a_cursor_tells_nothing_of_others(self) -> None:
        """It is made of the caller's own exchange, and of another account's it shows nothing."""
        self.end(self.world.eve, 1)
        self.end(self.world.eve, 2)
        cursor = self.get("/api/activity/?limit=1", who="eve").json["next"]
        self.assertEqual(self.ids(f"?cursor={cursor}"), [])

    def test_what_is_too_old_is_told_no_more(self) -> None:
        """Whether or not it was cleared yet; with nothing to be kept, nothing is told."""
        self.end(self.world.jo, 1)
        self.world.later(self.world.live.limits.activity_seconds)
        self.assertEqual(self.ids(), ["r-1"])
        self.world.later(1)
        self.assertEqual(self.ids(), [])
        self.end(self.world.jo, 2, at=self.world.now)
        self.world.set_topology(limits=Limits(activity_per_account=0))
        self.assertEqual(self.ids(), [])

    def test_what_is_wrong_is_named(self) -> None:
        """Each field, in a 400."""
        for query in ("limit=0", "limit=201", "limit=x", "cursor=x", "cursor=1", "cursor=1-;", "cursor=" + "1" * 81):
            with named(query):
                answer = self.get(f"/api/activity/?{query}")
                self.assertEqual((answer.status, list(answer.json)), (400, [query.partition("=")[0]]))
