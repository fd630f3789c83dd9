"""What was used and done, of everybody and of one account."""

from __future__ import annotations

import csv
import io

from meshd.model import GB
from meshd.store.statements import activity
from meshd.values.exchanges import Exchange
from meshd.values.times import iso
from tests.web.admin.support import AdminTestCase
from tests.web.support import NOON


class UsageTests(AdminTestCase):
    def test_of_everybody(self) -> None:
        """By running period, page by page, and as CSV with the same values."""
        self.do("PATCH", "/accounts/jo", {"monthly_limit": 5 * GB})
        self.world.use(self.world.jo, 70)
        self.world.use(self.world.sub, 30)
        found = self.do("GET", "/usage?limit=1000").json["accounts"]
        rows = {each["username"]: each for each in found}
        self.assertEqual((rows["jo"]["bytes"], rows["jo"]["limit"], rows["sub"]["bytes"]), (100, 5 * GB, 30))
        first = self.do("GET", "/usage?limit=2&format=csv")
        self.assertIn('rel="next"', first.one("Link"))
        table = list(csv.DictReader(io.StringIO(self.do("GET", "/usage?limit=1000&format=csv").body.decode())))
        self.assertEqual({each["username"]: each["bytes"] for each in table}["jo"], "100")
        self.assertEqual({each["active"] for each in table}, {"true"})
        self.assertEqual([each["username"] for each in table], [each["username"] for each in found])
        self.assertEqual(self.do("GET", "/usage?period=last").json["accounts"][0]["bytes"], 0)
        self.refused(self.do("GET", "/usage?period=2026-13"), 400, "invalid", "period")

    def test_of_one(self) -> None:
        """Totals and spans explain one another."""
        self.world.use(self.world.sub, 30)
        found = self.do("GET", "/accounts/jo/usage?by=account&interval=hour").json
        self.assertEqual(found["period_bytes"], 30)
        self.assertEqual([(each["username"], each["bytes_down"]) for each in found["usage"]], [("sub", 30)])
        self.assertEqual(self.do("GET", "/accounts/jo/domains").json["domains"], [])

    def test_top_ups(self) -> None:
        """Once for a reference, also when another operator tells it; listed; refused where there is no limit."""
        self.do("PATCH", "/accounts/jo", {"monthly_limit": GB})
        body = {"bytes": 5 * GB, "reference": "INV-1", "note": "paid"}
        first = self.do("POST", "/accounts/jo/topups", body)
        again = self.do("POST", "/accounts/jo/topups", body, who="admin")
        self.assertEqual((first.json["again"], again.json["again"]), (False, True))
        self.assertEqual((first.json["prepaid_bytes"], again.json["prepaid_bytes"]), (5 * GB, 5 * GB))
        (listed,) = self.do("GET", "/accounts/jo/topups").json["topups"]
        self.assertEqual((listed["reference"], listed["by"]), ("INV-1", "op"))
        self.refused(self.do("POST", "/accounts/jo/topups", {"reference": "x"}), 400, "invalid", "bytes")
        self.assertEqual(self.do("POST", "/accounts/eve/topups", body).status, 400)

    def test_the_newest_exchanges(self) -> None:
        """Of an account with its sub-accounts, page by page."""
        for number in range(5):
            self.world.store.file.run(activity.add, [exchange(number, self.world.sub.id)])
        first = self.do("GET", "/accounts/jo/activity?limit=3").json
        second = self.do("GET", f"/accounts/jo/activity?limit=3&cursor={first['next']}").json
        shown = [each["id"] for each in (*first["exchanges"], *second["exchanges"])]
        self.assertEqual((shown, second["next"]), (["x4", "x3", "x2", "x1", "x0"], None))
        self.refused(self.do("GET", "/accounts/jo/activity?cursor=zz"), 400, "invalid", "cursor")

    def test_who_used_an_exit(self) -> None:
        """At a time, and nobody else's."""
        self.world.store.file.run(activity.add, [exchange(0, self.world.jo.id)])
        found = self.do("GET", f"/exits/us-0/users?at={iso(NOON)}").json
        self.assertEqual([each["username"] for each in found["exchanges"]], ["jo"])
        self.assertEqual(self.do("GET", "/exits/us-0/users?at=2001-01-01").json["exchanges"], [])
        self.refused(self.do("GET", "/exits/us-0/users"), 400, "invalid", "at")

    def test_the_overview(self) -> None:
        """All kinds of numbers are there from the first day."""
        found = self.do("GET", "/overview").json
        self.assertEqual(set(found["spans"]), {"hour", "day", "month"})
        self.assertEqual(found["exits"], {"up": 10, "resting": 0, "drained": 0})
        self.assertEqual(self.do("GET", "/traffic?span=month").json, {"exits": [], "currency": "USD", "cost": "0.00"})


def exchange(number: int, account_id: int) -> Exchange:
    """One that ended at noon, or so many seconds later."""
    who = (account_id, "", 0, "us", "192.0.2.1", "CONNECT", "example.com", 443, "192.0.2.99", 200, "", 5, 6)
    return Exchange(f"x{number}", NOON + number, 0.5, *who, way="us-0")
