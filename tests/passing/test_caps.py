"""Bounds on what clients may hold open or start."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.passing.caps import BUCKETS, CROWD, TRUST, TRUSTED, TUNNELS_TOO_FAST, Caps
from meshd.passing.place import Place
from meshd.topology import Limits
from tests.support.live import settings


def reason(refusal: object) -> str:
    return getattr(refusal, "reason", "")


class StartTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.live = settings(Limits(tunnels_per_account=3, new_tunnels_per_second=2, requests_per_second=5))
        self.caps = Caps(self.live, 100)

    def start(self, now: float, *, account: int = 1, open_now: int = 0, tunnel: bool = True) -> str:
        return reason(self.caps.start(account, open_now, now, tunnel=tunnel))

    def test_open_at_once(self) -> None:
        """As many as the limit says, and not one more; to be tried again in a second."""
        self.assertEqual(self.start(0, open_now=2), "")
        refusal = self.caps.start(1, 3, 0, tunnel=False)
        self.assertEqual((reason(refusal), refusal.retry_after), ("rate-tunnels", 1))

    def test_rate(self) -> None:
        """A second's worth at once, then as fast as time passes."""
        said = [self.start(at) for at in (0, 0, 0, 0.4, 0.5, 0.5, 1.0)]
        self.assertEqual(said, ["", "", "rate-tunnels", "rate-tunnels", "", "rate-tunnels", ""])

    def test_rates_are_two(self) -> None:
        """Tunnels do not use up requests, nor requests tunnels."""
        self.assertEqual([self.start(0, tunnel=False) for _ in range(6)], [""] * 5 + ["rate-requests"])
        self.assertEqual([self.start(0) for _ in range(3)], ["", "", "rate-tunnels"])

    def test_accounts_are_apart(self) -> None:
        """One account's flood is not another's."""
        while not self.start(0):
            pass
        self.assertEqual(self.start(0, account=2), "")

    def test_nothing_is_saved_up(self) -> None:
        """A day's silence is worth one second."""
        self.start(0)
        self.assertEqual([self.start(86_400) for _ in range(3)], ["", "", "rate-tunnels"])

    def test_clock_back(self) -> None:
        """A clock that steps back gives nothing and takes nothing."""
        self.assertEqual([self.start(at) for at in (1000, 500, 10)], ["", "", "rate-tunnels"])

    def test_no_limits(self) -> None:
        """0 is no limit."""
        self.live.limits = Limits(tunnels_per_account=0, new_tunnels_per_second=0, requests_per_second=0)
        self.assertEqual(
            {self.start(0, open_now=10**6, tunnel=tunnel) for tunnel in (True, False) for _ in range(50)}, {""}
        )

    def test_to_ask_takes_nothing(self) -> None:
        """Who asks whether there is room leaves it there."""
        asked = [reason(self.caps.start(1, 0, 0, tunnel=True, take=False)) for _ in range(5)]
        self.assertEqual([*asked, self.start(0), self.start(0), self.start(0)], [""] * 7 + ["rate-tunnels"])

    def test_patience(self) -> None:
        """A rate's turn comes for certain: as many wait as get theirs in time.  For others to end, less long."""
        for refusal, turn, tunnel, expected in (
            (TUNNELS_TOO_FAST, 20, True, (20, 3)),
            (TUNNELS_TOO_FAST, 1, True, (1, 2)),
            (CROWD, 20, False, (5, 3)),
            (CROWD, 2, True, (2, 3)),
            (TUNNELS_TOO_FAST, 0, True, (0, 0)),
            (CROWD, 0, True, (0, 0)),
        ):
            self.assertEqual(self.caps.patience(refusal, turn, tunnel=tunnel), expected)

    def test_who_outruns_the_rate_alone(self) -> None:
        """One request after another, faster than the account may: here five a second."""
        self.assertEqual([self.caps.outruns(seconds) for seconds in (0, 0.1, 0.2, 1)], [True, True, False, False])
        self.live.limits = Limits(requests_per_second=0)
        self.assertFalse(self.caps.outruns(0))

    def test_memory_is_bounded(self) -> None:
        """Accounts that are heard of do not pile up."""
        for account in range(BUCKETS + 100):
            self.start(0, account=account)
        self.assertEqual(len(self.caps._buckets), BUCKETS)


class UnknownTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.caps = Caps(settings(Limits(unauthenticated_per_address=2, unauthenticated=3)), 10)

    def test_lingering(self) -> None:
        """So many of one address wait, others' are apart, and a place that is left is free again."""
        said = [self.caps.linger(address) for address in ("a", "a", "a", "b")]
        self.assertEqual(said, [True, True, False, True])
        self.caps.linger_no_more("a")
        self.assertEqual([self.caps.linger("a"), self.caps.linger("a")], [True, False])

    def test_lingering_leaves_nothing(self) -> None:
        """An address that is gone is forgotten."""
        self.caps.linger("a")
        self.caps.linger_no_more("a")
        self.assertEqual(self.caps._lingering, {})

    def test_idle_connections_give_way(self) -> None:
        """Descriptors that are idle are asked for where one more client has none, and only as many as are wanted."""
        asked: list[int] = []
        left = 3

        def spare(count: int) -> int:
            nonlocal left
            asked.append(count)
            given = min(count, left)
            left -= given
            return given

        self.caps.spare = spare
        self.assertEqual([self.caps.crowded(n) for n in (8, 9, 10, 9)], [False, False, False, True])
        self.assertEqual([1, 2, 1], asked)

    def test_crowded(self) -> None:
        """Full of descriptors, or of strangers."""
        self.assertEqual([self.caps.crowded(n) for n in (0, 8, 9, 10)], [False, False, True, True])
        self.caps.unauthenticated = 3
        self.assertTrue(self.caps.crowded(0))


class Stranger:
    """A client that nobody knows."""

    def __init__(self, caps: Caps, address: str) -> None:
        self.caps, self.address, self.evicted = caps, address, False
        caps.arrived(self, address)

    def evict(self) -> None:
        self.evicted = True
        self.caps.no_longer_unknown(self, self.address)


class Newcomer:
    """A client with a place, which was admitted where its word has a star."""

    idle = True

    def __init__(self, caps: Caps, word: str) -> None:
        self.word, self.evicted = word, False
        self.place = Place(caps, self, word[0])
        if word.endswith("*"):
            self.place.admitted()
            self.place.hold(7)
        else:
            self.place.wait()

    def evict(self) -> None:
        self.evicted = True
        self.place.leave()


class StrangersTest(SynchronousTestCase):
    def test_the_part_of_an_address(self) -> None:
        """Is what its strangers have of the places for all."""
        caps = Caps(settings(Limits(unauthenticated=8)), 100)
        here = [Stranger(caps, "a") for _ in range(2)]
        Stranger(caps, "b")
        self.assertEqual([caps.part_of(address) for address in "abc"], [0.25, 0.125, 0])
        here[0].evict()
        self.assertEqual(caps.part_of("a"), 0.125)

    def test_the_fullest_address_makes_room(self) -> None:
        """When all places of the unknown are taken, the oldest of the address with the most gives up its own."""
        caps = Caps(settings(Limits(unauthenticated=5)), 1000)
        first = Stranger(caps, "192.0.2.1")
        many = [Stranger(caps, "192.0.2.2") for _ in range(4)]
        self.assertFalse(caps.crowded(10))
        self.assertEqual([each.evicted for each in (first, *many)], [False, True, False, False, False])

    def test_who_gives_way(self) -> None:
        """To a stranger strangers alone, the oldest of an address that has the most; nobody who is known.

        Those that are there, in their order, by address and with a star where they are known; who has to go, where
        these strangers are as many as there may be, and nobody where there may be more.
        """
        for there, gone in (
            ("a b c", "a"),
            ("a b b c", "b"),
            ("a* b c", ""),
            ("a* b c d", "b"),
            ("a* a* a* a* b c d", "b"),
            ("a* b* c*", ""),
            ("a* a* b c* c d", "b"),
        ):
            words = there.split()
            full = sum(word[-1] != "*" for word in words) if gone else 3
            caps = Caps(settings(Limits(unauthenticated=full)), 1000)
            clients = [Newcomer(caps, word) for word in words]
            self.assertFalse(caps.crowded(10), there)
            self.assertEqual("".join(each.word for each in clients if each.evicted), gone, there)

    def test_descriptors_are_nobodys_to_give(self) -> None:
        """Without descriptors a newcomer is turned away, and nobody evicted."""
        caps = Caps(settings(), 100)
        stranger = Stranger(caps, "192.0.2.1")
        self.assertTrue(caps.crowded(99))
        self.assertFalse(stranger.evicted)


class Client:
    """Known, and idle or not."""

    def __init__(self, caps: Caps, account: int, *, idle: bool) -> None:
        self.caps, self.account, self.idle = caps, account, idle
        self.evicted = False
        caps.hold(self, account)

    def evict(self) -> None:
        self.evicted = True
        self.caps.let_go(self, self.account)


class HoldTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.caps = Caps(settings(Limits(tunnels_per_account=2)), 1000)

    def test_what_is_idle_gives_way(self) -> None:
        """Of an account's connections there are as many as of its exchanges: the oldest that is idle ends."""
        clients = [Client(self.caps, 1, idle=idle) for idle in (False, True, True, False)]
        self.assertEqual([client.evicted for client in clients], [False, True, True, False])

    def test_what_is_busy_does_not(self) -> None:
        """Exchanges are bounded elsewhere, and another account's connections are none of this one's."""
        clients = [Client(self.caps, account, idle=account == 2) for account in (1, 1, 2, 2, 1, 1)]
        self.assertEqual([client.evicted for client in clients], [False] * 6)
        for client in clients:
            self.caps.let_go(client, client.account)
        self.assertEqual(self.caps._held, {})

    def test_the_last_one(self) -> None:
        """That of a single place leaves it to the next."""
        caps = Caps(settings(Limits(tunnels_per_account=1)), 1000)
        first, second = (Client(caps, 1, idle=True) for _ in range(2))
        self.assertEqual((first.evicted, second.evicted), (True, False))
        caps.let_go(second, 1)
        self.assertEqual(caps._held, {})


class Nobody:
    """A client that has nothing to do."""

    idle = True

    def evict(self) -> None:
        """Nothing is done about it."""


class PlaceTest(SynchronousTestCase):
    """What one client takes, through its life."""

    def setUp(self) -> None:
        self.caps = Caps(settings(Limits(unauthenticated_per_address=1, tunnels_per_account=1)), 10)

    def place(self, address: str) -> Place:
        """Of a client that waits, and is nobody yet."""
        place = Place(self.caps, Nobody(), address)
        place.wait()
        return place

    def assert_empty(self) -> None:
        self.assertEqual(self.caps.unauthenticated, 0)
        for table in (self.caps._unknown, self.caps._held, self.caps._lingering):
            self.assertEqual(table, {})

    def test_it_lingers_once(self) -> None:
        """However often it asks; and no other of its address does, until it is known."""
        one, other = self.place("a"), self.place("a")
        self.assertEqual([one.linger(), one.linger(), other.linger()], [True, True, False])
        one.admitted()
        self.assertTrue(other.linger())

    def test_it_moves_to_its_own_address(self) -> None:
        """And counts there as one that has just arrived, and nowhere else."""
        one, other = self.place("balancer"), self.place("balancer")
        self.assertTrue(one.linger())
        one.move("client")
        self.assertEqual(list(self.caps._unknown), ["balancer", "client"])
        self.assertEqual([other.linger(), one.linger()], [True, True])
        for each in (one, other):
            each.leave()
        self.assert_empty()

    def test_one_that_never_waits(self) -> None:
        """Is known, or has left, before it is counted: nobody misses it, and it is not counted less than nothing."""
        for ends in (Place.admitted, Place.leave):
            place = Place(self.caps, Nobody(), "a")
            self.assert_empty()
            ends(place)
            self.assert_empty()
        place = Place(self.caps, Nobody(), "balancer")
        place.move("client")
        self.assert_empty()
        place.wait()
        self.assertEqual((self.caps.unauthenticated, list(self.caps._unknown)), (1, ["client"]))
        place.leave()
        self.assert_empty()

    def test_one_that_is_told_to_linger_before_it_waits(self) -> None:
        place = Place(self.caps, Nobody(), "a")
        self.assertTrue(place.linger())
        place.wait()
        place.admitted()
        self.assert_empty()

    def test_an_accounts_place(self) -> None:
        """Held once, given back for another's, and by leaving."""
        one, other = self.place("a"), self.place("b")
        for account in (1, 1, 2):
            one.hold(account)
        other.hold(1)
        self.assertEqual({account: len(held) for account, held in self.caps._held.items()}, {2: 1, 1: 1})
        for each in (one, other):
            each.leave()
        self.assert_empty()

    def test_a_rest(self) -> None:
        """Gives an account's place back, and what is asked next comes as if nothing had been asked before."""
        one = self.place("a")
        one.admitted()
        one.hold(1)
        one.asked = 5.0
        one.rest()
        self.assertEqual((one.asked, one.account_id, one.known, self.caps._held), (0.0, 0, True, {}))
        one.leave()
        self.assert_empty()

    def test_an_address_that_somebody_was_let_in_from(self) -> None:
        """Of it more may wait unknown, though not any number."""
        first = self.place("a")
        first.admitted()
        first.leave()
        said = [self.place("a").linger() for _ in range(TRUST + 1)]
        self.assertEqual(said, [True] * TRUST + [False])
        self.assertEqual([self.place("b").linger(), self.place("b").linger()], [True, False])

    def test_trust_is_bounded(self) -> None:
        """Addresses do not pile up, and who was never let in is not trusted."""
        self.place("stranger").leave()
        for number in range(TRUSTED + 5):
            self.caps.trust(str(number))
        self.assertEqual((len(self.caps._trusted), "stranger" in self.caps._trusted), (TRUSTED, False))
