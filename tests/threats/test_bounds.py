"""Threats 17 to 20: clients that hold on to what they get, slowly, by halves or in great numbers."""

from __future__ import annotations

import socket
import time

from twisted.trial.unittest import SynchronousTestCase

from tests.support.daemon import LiveDaemon, until
from tests.support.origin import RecordingOrigin
from tests.support.ready import readable
from tests.threats.support import PASSWORD, Talk, ask, basic, connect, get

CONFIG = """
[timeouts]
head = 2.5
idle = 2.5
keep_alive = 2.5
[limits]
unauthenticated_per_address = 5
flush_seconds = 0.1
"""

daemon: LiveDaemon
origin: RecordingOrigin


def setUpModule() -> None:
    global daemon, origin  # noqa: PLW0603
    daemon = LiveDaemon(config=CONFIG)
    for name in ("alice", "bob", "carol"):
        daemon.account(name, PASSWORD)
    origin = RecordingOrigin()


def tearDownModule() -> None:
    daemon.close()
    origin.close()


def resident(pid: int) -> int:
    """Bytes of memory of the process."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * 4096


class SlowTest(SynchronousTestCase):
    def test_threat_17_slowloris(self) -> None:
        """A head has its time in all, whatever drips: then 408 and the end; meanwhile others are served."""
        begun = time.monotonic()
        with Talk(daemon) as talk, Talk(daemon, "127.0.0.30") as silent:
            talk.sock.settimeout(0.05)
            data = b""
            for byte in get(origin.url(), b"X: y\r\n" * 40):
                talk.send(bytes([byte]))
                self.assertEqual(ask(daemon, get(origin.url(), basic("alice"))).status, 200)
                try:
                    data = talk.sock.recv(4096)
                    break
                except TimeoutError:
                    continue
            took = time.monotonic() - begun
            self.assertTrue(data.startswith(b"HTTP/1.1 408 "), data)
            self.assertGreater(took, 2.2)
            silent.send(b"")
            answer = silent.answer()
            self.assertTrue(answer is None or answer.status == 408, answer)

    def test_threat_17_slow_second_head(self) -> None:
        """A known client's next head has the same time; one that says nothing is let go without a word."""
        with Talk(daemon) as talk:
            self.assertEqual(talk.ask(get(origin.url(), basic("alice"))).status, 200)
            talk.send(b"GET http")
            self.assertEqual(talk.answer().status, 408)
        with Talk(daemon) as talk:
            self.assertEqual(talk.ask(get(origin.url(), basic("alice"))).status, 200)
            self.assertEqual(talk.rest(), b"")

    def test_threat_17_slow_body(self) -> None:
        """A body that stops coming ends the exchange, and the origin does not take it for whole."""
        origin.forget()
        with Talk(daemon) as talk:
            head = get(origin.url("/body"), basic("alice"), b"Content-Length: 100\r\n", method="POST")
            talk.send(head + b"half")
            origin_has = until(lambda: b"half" in origin.received, "half of the body")
            self.assertTrue(origin_has)
            self.assertEqual(daemon.running, True)
        until(lambda: all(each.ended.is_set() for each in origin.connections if b"half" in each.received), "the end")
        self.assertEqual([request for request in origin.requests if request.path == "/body"], [])

    def test_threat_17_slow_reader(self) -> None:
        """Who does not read an answer is cut off after the idle time; what it was not sent is not billed."""
        before = daemon.total("bob")
        with Talk(daemon) as talk:
            talk.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            talk.send(get(origin.url("/bytes/50000000"), basic("bob")))
            line = until(
                lambda: next((each for each in daemon.exchanges() if each.get("username") == "bob"), None),
                "the end of the exchange",
            )
        self.assertEqual(line["reason"], "idle-timeout")
        self.assertLess(line["down"], 50_000_000)
        until(lambda: daemon.total("bob") - before == line["up"] + line["down"], "the store agrees")

    def test_threat_17_unknown_ones(self) -> None:
        """Of one address only so many may linger unknown; others, and known ones of that address, are served."""
        patient = LiveDaemon(self, CONFIG.replace("head = 2.5", "head = 3600"))
        patient.account("alice", PASSWORD)
        strangers = [Talk(patient, "127.0.0.31") for _ in range(12)]
        for talk in strangers:
            self.addCleanup(talk.sock.close)
            talk.send(b"GET ")
        sockets = {talk.sock: talk for talk in strangers}
        until(lambda: len(readable(sockets)) >= 7, "those that make room are told")
        self.assertEqual(ask(patient, get(origin.url(), basic("alice")), "127.0.0.32").status, 200)
        self.assertEqual([sockets[each].answer().status for each in readable(sockets)], [408] * 7)
        self.assertEqual(ask(patient, get(origin.url(), basic("alice")), "127.0.0.31").status, 200)


class HalfOpenTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listener.close)
        self.authority = f"127.0.0.1:{self.listener.getsockname()[1]}"

    def tunnel(self, name: str, through: LiveDaemon) -> tuple[Talk, socket.socket]:
        talk = Talk(through)
        self.addCleanup(talk.sock.close)
        self.assertEqual(talk.ask(connect(self.authority, basic(name)), "CONNECT").status, 200)
        far, _ = self.listener.accept()
        far.settimeout(60)
        self.addCleanup(far.close)
        return talk, far

    def test_threat_19_half_open(self) -> None:
        """One side's end is passed on; the other may go on for a while and is then ended, counted to the last byte."""
        halves = LiveDaemon(self, CONFIG.replace("idle = 2.5", "idle = 3600\nhalf_closed = 2"))
        for half in ("client", "origin"):
            halves.account(half, PASSWORD)
            talk, far = self.tunnel(half, halves)
            ended, other = (talk.sock, far) if half == "client" else (far, talk.sock)
            ended.sendall(b"last words")
            begun = time.monotonic()
            ended.shutdown(socket.SHUT_WR)
            self.assertEqual(other.recv(100), b"last words")
            self.assertEqual(other.recv(100), b"")
            other.sendall(b"still here")
            self.assertEqual(ended.recv(100), b"still here")
            self.assertEqual(ended.recv(100), b"")
            self.assertGreater(time.monotonic() - begun, 1.5, half)
            line = until(
                lambda half=half: next((each for each in halves.exchanges() if each.get("username") == half), None)
            )
            self.assertEqual(line["reason"], "idle-timeout")
            self.assertEqual(line["up"], len(connect(self.authority, basic(half))) + 10)

    def test_threat_19_idle(self) -> None:
        """A tunnel that moves nothing is ended on both sides after the idle time."""
        begun = time.monotonic()
        talk, far = self.tunnel("alice", daemon)
        self.assertEqual((far.recv(1), talk.rest()), (b"", b""))
        self.assertGreater(time.monotonic() - begun, 2.2)


class NumbersTest(SynchronousTestCase):
    def test_threat_18_descriptors(self) -> None:
        """Out of descriptors new clients are told so or wait; an open tunnel works on, and all is well afterwards."""
        small = LiveDaemon(self, wrap=("prlimit", "--nofile=128:128"))
        small.account("alice", PASSWORD)
        echo = RecordingOrigin(self, raw="echo")
        tunnel = Talk(small)
        self.addCleanup(tunnel.sock.close)
        self.assertEqual(tunnel.ask(connect(echo.authority, basic("alice")), "CONNECT").status, 200)
        crowd = [Talk(small, f"127.0.1.{number + 1}") for number in range(200)]
        for talk in crowd:
            self.addCleanup(talk.sock.close)
            talk.send(b"GET ")
        for number in range(5):
            tunnel.send(b"%d" % number)
            self.assertEqual(tunnel.some(1), b"%d" % number)
        refused = crowd[-1].answer()
        self.assertEqual((refused.status, refused.why, refused.field("retry-after")), (503, "overloaded", "1"))
        self.assertEqual(small.cli("account", "show", "alice")["username"], "alice")
        for talk in crowd:
            talk.sock.close()
        url = origin.url()

        def served() -> bool:
            try:
                return ask(small, get(url, basic("alice"))).status == 200
            except (AssertionError, OSError):
                return False

        until(served, "it recovers")
        self.assertNotIn("Traceback", small.log_text())
        self.assertLessEqual(small.log_text().count("clients are turned away"), 1)

    def test_threat_20_memory(self) -> None:
        """An idle tunnel costs three kilobytes at most."""
        count = 1000
        big = LiveDaemon(self)
        big.account("alice", PASSWORD)
        sink = RecordingOrigin(self, raw="sink")
        head = connect(sink.authority, basic("alice"))
        talks: list[Talk] = []

        def more(number: int) -> None:
            for _ in range(number):
                talks.append(Talk(big))
                self.assertEqual(talks[-1].ask(head, "CONNECT").status, 200)

        self.addCleanup(lambda: [talk.sock.close() for talk in talks])
        big.configure("[limits]\ntunnels_per_account = 0\n")
        big.reload()
        more(100)
        before = resident(big.pid)
        more(count)
        each = (resident(big.pid) - before) / count
        print(f"an idle tunnel: {each:.0f} bytes")
        self.assertLessEqual(each, 3 * 1024)

    def test_threat_20_bounded_buffers(self) -> None:
        """An answer that nobody reads is not taken off the origin's hands: memory stays where it was."""
        before = resident(daemon.pid)
        talks = [Talk(daemon) for _ in range(20)]
        for talk in talks:
            self.addCleanup(talk.sock.close)
            talk.send(get(origin.url("/bytes/100000000"), basic("alice")))
        time.sleep(0.5)
        self.assertLess(resident(daemon.pid) - before, 20 * 1024 * 1024)


class StrangersTest(SynchronousTestCase):
    """What is understood of a head, and when."""

    NAMES = b"X-ProxyMesh-Not-IP: " + b"a," * 7_000 + b"\r\n"

    def test_wishes_are_read_of_whom_is_known(self) -> None:
        """Of a stranger's head nothing is: 407, however wrong it is; who is known is told the bound, and goes on."""
        for head in (get(origin.url(), self.NAMES), connect("a.test:443", self.NAMES)):
            self.assertEqual(ask(daemon, head).why, "auth-required")
        with Talk(daemon) as talk:
            for _ in range(2):
                answer = talk.ask(get(origin.url(), basic("alice"), self.NAMES))
                self.assertEqual((answer.status, answer.why), (400, "bad-request"))
                self.assertIn(b"more than 100 exits in X-ProxyMesh-Not-IP", answer.body)
            self.assertEqual(talk.ask(get(origin.url(), basic("alice"))).status, 200)

    def test_one_credential_says_who(self) -> None:
        """Of two none is taken, whichever is right."""
        for lines in ((basic("alice"), basic("bob")), (basic("alice"), basic("alice", "wrong")), (basic("alice"),) * 2):
            answer = ask(daemon, get(origin.url(), *lines))
            self.assertEqual((answer.status, answer.why), (400, "bad-request"))
            self.assertIn(b"two Proxy-Authorization fields", answer.body)
