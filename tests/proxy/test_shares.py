"""Bounds of accounts and plans at the proxy: starts, exchanges and client addresses."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.passing.caps import CROWD, REQUESTS_TOO_FAST, TUNNELS_TOO_FAST, Caps
from meshd.proxy.shares import ADDRESSES, Seat, Shares
from meshd.topology import Limits
from meshd.values.bounds import NO_BOUNDS, Bounds
from meshd.values.terms import Group, Terms, terms
from tests.support.live import settings

PARENT, KID, TWIN = 1, 2, 3


def of_parent(bounds: Bounds) -> Terms:
    return terms((Group(PARENT, bounds),), ())


def of_kid(own: Bounds, family: Bounds, kid: int = KID) -> Terms:
    return terms((Group(kid, own), Group(PARENT, family)), ())


class Exchanges:
    """What is open, by account; all accounts are the parent's."""

    def __init__(self) -> None:
        self.open: dict[int, int] = {}

    def tunnels(self, account_id: int) -> int:
        return self.open.get(account_id, 0)

    def tunnels_of_family(self, account_id: int) -> int:
        return sum(self.open.values()) if account_id == PARENT else self.tunnels(account_id)


class SharesCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.exchanges = Exchanges()
        live = settings(Limits(tunnels_per_account=3, new_tunnels_per_second=2, requests_per_second=5))
        self.shares = Shares(live, Caps(live, 100), self.exchanges)

    def begun(self, held: Terms, account: int, at: float = 0.0, *, tunnel: bool = False, tries: int = 50) -> int:
        """How many of so many tries may begin at that time."""
        return sum(self.shares.start(held, account, at, tunnel=tunnel) is None for _ in range(tries))


class StartTests(SharesCase):
    def test_rates(self) -> None:
        """The account's number goes over the settings'; 0 is no bound; what is not given is the settings'."""
        for bounds, requests, tunnels in (
            (Bounds(requests_per_second=7), 7, 2),
            (Bounds(requests_per_second=1), 1, 1),
            (Bounds(requests_per_second=0), 50, 2),
            (Bounds(tunnels=9), 5, 2),
        ):
            self.setUp()
            self.assertEqual(self.begun(of_parent(bounds), PARENT), requests, bounds)
            self.setUp()
            self.assertEqual(self.begun(of_parent(bounds), PARENT, tunnel=True), tunnels, bounds)

    def test_a_rate_counts_requests_and_tunnels_together(self) -> None:
        """And fills again as time passes, to a second's worth at most."""
        held = of_parent(Bounds(requests_per_second=4))
        self.assertEqual(self.begun(held, PARENT, tunnel=True), 2)
        self.assertEqual(self.begun(held, PARENT), 2)
        self.assertEqual([self.begun(held, PARENT, at) for at in (0.25, 0.25, 100)], [1, 0, 4])

    def test_a_refused_start_takes_nothing(self) -> None:
        """Neither of the rates that have room."""
        held = of_kid(Bounds(requests_per_second=1), Bounds(requests_per_second=3))
        self.assertEqual(self.begun(held, KID), 1)
        self.assertEqual(self.begun(of_kid(NO_BOUNDS, Bounds(requests_per_second=3), TWIN), TWIN), 2)

    def test_a_part_of_an_exchange(self) -> None:
        """It counts in the rates as a request does, however many exchanges are open; those of the settings are kept."""
        for bounds, parts in (
            (Bounds(tunnels=1), 5),
            (Bounds(tunnels=1, requests_per_second=7), 7),
            (Bounds(requests_per_second=0), 50),
        ):
            self.setUp()
            self.exchanges.open = {PARENT: 3}
            begun = [self.shares.begin_part(of_parent(bounds), PARENT, 0.0) for _ in range(50)]
            self.assertEqual(begun.count(None), parts, bounds)
            self.assertEqual(set(begun) - {None}, set() if parts == 50 else {REQUESTS_TOO_FAST}, bounds)

    def test_to_ask_takes_nothing(self) -> None:
        """Who asks whether there is room leaves it there."""
        held = of_parent(Bounds(requests_per_second=1))
        asked = [self.shares.start(held, PARENT, 0, tunnel=False, take=False) for _ in range(5)]
        self.assertEqual((asked, self.begun(held, PARENT)), ([None] * 5, 1))

    def test_a_family_shares_its_parents_bounds(self) -> None:
        """All sub-accounts and the parent together; one may have less for itself, and never more."""
        family = Bounds(requests_per_second=6)
        self.assertEqual(self.begun(of_kid(Bounds(requests_per_second=2), family), KID), 2)
        self.assertEqual(self.begun(of_kid(Bounds(requests_per_second=100), family, TWIN), TWIN), 4)
        self.assertEqual(self.begun(of_parent(family), PARENT), 0)

    def test_open_at_once(self) -> None:
        """Of the account, or of the family; the settings' number only where nobody gives another."""
        for held, account, open_now, refusal in (
            (of_parent(Bounds(tunnels=5)), PARENT, {PARENT: 4}, None),
            (of_parent(Bounds(tunnels=5)), PARENT, {PARENT: 2, KID: 3}, CROWD),
            (of_parent(Bounds(tunnels=0)), PARENT, {PARENT: 4000}, None),
            (of_parent(Bounds(kbit_up=1)), PARENT, {PARENT: 3}, CROWD),
            (of_parent(Bounds(kbit_up=1, requests_per_second=0)), PARENT, {PARENT: 3}, CROWD),
            (of_parent(Bounds(kbit_up=1)), PARENT, {PARENT: 2, KID: 3}, None),
            (of_kid(Bounds(tunnels=1), NO_BOUNDS), KID, {PARENT: 3}, None),
            (of_kid(Bounds(tunnels=1), NO_BOUNDS), KID, {KID: 1}, CROWD),
            (of_kid(NO_BOUNDS, Bounds(tunnels=4)), KID, {KID: 3}, None),
            (of_kid(NO_BOUNDS, Bounds(tunnels=4)), KID, {TWIN: 4}, CROWD),
        ):
            self.exchanges.open = open_now
            self.assertIs(self.shares.start(held, account, 0, tunnel=False, take=False), refusal, (held, open_now))


class WaitingTests(SharesCase):
    def test_patience_counts_with_the_accounts_numbers(self) -> None:
        """As many wait as get their turn in time, or as may be open."""
        for bounds, refusal, expected in (
            (Bounds(requests_per_second=2), REQUESTS_TOO_FAST, (20, 40)),
            (Bounds(requests_per_second=2, tunnels=7), REQUESTS_TOO_FAST, (20, 7)),
            (Bounds(tunnels=7), CROWD, (5, 7)),
            (Bounds(kbit_up=1), CROWD, (5, 3)),
            (Bounds(requests_per_second=2), TUNNELS_TOO_FAST, (20, 3)),
        ):
            self.assertEqual(self.shares.patience(of_parent(bounds), refusal, 20, tunnel=True), expected, bounds)
            self.assertEqual(self.shares.patience(of_parent(bounds), refusal, 0, tunnel=True).places, 0)

    def test_who_outruns_the_rate_alone(self) -> None:
        """By the account's number, or the settings' five a second."""
        for bounds, seconds, outruns in (
            (Bounds(requests_per_second=1), 0.9, True),
            (Bounds(requests_per_second=1), 1.0, False),
            (Bounds(requests_per_second=0), 0.0, False),
            (Bounds(tunnels=1), 0.1, True),
            (Bounds(tunnels=1), 0.2, False),
        ):
            self.assertIs(self.shares.outruns(of_parent(bounds), seconds), outruns, (bounds, seconds))

    def test_the_line_asks_by_the_terms_noted_last(self) -> None:
        """Also where these are none any more."""
        held = of_parent(Bounds(tunnels=1))
        self.exchanges.open = {PARENT: 2}
        self.assertTrue(self.shares.may(PARENT, 0, tunnel=False))
        self.shares.waits(PARENT, held)
        self.assertFalse(self.shares.may(PARENT, 0, tunnel=False))
        self.shares.waits(PARENT, None)
        self.assertTrue(self.shares.may(PARENT, 0, tunnel=False))


class SeatTests(SharesCase):
    def seat(self, held: Terms, peer: str) -> Seat:
        seat = self.shares.seat(held, peer)
        assert isinstance(seat, Seat), (peer, seat)
        return seat

    def test_so_many_addresses_at_a_time(self) -> None:
        """However many exchanges each has; one is free when its last exchange has ended."""
        held = of_parent(Bounds(client_addresses=2))
        seats = [self.seat(held, peer) for peer in ("192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.1")]
        self.assertIs(self.shares.seat(held, "192.0.2.3"), ADDRESSES)
        for seat in (seats[0], seats[2]):
            seat.leave()
            self.assertIs(self.shares.seat(held, "192.0.2.3"), ADDRESSES)
        seats[3].leave()
        self.seat(held, "192.0.2.3")
        self.assertIs(self.shares.seat(held, "192.0.2.1"), ADDRESSES)

    def test_of_ipv6_a_64_is_one_address(self) -> None:
        """Since one customer has it whole; an IPv4 address in IPv6's clothes is itself."""
        held = of_parent(Bounds(client_addresses=1))
        seats = [self.seat(held, peer) for peer in ("2001:db8::1", "2001:db8::2:3")]
        self.assertIs(self.shares.seat(held, "2001:db8:0:1::1"), ADDRESSES)
        for seat in seats:
            seat.leave()
        self.seat(held, "::ffff:192.0.2.1")
        self.seat(held, "192.0.2.1")

    def test_a_family_shares_its_addresses(self) -> None:
        """A refused client is counted nowhere."""
        family = Bounds(client_addresses=2)
        self.seat(of_kid(NO_BOUNDS, family), "192.0.2.1")
        self.seat(of_kid(Bounds(client_addresses=1), family, TWIN), "192.0.2.2")
        self.assertIs(self.shares.seat(of_parent(family), "192.0.2.3"), ADDRESSES)
        self.assertIs(self.shares.seat(of_kid(Bounds(client_addresses=1), family, TWIN), "192.0.2.1"), ADDRESSES)
        self.seat(of_parent(family), "192.0.2.1")

    def test_nobody_is_counted_without_such_a_bound(self) -> None:
        """Nothing is remembered."""
        self.assertIsNone(self.shares.seat(of_parent(Bounds(client_addresses=0)), "192.0.2.1"))
        self.assertEqual(self.shares._addresses, {})

    def test_nothing_is_left(self) -> None:
        """After the last exchange."""
        held = of_kid(Bounds(client_addresses=1), Bounds(client_addresses=2))
        self.seat(held, "192.0.2.1").leave()
        self.assertEqual(self.shares._addresses, {})
