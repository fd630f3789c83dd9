"""Which exit a request leaves by."""

from __future__ import annotations

import random
from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from meshd.http1.fields import Fields
from meshd.proxy.exits import NO_WISHES, Choice, Wishes, choose
from meshd.proxy.request import Said
from meshd.topology import Exit
from tests.web.api.sentences import says

DRAWS = 100_000
CHI_SQUARED = 33.7
"""Nine degrees of freedom: a fair choice is above it once in ten thousand times, and the seed is fixed."""

EXITS = tuple(
    Exit(f"rack-{number}", "local", f"198.51.100.{number}", country="US" if number < 5 else "GB")
    for number in range(10)
)
SESSIONS = [f"browser-{number}" for number in range(2000)]


def draws(count: int = DRAWS) -> list[float]:
    source = random.Random(8)
    return [source.random() for _ in range(count)]


def chosen(wishes: Wishes, draw: float = 0.0, exits: tuple[Exit, ...] = EXITS) -> Exit:
    choice = choose(exits, wishes, draw)
    assert choice is not None
    return choice.exit


class FairTest(SynchronousTestCase):
    def assert_fair(self, counts: Counter[str], kinds: int, total: int) -> None:
        expected = total / kinds
        self.assertEqual(len(counts), kinds)
        self.assertLess(sum((n - expected) ** 2 / expected for n in counts.values()), CHI_SQUARED)

    def test_random(self) -> None:
        """Without wishes each exit is as likely as any other."""
        self.assert_fair(Counter(chosen(NO_WISHES, draw).name for draw in draws()), 10, DRAWS)

    def test_random_among_those_that_fit(self) -> None:
        """Nor does a condition favour one of those that meet it."""
        wishes = Wishes(country="GB")
        self.assert_fair(Counter(chosen(wishes, draw).name for draw in draws()), 5, DRAWS)

    def test_sessions(self) -> None:
        """Sticky keys spread evenly, whatever is drawn."""
        counts = Counter(chosen(Wishes(session=f"key {number}")).name for number in range(20_000))
        self.assert_fair(counts, 10, 20_000)

    def test_edges(self) -> None:
        """The least and the greatest draw are within bounds."""
        self.assertEqual(chosen(NO_WISHES, 0.0), EXITS[0])
        self.assertEqual(chosen(NO_WISHES, 1 - 2**-53), EXITS[-1])


class StickyTest(SynchronousTestCase):
    def test_same_key_same_exit(self) -> None:
        """The draw has no say, nor has the order of the exits."""
        shuffled = tuple(reversed(EXITS))
        for session in SESSIONS[:200]:
            wishes = Wishes(session=session)
            self.assertEqual({chosen(wishes, draw).name for draw in (0.0, 0.5, 0.99)}, {chosen(wishes).name})
            self.assertEqual(chosen(wishes, exits=shuffled), chosen(wishes))

    def test_an_exit_leaves(self) -> None:
        """Only the sessions of the exit that left move; when it is back, so are they."""
        before = {session: chosen(Wishes(session=session)) for session in SESSIONS}
        for gone in EXITS:
            left = tuple(exit_ for exit_ in EXITS if exit_ is not gone)
            for session, exit_ in before.items():
                now = chosen(Wishes(session=session), exits=left)
                self.assertIn(exit_, {now, gone}, session)

    def test_an_exit_comes(self) -> None:
        """A new one takes about its share, and moves nobody between the others."""
        new = Exit("rack-new", "local", "198.51.100.99")
        moved = Counter()
        for session in SESSIONS:
            old, now = chosen(Wishes(session=session)), chosen(Wishes(session=session), exits=(*EXITS, new))
            moved[now.name] += old != now
        self.assertEqual({name for name, count in moved.items() if count}, {"rack-new"})
        self.assertTrue(100 < moved["rack-new"] < 300, moved)


class ConditionsTest(SynchronousTestCase):
    def test_never_an_excluded_one(self) -> None:
        """By address or by name, at random or sticky, an excluded exit is not taken."""
        avoid = frozenset({"198.51.100.3", "rack-7"})
        for draw in draws(2000):
            for session in ("", f"{draw}"):
                taken = chosen(Wishes(avoid=avoid, session=session), draw)
                self.assertFalse({taken.name, taken.address} & avoid)

    def test_all_excluded(self) -> None:
        """Where nothing is left there is no choice."""
        self.assertIsNone(choose(EXITS, Wishes(avoid=frozenset(exit_.name for exit_ in EXITS)), 0.5))
        self.assertIsNone(choose((), NO_WISHES, 0.5))
        self.assertIsNone(choose((), Wishes(session="x"), 0.5))

    @says(
        "Geo IPs",
        "The open and world proxies have IPs around the world, but you can use the X-ProxyMesh-Country header if you "
        "only want to use IPs from a certain country.",
    )
    def test_country(self) -> None:
        """A country is a condition, also beside a pin or a sticky key."""
        for wishes in (Wishes(country="GB"), Wishes(country="GB", session="s"), Wishes(country="GB", ip="rack-1")):
            for draw in draws(200):
                self.assertEqual(chosen(wishes, draw).country, "GB")
        self.assertIsNone(choose(EXITS, Wishes(country="DE"), 0.5))

    @says(
        "Geo IPs",
        "The open and world proxies have IPs around the world, but you can use the X-ProxyMesh-Country header if you "
        "only want to use IPs from a certain country.",
    )
    def test_uk(self) -> None:
        """UK, in any case, is GB."""
        for value in (b"UK", b"uk", b" gb ", b"GB"):
            said = Said(1, Fields([(b"X-ProxyMesh-Country", value)]), b"")
            self.assertEqual(chosen(said.wishes).country, "GB", value)


class PinTest(SynchronousTestCase):
    def test_found(self) -> None:
        """An exit asked for, by address or name, is the one taken; and nothing is said to be missing."""
        for asked in ("198.51.100.6", "rack-6"):
            for wishes in (Wishes(ip=asked), Wishes(prefer=asked), Wishes(ip=asked, session="s")):
                self.assertEqual(choose(EXITS, wishes, 0.1), Choice(EXITS[6]))

    def test_not_found(self) -> None:
        """A pin that is not there gives any other, and says so."""
        choice = choose(EXITS, Wishes(ip="192.0.2.1"), 0.35)
        self.assertEqual(choice, Choice(EXITS[3], "192.0.2.1"))

    def test_preference_not_found(self) -> None:
        """A preference that is not there gives any other, silently."""
        self.assertEqual(choose(EXITS, Wishes(prefer="192.0.2.1"), 0.35), Choice(EXITS[3]))

    def test_pin_before_preference(self) -> None:
        """Of both, the pin decides."""
        self.assertEqual(chosen(Wishes(ip="rack-1", prefer="rack-2")), EXITS[1])
        self.assertEqual(chosen(Wishes(ip="192.0.2.1", prefer="rack-2")), EXITS[2])

    def test_excluded_pin(self) -> None:
        """An exit that is excluded is not given to who asks for it in the same breath."""
        wishes = Wishes(ip="rack-1", avoid=frozenset({"rack-1"}))
        self.assertEqual({choose(EXITS, wishes, draw).not_found for draw in draws(50)}, {"rack-1"})
