"""Threats 21 to 27: what is counted, what is written down of it, and what ends when a limit or a right does."""

from __future__ import annotations

import json
import socket
import ssl

from twisted.trial.unittest import SynchronousTestCase

from tests.support import postgres
from tests.support.daemon import LiveDaemon, until
from tests.support.origin import CLOSE, RecordingOrigin
from tests.threats.support import PASSWORD, Talk, ask, basic, connect, get

MB = 10**6
CONFIG = """
[limits]
flush_seconds = 0.1
[timeouts]
drain = 2
"""

daemon: LiveDaemon
origin: RecordingOrigin
echo: RecordingOrigin


def setUpModule() -> None:
    global daemon, origin, echo  # noqa: PLW0603
    daemon = LiveDaemon(config=CONFIG)
    origin = RecordingOrigin()
    echo = RecordingOrigin(raw="echo")


def tearDownModule() -> None:
    for each in (daemon, origin, echo):
        each.close()


def lines_of(name: str, of: LiveDaemon | None = None) -> list[dict[str, object]]:
    return [line for line in (of or daemon).exchanges() if line.get("username") == name]


class CountedTalk(Talk):
    """Counts every byte of its socket."""

    up = 0
    down = 0

    def send(self, data: bytes) -> None:
        self.up += len(data)
        super().send(data)

    def _more(self) -> bool:
        before = len(self.buffer)
        more = super()._more()
        self.down += len(self.buffer) - before
        return more


class LogTest(SynchronousTestCase):
    def test_threat_21_log_injection(self) -> None:
        """Whatever a client or an origin says, a line stays one line of JSON, without a credential or a query."""
        daemon.account("ivan", PASSWORD)
        nasty = "/echo?password=hunter2&x=%0d%0a%22%7d"
        ask(daemon, get(origin.url(nasty), basic("ivan"), b'User-Agent: "}\t{"evil": 1}\xff\r\n'))
        ask(daemon, get("http://" + "a" * 60 + ".no-such/", basic("ivan")))
        ask(daemon, get(origin.url(), basic('x"}\r\n{"reason":"forged"}', "a")), "127.0.0.20")
        ask(daemon, b"GET http://x\x00\x1b[31m/ HTTP/1.1\r\n\r\n")
        ask(daemon, b'G"ET http://x/ HTTP/1.1\r\n\r\n')
        until(lambda: len(lines_of("ivan")) >= 2, "the lines")
        text = (daemon.data_dir / "exchanges.log").read_bytes()
        self.assertTrue(all(32 <= byte < 127 or byte == 10 for byte in text))
        for line in text.splitlines():
            json.loads(line)
        for secret in (b"hunter2", PASSWORD.encode(), basic("ivan").split()[-1], b"forged", b"evil"):
            self.assertNotIn(secret, text)
            self.assertNotIn(secret.decode(), daemon.log_text())


class BypassTest(SynchronousTestCase):
    def test_threat_22_bypass(self) -> None:
        """Heads, bodies, chunk sizes, trailers, interim answers, pipelined ones and tunnels: the client's own count."""
        daemon.account("judy", PASSWORD)
        who = basic("judy")
        origin.script(
            "/interim", b"HTTP/1.1 103 Hints\r\nLink: a\r\n\r\n" * 3 + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        )
        chunks = b"5;ext=1\r\nhello\r\n0\r\nX-Sum: 1\r\nX-ProxyMesh-A: b\r\n\r\n"
        requests = [
            get(origin.url("/echo"), who, b"X-Long: " + b"a" * 5000 + b"\r\n"),
            get(origin.url("/bytes/100000"), who),
            get(origin.url("/chunked/100000"), who),
            get(origin.url("/status/204"), who),
            get(origin.url("/interim"), who),
            get(origin.url("/bytes/9"), who, method="HEAD"),
            get(origin.url("/p"), who, b"Transfer-Encoding: chunked\r\n", method="POST", end=chunks),
            get(origin.url("/p"), who, b"Content-Length: 70000\r\n", method="POST", end=b"x" * 70_000),
        ]
        up = down = 0
        for keep in (True, False):
            with CountedTalk(daemon) as talk:
                for request in requests:
                    talk.send(request)
                    if keep:
                        while talk.answer(request.split(b" ")[0].decode()).status < 200:
                            pass
                talk.end()
                talk.rest()
                up, down = up + talk.up, down + talk.down
        with CountedTalk(daemon) as talk:
            talk.send(connect(echo.authority, who) + b"early")
            talk.answer("CONNECT")
            talk.some(5)
            talk.send(b"x" * 300_000)
            talk.some(300_000)
            talk.end()
            talk.rest()
            up, down = up + talk.up, down + talk.down
        until(lambda: daemon.total("judy") == up + down, f"{up} up and {down} down")
        until(lambda: sum(int(str(line["up"])) for line in lines_of("judy")) == up, "the log agrees")
        self.assertEqual(sum(int(str(line["down"])) for line in lines_of("judy")), down)

    def test_threat_22_refused_and_failed(self) -> None:
        """What a known account sends is billed, whatever comes of it; what was moved before an abort too."""
        daemon.account("kim", PASSWORD)
        who = basic("kim")
        body = b"Content-Length: 70000\r\n"
        requests = [
            get("http://10.0.0.1/", who),
            get("http://no-such.invalid/", who),
            get("http://10.0.0.1/", who, b"X-Long: " + b"a" * 5000 + b"\r\n"),
            get("http://127.0.0.1:25/", who, body, method="POST", end=b"x" * 70_000),
            connect("10.0.0.1:443", who),
        ]
        up = 0
        for request in requests:
            with CountedTalk(daemon) as talk:
                talk.send(request)
                self.assertNotEqual(talk.answer(request.split(b" ")[0].decode()).status, 200)
                talk.end()
                talk.rest()
                up += talk.up
        until(lambda: daemon.total("kim") == up, f"{up} bytes")
        until(lambda: len(lines_of("kim")) == len(requests), "their lines")
        self.assertEqual((sum(int(str(line["up"])) for line in lines_of("kim")), up), (up, up))
        self.assertEqual({line["down"] for line in lines_of("kim")}, {0})
        origin.script("/abort", [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", CLOSE])
        with CountedTalk(daemon) as talk:
            talk.send(get(origin.url("/abort"), who))
            talk.rest()
        until(lambda: daemon.total("kim") == up + talk.up + talk.down, "what was moved")


class LimitsTest(SynchronousTestCase):
    def pull(self, name: str, of: LiveDaemon | None = None) -> Talk:
        """A tunnel that the account fills as fast as it can."""
        talk = Talk(of or daemon)
        self.addCleanup(talk.sock.close)
        self.assertEqual(talk.ask(connect(echo.authority, basic(name)), "CONNECT").status, 200)
        return talk

    def use(self, talk: Talk, most: int) -> int:
        """Bytes sent and echoed until the tunnel ends."""
        moved = 0
        try:
            while moved < most:
                talk.sock.sendall(b"x" * 50_000)
                got = 0
                while got < 50_000:
                    data = talk.sock.recv(65536)
                    if not data:
                        return moved + got
                    got += len(data)
                moved += 2 * got
        except OSError:
            pass
        return moved

    def test_threat_23_overshoot(self) -> None:
        """At the limit open tunnels end, new requests get 509, and not a byte too many has gone."""
        daemon.account("leo", PASSWORD, total_limit=0.002)
        daemon.account("other", PASSWORD)
        bystander = self.pull("other")
        talks = [self.pull("leo") for _ in range(4)]
        for talk in talks:
            self.use(talk, 20 * MB)
        answer = ask(daemon, get(origin.url(), basic("leo")))
        self.assertEqual((answer.status, answer.reason, answer.why), (509, "bandwidth limit exceeded", "quota-total"))
        total = until(lambda: daemon.total("leo"), "the count")
        print(f"limit 2000000, counted {total}: {total - 2 * MB} over")
        self.assertLess(total - 2 * MB, 64 * 1024)
        bystander.send(b"still here")
        self.assertEqual(bystander.some(10), b"still here")

    def test_threat_23_a_cut_answer_arrives_as_far_as_it_was_billed(self) -> None:
        """By length, in chunks, by an end that only a reset can deny, and by TLS: nothing that was billed is lost."""
        old = b"HTTP/1.0"
        limit = 150_000  # less than the kernel takes for a client that does not read yet
        ways = {
            "length": ("/bytes/3000000", b"HTTP/1.1", False),
            "chunks": ("/chunked/3000000", b"HTTP/1.1", False),
            "untilclose": ("/until-close/3000000", b"HTTP/1.1", False),
            "unchunked": ("/chunked/3000000", old, False),
            "tls": ("/bytes/3000000", b"HTTP/1.1", True),
            "tlsuntilclose": ("/until-close/3000000", b"HTTP/1.1", True),
        }
        for name, (path, version, tls) in ways.items():
            daemon.account(name, PASSWORD, total_limit=limit / 10**9)
            with CountedTalk(daemon) as talk:
                if tls:
                    talk.sock = ssl._create_unverified_context().wrap_socket(talk.sock, suppress_ragged_eofs=False)
                talk.send(get(origin.url(path), basic(name)).replace(b"HTTP/1.1", version, 1))
                until(lambda name=name: daemon.total(name) == limit, name)
                answer = talk.answer()
                self.assertEqual((answer.status, answer.whole), (200, False), name)
                talk.rest()
                self.assertEqual(talk.up + talk.down, limit, name)

    def test_threat_23_parent(self) -> None:
        """A parent's limit ends its sub-accounts' tunnels."""
        daemon.account("parent", PASSWORD, total_limit=0.001)
        for name in ("kid1", "kid2"):
            daemon.account(name, PASSWORD, parent="parent")
        talks = [self.pull("kid1"), self.pull("kid2")]
        for talk in talks:
            self.use(talk, 10 * MB)
        for name in ("kid1", "kid2"):
            self.assertEqual(ask(daemon, get(origin.url(), basic(name))).why, "quota-parent")
        self.assertEqual(ask(daemon, get(origin.url(), basic("parent"))).status, 509)

    def test_threat_24_revoked(self) -> None:
        """A revoked token, a removed address or a deactivated account ends what it had open."""
        for name in ("mia", "ned", "ona", "pat"):
            daemon.account(name, PASSWORD)
        token = daemon.new_token("mia")
        daemon.cli("ip", "add", "ned", "127.0.0.31")
        ways = {
            "a revoked token": (f"Proxy-Authorization: Bearer {token['token']}\r\n".encode(), "127.0.0.30"),
            "a removed address": (b"", "127.0.0.31"),
            "a deactivated account": (basic("ona"), "127.0.0.32"),
            "a proxy taken away": (basic("pat"), "127.0.0.33"),
        }
        commands = (
            ("token", "deactivate", "mia", str(token["id"])),
            ("ip", "delete", "ned", "127.0.0.31"),
            ("account", "deactivate", "ona"),
            ("proxy", "revoke", "pat", "local"),
        )
        statuses = {
            "a revoked token": 407,
            "a removed address": 407,
            "a deactivated account": 402,
            "a proxy taken away": 402,
        }
        for (what, (who, source)), command in zip(ways.items(), commands, strict=True):
            talk = Talk(daemon, source)
            self.addCleanup(talk.sock.close)
            until(lambda who=who, source=source: ask(daemon, get(origin.url(), who), source).status == 200, what)
            self.assertEqual(talk.ask(connect(echo.authority, who), "CONNECT").status, 200, what)
            daemon.cli(*command)
            self.assertEqual(talk.rest(), b"", what)
            self.assertEqual(ask(daemon, get(origin.url(), who), source).status, statuses[what], what)

    def test_threat_27_crash(self) -> None:
        """What was counted when the process was killed is billed by the next one, once."""
        daemon.account("quinn", PASSWORD)
        with CountedTalk(daemon) as talk:
            talk.send(connect(echo.authority, basic("quinn")))
            talk.answer("CONNECT")
            for _ in range(20):
                talk.send(b"x" * 10_000)
                talk.some(10_000)
            # What the kernel took of the last write is counted before anything else is answered.
            self.assertEqual(ask(daemon, get(origin.url())).status, 407)
            daemon.kill()
            moved = talk.up + talk.down
        for _ in range(2):
            daemon.start()
            until(lambda: daemon.total("quinn") == moved, f"{moved} bytes")
            daemon.terminate()
        daemon.start()
        self.assertEqual(daemon.total("quinn"), moved)


class OutageTest(SynchronousTestCase):
    def test_threat_25_outage(self) -> None:
        """While the store is away the known go on, the unknown get 503 and nobody slips in; then all counts arrive."""
        server = postgres.server()
        database = server.new_database()
        self.addCleanup(server.give_back, database)
        away = LiveDaemon(self, CONFIG, store=server.url(database))
        for name in ("alice", "bob"):
            away.account(name, PASSWORD)
        head = get(origin.url(), basic("alice"))
        self.assertEqual(ask(away, head).status, 200)
        server.stop(crash=True)
        try:
            moved = 0
            with CountedTalk(away) as talk:
                for _ in range(20):
                    self.assertEqual(talk.ask(head).status, 200)
                moved = talk.up + talk.down
            for who in (basic("bob"), basic("alice", "wrong"), basic("nobody"), basic("x", "pm_" + "a" * 49)):
                answer = ask(away, get(origin.url(), who), "127.0.0.40")
                self.assertNotEqual(answer.status, 200, who)
            answer = ask(away, get(origin.url(), basic("bob")), "127.0.0.41")
            self.assertEqual((answer.status, answer.why, answer.field("retry-after")), (503, "auth-unavailable", "1"))
            self.assertEqual(ask(away, get(origin.url()), "127.0.0.42").status, 503)
        finally:
            server.start()
        until(lambda: ask(away, get(origin.url(), basic("bob"))).status == 200, "it heals")
        until(lambda: away.total("alice") >= moved, "the counts")
        self.assertNotIn("Traceback", away.log_text())

    def test_threat_25_unused_socket(self) -> None:
        """A client that leaves in the middle of an answer leaves no trace but its line."""
        daemon.account("rob", PASSWORD)
        with Talk(daemon) as talk:
            talk.send(get("http://meshd.internal/", basic("rob")) * 500)
            talk.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.assertEqual(ask(daemon, get(origin.url(), basic("rob"))).status, 200)
        until(lambda: lines_of("rob"), "its lines")
        self.assertNotIn("Traceback", daemon.log_text())
