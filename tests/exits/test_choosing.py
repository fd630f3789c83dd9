"""Which exit a request leaves by."""

from __future__ import annotations

import random
from collections import Counter
from ipaddress import IPv6Network, ip_address
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meshd.exits.choosing import GONE, NO_EXIT, Choice, choose, current
from meshd.exits.outlets import FAILURES, Outlet
from meshd.exits.pools import Pool
from meshd.http1.fields import Fields
from meshd.model import Refusal
from meshd.proxy.said import Said
from meshd.selection import NONE, Selection, read_selection
from meshd.topology import Exit, Rotation
from tests.web.api.sentences import says

DRAWS = 100_000
CHI_SQUARED = 33.7
"""Nine degrees of freedom: a fair choice is above it once in ten thousand times, and the seed is fixed."""

EXITS = tuple(
    Exit(f"rack-{number}", "local", f"198.51.100.{number}", country="US" if number < 5 else "GB")
    for number in range(10)
)
SESSIONS = [f"browser-{number}" for number in range(2000)]
CHANCE = random.Random(8)


def outlets(*exits: Exit) -> list[Outlet]:
    return [Outlet(exit_) for exit_ in exits or EXITS]


def fail(outlet: Outlet, now: float = 0.0) -> None:
    """It rests from now on."""
    for _ in range(FAILURES):
        outlet.failed(now)


def asked(wishes: Selection, pool: Pool | None = None, *, monotonic: float = 0.0, now: float = 0.0) -> Choice | Refusal:
    return choose(pool or Pool(outlets()), wishes, CHANCE, monotonic=monotonic, now=now)


def chosen(wishes: Selection, pool: Pool | None = None) -> Exit:
    choice = asked(wishes, pool)
    assert isinstance(choice, Choice), choice
    return choice.exit


class FairTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.pool = Pool(outlets())

    def assert_fair(self, counts: Counter[str], kinds: int, total: int) -> None:
        expected = total / kinds
        self.assertEqual(len(counts), kinds)
        self.assertLess(sum((n - expected) ** 2 / expected for n in counts.values()), CHI_SQUARED)

    def test_random(self) -> None:
        """Without wishes each exit is as likely as any other."""
        self.assert_fair(Counter(chosen(NONE, self.pool).name for _ in range(DRAWS)), 10, DRAWS)

    def test_random_among_those_that_fit(self) -> None:
        """Nor does a condition favour one of those that meet it."""
        wishes = Selection(country="GB")
        self.assert_fair(Counter(chosen(wishes, self.pool).name for _ in range(DRAWS)), 5, DRAWS)

    def test_random_among_those_that_are_up(self) -> None:
        """Nor do those that rest leave their share to their neighbours."""
        made = outlets()
        for each in made[:7]:
            fail(each)
        self.assert_fair(Counter(chosen(NONE, Pool(made)).name for _ in range(DRAWS)), 3, DRAWS)

    def test_weights(self) -> None:
        """An exit of weight 3 is chosen three times as often as one of weight 1, at random and by keys."""
        pool = Pool(outlets(Exit("one", "direct"), Exit("three", "direct", weight=3)))
        for counts in (
            Counter(chosen(NONE, pool).name for _ in range(40_000)),
            Counter(chosen(Selection(session=str(number)), pool).name for number in range(40_000)),
        ):
            self.assertTrue(0.24 < counts["one"] / 40_000 < 0.26, counts)

    def test_sessions(self) -> None:
        """Sticky keys spread evenly, whatever is drawn."""
        counts = Counter(chosen(Selection(session=f"key {number}"), self.pool).name for number in range(20_000))
        self.assert_fair(counts, 10, 20_000)


class RotationTest(SynchronousTestCase):
    def names(self, pool: Pool, count: int) -> list[str]:
        return [chosen(NONE, pool).name for _ in range(count)]

    def pool(self, rotation: Rotation, *exits: Exit) -> tuple[Pool, list[Outlet]]:
        made = outlets(*exits)
        return Pool(made, rotation), made

    def test_round_robin(self) -> None:
        """In the file's order, a weight so many times; one that rests is passed over."""
        exits = Exit("a", "direct"), Exit("b", "direct", weight=2), Exit("c", "direct")
        pool, made = self.pool("round-robin", *exits)
        self.assertEqual(self.names(pool, 5), ["a", "b", "b", "c", "a"])
        fail(made[1])
        self.assertEqual(self.names(pool, 4), ["c", "a", "c", "a"])

    def test_least_used(self) -> None:
        """The one with the fewest open for its weight; of those that are alike any."""
        exits = Exit("a", "direct"), Exit("b", "direct", weight=2), Exit("c", "direct")
        pool, made = self.pool("least-used", *exits)
        self.assertEqual(set(self.names(pool, 100)), {"a", "b", "c"})
        for outlet, count in zip(made, (1, 1, 1), strict=True):
            outlet.open = count
        self.assertEqual(set(self.names(pool, 20)), {"b"})
        fail(made[1])
        self.assertEqual(set(self.names(pool, 100)), {"a", "c"})

    def test_least_used_of_many(self) -> None:
        """Where a sample has none that is up, all are looked at."""
        exits = [Exit(f"e{number}", "direct") for number in range(500)]
        pool, made = self.pool("least-used", *exits)
        for outlet in made[1:]:
            fail(outlet)
        self.assertEqual(set(self.names(pool, 5)), {"e0"})


class StickyTest(SynchronousTestCase):
    def test_same_key_same_exit(self) -> None:
        """Chance has no say, nor has the order of the exits."""
        straight, shuffled = Pool(outlets()), Pool(outlets(*reversed(EXITS)))
        for session in SESSIONS[:200]:
            wishes = Selection(session=session)
            self.assertEqual(len({chosen(wishes, pool).name for pool in (straight, shuffled) for _ in range(3)}), 1)

    def test_an_exit_leaves(self) -> None:
        """Only the sessions of the exit that left move; when it is back, so are they.  Gone, or resting."""
        pool = Pool(made := outlets())
        before = {session: chosen(Selection(session=session), pool) for session in SESSIONS}
        for gone in made:
            without = Pool([outlet for outlet in made if outlet is not gone])
            fail(gone)
            for session, exit_ in before.items():
                left, rests = (chosen(Selection(session=session), each) for each in (without, pool))
                self.assertIs(left, rests)
                self.assertIn(exit_, {left, gone.exit}, session)
            gone.succeeded()
        self.assertEqual({session: chosen(Selection(session=session), pool) for session in SESSIONS}, before)

    def test_an_exit_comes(self) -> None:
        """A new one takes about its share, and moves nobody between the others."""
        new = Exit("rack-new", "local", "198.51.100.99")
        old, more = Pool(outlets()), Pool(outlets(*EXITS, new))
        moved = Counter()
        for session in SESSIONS:
            before, now = (chosen(Selection(session=session), pool) for pool in (old, more))
            moved[now.name] += before != now
        self.assertEqual({name for name, count in moved.items() if count}, {"rack-new"})
        self.assertTrue(100 < moved["rack-new"] < 300, moved)

    def test_the_keys_of_one_that_is_down(self) -> None:
        """A soft one moves and it is told; a strict one fails."""
        made = outlets()
        session = next(each for each in SESSIONS if chosen(Selection(session=each)).name == "rack-4")
        fail(made[4])
        soft = asked(Selection(session=session), Pool(made))
        assert isinstance(soft, Choice)
        self.assertTrue(soft.moved)
        self.assertIs(asked(Selection(session=session, strict=True), Pool(made)), GONE)
        made[4].succeeded()
        self.assertFalse(asked(Selection(session=session, strict=True), Pool(made)).moved)  # type: ignore[union-attr]

    def test_the_keys_of_one_that_has_failed_this_very_request(self) -> None:
        """Another is tried, and the client is told that it is another."""
        made = outlets()
        session = next(each for each in SESSIONS if chosen(Selection(session=each)).name == "rack-4")
        for strict in (False, True):
            wishes = Selection(session=session, strict=strict)
            choice = choose(Pool(made), wishes, CHANCE, monotonic=0, now=0, tried=(made[4],))
            if strict:
                self.assertIs(choice, GONE)
            else:
                assert isinstance(choice, Choice)
                self.assertTrue(choice.moved)
                self.assertIsNot(choice.outlet, made[4])

    def test_a_drained_one_has_no_keys(self) -> None:
        """Draining is as going, for what is new."""
        made = outlets()
        made[4].drained = True
        self.assertNotIn("rack-4", {chosen(Selection(session=each), Pool(made)).name for each in SESSIONS})

    @given(st.text(), st.integers(1, 100_000), st.floats(0, 4e9))
    def test_a_key_with_a_life_changes_once_in_it(self, session: str, ttl: int, at: float) -> None:
        """It is the same for that long, and then another."""
        begin = at
        keys = [current(session, ttl, begin + step * ttl) for step in range(3)]
        self.assertEqual(len(set(keys)), 3)
        self.assertIn(current(session, ttl, begin + ttl / 2), keys[:2])

    def test_keys_with_one_life_change_at_other_moments(self) -> None:
        """Not all at once."""
        changed = sum(current(each, 600, 1000.0) != current(each, 600, 1060.0) for each in SESSIONS)
        self.assertTrue(100 < changed < 300, changed)


class ConditionsTest(SynchronousTestCase):
    @given(
        st.sets(st.sampled_from([exit_.name for exit_ in EXITS] + [exit_.address for exit_ in EXITS]), max_size=12),
        st.sets(st.integers(0, 9)),
        st.sampled_from(["", "US", "GB", "DE"]),
        st.sampled_from(["", "k1", "k2"]),
        st.sampled_from(["", "rack-1", "198.51.100.7", "192.0.2.1"]),
        st.sampled_from(["random", "round-robin", "least-used", "fastest"]),
    )
    def test_never_one_that_was_excluded(
        self, avoid: set[str], down: set[int], country: str, session: str, ip: str, rotation: Rotation
    ) -> None:
        """Whatever else is wished: not excluded, of the country, up; and none only where there is none."""
        made = outlets()
        for number in down:
            fail(made[number])
        choice = asked(Selection(country, ip, frozenset(avoid), session), Pool(made, rotation))
        left = {
            exit_.name
            for number, exit_ in enumerate(EXITS)
            if number not in down and not {exit_.name, exit_.address} & avoid and country in ("", exit_.country)
        }
        if isinstance(choice, Refusal):
            self.assertEqual((choice, left), (NO_EXIT, set()))
        else:
            self.assertIn(choice.exit.name, left)

    def test_nothing_at_all(self) -> None:
        """A proxy without exits has none to give."""
        for wishes in (NONE, Selection(session="x"), Selection(exit="rack-1")):
            self.assertIs(asked(wishes, Pool([])), NO_EXIT)

    @says(
        "Geo IPs",
        "The open and world proxies have IPs around the world, but you can use the X-ProxyMesh-Country header if you "
        "only want to use IPs from a certain country.",
    )
    def test_country(self) -> None:
        """A country is a condition, also beside a pin or a sticky key."""
        pool = Pool(outlets())
        for wishes in (
            Selection(country="GB"),
            Selection(country="GB", session="s"),
            Selection(country="GB", exit="rack-1"),
        ):
            for _ in range(200):
                self.assertEqual(chosen(wishes, pool).country, "GB")
        self.assertIs(asked(Selection(country="DE")), NO_EXIT)

    @says(
        "Geo IPs",
        "The open and world proxies have IPs around the world, but you can use the X-ProxyMesh-Country header if you "
        "only want to use IPs from a certain country.",
    )
    def test_uk(self) -> None:
        """UK, in any case, is GB."""
        for value in (b"UK", b"uk", b" gb ", b"GB"):
            name = b"X-ProxyMesh-Country"
            said = Said(1, Fields([(name, value)]), name + b": " + value + b"\r\n\r\n")
            self.assertEqual(chosen(said.wishes()[0]).country, "GB", value)

    def test_what_was_tried_is_not_tried_again(self) -> None:
        """At random, by a key, or pinned."""
        made = outlets()
        tried = tuple(made[1:])
        for wishes in (NONE, Selection(session="k"), Selection(exit="rack-3")):
            choice = choose(Pool(made), wishes, CHANCE, monotonic=0, now=0, tried=tried)
            assert isinstance(choice, Choice)
            self.assertIs(choice.outlet, made[0])


class PinTest(SynchronousTestCase):
    def test_found(self) -> None:
        """An exit asked for, by address or name, is the one taken; and nothing is said to be missing."""
        for name in ("198.51.100.6", "rack-6"):
            for wishes in (Selection(exit=name), Selection(exit=name, session="s")):
                choice = asked(wishes)
                assert isinstance(choice, Choice)
                self.assertEqual((choice.exit, choice.not_found, choice.pinned), (EXITS[6], "", True))
                self.assertEqual(choice.label(wishes, "198.51.100.6"), name)

    def test_not_found(self) -> None:
        """A pin that is not there, or not up, gives any other, and says so."""
        made = outlets()
        fail(made[2])
        for name in ("192.0.2.1", "rack-2", "198.51.100.2"):
            choice = asked(Selection(exit=name), Pool(made))
            assert isinstance(choice, Choice)
            self.assertEqual((choice.not_found, choice.pinned), (name, False))

    def test_preference(self) -> None:
        """One that is there is taken; one that is not gives any other, silently."""
        self.assertEqual(chosen(Selection(prefer="rack-6")), EXITS[6])
        choice = asked(Selection(prefer="192.0.2.1"))
        assert isinstance(choice, Choice)
        self.assertEqual((choice.not_found, choice.pinned), ("", False))

    def test_pin_before_preference(self) -> None:
        """Of both, the pin decides."""
        self.assertEqual(chosen(Selection(exit="rack-1", prefer="rack-2")), EXITS[1])
        self.assertEqual(chosen(Selection(exit="192.0.2.1", prefer="rack-2")), EXITS[2])


class PrefixTest(SynchronousTestCase):
    net = IPv6Network("2001:db8:1::/64")

    def setUp(self) -> None:
        self.pool = Pool(outlets(Exit("six", "local", prefix=self.net)))

    def source(self, wishes: Selection) -> str:
        choice = asked(wishes, self.pool)
        assert isinstance(choice, Choice)
        return choice.source

    def test_a_random_address_of_the_prefix(self) -> None:
        """Another one each time, and never the first, which is the routers'."""
        found = {self.source(NONE) for _ in range(200)}
        self.assertEqual(len(found), 200)
        self.assertTrue(all(ip_address(address) in self.net for address in found))
        self.assertNotIn("2001:db8:1::", found)

    def test_a_key_has_one_address(self) -> None:
        """The same each time, and another for another key."""
        self.assertEqual(len({self.source(Selection(session="a")) for _ in range(20)}), 1)
        self.assertNotEqual(self.source(Selection(session="a")), self.source(Selection(session="b")))

    def test_two_accounts_with_one_key_have_two_addresses(self) -> None:
        """What a site holds against one customer does not meet another."""
        choices = [
            choose(self.pool, Selection(session="1"), CHANCE, monotonic=0, now=0, owner=owner) for owner in (1, 2, 1)
        ]
        first, second, again = (choice.source for choice in choices if isinstance(choice, Choice))
        self.assertEqual(first, again)
        self.assertNotEqual(first, second)

    def test_an_address_of_it_can_be_pinned_and_excluded(self) -> None:
        """As that of any exit."""
        own = self.source(Selection(session="a"))
        self.assertEqual(self.source(Selection(exit=own)), own)
        self.assertEqual(self.source(Selection(exit="2001:DB8:1::0:5")), "2001:db8:1::5")
        self.assertNotEqual(self.source(Selection(session="a", avoid=frozenset({own}))), own)

    def test_an_excluded_address_is_no_pin(self) -> None:
        """However it is spelled: it is not found, and another one is taken."""
        for ip in ("2001:db8:1::5", "2001:DB8:1::0:5"):
            wishes = Selection(exit=ip).over(read_selection("not-" + quote("2001:DB8:1:0::5")))
            choice = asked(wishes, self.pool)
            assert isinstance(choice, Choice)
            self.assertEqual((choice.not_found, choice.pinned), (ip, False))
            self.assertNotEqual(choice.source, "2001:db8:1::5")

    def test_all_excluded(self) -> None:
        """A small prefix is no exit without an address."""
        pool = Pool(outlets(Exit("small", "local", prefix=IPv6Network("2001:db8:2::/126"))))
        every = frozenset(f"2001:db8:2::{number}" for number in (1, 2, 3))
        for wishes in (
            Selection(avoid=every),
            Selection(session="a", avoid=every),
            Selection(exit="small", avoid=every),
        ):
            self.assertEqual(asked(wishes, pool), NO_EXIT)
