"""Names and paths by which proxies show pages about themselves."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.exits.private import private, private_path
from meshd.topology import UpstreamProxy

PROXY = UpstreamProxy("gw.example", 8080)


class PrivateTests(SynchronousTestCase):
    def test_names(self) -> None:
        """With what is under them, and nothing that only looks like them."""
        for host in ("mitm.it", "www.mitm.it", "config.privoxy.org", "tinyproxy.stats", "p.p", "burp"):
            self.assertIsNotNone(private(PROXY, host, 80), host)
        for host in (
            "permit.it",
            "privoxy.org",
            "stats",
            "mitm.it.example",
            "burp.example",
            "2001:db8::1",
            "192.0.2.1",
        ):
            self.assertIsNone(private(PROXY, host, 80), host)

    def test_the_proxy_itself(self) -> None:
        self.assertIsNotNone(private(PROXY, "gw.example", 8080))
        self.assertIsNone(private(PROXY, "gw.example", 80))

    def test_paths(self) -> None:
        self.assertIsNotNone(private_path(b"/squid-internal-mgr/menu"))
        self.assertIsNone(private_path(b"/blog/squid-internal-mgr"))
