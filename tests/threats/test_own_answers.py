"""What the proxy answers because it was asked itself: who asks gets the answer, and nobody's secrets."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from meshd.passing.parting import LINGER_BYTES
from tests.threats.support import PASSWORD, Answer, Talk, World, ask, basic, get, world

INTERNAL = "http://meshd.internal/"


class OwnCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.world: World = world()
        self.world.origin.forget()

    def asked(self, data: bytes) -> Answer:
        """All of data is sent before anything is read; the answer has to come, and then the end."""
        with Talk(self.world.daemon) as talk:
            talk.send(data)
            answer = talk.answer()
            assert answer is not None, "no answer"
            self.assertEqual((talk.rest(), talk.reset), (b"", False))
            return answer


class InternalTest(OwnCase):
    def test_a_body_is_taken_in(self) -> None:
        """It is nothing to the answer, which arrives all the same; the connection ends, and no body is a request."""
        hidden = get(self.world.url("/hidden"), basic("alice"))
        body = (hidden + bytes(300_000 - len(hidden)))[:300_000]
        for framing, sent in (
            (b"Content-Length: 300000\r\n", body),
            (b"Expect: 100-continue\r\nContent-Length: 300000\r\n", body),
            (b"Transfer-Encoding: chunked\r\n", b"493e0\r\n" + body + b"\r\n0\r\n\r\n"),
            (b"Content-Length: 300000\r\n", body[:1000]),
        ):
            answer = self.asked(get(INTERNAL, basic("alice"), framing, method="POST", end=sent))
            self.assertEqual((answer.status, answer.field("connection")), (200, "close"))
            self.assertEqual(json.loads(answer.body)["account"], "alice")
        self.assertEqual(self.world.origin.requests, [])

    def test_of_a_body_only_so_much(self) -> None:
        """One without end is not taken in for ever."""
        with Talk(self.world.daemon) as talk:
            talk.send(get(INTERNAL, basic("alice"), b"Content-Length: 9999999999\r\n", method="POST"))
            piece, sent = bytes(1024 * 1024), 0
            while not talk.reset and sent < 100 * LINGER_BYTES:
                talk.send(piece)
                sent += len(piece)
            self.assertTrue(talk.reset)

    def test_it_is_free(self) -> None:
        """With its body."""
        self.world.daemon.account("curious", PASSWORD)
        self.asked(get(INTERNAL, basic("curious"), b"Content-Length: 5\r\n", method="POST", end=b"hello"))
        line = self.world.logged(username="curious", host="meshd.internal")
        self.assertEqual((line["status"], line["reason"], line["up"], line["down"]), (200, "", 0, 0))


class HopsTest(OwnCase):
    """`Max-Forwards` (RFC 9110, 7.6.2)."""

    def test_trace(self) -> None:
        """At 0 it shows the request as it has come to us, without a credential, a cookie or a sticky key."""
        secrets = basic("alice", f"key:{PASSWORD}") + b"Authorization: Bearer " + self.world.token.encode() + b"\r\n"
        secrets += b"Cookie: a=b\r\nX-ProxyMesh-Session: s3cret\r\nProxy-Connection: keep-alive\r\n"
        with Talk(self.world.daemon) as talk:
            for _ in range(2):
                url = self.world.url("/path?query")
                answer = talk.ask(get(url, secrets, b"Max-Forwards: 0\r\nX-Own: 1\r\n", method="TRACE"))
                self.assertEqual((answer.status, answer.field("content-type")), (200, "message/http"))
                lines = [f"TRACE {url} HTTP/1.1", f"Host: {self.world.origin.authority}", "Max-Forwards: 0", "X-Own: 1"]
                self.assertEqual(answer.body.decode().split("\r\n"), [*lines, "", ""])
        self.assertEqual(self.world.origin.requests, [])

    def test_options(self) -> None:
        """At 0 it is answered with what we can."""
        answer = ask(self.world.daemon, get(self.world.url(), basic("alice"), b"Max-Forwards: 0\r\n", method="OPTIONS"))
        self.assertEqual((answer.status, answer.body, answer.own), (200, b"", False))
        self.assertIn("CONNECT", answer.field("allow") or "")
        self.assertIn("request-id", answer.field("proxy-status") or "")
        self.assertEqual(self.world.origin.requests, [])

    def test_only_who_may_ask(self) -> None:
        """Nobody learns anything without a credential."""
        for method in ("TRACE", "OPTIONS"):
            answer = ask(self.world.daemon, get(self.world.url(), b"Max-Forwards: 0\r\n", method=method))
            self.assertEqual(answer.status, 407)

    def test_counted_down(self) -> None:
        """Whoever comes next is told one less."""
        for method, said, told in (("OPTIONS", "1", "0"), ("TRACE", "12", "11"), ("GET", "12", "12")):
            self.world.origin.forget()
            field = f"Max-Forwards: {said}\r\n".encode()
            self.assertEqual(
                ask(self.world.daemon, get(self.world.url(), basic("alice"), field, method=method)).status, 200
            )
            (request,) = self.world.origin.requests
            self.assertEqual((request.method, request.field("max-forwards")), (method, told))

    def test_no_number(self) -> None:
        """It is refused, with what was wrong."""
        answer = ask(self.world.daemon, get(self.world.url(), basic("alice"), b"Max-Forwards: x\r\n", method="TRACE"))
        self.assertEqual((answer.status, answer.why), (400, "bad-request"))
        self.assertIn(b"Max-Forwards", answer.body)
