"""A newcomer's walk, from the README's first command to three named proxies: no customer is locked out on the way."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.live.raw import Raw, basic
from tests.support.daemon import LiveDaemon, free_port
from tests.support.origin import RecordingOrigin
from tests.support.visitors import Visitor

CUSTOMERS = [f"customer{number}" for number in range(10)]
PAUSE = 0.02
"""Seconds between two visits: the others want the processor too."""


class WalkTests(SynchronousTestCase):
    def test_from_the_first_command_to_three_named_proxies(self) -> None:
        """Ten customers come all the time, by new connections; one has a tunnel open, one keeps his connection."""
        daemon = LiveDaemon(self, config=None)
        fields = [basic(name, daemon.account(name, plan="20")) for name in CUSTOMERS]
        port, eu, world = daemon.proxy_port, free_port(), free_port()

        # A settings file takes a restart, once: the proxy that is there by itself, as it is.
        daemon.configure(f'[proxies.local]\nlisten = ["tcp:{port}"]\n')
        daemon.restart()
        visitor = Visitor(self, port, *fields, pause=PAUSE)
        visitor.again(1)
        echo = RecordingOrigin(self, raw="echo")
        tunnel, kept = Raw(self, port), Raw(self, port)
        self.assertEqual(tunnel.tunnel(echo.authority, fields[0]), 200)
        self.assertEqual(kept.get("http://meshd.internal/", fields[1]), 200)

        # The new file beside the old one; customers are given the new names before the daemon knows them.
        three = f'[proxies.us]\nlisten = ["tcp:{port}"]\n[proxies.eu]\nlisten = ["tcp:{eu}"]\n'
        three += f'[proxies.open]\nlisten = ["tcp:{world}"]\n[proxy]\nlisten = ["tcp:{port}"]\n'
        daemon.configure(three)
        for name in CUSTOMERS:
            for proxy in ("us", "eu", "open"):
                daemon.cli("proxy", "authorize", name, proxy)
        visitor.again(1)
        (note,) = daemon.cli("reload")["notes"]
        self.assertIn("`meshd proxy move local NAME` moves them to another", note)
        visitor.again(1)
        others = [Visitor(self, each, *fields, pause=PAUSE) for each in (eu, world)]
        for each in others:
            each.again(1)

        # The old name is nobody's any more.
        daemon.cli("proxy", "move", "local", "us")
        visitor.again(1)
        for each in others:
            each.again(1)
        self.assertTrue(daemon.cli("config", "check")["ok"])
        self.assertTrue(tunnel.echoes())
        self.assertEqual(kept.get("http://meshd.internal/", fields[1]), 200)
        for each, names in zip((visitor, *others), ({"local", "us"}, {"eu"}, {"open"}), strict=True):
            each.stop()
            self.assertEqual((set(each.got), set(each.proxies)), ({"200"}, names), each.got)
        tunnel.socket.close()  # or the end would wait for it
        self.assertEqual(daemon.terminate(), 0)
        self.assertNotIn("Traceback", daemon.log_text())
