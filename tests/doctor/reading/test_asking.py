"""Name servers, other proxies and addresses, as they are found."""

from __future__ import annotations

import socket
import threading

from twisted.trial.unittest import SynchronousTestCase

from meshd.doctor.reading import asking
from meshd.topology import Exit, UpstreamProxy


class ServerTests(SynchronousTestCase):
    def answered(self, change: bytes) -> asking.Server:
        """What is made of a server that repeats the question below these bytes of flags and counts."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", 0))

            def answer() -> None:
                data, client = server.recvfrom(512)
                server.sendto(b"\0\0" + change + data[12:], client)  # another's id
                server.sendto(data[:2] + change + data[12:], client)

            thread = threading.Thread(target=answer)
            thread.start()
            found = asking.asked(("127.0.0.1", server.getsockname()[1]))
            thread.join()
        return found

    def test_codes(self) -> None:
        """That of the answer to our own question."""
        for code in (0, 3, 5):
            found = self.answered(bytes((0x81, 0x80 | code)) + b"\0\1\0\0\0\0\0\0")
            self.assertEqual((found.problem, found.code), ("", code))

    def test_nobody(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        self.assertIn("cannot be asked", asking.asked(("127.0.0.1", port)).problem)

    def test_resolv_conf(self) -> None:
        text = "# a comment\nnameserver 192.0.2.1\nnameserver\nsearch example\nnameserver 2001:db8::1\n"
        self.assertEqual(asking.system_servers(text), [("192.0.2.1", 53), ("2001:db8::1", 53)])


class WayTests(SynchronousTestCase):
    def upstream(self, port: int, name: str = "a", user: str = "u") -> Exit:
        proxy = UpstreamProxy("127.0.0.1", port, user, "secret")
        return Exit(name, "http", upstream=proxy)

    def test_other_proxies(self) -> None:
        """One that listens, and one that does not; what tells them apart has no password."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            found = asking.tried(self.upstream(port))
            self.assertEqual(found.problem, "")
            self.assertEqual(found.place, asking.tried(self.upstream(port, "b")).place)
            self.assertNotEqual(found.place, asking.tried(self.upstream(port, "a", "v")).place)
        found = asking.tried(self.upstream(port))
        self.assertIn(f"127.0.0.1:{port} cannot be reached", found.problem)
        self.assertNotIn("secret", repr(found))

    def test_addresses(self) -> None:
        """Of this machine, and of none."""
        self.assertEqual(asking.tried(Exit("a", "local", "127.0.0.1")).problem, "")
        self.assertIn("192.0.2.77 is not this machine's", asking.tried(Exit("a", "local", "192.0.2.77")).problem)
        self.assertEqual(asking.tried(Exit("a", "direct")).problem, "")

    def test_some_of_many(self) -> None:
        """The others are there, untried."""
        ways, untried = asking.exits([Exit("a", "direct"), Exit("b", "local", "192.0.2.77")], 1)
        self.assertEqual(([way.name for way in ways], untried), (["a", "b"], 1))
        self.assertEqual(ways[1].problem, "")
