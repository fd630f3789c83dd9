"""Plans, proxies, exits and settings, as they are in force."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from meshd.exits.trial import Tried
from meshd.store.statements import nodes
from meshd.topology import Exit, UpstreamProxy
from tests.web.admin.support import AdminTestCase


class InfrastructureTests(AdminTestCase):
    def test_plans_and_proxies(self) -> None:
        """In the order of the settings; with the countries that are up."""
        plans = self.do("GET", "/plans").json["plans"]
        self.assertEqual([each["name"] for each in plans], ["trial", "10", "20", "50", "100"])
        proxies = {each["name"]: each for each in self.do("GET", "/proxies").json["proxies"]}
        self.assertEqual(proxies["world"]["countries_up"], {"BR": 1, "JP": 2})

    def test_exits(self) -> None:
        """By country and state, page by page; never with their credentials."""
        every = self.do("GET", "/exits?limit=1000").json["exits"]
        self.assertEqual(len(every), 10)
        found: list[Any] = []
        cursor: str | None = "0"
        while cursor is not None:
            page = self.do("GET", f"/exits?limit=3&cursor={cursor}").json
            found, cursor = found + page["exits"], page["next"]
        self.assertEqual(found, every)
        self.assertEqual(
            [each["name"] for each in self.do("GET", "/exits?country=jp").json["exits"]], ["world-1", "world-2"]
        )
        upstream = UpstreamProxy("up.example", 8080, "user", "secret")
        self.set_exits(Exit("behind", "http", upstream=upstream))
        answer = self.do("GET", "/exits")
        self.assertEqual(answer.json["exits"][0]["upstream"], "up.example:8080")
        self.assertNotIn(b"secret", answer.body)

    def test_nodes(self) -> None:
        """Each with what it tells of itself, and whether it lives."""
        now = int(self.world.now)
        self.world.store.file.run(nodes.seen, "host:/data", "1.2", ["us tcp:1"], now - 60, now - 3)
        self.world.store.file.run(nodes.seen, "host:/dead", "1.1", [], now - 600, now - 61)
        here, dead = self.do("GET", "/nodes").json["nodes"]
        self.assertEqual(
            (here["version"], here["listeners"], here["alive"], here["open"]), ("1.2", ["us tcp:1"], True, None)
        )
        self.assertEqual((dead["name"], dead["alive"]), ("host:/dead", False))

    def set_exits(self, *exits: Exit) -> None:
        self.world.live.swap(replace(self.world.live.topology, exits=exits))

    def test_draining(self) -> None:
        """By an admin; the list tells by whom."""
        drained = self.do("PUT", "/exits/us-0/drain").json
        self.assertEqual((drained["state"], drained["drained"]["by"]), ("drained", "op"))
        self.assertEqual([each["name"] for each in self.do("GET", "/exits?state=drained").json["exits"]], ["us-0"])
        self.assertEqual(self.do("DELETE", "/exits/us-0/drain").json["state"], "up")
        self.refused(self.do("DELETE", "/exits/us-0/drain"), 404, "not-found")
        self.refused(self.do("PUT", "/exits/nothing/drain"), 404, "not-found")
        self.refused(self.do("PUT", "/exits/us-0/drain", who="vi"), 403, "role")

    def test_trying_one(self) -> None:
        """The answer says what came of it."""
        asked = []

        async def try_exit(exit_: Exit, host: str, port: int) -> Tried:
            asked.append((exit_.name, host, port))
            return Tried(0.25, "connection-refused")

        object.__setattr__(self.world.services, "try_exit", try_exit)
        told = self.do("POST", "/exits/us-0/test", {"to": "example.com:443"}).json
        self.assertEqual((asked, told["reason"]), ([("us-0", "example.com", 443)], "connection-refused"))
        for to in ("example.com", ":443", "a b:1", "http://example.com/"):
            self.refused(self.do("POST", "/exits/us-0/test", {"to": to}), 400, "invalid", "to")

    def test_settings(self) -> None:
        """Key, value, origin."""
        object.__setattr__(self.world.services, "settings", lambda: [("api.tls", "true", "default")])
        told = self.do("GET", "/settings").json["settings"]
        self.assertEqual(told, [{"key": "api.tls", "value": "true", "origin": "default"}])
