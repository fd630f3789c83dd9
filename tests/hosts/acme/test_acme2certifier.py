"""Certificates of acme2certifier, which has what Debian's Pebble has not: renewal information and profiles."""

from __future__ import annotations

import time
from dataclasses import replace

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from meshd.hosts.acme import authority, obtaining
from meshd.hosts.acme.schedule import renewal
from meshd.values.hosting import Acme
from tests.hosts.acme.support import Process
from tests.support.acmeservers import Acme2Certifier
from tests.tls.authority import DAY


class Acme2CertifierTests(TestCase):
    timeout = 90

    def setUp(self) -> None:
        self.patch(obtaining, "SPREAD", 0.05)
        self.patch(authority, "POLL", (0.1, 0.5))
        self.now = int(time.time())

    def process(self, percent: float = 50, **settings: str) -> Process:
        """Certificates of ninety days; the window of renewal is an hour, and is to be asked for once a day."""
        profiles = {"short": "http://127.0.0.1/short"}
        server = Acme2Certifier(self, profiles=profiles, percent=percent, window=3600, again=DAY)
        known = Acme(server.directory, email="anna@mesh.example", ca=server.ca)
        return Process(self, reactor, replace(known, **settings), {}, self.now)

    async def test_renewed_at_the_servers_own_time(self) -> None:
        """It is asked every day as it wants; when its hour has come, and neither before nor a third before the end, the
        certificate is renewed.
        """
        process = self.process()
        first = process.order("a.test")
        await process.obtaining.look()
        settings = process.row(first).settings
        self.assertEqual((settings["state"], settings["problem"]), ("active", ""))
        self.assertEqual(process.due_at(first), process.now + DAY)
        looks = 0
        while process.row(first).settings["certificate"] == settings["certificate"]:
            process.now = process.due_at(first)
            looks += 1
            await process.obtaining.look()
        self.assertEqual(looks, 46)
        half = self.now + 45 * DAY
        self.assertGreaterEqual(process.now, half - 60)
        self.assertLessEqual(process.now, half + 3660)
        self.assertLess(process.now, renewal(self.now, settings["expires"]) - 10 * DAY)

    async def test_a_server_that_has_all_renewed_at_once(self) -> None:
        """As after a mishap of its own; then it is not asked again and again."""
        process = self.process(percent=0)
        first = process.order("a.test")
        await process.obtaining.look()
        before = process.row(first).settings["certificate"]
        self.assertGreaterEqual(process.due_at(first), process.now + 900)
        process.now = process.due_at(first) + 3600
        await process.obtaining.look()
        self.assertNotEqual(process.row(first).settings["certificate"], before)

    async def test_profiles(self) -> None:
        """One that it has is asked for; of one that it has not, it is told what it has."""
        process = self.process(profile="short")
        first = process.order("a.test")
        await process.obtaining.look()
        self.assertEqual(process.row(first).settings["state"], "active")
        process.settings = replace(process.settings, profile="long")
        second = process.order("b.test")
        await process.obtaining.look()
        self.assertEqual(process.row(second).settings["problem"], "The authority has no profile 'long'; it has short.")

    async def test_an_account_without_an_address(self) -> None:
        """Is refused by this one, in its own words."""
        process = self.process(email="")
        first = process.order("a.test")
        await process.obtaining.look()
        self.assertRegex(process.row(first).settings["problem"], r"\(malformed\)$")
