"""The addresses of this host's devices."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.hosts.devices import addresses_of


class DeviceTests(SynchronousTestCase):
    def test_loopback(self) -> None:
        """A host without IPv6 has the first alone."""
        self.assertIn(addresses_of("lo"), {("127.0.0.1", "::1"), ("127.0.0.1",)})

    def test_no_such_device(self) -> None:
        self.assertEqual(addresses_of("none0"), ())
