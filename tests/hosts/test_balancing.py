"""Which upstream takes a connection that is passed on untouched."""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from meshd.hosts.balancing import Balancing
from meshd.hosts.services import service_of
from meshd.hosts.sites import Sites
from meshd.values.published import ProxyHost, Published, Stream, Upstream

A, B = Upstream("10.0.0.1", 443), Upstream("10.0.0.2", 443)
HOST = ProxyHost(1, ("a.example",), "https", (A, B), policy="first", passthrough=True)


class BalancingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.sites = Sites()
        self.sites.take(Published(hosts=(HOST,)))
        self.balancing = Balancing(self.sites, lambda: 10.0, Random(1))
        self.service = service_of(HOST)

    def test_a_host_goes_by_its_policy_and_by_what_is_known(self) -> None:
        self.assertEqual(self.balancing.choose(self.service, "192.0.2.1", ()), A)
        self.assertEqual(self.balancing.choose(self.service, "192.0.2.1", (A,)), B)
        self.assertIs(self.balancing.choose(self.service, "192.0.2.1", (A, B)), None)
        for _ in range(3):
            self.balancing.failed(self.service, A)
        self.assertEqual(self.balancing.choose(self.service, "192.0.2.1", ()), B)

    def test_a_connection_counts_while_it_is_held(self) -> None:
        hold = self.balancing.hold(self.service, A)
        assert hold is not None
        (site,) = self.sites
        self.assertEqual([each.open for each in site.vitals], [1, 0])
        hold.end()
        self.assertEqual([each.open for each in site.vitals], [0, 0])

    def test_a_stream_has_one_upstream_that_nobody_watches(self) -> None:
        service = service_of(Stream(1, 5432, A))
        self.balancing.failed(service, A)
        self.assertEqual(self.balancing.choose(service, "", ()), A)
        self.assertIs(self.balancing.choose(service, "", (A,)), None)
        self.assertIs(self.balancing.hold(service, A), None)
