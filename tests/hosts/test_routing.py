"""Names to hosts."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.hosts.routing import Routes
from meshd.values.published import DeadHost, ProxyHost, Redirection, Upstream

SHOP = ProxyHost(1, ("shop.example", "www.shop.example"), "http", (Upstream("10.0.0.1", 80),))
TENANTS = ProxyHost(2, ("*.tenants.example", "tenants.example"), "http", (Upstream("10.0.0.2", 80),))
OLD = Redirection(3, ("old.tenants.example",), "https", "shop.example")
DEAD = DeadHost(4, ("*.example",))

ROUTES = Routes((SHOP, TENANTS, OLD, DEAD))


class RoutesTests(SynchronousTestCase):
    def test_each_name_finds_its_host(self) -> None:
        for sentence, name, host in (
            ("a name finds the host that has it", "shop.example", SHOP),
            ("each further name does too", "www.shop.example", SHOP),
            ("a wildcard covers one label", "a.tenants.example", TENANTS),
            ("the very name goes before a wildcard", "old.tenants.example", OLD),
            ("the name below the asterisk is no part of the wildcard", "tenants.example", TENANTS),
            ("a wildcard does not cover two labels", "a.b.tenants.example", None),
            ("a wildcard does not cover an empty label", ".tenants.example", None),
            ("a wildcard may stand high", "nobody.example", DEAD),
            ("a wildcard does not cover its own end", "example", None),
            ("a name that is nobody's finds none", "shop.invalid", None),
            ("no name finds none", "", None),
            ("an address is no name below a wildcard", "127.0.0.1", None),
        ):
            self.assertIs(ROUTES.find(name), host, sentence)
