"""SIGTERM: nothing new comes in, what is under way may end, all is counted, and the status is 0."""

from __future__ import annotations

import signal
import socket
import time

from twisted.trial.unittest import SynchronousTestCase

from tests.live.raw import Raw, basic
from tests.support.daemon import LiveDaemon, until
from tests.support.origin import RecordingOrigin, pattern

SET = 20.0
"""Seconds after which a drain of one is over, however busy the machine is, and that of the default is not."""


class StopTests(SynchronousTestCase):
    def start(self, drain: float) -> LiveDaemon:
        daemon = LiveDaemon(self, config=f"[timeouts]\ndrain = {drain}\n")
        self.anna = basic("anna", daemon.account("anna"))
        return daemon

    def log_sum(self, daemon: LiveDaemon) -> int:
        return sum(line["up"] + line["down"] for line in daemon.exchanges() if line["username"] == "anna")

    def test_an_idle_tunnel_is_ended_when_the_drain_is_over_and_the_status_is_0(self) -> None:
        """With what it moved in the store and in the exchange log."""
        daemon, echo = self.start(drain=1), RecordingOrigin(self, raw="echo")
        tunnel = Raw(self, daemon.proxy_port)
        self.assertEqual(tunnel.tunnel(echo.authority, self.anna), 200)
        self.assertTrue(tunnel.echoes(pattern(50_000)))
        began = time.monotonic()
        daemon.signal(signal.SIGTERM)
        self.assertTrue(tunnel.ends())
        self.assertEqual(daemon.wait(), 0)
        took = time.monotonic() - began
        self.assertGreaterEqual(took, 0.9)
        self.assertLess(took, SET)
        (line,) = [each for each in daemon.exchanges() if each["method"] == "CONNECT"]
        self.assertEqual(line["up"] + line["down"], daemon.total("anna"))
        self.assertGreater(daemon.total("anna"), 100_000)
        self.assertEqual(daemon.stderr_text(), "")

    def test_without_anything_open_it_ends_at_once(self) -> None:
        """However long the drain may be; a client that only keeps its connection, or says nothing, is no reason."""
        daemon, origin = self.start(drain=3600), RecordingOrigin(self)
        kept, silent = Raw(self, daemon.proxy_port), Raw(self, daemon.proxy_port)
        self.assertEqual(kept.get(origin.url(), self.anna), 200)
        self.assertEqual(daemon.terminate(), 0)
        self.assertTrue(kept.ends())
        silent.send(b"GET ")  # a connection that never spoke was the kernel's alone
        self.assertTrue(silent.ends())

    def test_what_is_under_way_ends_by_itself_while_nothing_new_comes_in(self) -> None:
        """A slow answer arrives whole; the ports are closed meanwhile."""
        daemon, origin = self.start(drain=20), RecordingOrigin(self)
        slow = Raw(self, daemon.proxy_port)
        url = origin.url("/slow")
        slow.send(
            b"GET " + url.encode() + b" HTTP/1.1\r\nHost: " + origin.authority.encode() + b"\r\n" + self.anna + b"\r\n"
        )
        origin.wait_for_requests(1)
        daemon.signal(signal.SIGTERM)
        until(lambda: not (listens(daemon.proxy_port) or listens(daemon.api_port)), "the ports are closed")
        self.assertTrue(daemon.running)
        origin.release()
        self.assertTrue(slow.head().startswith(b"HTTP/1.1 200 "))
        self.assertTrue(slow.rest().endswith(b"}"))
        self.assertEqual(daemon.wait(), 0)
        self.assertEqual(daemon.total("anna"), self.log_sum(daemon))

    def test_what_is_taken_away_meanwhile_ends(self) -> None:
        """However long the drain may be: of a token, and of an account; then nothing is open any more."""
        daemon, echo = self.start(drain=3600), RecordingOrigin(self, raw="echo")
        daemon.account("berta")
        token = daemon.new_token("berta")
        berta = f"Proxy-Authorization: Bearer {token['token']}\r\n".encode()
        first, second = (Raw(self, daemon.proxy_port) for _ in range(2))
        for tunnel, who in ((first, self.anna), (second, berta)):
            self.assertEqual(tunnel.tunnel(echo.authority, who), 200)
            self.assertTrue(tunnel.echoes())
        daemon.signal(signal.SIGTERM)
        until(lambda: not listens(daemon.proxy_port), "nobody is let in any more")
        daemon.cli("token", "deactivate", "berta", str(token["id"]))
        self.assertTrue(second.ends())
        self.assertTrue(first.echoes())
        daemon.cli("account", "deactivate", "anna")
        self.assertTrue(first.ends())
        self.assertEqual(daemon.wait(), 0)

    def test_a_second_signal_does_not_spoil_the_first(self) -> None:
        """SIGTERM twice, and SIGHUP between them, while it drains."""
        daemon, echo = self.start(drain=1), RecordingOrigin(self, raw="echo")
        tunnel = Raw(self, daemon.proxy_port)
        self.assertEqual(tunnel.tunnel(echo.authority, self.anna), 200)
        self.assertTrue(tunnel.echoes())
        since = daemon.log_position
        daemon.signal(signal.SIGTERM)
        daemon.wait_for_log(f":{daemon.proxy_port} closes", since=since)
        daemon.signal(signal.SIGHUP)
        daemon.signal(signal.SIGTERM)
        self.assertEqual(daemon.wait(), 0)
        self.assertEqual(daemon.total("anna"), self.log_sum(daemon))
        self.assertNotIn("Traceback", daemon.log_text())
        self.assertNotIn("Unhandled", daemon.log_text())

    def test_ctrl_c_stops_in_the_same_order(self) -> None:
        """SIGINT, as from a terminal; the status is that of the signal, as shells have it."""
        daemon, origin = self.start(drain=1), RecordingOrigin(self)
        self.assertEqual(Raw(self, daemon.proxy_port).get(origin.url(), self.anna), 200)
        daemon.signal(signal.SIGINT)
        self.assertIn(daemon.wait(), (0, -signal.SIGINT))
        self.assertGreater(daemon.total("anna"), 0)
        self.assertEqual(daemon.total("anna"), self.log_sum(daemon))


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 60).close()
    except ConnectionRefusedError:
        return False
    return True
