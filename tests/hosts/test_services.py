"""Resources as their bytes are passed on."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.hosts.services import Service, service_of
from meshd.values.published import PortForward, ProxyHost, Stream, Upstream

ONE, TWO = Upstream("10.0.0.1", 1), Upstream("b.example", 2)


class ServiceTests(SynchronousTestCase):
    def test_of_each_kind(self) -> None:
        for resource, service, label in (
            (
                Stream(3, 443, ONE, sni=("a.example",), certificate=9, owner=1, token=2),
                Service("stream-hosts", 3, (ONE,), 1, 2, 443, 9),
                "stream-hosts:3",
            ),
            (
                PortForward(4, 22, ONE, method="iptables", owner=1, token=2),
                Service("port-forwards", 4, (ONE,), 1, 2, 22, asked="iptables"),
                "port-forwards:4",
            ),
            (
                ProxyHost(5, ("a.example",), "https", (ONE, TWO), passthrough=True, owner=1, token=2),
                Service("proxy-hosts", 5, (ONE, TWO), 1, 2),
                "proxy-hosts:5",
            ),
        ):
            self.assertEqual(service_of(resource), service)
            self.assertEqual(service.label, label)
