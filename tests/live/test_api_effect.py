"""What the API changes holds at the proxy: every change is tried by real requests before and after it.

The proxy knows of it because it is told, when the change feed is looked at (tests/daemon/test_looks.py tells how
often): nothing is forgotten by itself here.  Once in one process on SQLite, and once with the changes made at one
process and the requests sent through another, both on one PostgreSQL database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import requests
from twisted.trial.unittest import SynchronousTestCase

from meshd.auth.secrets import new_token
from meshd.model import GB
from tests.live.raw import Raw, basic, bearer
from tests.support import postgres
from tests.support.daemon import LiveDaemon, free_port, until
from tests.support.origin import RecordingOrigin
from tests.threats.support import Names

CONFIG = """
[proxy]
listen = ["tcp:{port}", "haproxy:tcp:{behind}"]
[limits]
failures = 1000
names_per_address = 1000
[dns]
servers = ["{names}"]
"""
"""Nobody is banned for asking too early.  An API's caller may list public addresses only, so its clients come with one
by HAProxy's protocol."""

PASSES = "200 OK"
UNKNOWN = "407 Proxy Authentication Required"
WRONG = "407 invalid credentials"
INACTIVE = "402 account inactive"
ELSEWHERE = "402 proxy not authorized"
OVER = "509 bandwidth limit exceeded"


class Remembering(LiveDaemon):
    """One that would remember for an hour whom it has refused."""

    @property
    def command(self) -> list[str]:
        words = super().command
        at = words.index("-c") + 1
        words[at] = f"from meshd.auth import denials; denials.NO_LIFE = 3600.0; {words[at]}"
        return words


@dataclass(frozen=True)
class Client:
    """How a client is known: by a field, by its address, or not at all."""

    field: bytes = b""
    address: str = ""

    def dial(self, test: EffectTests) -> Raw:
        """A new connection to the proxy."""
        if not self.address:
            return Raw(test, test.there.proxy_port)
        family, proxy = ("TCP6", "2001:db8::1") if ":" in self.address else ("TCP4", "203.0.113.1")
        raw = Raw(test, test.behind)
        raw.send(f"PROXY {family} {self.address} {proxy} 4660 31280\r\n".encode())
        return raw


@dataclass(frozen=True)
class Seen:
    """What a client is answered before a change, and after it.  Who loses its right loses its open tunnel too."""

    client: Client
    before: str
    after: str


class Change:
    """One call of the API and all that is seen of it."""

    def __init__(self, path: str, form: Mapping[str, str], *seen: Seen) -> None:
        self.path, self.form, self.seen = path, form, seen

    @property
    def after(self) -> list[str]:
        return [seen.after for seen in self.seen]


class EffectTests(SynchronousTestCase):
    """One process on SQLite."""

    here: LiveDaemon
    """Where changes are made."""
    there: LiveDaemon
    """Whose proxy is used."""
    behind: int
    """The port of it that speaks HAProxy's protocol."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.names, cls.numbers = Names(), count(1)
        cls.origin, cls.echo = RecordingOrigin(cls), RecordingOrigin(cls, raw="echo")
        cls.start()

    @classmethod
    def start(cls) -> None:
        cls.here = cls.there = cls.daemon("")

    @classmethod
    def daemon(cls, store: str) -> LiveDaemon:
        """Its proxy is used if no other is started after it."""
        daemon = Remembering(cls, start=False, store=store)
        cls.behind = free_port()
        daemon.configure(CONFIG.format(port=daemon.proxy_port, behind=cls.behind, names=cls.names.address))
        daemon.start()
        return daemon

    def setUp(self) -> None:
        """A customer who makes the changes, and another whose tunnel none of them may end."""
        self.parent = f"customer{next(self.numbers)}"
        self.password = self.here.account(self.parent)
        other = f"customer{next(self.numbers)}"
        bystander = self.tunnel(Client(basic(other, self.here.account(other))))
        self.addCleanup(lambda: self.assertTrue(bystander.echoes()))

    def tearDown(self) -> None:
        for daemon in (self.here, self.there):
            self.assertNotIn("Traceback", daemon.log_text())

    def post(self, path: str, form: Mapping[str, str]) -> Any:
        """The JSON of the answer, None where it has none."""
        answer = requests.post(
            self.here.api + path,
            data=form,
            auth=(self.parent, self.password),
            verify=str(self.here.certificate),
            timeout=60,
        )
        self.assertIn(answer.status_code, (200, 204), (path, answer.text))
        return answer.json() if answer.content else None

    def answer(self, client: Client) -> str:
        """Status and reason of one request on a connection of its own.

        "" for one that was let through and then ended: a change came in between.  What is refused before it is let
        through never arrives at the origin.
        """
        mark = f"?{next(self.numbers)}"
        head, whole, _ = self.ask(client, f"/echo{mark}").rest().partition(b"\r\n\r\n")
        told = head.partition(b"\r\n")[0].decode().partition(" ")[2]
        arrived = any(request.target.endswith(mark) for request in self.origin.requests)
        if told == PASSES:
            self.assertTrue(arrived)
        return told if whole and arrived == (told == PASSES) else ""

    def ask(self, client: Client, path: str) -> Raw:
        """A connection with a request for that path on its way."""
        raw = client.dial(self)
        raw.send(f"GET {self.origin.url(path)} HTTP/1.1\r\nHost: {self.origin.authority}\r\n".encode())
        raw.send(client.field + b"Connection: close\r\n\r\n")
        return raw

    def tunnel(self, client: Client) -> Raw:
        raw = client.dial(self)
        self.assertEqual(raw.tunnel(self.echo.authority, client.field), 200)
        self.assertTrue(raw.echoes())
        return raw

    def follow(self, *changes: Change) -> None:
        """Make each change, and see that it was needed and that it holds."""
        for change in changes:
            self.assertEqual([self.answer(seen.client) for seen in change.seen], [seen.before for seen in change.seen])
            losing = [seen.client for seen in change.seen if seen.before == PASSES != seen.after]
            tunnels = [self.tunnel(client) for client in losing]
            self.post(change.path, change.form)
            self.holds(change, tunnels)

    def holds(self, change: Change, tunnels: list[Raw]) -> None:
        """Wait for it, for the end of the tunnels too of those who lose their right."""
        told: list[str] = []

        def holding() -> bool:
            told[:] = [self.answer(seen.client) for seen in change.seen]
            told.extend("a tunnel runs on" for each in tunnels if not each.ends(within=0.01))
            return told == change.after

        try:
            until(holding)
        except AssertionError as error:
            self.fail(f"{change.path} {change.form}: {told} and not {change.after}; {error}")

    def test_a_sub_account_from_its_creation_to_its_end(self) -> None:
        """By its passwords and by an address of its own."""
        name = f"{self.parent}.sub"
        first, second = (Client(basic(name, word)) for word in ("the first one", "the second one"))
        listed, sub = Client(address="8.8.4.1"), {"username": name}
        self.follow(
            Change("/api/sub/create/", {**sub, "password": "the first one"}, Seen(first, WRONG, PASSES)),
            Change("/api/ip/add/", {**sub, "ip": listed.address}, Seen(listed, UNKNOWN, PASSES)),
            Change(
                "/api/sub/edit/",
                {**sub, "password": "the second one"},
                Seen(first, PASSES, WRONG),
                Seen(second, WRONG, PASSES),
                Seen(listed, PASSES, PASSES),
            ),
            Change("/api/sub/deactivate/", sub, Seen(second, PASSES, INACTIVE), Seen(listed, PASSES, INACTIVE)),
            Change("/api/sub/activate/", sub, Seen(second, INACTIVE, PASSES), Seen(listed, INACTIVE, PASSES)),
            Change("/api/sub/delete/", sub, Seen(second, PASSES, WRONG), Seen(listed, PASSES, UNKNOWN)),
        )

    def test_limits(self) -> None:
        """Set below what was used, and raised above it."""
        name = f"{self.parent}.sub"
        self.post("/api/sub/create/", {"username": name, "password": "a password"})
        client = Client(basic(name, "a password"))
        self.draw(client, GB)
        until(lambda: self.here.total(name) >= GB, "the bytes are billed")
        edit = "/api/sub/edit/"
        self.follow(
            Change(edit, {"username": name, "total_limit": "1"}, Seen(client, PASSES, OVER)),
            Change(edit, {"username": name, "total_limit": "2"}, Seen(client, OVER, PASSES)),
            Change(edit, {"username": name, "monthly_limit": "1"}, Seen(client, PASSES, OVER)),
            Change(edit, {"username": name, "monthly_limit": "0"}, Seen(client, OVER, PASSES)),
        )

    def draw(self, client: Client, size: int) -> None:
        """So many bytes from the origin."""
        raw, buffer = self.ask(client, f"/bytes/{size}"), memoryview(bytearray(1 << 20))
        received = 0
        while taken := raw.socket.recv_into(buffer):
            received += taken
        self.assertGreaterEqual(received, size)

    def test_addresses(self) -> None:
        """One's own and a sub-account's, of both families."""
        name = f"{self.parent}.sub"
        self.post("/api/sub/create/", {"username": name, "password": "a password"})
        for address, whose in (("8.8.4.2", {}), ("2606:4700::2", {}), ("8.8.4.3", {"username": name})):
            client, form = Client(address=address), {"ip": address, **whose}
            self.follow(
                Change("/api/ip/add/", form, Seen(client, UNKNOWN, PASSES)),
                Change("/api/ip/delete/", form, Seen(client, PASSES, UNKNOWN)),
            )

    def test_hostnames(self) -> None:
        """By the address that the name stands for."""
        name = f"{self.parent}.sub"
        self.post("/api/sub/create/", {"username": name, "password": "a password"})
        for address, whose in (("8.8.4.4", {}), ("8.8.4.5", {"username": name})):
            domain = f"office{len(whose)}.{self.parent}.example"
            self.names.say(domain, (address,))
            client, form = Client(address=address), {"domain": domain, **whose}
            self.follow(
                Change("/api/hostname/add/", form, Seen(client, UNKNOWN, PASSES)),
                Change("/api/hostname/delete/", form, Seen(client, PASSES, UNKNOWN)),
            )

    def test_proxies(self) -> None:
        """The account's and, with it, its sub-accounts'."""
        name = f"{self.parent}.sub"
        self.post("/api/sub/create/", {"username": name, "password": "a password"})
        parent, sub = Client(basic(self.parent, self.password)), Client(basic(name, "a password"))
        form = {"proxy": "local"}
        self.follow(
            Change("/api/proxy/delete/", form, *(Seen(each, PASSES, ELSEWHERE) for each in (parent, sub))),
            Change("/api/proxy/add/", form, *(Seen(each, ELSEWHERE, PASSES) for each in (parent, sub))),
        )

    def test_tokens(self) -> None:
        """One's own and a sub-account's; the secret is known only once there is a token, so one of the same form asks
        before that."""
        name = f"{self.parent}.sub"
        self.post("/api/sub/create/", {"username": name, "password": "a password"})
        for whose in ({}, {"username": name}):
            self.assertEqual(self.answer(Client(bearer(new_token()))), WRONG)
            made = self.post("/api/token/create/", whose)
            client, form = Client(bearer(made["token"])), {"id": str(made["id"]), **whose}
            until(lambda client=client: self.answer(client) == PASSES, "a new token passes")
            self.follow(
                Change("/api/token/deactivate/", form, Seen(client, PASSES, WRONG)),
                Change("/api/token/activate/", form, Seen(client, WRONG, PASSES)),
                Change("/api/token/delete/", form, Seen(client, PASSES, WRONG)),
            )


class AcrossProcessesTests(EffectTests):
    """Changed at one process, used at another; PostgreSQL is all that they share."""

    @classmethod
    def start(cls) -> None:
        server = postgres.server()
        database = server.new_database()
        cls.addClassCleanup(server.give_back, database)
        cls.here, cls.there = (cls.daemon(server.url(database)) for _ in range(2))
