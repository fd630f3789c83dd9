"""Whoever claims a customer's address gets neither her traffic nor her out of it: in one process, and in several."""

from __future__ import annotations

import json
from typing import Any

import requests
from twisted.trial.unittest import SynchronousTestCase

from tests.live.raw import Raw
from tests.support import postgres
from tests.support.daemon import LiveDaemon, free_port, until
from tests.threats.support import Names

CONFIG = """
[proxy]
listen = ["tcp:{port}", "haproxy:tcp:{behind}"]
[dns]
servers = ["{names}"]
"""
"""Clients come from public addresses by HAProxy's protocol."""

HERS, HIS = "8.8.4.4", "8.8.4.5"


class TakeoverTests(SynchronousTestCase):
    """One process on SQLite."""

    def setUp(self) -> None:
        self.names = Names()
        self.behind: dict[LiveDaemon, int] = {}
        self.daemons = self.start()
        self.first = self.daemons[0]
        self.passwords = {name: self.first.account(name) for name in ("victim", "thief")}

    def start(self) -> list[LiveDaemon]:
        return [self.daemon("")]

    def daemon(self, store: str) -> LiveDaemon:
        daemon = LiveDaemon(self, start=False, store=store)
        self.behind[daemon] = free_port()
        settings = {"port": daemon.proxy_port, "behind": self.behind[daemon], "names": self.names.address}
        daemon.configure(CONFIG.format(**settings))
        daemon.start()
        return daemon

    def whose(self, address: str) -> set[str]:
        """As whom a client from there passes, at each process; "" for nobody."""
        return {self.asked(daemon, address) for daemon in self.daemons}

    def asked(self, daemon: LiveDaemon, address: str) -> str:
        raw = Raw(self, self.behind[daemon])
        raw.send(f"PROXY TCP4 {address} 203.0.113.1 4660 31280\r\n".encode())
        raw.send(b"GET http://meshd.internal/ HTTP/1.1\r\nHost: meshd.internal\r\nConnection: close\r\n\r\n")
        head, _, body = raw.rest().partition(b"\r\n\r\n")
        return str(json.loads(body)["account"]) if b" 200 " in head.partition(b"\r\n")[0] else ""

    def post(self, who: str, path: str, **form: str) -> Any:
        daemon = self.first
        answer = requests.post(
            daemon.api + path,
            data=form,
            auth=(who, self.passwords[who]),
            verify=str(daemon.certificate),
            timeout=60,
        )
        self.assertIn(answer.status_code, (200, 204), answer.text)
        return answer.json() if answer.content else None

    def settled(self, address: str, who: str) -> None:
        until(lambda: self.whose(address) == {who}, f"{address} is {who}'s")

    def test_by_a_name_that_is_pointed_at_it(self) -> None:
        """At an address that is listed, and at one that a name of hers stands for; a restart changes nothing."""
        self.names.say("victim.example", (HIS,))
        self.names.say("a-thief.example", (HERS, HIS, "8.8.4.6"))
        self.post("victim", "/api/ip/add/", ip=HERS)
        self.post("victim", "/api/hostname/add/", domain="victim.example")
        for address in (HERS, HIS):
            self.settled(address, "victim")
        self.post("thief", "/api/hostname/add/", domain="a-thief.example")
        self.settled("8.8.4.6", "thief")
        self.assertEqual([self.whose(address) for address in (HERS, HIS)], [{"victim"}] * 2)
        for daemon in self.daemons:
            daemon.wait_for_log(f"{HERS}, {HIS} stay with earlier claims, not with hostname a-thief.example")
        (row,) = self.first.cli("hostname", "list", "thief")
        self.assertEqual(row["disputed"], [HERS, HIS])
        for daemon in self.daemons:
            daemon.restart()
        self.settled("8.8.4.6", "thief")
        self.settled(HIS, "victim")
        self.assertEqual(self.whose(HERS), {"victim"})

    def test_by_listing_it(self) -> None:
        """The answer is that for an address that is nobody's; her name's address stays hers."""
        self.names.say("victim.example", (HERS,))
        self.post("victim", "/api/hostname/add/", domain="victim.example")
        self.settled(HERS, "victim")
        self.assertEqual(self.post("thief", "/api/ip/add/", ip=HERS), {"ip": HERS})
        self.post("victim", "/api/ip/add/", ip="8.8.4.7")
        self.settled("8.8.4.7", "victim")  # and nothing of hers is remembered
        self.assertEqual(self.whose(HERS), {"victim"})
        self.first.wait_for_log(f"{HERS} stays with an earlier claim, not with account")
        rows = [(row["account"], row["keeps"]) for row in self.first.cli("ip", "disputed")]
        self.assertEqual(rows, [("victim", True), ("thief", False)])
        self.post("victim", "/api/hostname/delete/", domain="victim.example")
        self.settled(HERS, "thief")


class AcrossProcessesTests(TakeoverTests):
    """Two processes that share PostgreSQL."""

    def start(self) -> list[LiveDaemon]:
        server = postgres.server()
        database = server.new_database()
        self.addCleanup(server.give_back, database)
        return [self.daemon(server.url(database)) for _ in range(2)]
