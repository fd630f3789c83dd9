"""CONNECT-TCP on the API's listener: an exchange of its account as any, counted as CONNECT to the proxy would be."""

from __future__ import annotations

import contextlib
import signal
import socket
import struct
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support.daemon import LiveDaemon, free_port, until
from tests.support.echoes import FILL, LIMITED, Echoes
from tests.support.resources import DATA, FINAL, OLD_DATA, OLD_FINAL, Client, basic, capsule, path
from tests.support.stores import migrated_postgres_url

daemon: LiveDaemon
origin: Echoes

LISTED = "127.0.0.9"
PROXIES = '[proxies.first]\nlisten = ["tcp:{0}"]\n[proxies.second]\nlisten = ["tcp:{1}"]\n'


def setUpModule() -> None:
    global daemon, origin  # noqa: PLW0603
    daemon = LiveDaemon(config="[limits]\nflush_seconds = 0.1\n")
    origin = Echoes()


def tearDownModule() -> None:
    daemon.close()
    origin.close()


class Case(SynchronousTestCase):
    def customer(self, name: str, **options: str) -> str:
        """The field of a new account."""
        return "Authorization: " + basic(name, daemon.account(name, **options))

    def client(self, of: LiveDaemon | None = None, **options: Any) -> Client:
        client = Client(of or daemon, **options)
        self.addCleanup(client.close)
        return client

    def opened(self, field: str, port: int = 0, **options: Any) -> Client:
        """A client whose tunnel stands."""
        client = self.client(**options)
        self.assertEqual(client.ask(path("127.0.0.1", port or origin.raw), field).status, 101)
        return client

    def line(self, name: str) -> dict[str, Any]:
        """The one line of an account, once the store has the same sum."""
        (line,) = until(lambda: [each for each in daemon.exchanges() if each["username"] == name], "its line")
        until(lambda: daemon.total(name) == line["up"] + line["down"], "a balance of log and store")
        return line

    def listener(self) -> socket.socket:
        sock = socket.create_server(("127.0.0.1", 0))
        sock.settimeout(60)
        self.addCleanup(sock.close)
        return sock


class TunnelTests(Case):
    def test_bytes(self) -> None:
        """Both ways, more than any buffer holds; log and store have those of the connection, and not the capsules'."""
        field = self.customer("anna")
        client = self.client()
        head = client.ask(path("127.0.0.1", origin.raw), field)
        self.assertEqual((head.status, head.one("upgrade"), head.one("capsule-protocol")), (101, "connect-tcp", "?1"))
        self.assertRegex(head.one("proxy-status"), r'^meshd; request-id="[^"]+"$')
        sent = b"E" + FILL[:900_000]
        client.send(sent[:1])
        for at in range(1, len(sent), 30_000):
            client.send(sent[at : at + 30_000])
            self.assertEqual(client.receive(len(sent[at : at + 30_000])), sent[at : at + 30_000])
        client.send(b"bye", final=True)
        self.assertEqual(client.rest(), b"bye")
        self.assertTrue(client.ended())
        line = self.line("anna")
        place = f"127.0.0.1:{origin.raw}"
        said = f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\nProxy-Authorization: {field.split(': ')[1]}\r\n\r\n"
        self.assertEqual((line["method"], line["status"], line["reason"]), ("CONNECT", 200, ""))
        self.assertEqual((line["client"], line["up"]), ("127.0.0.1", len(said) + len(sent) + 3))

    def test_the_origin_ends_first(self) -> None:
        """Its end arrives, and what the client sends still goes up."""
        with self.listener() as listener:
            client = self.opened(self.customer("bert"), listener.getsockname()[1])
            accepted, _ = listener.accept()
            with accepted:
                accepted.sendall(b"all")
                accepted.shutdown(socket.SHUT_WR)
                self.assertEqual(client.rest(), b"all")
                client.send(b"still")
                self.assertEqual(accepted.recv(100), b"still")
                client.send(b"", final=True)
                self.assertEqual(accepted.recv(100), b"")
        self.assertTrue(client.ended())
        self.assertEqual(self.line("bert")["reason"], "")

    def test_the_client_ends_first(self) -> None:
        """The origin's answer to that comes whole."""
        with self.listener() as listener:
            client = self.opened(self.customer("carl"), listener.getsockname()[1])
            accepted, _ = listener.accept()
            with accepted:
                client.send(b"ask", final=True)
                self.assertEqual((accepted.recv(100), accepted.recv(100)), (b"ask", b""))
                accepted.sendall(FILL[:500_000])
        self.assertEqual(client.rest(), FILL[:500_000])
        self.assertTrue(client.ended())

    def test_bytes_before_the_answer(self) -> None:
        """More of them than anybody holds for a request: they are the tunnel's, and so is what follows."""
        client = self.client()
        sent = FILL[:100_000]
        asked = client.request(path("127.0.0.1", origin.raw), self.customer("wanda"))
        client.socket.sendall(asked + capsule(DATA, b"E" + sent[:30_000]))
        client.send(sent[30_000:])
        client.send(b"", final=True)
        self.assertEqual(client.head().status, 101)
        self.assertEqual(client.rest(), sent)

    def test_capsules_of_a_draft(self) -> None:
        """A client that asks for those of version 8 is sent them."""
        client = self.client()
        field = self.customer("dora")
        head = client.ask(path("127.0.0.1", origin.raw), field, token="connect-tcp-07")
        self.assertEqual((head.status, head.one("upgrade")), (101, "connect-tcp-07"))
        client.socket.sendall(capsule(OLD_DATA, b"E") + capsule(0x99, b"unknown") + capsule(OLD_FINAL, b"abc", wide=8))
        self.assertEqual(client.rest(), b"abc")
        self.assertEqual(client.kinds, {OLD_DATA, OLD_FINAL})

    def test_limit(self) -> None:
        """Is met to the byte, in an end that nobody takes for a proper one; the bytes that were paid for arrive."""
        client = self.opened(self.customer("emil", **{"total-limit": "0.0002"}))
        client.send(b"P")
        got = client.cut()
        self.assertFalse(client.final)
        line = self.line("emil")
        self.assertEqual((line["up"] + line["down"], line["reason"]), (200_000, "quota-total"))
        head = line["down"] - len(got)
        self.assertTrue(80 < head < 300, head)  # the answer to CONNECT

    def test_limit_of_one_that_has_ended(self) -> None:
        """Nor is it a proper end where the client had said its last."""
        with self.listener() as listener:
            client = self.opened(self.customer("fred", **{"total-limit": "0.0002"}), listener.getsockname()[1])
            accepted, _ = listener.accept()
            with accepted, contextlib.suppress(OSError):
                client.send(b"", final=True)
                self.assertEqual(accepted.recv(10), b"")
                accepted.sendall(FILL[:500_000])
            client.cut()
        self.assertFalse(client.final)
        self.assertEqual(self.line("fred")["reason"], "quota-total")

    def test_who_reads_slowly(self) -> None:
        """Holds up the origin, and nobody else; and has all bytes in the end."""
        field = self.customer("gwen")
        slow = self.opened(field, receive=4096)
        slow.send(b"L")
        quick = self.opened(field)
        quick.send(b"L", final=True)
        self.assertEqual(quick.rest(), FILL[:LIMITED])
        slow.send(b"", final=True)
        self.assertEqual(slow.rest(), FILL[:LIMITED])

    def test_an_origin_that_does_not_read(self) -> None:
        """Stops the client, whose bytes wait in buffers of a bounded size."""
        with self.listener() as listener:
            client = self.opened(self.customer("hugo"), listener.getsockname()[1])
            accepted, _ = listener.accept()
            client.socket.settimeout(0.5)
            sent = 0
            with self.assertRaises((TimeoutError, OSError)):
                while True:
                    client.send(FILL[:65_536])
                    sent += 65_536
            self.assertLess(sent, 40_000_000)
            accepted.close()


class EndTests(Case):
    def test_a_client_that_vanishes(self) -> None:
        """By a reset, or with a proper end of TLS behind no FINAL_DATA: the origin sees a reset."""
        for name, leave in (("iris", Client.reset), ("jane", lambda client: client.socket.unwrap())):
            with self.listener() as listener:
                client = self.opened(self.customer(name), listener.getsockname()[1])
                accepted, _ = listener.accept()
                with accepted:
                    accepted.settimeout(60)
                    client.send(b"half of it")
                    self.assertEqual(accepted.recv(100), b"half of it")
                    with contextlib.suppress(OSError):
                        leave(client)
                    self.assertRaises(ConnectionResetError, accepted.recv, 100)
            self.assertEqual(self.line(name)["reason"], "reset")

    def test_an_origin_that_resets(self) -> None:
        """Ends as nothing that a client takes for a proper end."""
        with self.listener() as listener:
            client = self.opened(self.customer("karl"), listener.getsockname()[1])
            accepted, _ = listener.accept()
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            accepted.close()
            self.assertFalse(client.ended())
        self.assertEqual(self.line("karl")["reason"], "reset")

    def test_bytes_behind_the_last(self) -> None:
        """Break the protocol: the tunnel ends, and the origin has none of them."""
        with self.listener() as listener:
            client = self.opened(self.customer("lena"), listener.getsockname()[1])
            accepted, _ = listener.accept()
            with accepted:
                accepted.settimeout(60)
                client.socket.sendall(capsule(FINAL, b"all") + capsule(FINAL, b"more"))
                with contextlib.suppress(ConnectionResetError):
                    self.assertIn(accepted.recv(100), (b"", b"all"))
                self.assertFalse(client.ended())


class RefusalTests(Case):
    def test_in_the_words_of_the_proxy(self) -> None:
        field = self.customer("mina")
        wrong = "Authorization: " + basic("mina", "wrong")
        for target, fields, status, words in (
            (path("127.0.0.1", origin.raw), (), 401, "auth-required"),
            (path("127.0.0.1", origin.raw), (wrong,), 401, "auth-invalid"),
            (path("127.0.0.1", origin.raw), (field.replace("Auth", "Proxy-Auth"),), 401, "auth-required"),
            (path("127.0.0.1", free_port()), (field,), 502, "connection-refused"),
            (path("10.1.2.3", 80), (field,), 403, "acl-private"),
            (path("nowhere.invalid", 80), (field,), 502, "dns-error"),
        ):
            client = self.client()
            head = client.ask(target, *fields)
            self.assertEqual(head.status, status, target)
            self.assertIn(words, head.one("proxy-status"))
            self.assertEqual(head.one("connection"), "close")
            self.assertTrue(client.body(head))
            self.assertNotIn("upgrade", head.fields)
            challenges = head.fields.get("www-authenticate", [])
            self.assertEqual([each.split()[0] for each in challenges], ["Basic", "Bearer"] if status == 401 else [])
            self.assertNotIn("proxy-authenticate", head.fields)
            client.ended()

    def test_in_the_words_of_the_api(self) -> None:
        """What is no request for a tunnel, or none that could be meant."""
        field = self.customer("nils")
        good = path("127.0.0.1", origin.raw)
        for target, options, status in (
            ("/.well-known/masque/tcp/127.0.0.1/", {}, 400),
            (path("127.0.0.1", 0), {}, 400),
            (path("127.0.0.1", 80, "nobody"), {}, 404),
            ("/.well-known/masque/udp/127.0.0.1/53/", {}, 404),
            (good, {"token": ""}, 426),
            (good, {"token": "websocket"}, 400),
            (good, {"method": "POST"}, 405),
        ):
            head = self.client().ask(target, field, **options)
            self.assertEqual(head.status, status, target)

    def test_a_token(self) -> None:
        daemon.account("olga")
        client = self.client()
        head = client.ask(path("127.0.0.1", origin.raw), "Authorization: Bearer " + daemon.token("olga"))
        self.assertEqual(head.status, 101)

    def test_a_long_name(self) -> None:
        """Of as many bytes as one can have is looked up as any; of more it is refused as a host that is none."""
        field = self.customer("paul")
        for name, status in ((".".join(["a" * 60] * 4) + ".invalid", 502), (".".join(["a" * 60] * 5), 400)):
            self.assertEqual(self.client().ask(path(name, 80), field).status, status)

    def test_expectation(self) -> None:
        """A client that wants to know that its request has come is told so."""
        field = self.customer("rosa")
        client = self.client()
        self.assertEqual(client.ask(path("127.0.0.1", origin.raw), field, "Expect: 100-continue").status, 100)
        self.assertEqual(client.head().status, 101)


class SettingTests(Case):
    def test_off(self) -> None:
        """By its setting, which a reload changes; and where the listener is plain, whatever the setting."""
        other = LiveDaemon(self, "[api]\nconnect_tcp = false\n")
        field = "Authorization: " + basic("anna", other.account("anna"))
        target = path("127.0.0.1", origin.raw)
        self.assertEqual(self.client(other).ask(target, field).status, 404)
        other.reload("[api]\nconnect_tcp = true\n")
        client = self.client(other)
        self.assertEqual(client.ask(target, field).status, 101)
        other.reload("[api]\nconnect_tcp = false\n")
        client.send(b"Estill")
        self.assertEqual(client.receive(5), b"still")

    def test_a_listed_address(self) -> None:
        """Lets nobody in there, where all peers may be one balancer, unless the settings say so."""
        other = LiveDaemon(self, "[api]\nconnect_tcp = true\n")
        other.account("anna")
        other.cli("ip", "add", "anna", LISTED)
        wrong = "Authorization: " + basic("anna", "wrong")
        for config, status in (("", 401), ("[api]\nby_address = true\n", 101), ("", 401)):
            other.reload(config)
            for fields, expected in (((), status), ((wrong,), 401)):
                client = self.client(other, source=LISTED)
                self.assertEqual(client.ask(path("127.0.0.1", origin.raw), *fields).status, expected, config)

    def test_plain(self) -> None:
        other = LiveDaemon(self, "[api]\ntls = false\n")
        field = "Authorization: " + basic("anna", other.account("anna"))
        request = f"GET {path('127.0.0.1', origin.raw)} HTTP/1.1\r\nHost: h\r\n{field}\r\n"
        request += "Connection: Upgrade\r\nUpgrade: connect-tcp\r\n\r\n"
        with socket.create_connection(("127.0.0.1", other.api_port), 60) as sock:
            sock.sendall(request.encode())
            self.assertTrue(sock.recv(4096).startswith(b"HTTP/1.1 404 "))
            for other_target in ("/.well-known/pvd", "/proxy.pac?key=x"):
                sock.sendall(f"GET {other_target} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
                self.assertTrue(sock.recv(4096).startswith(b"HTTP/1.1 404 "))

    def test_which_proxy(self) -> None:
        """The first, or the one that is named; an account that may not use that is refused."""
        other = LiveDaemon(self, PROXIES.format(free_port(), free_port()))
        field = "Authorization: " + basic("anna", other.account("anna"))
        for name, used in (("", "first"), ("second", "second"), ("first", "first")):
            with Client(other) as client:
                self.assertEqual(client.ask(path("127.0.0.1", origin.raw, name), field).status, 101)
                client.send(b"E", final=True)
                client.rest()
            until(lambda used=used: other.exchanges() and other.exchanges()[-1]["proxy"] == used, used)

    def test_a_stop(self) -> None:
        """Lets a tunnel go on until its drain is over."""
        other = LiveDaemon(self, "[timeouts]\ndrain = 20\n")
        field = "Authorization: " + basic("anna", other.account("anna"))
        with Client(other) as client:
            self.assertEqual(client.ask(path("127.0.0.1", origin.raw), field).status, 101)
            since = other.log_position
            other.signal(signal.SIGTERM)
            other.wait_for_log(f":{other.api_port} closes", since=since)
            client.send(b"Estill")
            self.assertEqual(client.receive(5), b"still")
            client.send(b"", final=True)
            self.assertEqual(client.rest(), b"")
        self.assertEqual(other.wait(), 0)

    def test_on_postgresql(self) -> None:
        """Log and store agree there too, by tunnels that end well and badly."""
        other = LiveDaemon(self, "[limits]\nflush_seconds = 0.1\n", store=migrated_postgres_url(self))
        field = "Authorization: " + basic("anna", other.account("anna"))
        for final in (True, False):
            with Client(other) as client:
                self.assertEqual(client.ask(path("127.0.0.1", origin.raw), field).status, 101)
                client.send(b"E" + FILL[:50_000], final=final)
                self.assertEqual(client.receive(50_000), FILL[:50_000])
        lines = until(lambda: other.exchanges() if len(other.exchanges()) == 2 else [], "their lines")
        total = sum(line["up"] + line["down"] for line in lines)
        until(lambda: other.total("anna") == total, "a balance of log and store")

    def test_with_workers(self) -> None:
        """The daemon, which has the API, carries these tunnels itself, and bills them with its workers' bytes."""
        other = LiveDaemon(self, "workers = 2\n[limits]\nflush_seconds = 0.1\n")
        field = "Authorization: " + basic("anna", other.account("anna"))
        with Client(other) as client:
            self.assertEqual(client.ask(path("127.0.0.1", origin.raw), field).status, 101)
            client.send(b"E" + FILL[:100_000], final=True)
            self.assertEqual(client.rest(), FILL[:100_000])
        (line,) = until(other.exchanges, "its line")
        self.assertGreater(line["up"], 100_000)
        until(lambda: other.total("anna") == line["up"] + line["down"], "a balance of log and store")
