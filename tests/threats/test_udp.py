"""Datagrams of strangers, made-up senders, hostile heads and floods, at the sockets of SOCKS5 clients."""

from __future__ import annotations

import random
import socket

from meshd.socks5 import datagram_head
from tests.live.test_udp import CONFIG, PASSWORD, UdpCase
from tests.support.daemon import LiveDaemon, until
from tests.support.datagrams import datagram_socket, named_head, silent, sockets

ASSOCIATIONS = 1_000
ROOMY = CONFIG.replace("destinations = 3", "destinations = 64")


def resident(daemon: LiveDaemon) -> int:
    """Kilobytes of memory."""
    with open(f"/proc/{daemon.pid}/status") as status:
        (line,) = [line for line in status if line.startswith("VmRSS:")]
    return int(line.split()[1])


class SourceTests(UdpCase):
    """Who is heard, and who is answered."""

    def test_another_address_is_not_heard(self) -> None:
        """Before the client's first datagram or after it, and it does not make its port the client's."""
        client = self.client()
        stranger = datagram_socket(self, "127.0.0.5")
        for _ in range(3):
            stranger.sendto(datagram_head("127.0.0.1", self.port) + b"stranger", client.relay)
        self.answered(client)
        stranger.sendto(datagram_head("127.0.0.1", self.port) + b"stranger", client.relay)
        self.answered(client)
        self.assertTrue(silent(stranger) and silent(self.origin))

    def test_another_port_is_not_heard(self) -> None:
        """After the client's first datagram, and where the request says a port before it too."""
        other = datagram_socket(self)
        for port in (0, 1):
            sock = datagram_socket(self)
            client = self.client(port=sock.getsockname()[1] if port else 0)
            if port:
                other.sendto(datagram_head("127.0.0.1", self.port) + b"other", client.relay)
                client.socket = sock
            self.answered(client)
            other.sendto(datagram_head("127.0.0.1", self.port) + b"other", client.relay)
            self.answered(client)
            self.assertTrue(silent(other) and silent(self.origin))

    def test_only_the_destination_is_passed_on(self) -> None:
        """Whoever else sends to the socket that asks it sends to nobody."""
        client = self.client()
        source = self.asked(client)
        for host in ("127.0.0.1", "127.0.0.5"):
            datagram_socket(self, host).sendto(b"spoofed", source)
        self.origin.sendto(b"answer", source)
        self.assertEqual(client.receive()[2], b"answer")
        self.assertTrue(silent(client.socket))

    def test_accounts_are_apart(self) -> None:
        """Two clients that send to the same place at the same time get their own, and pay their own."""
        clients = []
        for name in ("apart-one", "apart-two"):
            self.daemon.account(name, PASSWORD)
            clients.append(self.client(name))
        for turn in range(200):
            sources = [self.asked(client, b"%d of %d" % (turn, n)) for n, client in enumerate(clients)]
            for n in random.Random(turn).sample((0, 1), 2):
                self.origin.sendto(b"to %d" % n + bytes(100 * n), sources[n])
            for n, client in enumerate(clients):
                self.assertEqual(client.receive()[2], b"to %d" % n + bytes(100 * n))
        for n, client in enumerate(clients):
            client.close()
            line = self.line(username=("apart-one", "apart-two")[n])
            up = sum(len(b"%d of %d" % (turn, n)) for turn in range(200))
            self.assertEqual((line["up"], line["down"]), (10 + up, 10 + 200 * (4 + 100 * n)))

    def test_nothing_before_a_login(self) -> None:
        """No socket stands for whoever has not been let in, and the proxy's own port has no datagrams."""
        before = self.at_rest()
        control = self.control("127.0.0.72")
        self.addCleanup(control.close)
        control.sendall(b"\x05\x02\x00\x02")
        self.assertEqual(control.recv(10), b"\x05\x02")
        self.assertEqual(sockets(self.daemon), before + 1)
        probe = datagram_socket(self)
        probe.connect(("127.0.0.1", self.daemon.proxy_port))
        probe.send(b"anybody there")
        with self.assertRaises(ConnectionRefusedError):
            probe.recv(10)


class HostileTests(UdpCase):
    config = ROOMY

    def test_heads(self) -> None:
        """What is no head of a datagram is dropped and costs nothing; the client goes on."""
        self.daemon.account("heads", PASSWORD)
        client = self.client("heads")
        head = datagram_head("127.0.0.1", self.port)
        junk = (
            b"",
            b"\x00",
            head[:-1],
            b"\x00\x00\x01" + head[3:] + b"a fragment",
            b"\x00\x00\x80" + head[3:] + b"the last one",
            b"\x00\x01" + head[2:] + b"reserved",
            b"\x00\x00\x00\x03\xff" + b"a" * 255 + b"\x1f\x90",
            b"\x00\x00\x00\x03\x00\x1f\x90",
            b"\x00\x00\x00\x03\xff",
            b"\x00\x00\x00\x7f" + bytes(60),
            named_head(b"127.0.0.1\x00.example", self.port) + b"NUL",
            named_head(b"127.0.0.1:80", self.port) + b"a port",
            named_head(b"[::1", self.port) + b"half a bracket",
            datagram_head("::ffff:10.0.0.1", self.port) + b"mapped",
            datagram_head("255.255.255.255", self.port) + b"broadcast",
            datagram_head("224.0.0.1", self.port) + b"multicast",
            datagram_head("0.0.0.0", self.port) + b"nowhere",
            datagram_head("169.254.169.254", 8080) + b"metadata",
        )
        for data in junk:
            client.raw(data)
            self.answered(client)
        chance = random.Random(99)
        for number in range(1_000):
            reserved = chance.randrange(1, 2**24).to_bytes(3, "big")  # or some would go to whomever they name
            client.raw((reserved + head[3:] + chance.randbytes(40))[: chance.randrange(50)])
            if number % 50 == 49:  # the kernel's buffer holds some hundreds
                self.answered(client)
        client.close()
        line = self.line(username="heads")
        served = 3 * (len(junk) + 20)
        self.assertEqual((line["up"], line["down"]), (10 + served, 10 + served))

    def test_destinations_without_end(self) -> None:
        """A client that sends everywhere has as many sockets as it may have destinations, one more for itself."""
        self.at_rest()
        client = self.client()
        before = sockets(self.daemon)
        for number in range(3_000):
            client.send("127.0.0.1", 1024 + number, b"anybody there")
            if not number % 50:  # the kernel's buffer holds some hundreds
                self.answered(client)
        self.answered(client)
        self.assertLessEqual(sockets(self.daemon), before + 64)
        client.close()
        until(lambda: sockets(self.daemon) < before, "all closed")

    def test_names_without_end(self) -> None:
        """As few as the destinations are looked up at a time; those of others are not kept from it."""
        client, other = self.client(), self.client()
        for number in range(2_000):
            client.raw(named_head(b"%d.no-such-name.invalid" % number, 5000) + bytes(1000))
        self.answered(other)
        client.close()


class ManyTests(UdpCase):
    config = ROOMY

    def test_nothing_is_left_of_them(self) -> None:
        """A thousand associations, fifty at a time: descriptors as before, memory as after the first hundreds."""
        before, kept = self.at_rest(), 0
        for turn in range(ASSOCIATIONS // 50):
            clients = [self.client() for _ in range(50)]
            for client in clients:
                self.answered(client, bytes(500))
            for client in clients:
                client.close()
            until(lambda: sockets(self.daemon) == before, "all closed")
            if turn == 4:
                kept = resident(self.daemon)
        self.assertLess(resident(self.daemon), kept + 4_000)
        until(lambda: self.daemon.total("anna") == ASSOCIATIONS * 1020, "all billed")


class LimitRaceTests(UdpCase):
    def test_both_directions_at_once(self) -> None:
        """Together they stay within the limit to the byte, whatever the other does."""
        self.daemon.account("racing", PASSWORD, total_limit="0.00005")
        client = self.client("racing")
        source = self.asked(client)
        received = 0
        for _ in range(100):
            client.send("127.0.0.1", self.port, bytes(700))
            self.origin.sendto(bytes(900), source)
        self.assertTrue(client.ended())
        while not silent(client.socket):
            received += len(client.receive()[2])
        sent = 3
        self.origin.settimeout(0.0)
        while True:
            try:
                sent += len(self.origin.recv(2000))
            except BlockingIOError:
                break
        line = self.line(username="racing")
        self.assertEqual((line["up"], line["down"], line["reason"]), (10 + sent, 10 + received, "quota-total"))
        self.assertTrue(50_000 - 900 < line["up"] + line["down"] <= 50_000)


class ProxyPortTests(UdpCase):
    def test_our_own_ports_are_out_of_reach(self) -> None:
        """Neither TCP listeners' numbers nor another client's socket, which hears its own client alone."""
        victim, client = self.client(), self.client()
        self.answered(victim)
        client.send(*victim.relay, datagram_head("127.0.0.1", self.port) + b"smuggled")
        client.send("127.0.0.1", self.daemon.api_port, b"never")
        self.answered(client)
        self.answered(victim)
        self.assertTrue(silent(self.origin) and silent(victim.socket))
        self.assertEqual(socket.inet_aton(victim.relay[0]), socket.inet_aton("127.0.0.1"))
