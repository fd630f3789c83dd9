"""Which upstream takes a request."""

from __future__ import annotations

from collections import Counter
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from meshd.hosts.policies import choose
from meshd.hosts.vitals import Vital
from meshd.values.published import Policy, Upstream

ONE, TWO, THREE = (Vital("http", Upstream(f"10.0.0.{last}", 80)) for last in (1, 2, 3))
ALL = (ONE, TWO, THREE)


def chosen(
    policy: Policy, candidates: tuple[Vital, ...] = ALL, *, turn: int = 0, address: str = "", uri: bytes = b"/"
) -> Vital:
    return choose(policy, candidates, turn=turn, address=address, uri=uri, chance=Random(turn))


class ChooseTests(SynchronousTestCase):
    def test_round_robin_goes_round(self) -> None:
        self.assertEqual([chosen("round_robin", turn=turn) for turn in range(4)], [ONE, TWO, THREE, ONE])

    def test_first_is_the_first_that_is_left(self) -> None:
        self.assertIs(chosen("first", turn=2), ONE)
        self.assertIs(chosen("first", (TWO, THREE)), TWO)

    def test_random_takes_all(self) -> None:
        self.assertEqual({chosen("random", turn=turn) for turn in range(50)}, set(ALL))

    def test_least_conn_takes_the_idlest(self) -> None:
        """And of several in turn."""
        ONE.open, TWO.open, THREE.open = 2, 1, 1
        self.addCleanup(lambda: [setattr(each, "open", 0) for each in ALL])
        self.assertEqual({chosen("least_conn", turn=turn) for turn in range(4)}, {TWO, THREE})

    def test_a_hash_keeps_its_key_where_it_is(self) -> None:
        """Where one is gone, only its own keys move; each has its share."""
        by_address = {f"192.0.2.{last}": chosen("ip_hash", address=f"192.0.2.{last}") for last in range(200)}
        for address, before in by_address.items():
            after = chosen("ip_hash", (ONE, THREE), address=address, turn=7)
            self.assertTrue(after is before or before is TWO, address)
        self.assertGreater(min(Counter(by_address.values()).values()), 40)

    def test_uri_hash_goes_by_the_target(self) -> None:
        uris = [b"/%d?q" % number for number in range(60)]
        for uri in uris:
            self.assertIs(chosen("uri_hash", uri=uri), chosen("uri_hash", uri=uri, turn=5, address="x"), uri)
        self.assertEqual({chosen("uri_hash", uri=uri) for uri in uris}, set(ALL))
