"""SOCKS5 UDP ASSOCIATE against a daemon: real sockets, real names, the log and the store."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
from typing import Any

from twisted.names import dns
from twisted.trial.unittest import SynchronousTestCase

from tests.support import stores
from tests.support.daemon import LiveDaemon, free_port, until
from tests.support.datagrams import DatagramClient, Refused, datagram_socket, named_head, silent, sockets
from tests.support.succession import SucceededDaemon

PASSWORD = "correct horse"
LISTED = "127.0.0.66"
BALANCER = "127.0.0.40"
CONFIG = f"""
[udp]
on = true
destinations = 3
[proxies.local]
proxy_protocol_from = ["{BALANCER}"]
[destinations]
allow = ["127.0.0.1", "::1"]
ports = ["1024-65535"]
[limits]
flush_seconds = 0.1
"""


class UdpCase(SynchronousTestCase):
    daemon: LiveDaemon
    config = CONFIG
    standing: int
    """Sockets that the daemon has open where nobody is served."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.daemon = LiveDaemon(cls, config=cls.config)
        cls.daemon.account("anna", PASSWORD)
        cls.standing = sockets(cls.daemon)

    def at_rest(self) -> int:
        """How many sockets the daemon has open, once it has closed those of earlier tests."""
        return until(lambda: sockets(self.daemon) == self.standing and self.standing, "all closed")

    def setUp(self) -> None:
        self.origin = datagram_socket(self)
        self.port: int = self.origin.getsockname()[1]

    def control(self, source: str = "127.0.0.1") -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.daemon.proxy_port), 60, (source, 0))

    def client(self, username: str = "anna", **more: Any) -> DatagramClient:
        return DatagramClient(self, self.control(), username, PASSWORD, **more)

    def asked(self, client: DatagramClient, data: bytes = b"ask", host: str = "127.0.0.1") -> Any:
        """Who the origin has heard it from."""
        client.send(host, self.port, data)
        return self.heard(data)

    def heard(self, data: bytes) -> Any:
        got, source = self.origin.recvfrom(70_000)
        self.assertEqual(got, data)
        return source

    def answered(self, client: DatagramClient, data: bytes = b"ask") -> Any:
        """The same, with an answer that has arrived."""
        source = self.asked(client, data)
        self.origin.sendto(data[::-1], source)
        self.assertEqual(client.receive(), ("127.0.0.1", self.port, data[::-1]))
        return source

    def line(self, **where: object) -> dict[str, Any]:
        """The line of the exchange log that says all this."""
        found = until(
            lambda: [each for each in self.daemon.exchanges() if where.items() <= each.items()], f"a line with {where}"
        )
        return dict(found[-1])


class ServedTests(UdpCase):
    def test_there_and_back(self) -> None:
        """Any size; what was sent, the log and the store are one number, the SOCKS request and its answer with it."""
        self.daemon.account("sizes", PASSWORD)
        client = self.client("sizes")
        sizes = (0, 1, 1472, 9000, 65_000)
        for size in sizes:
            self.answered(client, os.urandom(size))
        client.close()
        line = self.line(username="sizes")
        self.assertEqual((line["method"], line["host"], line["port"]), ("UDP", "127.0.0.1", self.port))
        self.assertEqual((line["up"], line["down"]), (10 + sum(sizes), 10 + sum(sizes)))
        self.assertEqual((line["status"], line["reason"]), (200, ""))
        until(lambda: self.daemon.total("sizes") == 20 + 2 * sum(sizes), "the same in the store")

    def test_names(self) -> None:
        """DNS, to a server that is asked by its own name; answers are from an address."""
        client = self.client()
        question = dns.Message(id=77)
        question.addQuery(b"www.example.com", dns.A)
        client.raw(named_head(b"LocalHost", self.port) + question.toStr())
        data, source = self.origin.recvfrom(70_000)
        asked = dns.Message()
        asked.fromStr(data)
        self.assertEqual((asked.id, asked.queries[0].name.name), (77, b"www.example.com"))
        asked.answer, asked.answers = 1, [dns.RRHeader(b"www.example.com", payload=dns.Record_A("192.0.2.7"))]
        self.origin.sendto(asked.toStr(), source)
        host, port, data = client.receive()
        answer = dns.Message()
        answer.fromStr(data)
        self.assertEqual((host, port, answer.answers[0].payload.dottedQuad()), ("127.0.0.1", self.port, "192.0.2.7"))

    def test_several_destinations(self) -> None:
        """Each has a port of ours of its own; of a fourth the one that was silent longest gives way."""
        client = self.client()
        others = [datagram_socket(self) for _ in range(4)]
        sources = []
        for number, other in enumerate(others):
            client.send("127.0.0.1", other.getsockname()[1], b"%d" % number)
            sources.append(other.recvfrom(100)[1])
        self.assertEqual(len(set(sources)), 4)
        others[1].sendto(b"one", sources[1])
        self.assertEqual(client.receive()[2], b"one")
        others[0].sendto(b"too late", sources[0])
        others[3].sendto(b"three", sources[3])
        self.assertEqual(client.receive()[2], b"three")

    def test_a_listed_address_and_a_token(self) -> None:
        self.daemon.cli("ip", "add", "anna", LISTED)
        self.answered(DatagramClient(self, self.control(LISTED), source=LISTED))
        self.answered(DatagramClient(self, self.control(), self.daemon.token("anna"), "x"))

    def test_over_tls_and_behind_a_balancer(self) -> None:
        """The datagrams themselves are in the clear, and come from the client that the balancer tells of."""
        context = ssl.create_default_context(cafile=str(self.daemon.certificate))
        wrapped = context.wrap_socket(self.control(), server_hostname="127.0.0.1")
        client = DatagramClient(self, wrapped, "anna", PASSWORD)
        self.answered(client)
        control = self.control(BALANCER)
        control.sendall(b"PROXY TCP4 127.0.0.9 127.0.0.1 4660 31280\r\n")
        client = DatagramClient(self, control, "anna", PASSWORD, source="127.0.0.9")
        self.answered(client)
        client.close()
        self.assertEqual(self.line(client="127.0.0.9")["method"], "UDP")

    def test_who_is_asking(self) -> None:
        """As for tunnels."""
        for username, password in (("anna", "wrong"), ("nobody", PASSWORD)):
            with self.assertRaises(Refused) as refused:
                DatagramClient(self, self.control("127.0.0.70"), username, password)
            self.assertEqual(refused.exception.reply, 1)
        with self.assertRaises(Refused) as refused:
            DatagramClient(self, self.control("127.0.0.71"))
        self.assertEqual(refused.exception.reply, 0xFF)

    def test_refused_destinations(self) -> None:
        """Nothing is sent, nothing comes back, and the log says why nothing went."""
        client = self.client()
        for host, port in (("127.0.0.2", self.port), ("10.0.0.1", 5000), ("127.0.0.1", 53), ("127.0.0.1", 0)):
            client.send(host, port, b"never")
        client.send("127.0.0.1", self.daemon.proxy_port, b"never")
        client.raw(named_head(b"no-such-name.invalid", 5000) + b"never")
        self.answered(client)
        client.close()
        self.assertEqual(self.line(port=self.port)["up"], 10 + 3)
        client = self.client()
        client.send("10.0.0.1", 5000, b"never")
        self.open_to("10.0.0.1:5000")
        client.close()
        self.assertEqual(self.line(host="10.0.0.1")["reason"], "acl-private")

    def open_to(self, place: str) -> dict[str, Any]:
        """What `exchange list` tells of the one that is open there."""
        return dict(
            until(lambda: [each for each in self.daemon.cli("exchange", "list") if each["to"] == place], "it")[0]
        )

    def test_which_destinations_are_told(self) -> None:
        """All that were sent to, whatever was asked for beside them; the first one is the line's."""
        other = datagram_socket(self)
        ports = [self.port, other.getsockname()[1]]
        client = self.client()
        client.send("10.0.0.1", 5000, b"refused")
        client.raw(named_head(b"localhost", ports[0]) + b"ask")
        self.heard(b"ask")
        for _ in range(2):
            client.send("127.0.0.1", ports[1], b"ask")
            other.recv(10)
        client.close()
        line = self.line(port=self.port)
        self.assertEqual((line["host"], line["reason"]), ("localhost", ""))
        told = [(each["host"], each["port"], each["address"]) for each in line["destinations"]]
        hosts = ("localhost", "127.0.0.1")
        self.assertEqual(told, [(host, port, "127.0.0.1") for host, port in zip(hosts, ports, strict=True)])

    def test_it_is_told_while_it_is_open(self) -> None:
        client = self.client()
        self.answered(client)
        told = self.open_to(f"127.0.0.1:{self.port}")
        self.assertEqual((told["method"], told["account"]), ("UDP", "anna"))
        self.daemon.cli("exchange", "end", told["id"])
        self.assertTrue(client.ended())
        self.assertEqual(self.line(port=self.port)["reason"], "ended-by-operator")


class EndTests(UdpCase):
    def test_a_limit_at_the_byte(self) -> None:
        """Datagrams of 100 bytes: the last that fits goes, the next ends all, and nothing more is counted."""
        for upward in (True, False):
            name = f"poor-{upward}".lower()
            self.daemon.account(name, PASSWORD, total_limit="0.00000102")
            client = self.client(name)
            source = self.asked(client, bytes(100))
            if upward:
                for _ in range(20):
                    client.send("127.0.0.1", self.port, bytes(100))
                self.assertTrue(client.ended())
                came = 1
                self.origin.settimeout(0.0)
                with contextlib.suppress(BlockingIOError):
                    while self.origin.recv(1000):
                        came += 1
                self.origin.settimeout(60)
            else:
                for _ in range(20):
                    self.origin.sendto(bytes(100), source)
                came = 1
                self.assertTrue(client.ended())
                while not silent(client.socket):
                    client.receive()
                    came += 1
            line = self.line(username=name)
            self.assertEqual((came, line["up"] + line["down"], line["reason"]), (10, 1020, "quota-total"))
            until(lambda name=name: self.daemon.total(name) == 1020, "the same in the store")
            self.assertTrue(self.refused(name))

    def refused(self, name: str) -> bool:
        with self.assertRaises(Refused) as refused:
            self.client(name)
        return refused.exception.reply == 2

    def test_with_the_connection(self) -> None:
        """The client's end is the end of its port."""
        client = self.client()
        source = self.answered(client)
        client.control.close()
        self.assertEqual(self.line(port=self.port)["reason"], "")
        self.origin.sendto(b"late", source)
        client.raw(b"late")
        self.assertTrue(silent(client.socket) and silent(self.origin))

    def test_what_follows_the_request(self) -> None:
        """Nothing may."""
        client = self.client()
        self.answered(client)
        client.control.sendall(b"what is this")
        self.assertTrue(client.ended())
        self.assertEqual(self.line(port=self.port)["reason"], "bad-request")

    def test_a_credential_that_is_no_longer(self) -> None:
        """A token is revoked, an account deleted: it ends, as a tunnel does."""
        self.daemon.account("gone", PASSWORD)
        token = self.daemon.new_token("anna")
        by_token = DatagramClient(self, self.control(), str(token["token"]), "x")
        by_name = self.client("gone")
        for client in (by_token, by_name):
            self.answered(client)
        self.daemon.cli("token", "delete", "anna", str(token["id"]))
        self.assertTrue(by_token.ended())
        self.daemon.cli("account", "delete", "gone", "--yes")
        self.assertTrue(by_name.ended())


class ShapedTests(UdpCase):
    def test_a_rate(self) -> None:
        """What is too much is dropped, what arrives is what is counted, and the association goes on."""
        self.daemon.account("shaped", PASSWORD)
        self.daemon.cli("account", "bounds", "shaped", "kbit_up=800", "kbit_down=800")
        client = self.client("shaped")
        source = self.asked(client, bytes(1_000))
        sent = 400
        for _ in range(sent):
            client.send("127.0.0.1", self.port, bytes(1_000))
            self.origin.sendto(bytes(1_000), source)
        self.origin.settimeout(1)
        client.socket.settimeout(1)
        came = [1, 0]
        for way, sock in enumerate((self.origin, client.socket)):
            with contextlib.suppress(TimeoutError):
                while sock.recv(2_000):
                    came[way] += 1
        self.origin.settimeout(60)
        self.asked(client, b"still there")
        client.close()
        line = self.line(username="shaped")
        self.assertEqual((line["up"], line["down"]), (10 + 1_000 * came[0] + 11, 10 + 1_000 * came[1]))
        self.assertEqual(line["reason"], "")
        self.assertGreater(min(came), 0)


class SixTests(UdpCase):
    six = free_port()
    config = CONFIG + f'[proxy]\nlisten = ["tcp:{six}:interface=\\\\:\\\\:1"]\n'

    def test_a_client_by_ipv6(self) -> None:
        """Its datagrams go to an address of its family, from there to either."""
        control = socket.create_connection(("::1", self.six), 60)
        client = DatagramClient(self, control, "anna", PASSWORD, source="::1")
        self.assertEqual(client.relay[0], "::1")
        self.answered(client)
        other = datagram_socket(self, "::1")
        client.send("::1", other.getsockname()[1], b"ask")
        data, source = other.recvfrom(100)
        other.sendto(data, source)
        self.assertEqual(client.receive(), ("::1", other.getsockname()[1], b"ask"))


class GentleEndTests(UdpCase):
    """Where a limit does not end what is open."""

    def past(self, on_limit: str) -> DatagramClient:
        """An association that has gone past its account's limit by a datagram at most."""
        self.daemon.reload(self.config.replace("[limits]", f'[limits]\non_limit = "{on_limit}"'))
        self.daemon.account(on_limit, PASSWORD, total_limit="0.000001")
        client = self.client(on_limit)
        for _ in range(10):
            self.asked(client, bytes(120))
        return client

    def test_finish(self) -> None:
        """What is open goes on, and is billed; nothing new begins."""
        client = self.past("finish")
        for _ in range(20):
            self.answered(client, bytes(500))
        with self.assertRaises(Refused):
            self.client("finish")
        client.close()
        self.assertEqual((line := self.line(username="finish", status=200))["reason"], "")
        self.assertEqual(line["up"] + line["down"], 20 + 1_200 + 20 * 1_000)
        until(lambda: self.daemon.total("finish") == 20 + 1_200 + 20 * 1_000, "all of it")

    def test_slow(self) -> None:
        """What is too fast is dropped; who sends again gets through."""
        client = self.past("slow")
        self.origin.settimeout(0.2)
        came = 0
        for _ in range(100):
            client.send("127.0.0.1", self.port, bytes(1_200))
            with contextlib.suppress(TimeoutError):
                came += len(self.origin.recv(2_000))
            if came >= 3_600:
                break
        self.assertGreaterEqual(came, 3_600)
        client.close()
        self.assertEqual(self.line(username="slow")["up"], 10 + 1_200 + came)


class SilentTests(UdpCase):
    config = CONFIG.replace("[limits]", "[timeouts]\nudp_idle = 2\n[limits]")

    def test_a_destination_is_forgotten(self) -> None:
        """Its socket is closed, and opened anew when the client sends again; an answer that is late goes nowhere."""
        self.at_rest()
        client = self.client()
        standing = sockets(self.daemon)
        source = self.answered(client)
        until(lambda: sockets(self.daemon) == standing, "the flow is freed")
        self.origin.sendto(b"late", source)
        self.answered(client)
        self.assertTrue(silent(client.socket))

    def test_an_association_ends(self) -> None:
        """Once nothing has gone for as long as a tunnel may be silent."""
        self.daemon.reload(self.config.replace("udp_idle", "idle = 2\nudp_idle"))
        client = self.client()
        self.answered(client)
        self.assertTrue(client.ended())
        self.assertEqual(self.line(port=self.port)["reason"], "idle-timeout")


class OffTests(UdpCase):
    config = CONFIG.replace("on = true", "on = false")

    def test_off_and_on(self) -> None:
        """The reply is that the command is not served; a reload is enough either way, and touches nobody."""
        with self.assertRaises(Refused) as refused:
            self.client()
        self.assertEqual(refused.exception.reply, 7)
        port = free_port()
        self.daemon.reload(CONFIG.replace("on = true", f'on = true\naddress = "127.0.0.1"\nports = ["{port}"]'))
        client = self.client()
        self.assertEqual(client.relay, ("127.0.0.1", port))
        self.answered(client)
        with self.assertRaises(Refused) as refused:
            self.client()
        self.assertEqual(refused.exception.reply, 1)
        self.daemon.reload(self.config)
        self.answered(client)


class OtherPlacesTests(UdpCase):
    """On PostgreSQL, and with workers."""

    def check(self, daemon: LiveDaemon) -> None:
        self.daemon = daemon
        daemon.account("anna", PASSWORD)
        clients = [self.client() for _ in range(6)]
        for client in clients:
            self.answered(client, bytes(100))
        for client in clients:
            client.close()
        until(lambda: daemon.total("anna") == 6 * 220, "all of it")

    def test_workers(self) -> None:
        """Each has the sockets of the clients that it has."""
        self.check(LiveDaemon(self, config="workers = 2\n" + CONFIG))

    def test_postgres(self) -> None:
        """The other store, with workers too."""
        self.check(LiveDaemon(self, config="workers = 2\n" + CONFIG, store=stores.migrated_postgres_url(self)))

    def test_a_restart(self) -> None:
        """What is open when the daemon stops has the time of tunnels, and is billed."""
        daemon = LiveDaemon(self, config=CONFIG.replace("[limits]", "[timeouts]\ndrain = 0.3\n[limits]"))
        self.daemon = daemon
        daemon.account("anna", PASSWORD)
        client = self.client()
        self.answered(client, bytes(100))
        daemon.restart()
        self.assertTrue(client.ended())
        self.assertEqual((self.line(port=self.port)["reason"], daemon.total("anna")), ("overloaded", 220))

    def test_a_successor(self) -> None:
        """By `meshd restart`: what is open goes on in the process before, what is new is the next one's."""
        daemon = SucceededDaemon(self, CONFIG.replace("[limits]", "[timeouts]\ndrain = 20\n[limits]"))
        self.daemon = daemon
        daemon.account("anna", PASSWORD)
        before = self.client()
        self.answered(before, bytes(100))
        old = daemon.hand_on()
        after = self.client()
        for client in (before, after):
            self.answered(client, bytes(100))
        before.close()
        daemon.wait_for(old)
        self.answered(after, bytes(100))
        after.close()
        until(lambda: daemon.total("anna") == 2 * 20 + 4 * 200, "all of both")
