"""The exits: how they are, out of use and back, tried, and who used them."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.trial.unittest import SynchronousTestCase

from meshd.accounts.exitrows import Filter, page, row_of
from meshd.accounts.exits import Health
from meshd.model import DrainedExit, RestingExit
from meshd.store.statements import activity, latencies
from meshd.store.statements import exits as stored
from meshd.topology import Exit, UpstreamProxy
from meshd.values.exchanges import Exchange
from meshd.values.latencies import Latency
from tests.web.dashboard.operator.support import NODE, InstallationCase
from tests.web.support import NOON, named

EXITS = [
    Exit("a", "local", address="198.51.100.7", country="US", tags=frozenset({"fast"})),
    Exit("b", "http", country="DE", upstream=UpstreamProxy("gw.example", 8080, "user", "secret")),
    Exit("c", "direct", country="US"),
    Exit("d", "direct"),
]
HEALTH = Health(
    {"c": DrainedExit("c", NOON, "ada")},
    {
        "a": [RestingExit("n", "a", NOON + 1, 3, "exit-failed", NOON)],
        "c": [RestingExit("n", "c", NOON + 1, 3, "exit-failed", NOON)],
        "d": [RestingExit("n", "d", NOON, 3, "exit-failed", NOON)],
    },
)


class RowTests(SynchronousTestCase):
    def test_states(self) -> None:
        """Drained comes before resting; a rest that is over is none."""
        found = {each.name: row_of(each, HEALTH, NOON) for each in EXITS}
        states = {name: row.state for name, row in found.items()}
        self.assertEqual(states, {"a": "resting", "b": "up", "c": "drained", "d": "up"})
        wheres = {name: row.where for name, row in found.items()}
        self.assertEqual(wheres, {"a": "198.51.100.7", "b": "gw.example:8080", "c": "", "d": ""})

    def test_filters_and_pages(self) -> None:
        """Whatever is asked holds at once; a page begins where the last one said."""
        for wanted, names in (
            (Filter(), "abcd"),
            (Filter(state="up"), "bd"),
            (Filter(country="us"), "ac"),
            (Filter(tag="fast"), "a"),
            (Filter(state="drained", country="DE"), ""),
        ):
            with named(wanted):
                rows, following = page(EXITS, HEALTH, wanted, begin=0, limit=9, now=NOON)
                self.assertEqual(("".join(row.exit.name for row in rows), following), (names, 0))
        rows, following = page(EXITS, HEALTH, Filter(state="up"), begin=0, limit=1, now=NOON)
        self.assertEqual(([row.exit.name for row in rows], following), (["b"], 3))
        rows, following = page(EXITS, HEALTH, Filter(state="up"), begin=following, limit=1, now=NOON)
        self.assertEqual(([row.exit.name for row in rows], following), (["d"], 0))


@dataclass(frozen=True)
class Tried:
    seconds: float
    problem: str


class ExitTests(InstallationCase):
    def test_listing(self) -> None:
        """State with its reason, what left by each, filters."""
        rest = RestingExit(NODE, "us-0", NOON + 60, 3, "connection-refused", NOON)
        self.world.store.file.run(stored.record, NODE, [rest], [])
        self.moved("us-0", exchanges=4321)
        self.world.store.file.run(latencies.record, [Latency(NODE, "us-0", 87, NOON)])
        page_ = self.ada.open("/operator/exits/")
        for text in ("connection-refused", "4 321", "87 ms", "resting", "10 in the settings"):
            self.assertIn(text, page_.text)
        for query, count in (("?state=resting", 1), ("?country=jp", 2), ("?state=drained", 0), ("?tag=x", 0)):
            with named(query):
                self.assertEqual(self.ada.open(f"/operator/exits/{query}").html.count('data-label="Exit"'), count)
        self.assertEqual(self.ada.ask("GET", "/operator/exits/?state=broken").status, 400)

    def test_pages(self) -> None:
        from meshd.web.dashboard.operator import exits

        self.patch(exits, "PAGE", 2)
        found, page_ = 0, self.ada.open("/operator/exits/?country=US")
        while True:
            found += page_.html.count('data-label="Exit"')
            if "Next page" not in page_.links:
                break
            page_ = self.ada.open(page_.links["Next page"])
        self.assertEqual(found, 4)

    def test_one(self) -> None:
        """Where it rests and why, without credentials; another name is none."""
        rest = RestingExit(NODE, "us-0", NOON + 60, 3, "connection-refused", NOON)
        self.world.store.file.run(stored.record, NODE, [rest], [])
        self.world.store.file.run(latencies.record, [Latency(NODE, "us-0", 87, NOON)])
        page_ = self.ada.open("/operator/exits/us-0/")
        for text in ("us-0", "87 ms by probes of 1 process,", NODE, "connection-refused", "2026-01-15 12:01"):
            self.assertIn(text, page_.text)
        self.assertEqual(self.ada.ask("GET", "/operator/exits/nothing/").status, 404)
        self.assertEqual(self.ada.ask("GET", "/operator/exits/nothing/users/").status, 404)

    def test_drain(self) -> None:
        """Out of use and back, each of which the audit has by the admin's name."""
        self.ada.open("/operator/exits/us-0/")
        self.assertIn("nothing new leaves by it", self.ada.send("/operator/exits/us-0/drain/").text)
        self.assertIn("2026-01-15 12:00 by ada", self.ada.page.text)
        self.assertNotIn("/operator/exits/us-0/drain/", self.ada.page.actions)
        self.assertIn("is used again", self.ada.send("/operator/exits/us-0/undrain/").text)
        audit = self.ada.open("/operator/audit/?actor=ada").text
        self.assertIn("exit.drain", audit)
        self.assertIn("exit.undrain", audit)
        token = self.token(self.ada)
        for path in ("nothing/drain/", "us-0/undrain/"):
            self.assertEqual(self.ada.ask("POST", f"/operator/exits/{path}", {"csrf": token}).status, 404)

    def test_trial(self) -> None:
        """What became of it, and what was wrong with where to."""
        asked = []

        async def try_exit(exit_: Exit, host: str, port: int) -> Tried:
            asked.append((exit_.name, host, port))
            return Tried(0.25, "connection-refused" if port == 1 else "")

        object.__setattr__(self.world.services, "try_exit", try_exit)
        path = "/operator/exits/us-0/"
        for to, told in (
            ("a.example:443", "connected a.example:443, after 0.25"),
            ("a.example:1", "failed a.example:1"),
        ):
            self.ada.open(path)
            page_ = self.ada.send(f"{path}test/", to=to)
            self.assertEqual((page_.status, told in page_.text), (200, True), page_.text)
            self.assertEqual(page_.form(f"{path}test/")["to"], to)
        for to in ("", "a.example", "http://a.example/", "ä.example:443", "a.example:0"):
            with named(to):
                self.ada.open(path)
                self.assertEqual(self.ada.send(f"{path}test/", to=to).status, 400)
        self.assertEqual(asked, [("us-0", "a.example", 443), ("us-0", "a.example", 1)])

    def test_trial_without_a_data_plane(self) -> None:
        self.ada.open("/operator/exits/us-0/")
        page_ = self.ada.send("/operator/exits/us-0/test/", to="a.example:443")
        self.assertEqual((page_.status, "no data plane" in page_.text), (404, True))

    def test_who_used_it(self) -> None:
        """At a time, also those that are open; how far back the store can tell; what is no time is said."""
        whose = (self.world.jo.id, "jo", 0, "us", "192.0.2.9", "CONNECT", "shop.example", 443, "us-0")
        told = Exchange("r1", NOON - 3600, 30.0, *whose, 200, "", 10, 20, "us-0")
        self.world.store.file.run(activity.add, [told])
        self.opens("eve")
        path = "/operator/exits/us-0/users/"
        for at, seen, unseen in (
            ("2026-01-15T11:00:10", "shop.example:443", "eve.example"),
            ("2026-01-15+11:55", "eve.example:443", "shop.example"),
            ("2026-01-15T10:00:00", "Nobody is known", "shop.example"),
        ):
            with named(at):
                page_ = self.vera.open(f"{path}?at={at}")
                self.assertIn(seen, page_.text)
                self.assertNotIn(unseen, page_.text)
                self.assertIn("none that ended before 2026-01-15 11:00:", page_.text)
        for at in ("", "noon"):
            page_ = self.vera.ask("GET", f"{path}?at={at}")
            self.assertEqual((page_.status, "Enter a date" in page_.text), (400, True), page_.text)
        self.assertNotIn("Enter a date", self.vera.open(path).text)
