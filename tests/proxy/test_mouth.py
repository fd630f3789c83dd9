"""The socket of a SOCKS5 client's datagrams: its port, and whom it hears."""

from __future__ import annotations

import random
import socket

from twisted.trial.unittest import SynchronousTestCase

from meshd.proxy.mouth import ATTEMPTS, Mouth, bound, drawn, local_address
from tests.support.daemon import free_port
from tests.support.ready import readable

CHANCE = random.Random(7)


class PortTests(SynchronousTestCase):
    def test_which_ports_are_tried(self) -> None:
        """Each of the ranges once, in their order from a place that is drawn; of many a part."""
        ranges = ((10, 12), (20, 20), (30, 31))
        ring = [10, 11, 12, 20, 30, 31]
        begun = set()
        for _ in range(100):
            found = list(drawn(ranges, CHANCE))
            place = ring.index(found[0])
            self.assertEqual(found, ring[place:] + ring[:place])
            begun.add(found[0])
        self.assertEqual(begun, set(ring))
        many = list(drawn(((1, 65535),), CHANCE))
        self.assertEqual((len(many), len(set(many))), (ATTEMPTS, ATTEMPTS))

    def test_one_that_is_free(self) -> None:
        """None where there is none, and nothing left open then."""
        port = free_port()
        one = bound("127.0.0.1", ((port, port),), CHANCE)
        assert one is not None
        self.addCleanup(one.close)
        self.assertEqual(one.getsockname(), ("127.0.0.1", port))
        self.assertIsNone(bound("127.0.0.1", ((port, port),), CHANCE))
        self.assertIsNone(bound("192.0.2.1", (), CHANCE))
        for address in ("127.0.0.1", "::1"):
            sock = bound(address, (), CHANCE)
            assert sock is not None
            self.addCleanup(sock.close)
            self.assertEqual(sock.getsockname()[0], address)

    def test_where_a_client_has_connected_to(self) -> None:
        for family, host, expected in (
            (socket.AF_INET, "127.0.0.9", "127.0.0.9"),
            (socket.AF_INET6, "::1", "::1"),
            (socket.AF_INET6, "::", "127.0.0.1"),
        ):
            listener = socket.create_server((host, 0), family=family, dualstack_ipv6=host == "::")
            self.addCleanup(listener.close)
            with socket.create_connection((host if host != "::" else "127.0.0.1", listener.getsockname()[1])):
                near, _ = listener.accept()
                self.assertEqual(local_address(near.fileno()), expected)
                near.close()
        near, far = socket.socketpair()
        self.assertEqual(local_address(near.fileno()), "")
        for each in (near, far):
            each.close()


class HeardTests(SynchronousTestCase):
    def mouth(self, port: int = 0) -> Mouth:
        sock = bound("127.0.0.1", (), CHANCE)
        assert sock is not None
        self.addCleanup(sock.close)
        return Mouth(sock, "127.0.0.2", port)

    def sender(self, host: str) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(sock.close)
        sock.bind((host, 0))
        return sock

    def heard(self, mouth: Mouth) -> list[bytes]:
        """All that is taken of what has come."""
        buffer, found = memoryview(bytearray(100)), []
        while readable([mouth.sock], 0.0):
            size = mouth.read(buffer)
            if size:
                found.append(bytes(buffer[:size]))
        return found

    def test_the_first_port_of_the_address(self) -> None:
        """Also where others have come before it was known; nobody is answered before."""
        mouth = self.mouth()
        client, other, stranger = self.sender("127.0.0.2"), self.sender("127.0.0.2"), self.sender("127.0.0.3")
        self.assertFalse(mouth.send(b"head", memoryview(b"data")))
        for turn in range(2):
            stranger.sendto(b"stranger", mouth.place)
            client.sendto(b"client %d" % turn, mouth.place)
            other.sendto(b"other", mouth.place)
            client.sendto(b"", mouth.place)
            self.assertEqual(self.heard(mouth), [b"client %d" % turn])
        self.assertTrue(mouth.send(b"head", memoryview(b"data")))
        self.assertEqual(client.recv(100), b"headdata")
        self.assertFalse(readable([other, stranger], 0.0))

    def test_the_port_that_was_said(self) -> None:
        client, other = self.sender("127.0.0.2"), self.sender("127.0.0.2")
        mouth = self.mouth(client.getsockname()[1])
        other.sendto(b"other", mouth.place)
        client.sendto(b"client", mouth.place)
        self.assertEqual(self.heard(mouth), [b"client"])
