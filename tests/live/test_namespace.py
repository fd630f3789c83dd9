"""Addresses of this machine and prefixes that are routed to it, in a network namespace that is made for it.

What counts is the source address that the origin saw, and that the answer told the client the same.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from ipaddress import IPv6Address, IPv6Network
from itertools import count
from typing import NamedTuple
from unittest import skipIf

from twisted.trial.unittest import SynchronousTestCase

from tests.live.raw import Raw, basic
from tests.support.daemon import LiveDaemon, free_port, until
from tests.support.namespace import Namespace, why_not
from tests.support.origin import RecordingOrigin

RACKS = ("192.0.2.1", "192.0.2.2", "192.0.2.3")
NET = IPv6Network("2001:db8:1::/64")
SMALL = IPv6Network("2001:db8:2::/126")
"""Three addresses that can be used, so that chance finds an excluded one soon."""
ORIGINS = ("198.51.100.80", "2001:db8:80::80")
FOUR, SIX = 0, 1

MANY = 40
"""Requests, of which one would go wrong if each did so one time in eight (but for one run in two hundred)."""

PASSWORD = "correct horse"
WHY_NOT = why_not()

markers = count(1)


def settings(six: int, small: int) -> str:
    """Three proxies: of all exits, of the one prefix, of the other."""
    exits = {f"rack-{address[-1]}": address for address in RACKS} | {"six": str(NET), "small": str(SMALL)}
    rows = [f'[[exits]]\nname = "{name}"\nkind = "local"\naddress = "{at}"\n' for name, at in exits.items()]
    ports = {"all": 0, "six": six, "small": small}
    for name, port in ports.items():
        rule = f'listen = ["tcp:{port}"]\nexits = {{ name = ["{name}"] }}\n' if port else ""
        rows.append(f"[proxies.{name}]\n{rule}")
    return "".join(rows) + '[destinations]\nallow = ["198.51.100.0/24", "2001:db8:80::/64"]\n'


class Seen(NamedTuple):
    """What came of a request or a tunnel."""

    status: int
    told: str
    """`X-ProxyMesh-IP` of the answer."""
    missing: str
    """`X-ProxyMesh-IP-Not-Found`."""
    source: str
    """Where the origin saw it come from; "" where it saw nothing."""


@skipIf(bool(WHY_NOT), WHY_NOT)
class NamespaceCase(SynchronousTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.net = net = Namespace(cls)
        for address in (*RACKS, ORIGINS[FOUR]):
            net.ip("addr", "add", f"{address}/32", "dev", "lo")
        net.ip("-6", "addr", "add", f"{ORIGINS[SIX]}/128", "dev", "lo", "nodad")
        for prefix in (NET, SMALL):
            net.ip("-6", "route", "add", "local", str(prefix), "dev", "lo")
        with net.entered():
            cls.http = [RecordingOrigin(cls, host=host) for host in ORIGINS]
            cls.echo = [RecordingOrigin(cls, host=host, raw="echo") for host in ORIGINS]
        cls.six, cls.small = free_port(), free_port()
        cls.daemon = LiveDaemon(cls, settings(cls.six, cls.small), wrap=net.wrap)
        cls.anna = basic("anna", cls.daemon.account("anna", PASSWORD))

    def client(self, port: int) -> Raw:
        with self.net.entered():
            return Raw(self, port)

    def got(self, to: int, *fields: str, port: int = 0) -> Seen:
        """By a plain request."""
        marker = f"/echo?{next(markers)}."
        raw = self.client(port or self.daemon.proxy_port)
        url = self.http[to].url(marker).encode()
        raw.send(b"GET %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%b\r\n" % (url, self.said(fields)))
        return self.seen(raw.rest(), self.http[to], marker.encode())

    def tunnelled(self, to: int, *fields: str, port: int = 0) -> Seen:
        """By a tunnel."""
        marker = b"tunnel %d." % next(markers)
        raw = self.client(port or self.daemon.proxy_port)
        name = self.echo[to].authority.encode()
        raw.send(b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (name, name, self.said(fields)))
        head = raw.head()
        if head.startswith(b"HTTP/1.1 200"):
            self.assertTrue(raw.echoes(marker))
        raw.close()
        return self.seen(head, self.echo[to], marker)

    def both(self, to: int, *fields: str, port: int = 0, times: int = 1) -> list[Seen]:
        return [ask(to, *fields, port=port) for _ in range(times) for ask in (self.got, self.tunnelled)]

    def said(self, fields: Sequence[str]) -> bytes:
        return self.anna + b"".join(f"X-ProxyMesh-{field}\r\n".encode() for field in fields)

    def seen(self, answer: bytes, origin: RecordingOrigin, marker: bytes) -> Seen:
        lines = [line.partition(b":") for line in answer.partition(b"\r\n\r\n")[0].split(b"\r\n")]
        said = {name.lower(): value.strip().decode() for name, _, value in lines}
        source = next((each.peer[0] for each in list(origin.connections) if marker in bytes(each.received)), "")
        told, missing = (said.get(b"x-proxymesh-ip" + end, "") for end in (b"", b"-not-found"))
        return Seen(int(answer.split(b" ", 2)[1]), told, missing, source)

    def check(self, all_seen: Sequence[Seen]) -> set[str]:
        """All were served, and each was told the address that the origin saw; which ones these were."""
        for seen in all_seen:
            self.assertEqual((200, seen.source), (seen.status, seen.told), seen)
        return {seen.source for seen in all_seen}


class AddressTests(NamespaceCase):
    """Exits that have one address."""

    def test_each_has_its_own(self) -> None:
        """Asked for by address or by name, which is what the answer says then."""
        for address in RACKS:
            self.assertEqual(self.check(self.both(FOUR, f"IP: {address}")), {address})
            self.assertEqual({address}, self.check(self.both(FOUR, f"Prefer-IP: {address}")))
            for seen in self.both(FOUR, f"IP: rack-{address[-1]}"):
                self.assertEqual(seen, (200, f"rack-{address[-1]}", "", address))

    def test_all_are_used(self) -> None:
        """Without a wish; but for those that were excluded."""
        self.assertEqual(self.check(self.both(FOUR, times=MANY)), set(RACKS))
        self.assertEqual(self.check(self.both(FOUR, "Not-IP: 192.0.2.1, rack-3", times=MANY)), {"192.0.2.2"})

    def test_curl(self) -> None:
        """A client that writes its requests itself."""
        for words in ((), ("-p",)):
            at = self.http[SIX].url(f"/echo?{next(markers)}.")
            proxy = ("-x", f"http://127.0.0.1:{self.six}", "-U", f"anna-session-curl:{PASSWORD}")
            done = subprocess.run(
                [*self.net.wrap, "curl", "-sSi", "--max-time", "20", *proxy, *words, at],
                check=True,
                capture_output=True,
            )
            self.check([self.seen(done.stdout, self.http[SIX], at.rpartition("/")[2].encode())])


class PrefixTests(NamespaceCase):
    """An exit that has a whole prefix of addresses."""

    def test_another_address_each_time(self) -> None:
        """For each request and each tunnel, all of the prefix, though no interface has any."""
        found = self.check(self.both(SIX, port=self.six, times=MANY))
        self.assertEqual(len(found), 2 * MANY)
        self.assertTrue(all(IPv6Address(address) in NET for address in found), found)

    def test_a_key_has_one(self) -> None:
        """In requests and tunnels, and after a restart; another key has another."""
        found = {key: self.check(self.both(SIX, f"Session: {key}", port=self.six, times=5)) for key in "ab"}
        self.assertEqual([len(each) for each in found.values()], [1, 1])
        self.assertNotEqual(found["a"], found["b"])
        self.daemon.restart()
        self.assertEqual(self.check(self.both(SIX, "Session: a", port=self.six)), found["a"])

    def test_one_that_is_asked_for(self) -> None:
        """The answer repeats the very text; one outside is not found."""
        for text in ("2001:db8:1::abcd", "2001:DB8:1:0:0::ABCD"):
            for seen in self.both(SIX, f"IP: {text}"):
                self.assertEqual(seen, (200, text, "", "2001:db8:1::abcd"))
        for seen in self.both(SIX, "IP: 2001:db8:3::1", port=self.six):
            self.assertEqual((seen.missing, seen.told), ("2001:db8:3::1", seen.source))

    def test_an_excluded_one_never(self) -> None:
        """However it is spelled, whatever else is asked for; without any other there is no exit."""
        usable = [str(SMALL[number]) for number in (1, 2, 3)]
        port = self.small
        self.assertEqual(self.check(self.both(SIX, port=port, times=MANY)), set(usable))
        for left in usable:
            others = ", ".join(each for each in usable if each != left).replace("db8:2::", "DB8:2:0::")
            self.assertEqual(self.check(self.both(SIX, f"Not-IP: {others}", port=port, times=MANY)), {left})
            self.assertEqual(self.check(self.both(SIX, f"Not-IP: {others}", "Session: a", port=port)), {left})
            pin = others.partition(",")[0]
            for seen in self.both(SIX, f"Not-IP: {others}", f"IP: {pin}", port=port):
                self.assertEqual(seen, (200, left, pin, left))
        for seen in self.both(SIX, f"Not-IP: {', '.join(usable)}", port=port):
            self.assertEqual((seen.status, seen.source), (503, ""))


class FamilyTests(NamespaceCase):
    """Destinations that an exit has no address for."""

    def test_alone_it_is_refused(self) -> None:
        """As unreachable; likewise where this very exit was asked for, or belongs to a strict session."""
        for seen in (*self.both(FOUR, port=self.six), *self.both(FOUR, "IP: six"), *self.both(SIX, "IP: rack-1")):
            self.assertEqual((seen.status, seen.source), (502, ""))
        self.assertNotIn("has failed", self.daemon.log_text())

    def test_another_one_is_taken(self) -> None:
        """Of all exits those serve that can."""
        self.assertEqual(self.check(self.both(FOUR, times=MANY)), set(RACKS))
        for address in self.check(self.both(SIX, times=MANY)):
            self.assertTrue(IPv6Address(address) in NET or IPv6Address(address) in SMALL, address)

    def test_a_session_has_one_of_each_family(self) -> None:
        """The same each time."""
        for key in "abcdefgh":
            for to in (FOUR, SIX):
                self.assertEqual(len(self.check(self.both(to, f"Session: {key}", times=2))), 1)

    def test_the_bill(self) -> None:
        """The log's addresses are those that were told."""
        seen = [*self.both(SIX, port=self.six), *self.both(FOUR)]
        until(
            lambda: {each.told for each in seen} <= {line["exit"] for line in self.daemon.exchanges()},
            "the exchange log has them",
        )
