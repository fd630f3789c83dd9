"""`[metrics]`: where a daemon's numbers are told, and to whom."""

from __future__ import annotations

from ipaddress import ip_network

from meshd.config import ConfigError, rows
from meshd.config.metrics import ACCOUNTS, near
from meshd.values.metrics import METRICS, Metrics
from tests.config.support import ConfigTestCase

TOKEN = "0123456789abcdef"


class EndpointTests(ConfigTestCase):
    CASES = (
        ("tcp:9464", "tcp:9464:interface=127.0.0.1"),
        ("tcp:9464:interface=10.0.0.5", "tcp:9464:interface=10.0.0.5"),
        ("tcp:9464:interface=0.0.0.0", "tcp:9464:interface=0.0.0.0"),
        (r"tcp:9464:interface=\:\:", r"tcp:9464:interface=\:\:"),
        ("tcp6:9464", r"tcp6:9464:interface=\:\:1"),
        (r"tcp6:9464:interface=\:\:", r"tcp6:9464:interface=\:\:"),
        (r"tcp6:9464:interface=2001\:db8\:\:1", r"tcp6:9464:interface=2001\:db8\:\:1"),
        ("unix:metrics.sock", "unix:metrics.sock"),
        ("haproxy:tcp:9464", "haproxy:tcp:9464:interface=127.0.0.1"),
        ("systemd:domain=INET:name=metrics", "systemd:domain=INET:name=metrics"),
    )

    def test_without_an_address_it_is_loopback(self) -> None:
        """Whoever wants others to come says so."""
        for text, wanted in self.CASES:
            self.assertEqual(near(text), wanted)
            self.assertEqual(near(wanted), wanted)

    def test_what_is_no_endpoint(self) -> None:
        for text in ("9464", "tcp:x", "ssl:9464", ""):
            self.assertRaises(ValueError, near, text)


class MetricsTests(ConfigTestCase):
    def test_it_is_off(self) -> None:
        config = self.load("")
        self.assertEqual(config.topology.metrics, Metrics())
        self.assertNotIn(METRICS, dict(config.listeners))

    def test_all_that_can_be_said(self) -> None:
        self.write("token", TOKEN)
        (self.folder / "token").chmod(0o600)
        config = self.load(
            '[metrics]\nlisten = ["tcp:9464"]\nnetworks = ["10.0.0.0/8"]\n'
            'token_file = "token"\naccounts = ["Alice", "bob"]'
        )
        self.assertEqual(
            config.topology.metrics,
            Metrics(
                ("tcp:9464:interface=127.0.0.1",),
                (ip_network("10.0.0.0/8"),),
                self.folder / "token",
                TOKEN.encode(),
                ("alice", "bob"),
            ),
        )
        self.assertIn((METRICS, "tcp:9464:interface=127.0.0.1"), config.listeners)
        self.assertEqual(config.listeners[-1][0], "", "the API's is last")
        shown = {key: value for key, value, _ in rows(config) if key.startswith("metrics.")}
        self.assertEqual(shown["metrics.accounts"], "alice, bob")
        self.assertNotIn(TOKEN, str(shown) + repr(config))

    def test_a_flag_switches_it_on(self) -> None:
        self.assertEqual(
            self.load(None, {"metrics": ["tcp:1"]}).topology.metrics.listen, ("tcp:1:interface=127.0.0.1",)
        )

    def test_what_is_refused(self) -> None:
        """In one line that says what to do."""
        self.write("short", "x")
        self.write("open", TOKEN)
        for name, mode in (("short", 0o600), ("open", 0o644)):
            (self.folder / name).chmod(mode)
        many = ", ".join(f'"a{number}"' for number in range(ACCOUNTS + 1))
        cases = (
            ('listen = ["tcp:31280"]', "both proxies.local and metrics listen there"),
            ('token_file = "missing"', "there is no such file"),
            ('token_file = "short"', "must hold 16 to 4096 bytes"),
            ('token_file = "open"', "chmod 640 or 600"),
            ('networks = ["everybody"]', "must be"),
            ('accounts = ["a b"]', "a username"),
            (f"accounts = [{many}]", "more than 100 names"),
            ("listen = 9464", "must be"),
        )
        for text, words in cases:
            error = self.assertRaises(
                ConfigError,
                self.load,
                f'[metrics]\n{text}\n[proxies.local]\nlisten = ["tcp:31280:interface=127.0.0.1"]',
            )
            self.assertIn(words, str(error), text)
            self.assertNotIn("\n", str(error))
