"""CONNECT-UDP by every kind of exit, with a sticky key and without, by several workers, and on PostgreSQL."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.support import postgres
from tests.support.daemon import LiveDaemon, until
from tests.support.http2 import Header, Session, basic
from tests.support.masque import UdpEchoes, UdpStream, UdpTunnel, path_to

ON = "[udp]\non = true\n[limits]\nflush_seconds = 0.1\n"
HTTP_ONLY = '[[exits]]\nname = "web"\nkind = "http"\nupstream = "127.0.0.1:9"\n'
TWO = "".join(f'[[exits]]\nname = "127.0.0.{at}"\nkind = "local"\naddress = "127.0.0.{at}"\n' for at in (2, 3))


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.origin = UdpEchoes(self)

    def open(self, daemon: LiveDaemon, *fields: Header) -> UdpTunnel:
        tunnel = UdpTunnel(daemon, path_to("127.0.0.1", self.origin.port), *fields)
        self.addCleanup(tunnel.close)
        return tunnel


class ExitTests(Case):
    def test_http_proxies(self) -> None:
        """Carry no datagrams: another exit is taken, and where there is none that is said."""
        daemon = LiveDaemon(self, HTTP_ONLY + ON)
        anna = basic("anna", daemon.account("anna"))
        refused = self.open(daemon, anna)
        self.assertEqual(refused.status, 502)
        self.assertIn(b"exit-refused", refused.head)
        daemon.reload(HTTP_ONLY + '[[exits]]\nname = "here"\nkind = "direct"\n' + ON)
        for _ in range(6):
            self.assertEqual(self.open(daemon, anna).asked(b"by here"), b"by here")

    def test_a_socks5_proxy(self) -> None:
        """Passes them on, counted by both to the byte."""
        theirs = LiveDaemon(self, ON)
        password = theirs.account("us")
        upstream = f'[[exits]]\nname = "theirs"\nkind = "socks5"\nupstream = "{theirs.proxy}"\n'
        ours = LiveDaemon(self, f'{upstream}username = "us"\npassword = "{password}"\n{ON}')
        anna = basic("anna", ours.account("anna"))
        tunnel = self.open(ours, anna)
        for size in (0, 1, 1200, 9000):
            self.assertEqual(tunnel.asked(b"s" * size), b"s" * size)
        session = Session(ours)
        self.addCleanup(session.close)
        stream = UdpStream(session, path_to("127.0.0.1", self.origin.port), anna)
        self.assertEqual(stream.asked(b"two"), b"two")
        tunnel.close()
        (line,) = until(lambda: [each for each in ours.exchanges() if each["up"] > 10_000], "our line")
        (their,) = until(lambda: [each for each in theirs.exchanges() if each["up"] > 10_000], "their line")
        self.assertEqual((line["method"], their["method"]), ("CONNECT-UDP", "UDP"))
        for each in (line, their):
            self.assertTrue(0 < each["up"] - 10_201 < 400)
            self.assertTrue(0 < each["down"] - 10_201 < 400)

    def test_a_sticky_key(self) -> None:
        """Keeps its exit from flow to flow; without one they take turns."""
        daemon = LiveDaemon(self, TWO + ON)
        anna = basic("anna", daemon.account("anna"))
        for fields, expected in (((b"x-proxymesh-session", b"k"),), {1}), ((), {2}):
            self.origin.senders.clear()
            for _ in range(12):
                self.assertEqual(self.open(daemon, anna, *fields).asked(b"x"), b"x")
            self.assertEqual({len({sender[0] for sender in self.origin.senders})}, expected)


class EndTests(Case):
    def test_a_kill(self) -> None:
        """What a killed process had carried is billed by the next one, and stands in the log."""
        daemon = LiveDaemon(self, ON)
        tunnel = self.open(daemon, basic("anna", daemon.account("anna")))
        for _ in range(10):
            self.assertEqual(tunnel.asked(b"k" * 1000), b"k" * 1000)
        self.assertEqual(tunnel.asked(b""), b"")  # by now all before it is counted
        daemon.kill()
        self.assertIsNone(tunnel.receive())
        daemon.start()
        until(lambda: daemon.total("anna") > 20_000, "what was carried", 90)
        until(
            lambda: sum(line["up"] + line["down"] for line in daemon.exchanges()) == daemon.total("anna"), "a balance"
        )
        self.assertLess(daemon.total("anna"), 20_800)

    def test_a_stop_that_waits_no_longer(self) -> None:
        """Ends what is open, which is billed."""
        daemon = LiveDaemon(self, ON + "[timeouts]\ndrain = 0.3\n")
        tunnel = self.open(daemon, basic("anna", daemon.account("anna")))
        self.assertEqual(tunnel.asked(b"s" * 1000), b"s" * 1000)
        daemon.restart()
        self.assertIsNone(tunnel.receive())
        (line,) = daemon.exchanges()
        self.assertEqual((line["reason"], line["up"] + line["down"]), ("overloaded", daemon.total("anna")))

    def test_too_many(self) -> None:
        """An account has as many flows as tunnels, both counted together."""
        daemon = LiveDaemon(self, ON + "tunnels_per_account = 3\n[timeouts]\nturn = 0\n")
        anna = basic("anna", daemon.account("anna"))
        ways = [self.open(daemon, anna) for _ in range(3)]
        self.assertEqual([way.status for way in ways], [101] * 3)
        self.assertEqual(self.open(daemon, anna).status, 429)
        ways[0].close()
        until(lambda: self.open(daemon, anna).status == 101, "the place of the one that has ended")

    def test_rules_that_change(self) -> None:
        """End a flow to what is no longer allowed."""
        daemon = LiveDaemon(self, ON)
        tunnel = self.open(daemon, basic("anna", daemon.account("anna")))
        self.assertEqual(tunnel.asked(b"here"), b"here")
        daemon.cli("account", "rules", "anna", "--except", "127.0.0.0/8")
        self.assertIsNone(tunnel.receive())
        (line,) = until(daemon.exchanges, "its line")
        self.assertEqual(line["reason"], "acl-account")


class WorkersTests(Case):
    def test_workers(self) -> None:
        """Each serves its own; all is billed once."""
        daemon = LiveDaemon(self, "workers = 2\n" + ON)
        self._everything(daemon)

    def test_postgres(self) -> None:
        """With two workers on the other store."""
        server = postgres.server()
        self._everything(LiveDaemon(self, "workers = 2\n" + ON, store=server.url(server.new_database())))

    def _everything(self, daemon: LiveDaemon) -> None:
        anna = basic("anna", daemon.account("anna"))
        ways = [self.open(daemon, anna) for _ in range(8)]
        for at in range(20):
            for way in ways:
                self.assertEqual(way.asked(b"%d" % at), b"%d" % at)
        for way in ways:
            way.close()
        lines = until(lambda: len(found := daemon.exchanges()) >= 8 and found, "eight lines")
        total = sum(line["up"] + line["down"] for line in lines)
        until(lambda: daemon.total("anna") == total, "a balance")
