"""Listeners that are no bare port: a Unix socket, HAProxy's protocol, one that systemd hands over."""

from __future__ import annotations

import json
import socket
import sys
import time

from twisted.trial.unittest import SynchronousTestCase

from tests.live.raw import Raw, basic
from tests.support.daemon import LiveDaemon, free_port
from tests.support.origin import RecordingOrigin

ACTIVATE = """
import os, socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_FDNAMES="proxy", LISTEN_PID=str(os.getpid()))
os.execvp(sys.argv[2], sys.argv[2:])
"""
"""What systemd does for a socket unit."""

ASK = b"GET http://meshd.internal/ HTTP/1.1\r\nHost: meshd.internal\r\nConnection: close\r\n"

HEAD = 15
"""Seconds; by default a head has ten, and would be overdue too early."""

SIXES = {"2001:db8::9": "2001:db8::9", "::ffff:198.51.100.9": "198.51.100.9"}
"""Clients by IPv6, and how each is told."""


class EndpointTests(SynchronousTestCase):
    """One daemon with a listener of each kind; all of them serve the proxy in full."""

    daemon: LiveDaemon
    field: bytes

    @classmethod
    def setUpClass(cls) -> None:
        cls.behind, cls.handed = free_port(), free_port()
        wrap = (sys.executable, "-c", ACTIVATE, str(cls.handed))
        cls.daemon = LiveDaemon(cls, start=False, wrap=wrap)
        cls.path = str(cls.daemon.folder / "proxy.sock")
        endpoints = [f"tcp:{cls.daemon.proxy_port}", f"unix:{cls.path}", f"haproxy:tcp:{cls.behind}"]
        listen = [*endpoints, "systemd:domain=INET:index=0"]
        cls.daemon.configure(f"[proxy]\nlisten = {listen}\n[timeouts]\nhead = {HEAD}\n")
        cls.daemon.start()
        cls.field = basic("admin", cls.daemon.root_password)
        cls.origin = RecordingOrigin(cls)

    def client_told(self, raw: Raw) -> str:
        """The client's address, as meshd says that it sees it."""
        raw.send(ASK + self.field + b"\r\n")
        return str(json.loads(raw.rest().partition(b"\r\n\r\n")[2])["client"])

    def check_carries(self, raw: Raw) -> None:
        """A kept connection, then a tunnel with a good deal of bytes."""
        self.assertEqual(raw.get(self.origin.url(), self.field), 200)
        self.assertEqual(raw.tunnel(self.origin.authority, self.field), 200)
        raw.send(b"GET /bytes/3000000 HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertTrue(raw.head().startswith(b"HTTP/1.1 200 "))
        self.assertEqual(len(raw.exactly(3_000_000)), 3_000_000)

    def by_path(self) -> Raw:
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(self.path)
        return Raw(self, sock)

    def test_a_unix_socket(self) -> None:
        """Its clients have no address."""
        self.assertEqual(self.client_told(self.by_path()), "")
        self.check_carries(self.by_path())

    def test_behind_haproxy_the_address_is_the_clients(self) -> None:
        """As the PROXY line says, versions 1 and 2, in the one spelling of an address."""
        second, ports = b"\r\n\r\n\x00\r\nQUIT\n\x21", b"\x12\x34\x7a\x30"
        ends = socket.inet_aton("198.51.100.9") + socket.inet_aton("203.0.113.1")
        by_6 = [b"".join(socket.inet_pton(socket.AF_INET6, each) for each in (host, "2001:db8::1")) for host in SIXES]
        for line, client in (
            *((second + b"\x21\x00\x24" + each + ports, host) for each, host in zip(by_6, SIXES.values(), strict=True)),
            (b"PROXY TCP4 198.51.100.9 203.0.113.1 4660 31280\r\n", "198.51.100.9"),
            (second + b"\x11\x00\x0c" + ends + ports, "198.51.100.9"),
        ):
            raw = Raw(self, self.behind)
            raw.send(line)
            self.assertEqual(self.client_told(raw), client)
        raw = Raw(self, self.behind)
        raw.send(line)
        self.check_carries(raw)

    def test_the_allowlist_knows_haproxys_clients_by_their_own_address(self) -> None:
        """HAProxy's own, which all of them share, lets nobody in."""
        self.daemon.account("anna")
        self.daemon.cli("ip", "add", "anna", "8.8.4.4")
        for source, status in (("8.8.4.4", 200), ("8.8.8.8", 407)):
            raw = Raw(self, self.behind)
            raw.send(f"PROXY TCP4 {source} 203.0.113.1 4660 31280\r\n".encode())
            self.assertEqual(raw.get("http://meshd.internal/"), status)

    def test_a_client_of_haproxys_that_says_nothing(self) -> None:
        """Ended when its head is overdue, with or without a PROXY line."""
        began = time.monotonic()
        silent, half = Raw(self, self.behind), Raw(self, self.behind)
        half.send(b"PROXY TCP4 198.51.100.9 203.0.113.1 4660 31280\r\n")
        self.assertTrue(half.ends())
        self.assertGreater(time.monotonic() - began, HEAD - 2)
        self.assertTrue(silent.ends())

    def test_a_socket_that_systemd_hands_over(self) -> None:
        """It was open before the daemon ran."""
        self.assertEqual(self.client_told(Raw(self, self.handed)), "127.0.0.1")
        self.check_carries(Raw(self, self.handed))

    def test_a_client_of_haproxys_that_does_not_speak_its_protocol(self) -> None:
        """A malformed request, whoever's credential it has."""
        raw = Raw(self, self.behind)
        raw.send(ASK + self.field + b"\r\n")
        answer = raw.rest()
        self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)
        self.assertIn(b"begin with a PROXY header", answer)

    def test_zz_all_of_them_end_with_the_daemon(self) -> None:
        """SIGTERM, status 0, and the Unix socket is gone from its folder."""
        kept = [self.by_path(), Raw(self, self.handed), Raw(self, self.daemon.proxy_port)]
        for each in kept:
            self.assertEqual(each.get(self.origin.url(), self.field), 200)
        self.assertEqual(self.daemon.terminate(), 0)
        self.assertTrue(all(each.ends() for each in kept))
        self.assertNotIn("proxy.sock", [path.name for path in self.daemon.folder.iterdir()])
        booked = sum(line["up"] + line["down"] for line in self.daemon.exchanges())
        self.assertEqual(sum(self.daemon.totals().values()), booked)
        self.assertGreater(booked, 0)
        self.assertNotIn("Traceback", self.daemon.log_text())
