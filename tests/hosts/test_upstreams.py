"""Where an upstream may be."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.hosts.upstreams import ADDRESSES, Upstreams
from meshd.sockets.race import DialError
from meshd.values.published import Upstream
from tests.hosts.ground import Names
from tests.passing.hand import Hand

PRIVATE = (
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "fd12::1",
    "8.8.8.8",
    "2001:db8::1",
    "::ffff:10.0.0.1",
)
LOOPBACK = ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1")
NEVER = ("0.0.0.0", "::", "169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fe80::1%eth0", "ff02::1")


class AddressesTests(SynchronousTestCase):
    loopback = False

    def asked(self, host: str, own: int = 0, **names: tuple[str, ...]) -> Deferred[tuple[str, ...]]:
        resolver: Any = Names(names)
        upstreams = Upstreams(Hand(self).poller, resolver, Clock(), lambda: self.loopback)
        return Deferred.fromCoroutine(upstreams.addresses(Upstream(host, 2222), own))

    def addresses(self, host: str, **names: tuple[str, ...]) -> tuple[str, ...]:
        return self.successResultOf(self.asked(host, **names))

    def reason(self, host: str, **names: tuple[str, ...]) -> str:
        error: DialError = self.failureResultOf(self.asked(host, **names), DialError).value
        return error.refusal.reason

    def test_where_one_may_be(self) -> None:
        """Private ones are the rule; loopback is one of them where the settings let it be."""
        for self.loopback in (False, True):
            for address in PRIVATE:
                self.assertEqual(self.addresses("db", db=(address,)), (address,))
            for address in LOOPBACK:
                if self.loopback:
                    self.assertEqual(self.addresses("db", db=(address,)), (address,))
                else:
                    self.assertEqual(self.reason("db", db=(address,)), "acl-private", address)
            for address in NEVER:
                self.assertEqual(self.reason("db", db=(address,)), "acl-private", address)

    def test_of_a_name_and_of_an_address(self) -> None:
        self.assertEqual(self.addresses("db", db=("10.0.0.1", "fd12::1")), ("10.0.0.1", "fd12::1"))
        self.assertEqual(self.addresses("10.0.0.9"), ("10.0.0.9",))
        many = tuple(f"10.0.0.{last}" for last in range(16))
        self.assertEqual(self.addresses("db", db=many), many[:ADDRESSES])

    def test_one_that_is_refused_is_enough(self) -> None:
        """Else whoever answers for the name chooses when the other one is dialled."""
        self.assertEqual(self.reason("db", db=("10.0.0.1", "169.254.169.254")), "acl-private")
        self.assertEqual(self.reason("127.0.0.1"), "acl-private")

    def test_not_back_to_where_the_client_came_from(self) -> None:
        """Each connection would make the next one, until there is room for no more."""
        self.loopback = True
        error: DialError = self.failureResultOf(self.asked("127.0.0.1", 2222), DialError).value
        self.assertEqual((error.refusal.reason, error.refusal.detail), ("acl-private", "it leads to itself"))
        self.assertEqual(self.successResultOf(self.asked("127.0.0.1", 2223)), ("127.0.0.1",))
        self.assertEqual(self.successResultOf(self.asked("10.0.0.1", 2222)), ("10.0.0.1",))

    def test_no_such_name(self) -> None:
        self.assertEqual(self.reason("db"), "dns-error")
