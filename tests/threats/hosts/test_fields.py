"""Fields of a request that no stranger may set, those of one hop, and origins that answer in two ways."""

from __future__ import annotations

import json
from typing import Any

from tests.threats.hosts.support import NAME, HostileCase, get, own

FORGED = b"".join(
    b"%b: 203.0.113.9\r\n" % name
    for name in (
        b"X-Forwarded-For",
        b"x-forwarded-for",
        b"X_Forwarded_For",
        b"X-Forwarded_For",
        b"X-Real-IP",
        b"X_Real_IP",
        b"X-Client-IP",
        b"X-Cluster-Client-IP",
        b"True-Client-IP",
        b"Forwarded",
        b"X-Forwarded-Host",
        b"X_Forwarded_Host",
        b"X-Forwarded-Proto",
        b"X-Forwarded-Port",
        b"X-Forwarded-Prefix",
        b"X-Forwarded-Server",
        b"X-Forwarded-User",
        b"X-Authenticated-User",
        b"X_Authenticated_User",
    )
)
OURS = {
    "x-real-ip": "127.0.0.1",
    "x-forwarded-for": "127.0.0.1",
    "x-forwarded-proto": "http",
    "x-forwarded-host": NAME,
}


class Told(HostileCase):
    def told(self, *lines: bytes, asked: str = "", source: str = "127.0.0.1", **more: Any) -> list[tuple[str, str]]:
        """The fields that the origin gets of a request, in order."""
        answer = self.ask(get("/echo", *lines, **more), asked, source)
        self.assertEqual(answer.status, 200, lines)
        return [(name, value) for name, value in json.loads(answer.body)["fields"]]


class StrangerTest(Told):
    def test_threat_forged_fields_are_replaced(self) -> None:
        """Who sent a request is what meshd saw, whatever the request says, in any spelling."""
        told = self.told(FORGED)
        self.assertNotIn("203.0.113.9", [value for _, value in told])
        self.assertEqual({name.lower(): value for name, value in told if name.lower() in OURS}, OURS)
        self.assertEqual(len([name for name, _ in told if name.lower() in OURS]), len(OURS))

    def test_threat_forged_fields_named_by_connection(self) -> None:
        """Nor can a client have meshd's own fields, or those that frame, taken out by naming them in Connection."""
        names = b"host, content-length, x-forwarded-for, x-forwarded-proto, x-forwarded-host, x-real-ip, cookie"
        told = self.told(
            b"Connection: %b\r\nCookie: a=b\r\nContent-Length: 5\r\n" % names, method="POST", body=b"hello"
        )
        found = {name.lower(): value for name, value in told}
        self.assertEqual({name: found.get(name) for name in OURS}, OURS)
        self.assertEqual((found["host"], found["content-length"]), (NAME, "5"))
        self.assertNotIn("cookie", found)

    def test_threat_on_a_kept_connection(self) -> None:
        """The block of fields that repeats is not believed the second time either."""
        for source in ("127.0.0.1", "127.0.0.77"):
            told = {name.lower(): value for name, value in self.told(FORGED, source=source)}
            self.assertEqual(told["x-forwarded-for"], source)

    def test_threat_of_one_hop(self) -> None:
        """Fields of one hop end here, and so do those that Connection names, on the way there."""
        lines = (
            b"Connection: keep-alive, X-Mine\r\nConnection: x-also\r\nKeep-Alive: timeout=5\r\nX-Mine: 1\r\n"
            b"X-Also: 1\r\nTE: trailers\r\nTrailer: X\r\nUpgrade: tls/1.0\r\nProxy-Connection: keep-alive\r\n"
            b"Proxy-Authorization: Basic eDp5\r\nProxy-Authenticate: Basic\r\nHTTP2-Settings: AA\r\nX-Kept: 1\r\n"
            b"Transfer_Encoding: chunked\r\nContent_Length: 5\r\nProxy: http://203.0.113.9/\r\n"
        )
        names = {name.lower() for name, _ in self.told(lines)}
        self.assertIn("x-kept", names)
        gone = {"connection", "keep-alive", "x-mine", "x-also", "te", "upgrade", "proxy-connection", "proxy"}
        gone |= {"proxy-authorization", "proxy-authenticate", "transfer_encoding", "content_length"}
        self.assertEqual(names & gone, set())

    def test_threat_of_one_hop_on_the_way_back(self) -> None:
        self.origin.script(
            "/hops",
            b"HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: timeout=5\r\n"
            b"Proxy-Authenticate: Basic\r\nUpgrade: h2c\r\nX-Kept: 1\r\nContent-Length: 2\r\n\r\nok",
        )
        answer = self.ask(get("/hops"))
        names = {name.lower() for name, _ in answer.fields}
        self.assertEqual((answer.status, answer.body, "x-kept" in names), (200, b"ok", True))
        self.assertEqual(names & {"x-mine", "keep-alive", "proxy-authenticate", "upgrade", "connection"}, set())

    def test_threat_an_origin_that_answers_two_ways(self) -> None:
        """A response whose end is uncertain is none: 502, and the next request has a connection of its own."""
        hidden = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhidden"
        for what, lines in {
            "two lengths": b"Content-Length: 2\r\nContent-Length: 3\r\n",
            "a length and chunks": b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
            "an unknown coding": b"Transfer-Encoding: x\r\n",
            "a signed length": b"Content-Length: +2\r\n",
            "a folded length": b"Content-Length:\r\n 2\r\n",
            "a length folded onto another field": b"X: a\r\n Content-Length: 2\r\n",
            "a bare LF": b"X: a\nContent-Length: 2\r\n",
            "a NUL": b"X: \0\r\nContent-Length: 2\r\n",
            "no colon": b"X\r\nContent-Length: 2\r\n",
        }.items():
            self.origin.script("/two", b"HTTP/1.1 200 OK\r\n" + lines + b"\r\nok" + hidden)
            answer = self.ask(get("/two"))
            self.assertEqual((answer.status, own(answer)), (502, True), what)
            self.assertNotIn(b"hidden", self.ask(get()).body, what)

    def test_threat_an_odd_answer_is_nobodys_next(self) -> None:
        """What can be read in one way is passed on as it should be; what comes behind it is nobody's answer."""
        hidden = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhidden"
        for lines in (b"X: a\r\n b\r\nContent-Length: 2\r\n", b"X : a\r\nContent-Length: 2\r\nContent-Length: 2\r\n"):
            self.origin.script("/odd", b"HTTP/1.1 200 OK\r\n" + lines + b"\r\nok" + hidden)
            self.assertEqual(self.ask(get("/odd")).body, b"ok")
            self.assertNotIn(b"hidden", self.ask(get()).body)

    def test_threat_an_answer_before_it_was_asked_for(self) -> None:
        """What an origin sends behind its answer is nobody's answer."""
        hidden = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhidden"
        self.origin.script("/more", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + hidden)
        for _ in range(3):
            self.assertEqual(self.ask(get("/more")).body, b"ok")
            self.assertNotIn(b"hidden", self.ask(get()).body)

    def test_threat_another_protocol_that_nobody_asked_for(self) -> None:
        self.origin.script("/switch", b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
        for lines in ((), (b"Connection: Upgrade\r\nUpgrade: h2c\r\n",), (b"Connection: Upgrade\r\nUpgrade: y\r\n",)):
            answer = self.ask(get("/switch", *lines))
            self.assertEqual((answer.status, own(answer)), (502, True), lines)


class TrustedTest(Told):
    SETTINGS = {"trusted_proxies": '["127.0.0.5/32"]'}

    def test_threat_only_those_who_are_named_are_believed(self) -> None:
        lines = b"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n"
        for source, chain, proto in (("127.0.0.5", "203.0.113.9, 127.0.0.5", "https"), ("127.0.0.6",) * 2 + ("http",)):
            told = {name.lower(): value for name, value in self.told(lines, source=source)}
            self.assertEqual((told["x-forwarded-for"], told["x-forwarded-proto"]), (chain, proto))

    def test_threat_what_a_client_puts_before_a_trusted_proxy(self) -> None:
        """A trusted proxy appends to what its client said: only the last of it is known."""
        for chain, address in (
            (b"10.0.0.1, 203.0.113.9", "203.0.113.9"),
            (b"10.0.0.1, rubbish", "unknown"),
            (b"203.0.113.9, 127.0.0.5", "203.0.113.9"),
            (b"", "127.0.0.5"),
        ):
            told = self.told(b"X-Forwarded-For: %b\r\n" % chain, source="127.0.0.5")
            self.assertEqual(dict(told)["X-Real-IP"], address, chain)
