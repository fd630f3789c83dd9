"""Bytes sent before an answer allowed them (RFC 9931): behind what was refused, nothing is taken for a request."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from tests.support.daemon import LiveDaemon, free_port
from tests.threats.support import PASSWORD, Answer, Talk, World, ask, basic, connect, get, world

REFUSED = {
    "no-credential": (b"", 407, "auth-required"),
    "wrong-credential": (basic("early", "wrong"), 407, "auth-invalid"),
    "address": (basic("alice"), 403, "acl-private"),
    "port": (basic("alice"), 403, "acl-port"),
    "exit": (basic("alice") + b"X-ProxyMesh-Country: XX\r\n", 503, "no-exit"),
    "selection": (basic("alice-country-"), 400, "bad-selection"),
}
TARGETS = {"address": "10.0.0.1:443", "port": "192.0.2.1:25"}
SWITCH = b"Connection: Upgrade\r\nUpgrade: %b\r\n"


class EarlyCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.world: World = world()
        self.world.origin.forget()

    def hidden(self, *lines: bytes) -> bytes:
        """A request that its sender never made: the application's first bytes, as they would be read by mistake."""
        return get(self.world.url("/hidden"), *(lines or [basic("alice")]))

    def played(self, data: bytes, later: bytes = b"", source: str = "127.0.0.93") -> list[Answer]:
        """All answers to data, and to what is sent once the first has come, until the other side ends."""
        with Talk(self.world.daemon, source) as talk:
            talk.send(data)
            answers = [talk.answer()]
            talk.send(later)
            talk.end()
            answers += iter(talk.answer, None)
            self.assertFalse(talk.reset, "the answer has to arrive")
            return [answer for answer in answers if answer is not None]

    def assert_unheard(self) -> None:
        self.assertEqual([request.target for request in self.world.origin.requests if "hidden" in request.target], [])


class RefusedConnectTest(EarlyCase):
    def test_ends_its_connection(self) -> None:
        """Whatever it was refused for: one answer, which says so, and nothing of what was sent with it or after it."""
        for what, (who, status, why) in REFUSED.items():
            head = connect(TARGETS.get(what, self.world.origin.authority), who)
            for early in (self.hidden() * 2, self.hidden()[:40], b"\x16\x03\x01" + bytes(70_000)):
                answers = self.played(head + early, self.hidden())
                self.assertEqual([(answer.status, answer.why) for answer in answers], [(status, why)], what)
                self.assertEqual(answers[0].field("connection"), "close", what)
                self.assertTrue(answers[0].whole, what)
        self.assert_unheard()

    def test_of_http_10(self) -> None:
        """Even where its client asks to keep the connection."""
        head = connect(
            "10.0.0.1:443", basic("alice"), b"Connection: keep-alive\r\n", b"Proxy-Connection: keep-alive\r\n"
        )
        (answer,) = self.played(head.replace(b"HTTP/1.1", b"HTTP/1.0") + self.hidden())
        self.assertEqual((answer.status, answer.field("connection")), (403, "close"))

    def test_behind_a_request_that_passed(self) -> None:
        """A kept connection serves requests until the first tunnel that it is refused."""
        first = get(self.world.url("/first"), basic("alice"))
        answers = self.played(first + connect("10.0.0.1:443", basic("alice")) + self.hidden())
        self.assertEqual([answer.status for answer in answers], [200, 403])
        self.assert_unheard()

    def test_where_nobody_listens(self) -> None:
        """A destination that cannot be reached is one refusal more."""
        answers = self.played(connect(f"127.0.0.1:{free_port()}", basic("alice")) + self.hidden())
        self.assertEqual([answer.status for answer in answers], [502])
        self.assert_unheard()

    def test_one_exchange_is_billed(self) -> None:
        """What followed it is nobody's request: it is what the refused one's account has sent besides."""
        self.world.daemon.account("unbilled", PASSWORD)
        sent = connect("10.0.0.1:443", basic("unbilled")) + self.hidden(basic("unbilled"))
        self.played(sent)
        line = self.world.logged(username="unbilled", reason="acl-private")
        self.assertEqual((line["up"], line["down"]), (len(sent), 0))
        self.assertEqual([each for each in self.world.daemon.exchanges() if each["username"] == "unbilled"], [line])

    def test_a_plain_request_keeps_its_connection(self) -> None:
        """What follows that is a request by all rules."""
        answers = self.played(get("http://10.0.0.1/", basic("alice")) + get(self.world.url("/next"), basic("alice")))
        self.assertEqual([answer.status for answer in answers], [403, 200])


class RefusedSocksTest(EarlyCase):
    def test_ends_its_connection(self) -> None:
        """By its login, by what it asks for: the number that says no, then the end."""
        name, word = b"alice", PASSWORD.encode()
        login = bytes([1, len(name)]) + name + bytes([len(word)]) + word
        wrong = bytes([1, 5]) + b"early" + bytes([5]) + b"wrong"
        ask = b"\x05\x01\x00\x01\x0a\x00\x00\x01\x01\xbb"
        for data, said in (
            (b"\x05\x01\x02" + wrong + ask, b"\x05\x02\x01\x01"),
            (b"\x05\x01\x02" + login + ask, b"\x05\x02\x01\x00\x05\x02\x00\x01" + bytes(6)),
            (b"\x05\x01\x02" + login + b"\x05\x02" + ask[2:], b"\x05\x02\x01\x00\x05\x07\x00\x01" + bytes(6)),
        ):
            with Talk(self.world.daemon, "127.0.0.93") as talk:
                talk.send(data + self.hidden())
                talk.end()
                self.assertEqual(talk.rest(), said)
                self.assertFalse(talk.reset)
        self.assert_unheard()


class RefusedUpgradeTest(EarlyCase):
    def test_ends_its_connection(self) -> None:
        """A client that asks for another protocol may be speaking it already: here where we refuse it."""
        for protocol in (b"websocket", b"connect-udp", b"websocket, h2c"):
            for url, who, status in (("http://10.0.0.1/", basic("alice"), 403), (self.world.url(), b"", 407)):
                (answer,) = self.played(get(url, who, SWITCH % protocol) + self.hidden())
                self.assertEqual((answer.status, answer.field("connection")), (status, "close"))
        self.assert_unheard()

    def test_by_the_origin(self) -> None:
        """That answers it as an ordinary request: the answer arrives whole, and the connection ends."""
        for protocol in (b"websocket", b"connect-udp"):
            head = get(self.world.url("/bytes/100000"), basic("alice"), SWITCH % protocol)
            (answer,) = self.played(head + self.hidden() + bytes(70_000))
            self.assertEqual((answer.status, len(answer.body), answer.field("connection")), (200, 100_000, "close"))
        self.assert_unheard()

    def test_of_h2c(self) -> None:
        """Its clients wait, and ask for it with every request of a kept connection: they keep it."""
        head = get(self.world.url("/one"), basic("alice"), SWITCH % b"h2c")
        self.assertEqual([answer.status for answer in self.played(head + head)], [200, 200])


class RefusedBodyTest(EarlyCase):
    def test_ends_its_connection(self) -> None:
        """A body that was on its way already is none of the next request, whether or not it was to wait for a 100."""
        for framing in (b"Content-Length: 300\r\n", b"Transfer-Encoding: chunked\r\n"):
            for expect in (b"", b"Expect: 100-continue\r\n"):
                for url, who, status in (("http://10.0.0.1/", basic("alice"), 403), (self.world.url(), b"", 407)):
                    head = get(url, who, framing, expect, method="POST")
                    (answer,) = self.played(head + self.hidden(), self.hidden())
                    self.assertEqual((answer.status, answer.field("connection")), (status, "close"))
        self.assert_unheard()

    def test_by_the_origin(self) -> None:
        """That does not wait for the body which it was to be asked about."""
        with socket.create_server(("127.0.0.1", 0)) as listener, Talk(self.world.daemon) as talk:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            expecting = b"Expect: 100-continue\r\nContent-Length: 300\r\n"
            talk.send(get(url, basic("alice"), expecting, method="POST"))
            listener.settimeout(60)
            far, _ = listener.accept()
            with far:
                far.settimeout(60)
                self.assertIn(b"Expect", far.recv(65536))
                far.sendall(b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n")
                answer = talk.answer()
                assert answer is not None
                self.assertEqual((answer.status, answer.field("connection")), (417, "close"))
                talk.send(self.hidden())
                talk.end()
                self.assertEqual(talk.rest(), b"")
        self.assert_unheard()


CONNECT = b"CONNECT 10.1.1.1:443 HTTP/1.1\r\nHost: 10.1.1.1:443\r\n\r\n"
SOCKS = b"\x05\x01\x00\x01\x0a\x01\x01\x01\x01\xbb"
TALKS = {
    "http": ((CONNECT, b"HTTP/1.1 103 Early Hints\r\n\r\n"), (b"", b"HTTP/1.1 2"), (b"", b"00 OK\r\n\r\n")),
    "socks5": ((b"\x05\x01\x00", b"\x05\x00"), (SOCKS, b"\x05\x00\x00"), (b"", b"\x01" + bytes(6))),
}
"""What a proxy that is an exit is told, in turn with what it says, until the tunnel stands."""

REFUSALS = {
    "http": ((CONNECT, b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"),),
    "socks5": ((b"\x05\x01\x00", b"\x05\x00"), (SOCKS, b"\x05\x02\x00\x01" + bytes(6))),
}


class OwnConnectTest(SynchronousTestCase):
    """What we ask of a proxy that is an exit: not a byte of the client's before it has said yes."""

    def setUp(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(60)
        self.addCleanup(self.listener.close)

    def _daemon(self, kind: str) -> LiveDaemon:
        host, port = self.listener.getsockname()
        config = f'[[exits]]\nname = "far"\nkind = "{kind}"\nupstream = "{host}:{port}"\n'
        daemon = LiveDaemon(self, config + '[destinations]\nallow = ["10.1.0.0/16"]\n')
        daemon.account("alice", PASSWORD)
        return daemon

    def _heard(self, daemon: LiveDaemon, far: socket.socket) -> bytes:
        """All that has come to the exit by the time that the daemon has done what it had to do."""
        self.assertEqual(ask(daemon, get("http://meshd.internal/", basic("alice"))).status, 200)
        far.setblocking(False)
        try:
            return far.recv(65536)
        except BlockingIOError:
            return b""
        finally:
            far.settimeout(60)

    def _converse(self, daemon: LiveDaemon, far: socket.socket, steps: Sequence[tuple[bytes, bytes]]) -> None:
        for expected, said in steps:
            heard = far.recv(len(expected)) if expected else b""
            self.assertEqual((heard, self._heard(daemon, far)), (expected, b""))
            far.sendall(said)

    def test_nothing_before_the_yes(self) -> None:
        """What a client had sent with its CONNECT waits here until the exit has agreed, and ends where it has not."""
        for kind, agreed in TALKS.items():
            daemon = self._daemon(kind)
            for steps, status, after in ((agreed, 200, b"early"), (REFUSALS[kind], 502, b"")):
                with Talk(daemon) as talk:
                    talk.send(connect("10.1.1.1:443", basic("alice")) + b"early")
                    far, _ = self.listener.accept()
                    with far:
                        far.settimeout(60)
                        self._converse(daemon, far, steps)
                        answer = talk.answer("CONNECT")
                        assert answer is not None
                        self.assertEqual((kind, answer.status), (kind, status))
                        self.assertEqual(far.recv(100), after)
            daemon.close()
