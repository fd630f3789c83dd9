"""Sticky keys: which exit each one means, and which of them move when exits come and go."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meshd.exits import sticky
from meshd.exits.outlets import Outlet
from meshd.exits.sticky import FEW, Finder, Ranking, Ring, finder
from meshd.topology import Exit

KEYS = [f"browser {number}" for number in range(400)]

Kind = type[Ranking] | type[Ring]

kinds = st.sampled_from([Ranking, Ring])
names = st.text(st.characters(codec="ascii", exclude_characters="\0"), min_size=1, max_size=12)
pools = st.dictionaries(names, st.integers(1, 4), min_size=1, max_size=60).map(
    lambda found: [outlet(name, weight) for name, weight in found.items()]
)


def outlet(name: str, weight: int = 1) -> Outlet:
    return Outlet(Exit(name, "direct", weight=weight))


def outlets(count: int, weight: int = 1) -> list[Outlet]:
    return [outlet(f"exit-{number}", weight) for number in range(count)]


def anyone(each: Outlet) -> bool:
    return True


def found(finder: Finder, keys: list[str] = KEYS, accept: Any = anyone) -> list[str]:
    """The name of each key's exit; "" where there is none."""
    owners = (finder.find(key, accept) for key in keys)
    return [owner.exit.name if owner else "" for owner in owners]


class PropertyTests(SynchronousTestCase):
    """Of both kinds, whatever the exits, their number and their weights."""

    @given(kinds, pools, st.randoms(use_true_random=False))
    @settings(deadline=None)
    def test_neither_chance_nor_order_has_a_say(self, kind: Kind, made: list[Outlet], chance: Any) -> None:
        """One that reads the file's exits in another order finds the same; so does another process."""
        shuffled = list(made)
        chance.shuffle(shuffled)
        self.assertEqual(found(kind(made), KEYS[:100]), found(kind(shuffled), KEYS[:100]))

    @given(kinds, pools, st.data())
    @settings(deadline=None)
    def test_only_the_keys_of_one_that_left_move(self, kind: Kind, made: list[Outlet], data: Any) -> None:
        """Each of the others keeps every key: gone from the settings, or not acceptable just now, is all the same."""
        gone = data.draw(st.sampled_from(made))
        before = found(kind(made), KEYS[:100])
        after = found(kind([each for each in made if each is not gone]), KEYS[:100])
        for old, new in zip(before, after, strict=True):
            self.assertIn(old, (new, gone.exit.name))
        self.assertEqual(found(kind(made), KEYS[:100], lambda each: each is not gone), after)

    @given(kinds, pools, names, st.integers(1, 4))
    @settings(deadline=None)
    def test_one_that_comes_only_takes(self, kind: Kind, made: list[Outlet], name: str, weight: int) -> None:
        """Between those that were there no key moves."""
        made = [each for each in made if each.exit.name != name]
        before = found(kind(made), KEYS[:100]) if made else [""] * 100
        after = found(kind([*made, outlet(name, weight)]), KEYS[:100])
        for old, new in zip(before, after, strict=True):
            self.assertTrue(new in (old, name), (old, new))

    @given(kinds, pools, st.data())
    @settings(deadline=None)
    def test_only_what_is_acceptable(self, kind: Kind, made: list[Outlet], data: Any) -> None:
        """And where something is, it is found; a key whose own exit is acceptable stays there."""
        wanted = data.draw(st.sets(st.sampled_from([each.exit.name for each in made])))
        own = found(kind(made), KEYS[:50])
        left = found(kind(made), KEYS[:50], lambda each: each.exit.name in wanted)
        for before, now in zip(own, left, strict=True):
            self.assertIn(now, wanted or {""})
            self.assertTrue(before not in wanted or now == before)

    @given(kinds, st.text())
    def test_any_text_is_a_key(self, kind: Kind, key: str) -> None:
        """Also one that UTF-8 has no form for."""
        self.assertIsNotNone(kind(outlets(3)).find(key, anyone))
        self.assertIsNotNone(kind(outlets(3)).find("\ud800", anyone))


class SizeTests(SynchronousTestCase):
    """Below and above the number at which the one takes over from the other."""

    def test_which_kind(self) -> None:
        self.assertIsInstance(finder(outlets(FEW)), Ranking)
        self.assertIsInstance(finder(outlets(FEW + 1)), Ring)

    def test_leaving_and_coming(self) -> None:
        """Exactly the keys of the one, and about its share of them."""
        for size in (2, FEW, FEW + 2, 500):
            made = outlets(size)
            before, after = found(finder(made)), found(finder(made[1:]))
            moved = [old for old, new in zip(before, after, strict=True) if old != new]
            self.assertEqual(moved, [old for old in before if old == "exit-0"], size)
            self.assertLess(len(moved), 3 * len(KEYS) / size + 5)

    def test_nothing_is_acceptable(self) -> None:
        for size in (0, 1, FEW, FEW + 1):
            self.assertIsNone(finder(outlets(size)).find("key", lambda each: False), size)

    def test_the_keys_of_one_that_left_spread(self) -> None:
        """They do not all fall to one neighbour."""
        for size in (FEW, 100):
            made = outlets(size)
            keys = [f"key {number}" for number in range(20_000)]
            own = [key for key, name in zip(keys, found(finder(made), keys), strict=True) if name == "exit-7"]
            heirs = Counter(found(finder(made), own, lambda each: each.exit.name != "exit-7"))
            self.assertGreater(len(heirs), 10, size)
            self.assertLess(max(heirs.values()), len(own) / 2)


class WeightTests(SynchronousTestCase):
    KEYS = [f"key {number}" for number in range(40_000)]

    def test_three_times_the_weight_is_three_times_the_keys(self) -> None:
        """To a tenth where exits are ranked, to a third on a ring of few, whose arcs are uneven."""
        for count, slack in ((4, 0.1), (60, 0.33)):
            light, heavy = outlets(count), [outlet(f"heavy-{number}", 3) for number in range(count)]
            names = Counter(found(finder([*light, *heavy]), self.KEYS))
            share = sum(names[each.exit.name] for each in heavy) / len(self.KEYS)
            self.assertTrue(abs(share - 0.75) < 0.75 * slack / 3, (count, share))

    def test_a_weight_that_all_have_is_none(self) -> None:
        """Of those that are ranked."""
        self.assertEqual(found(Ranking(outlets(9, 1))), found(Ranking(outlets(9, 5))))

    def test_more_weight_only_takes(self) -> None:
        """No key moves between the others."""
        for kind in (Ranking, Ring):
            before = found(kind([outlet("a"), outlet("b", 2), outlet("c", 3)]))
            after = found(kind([outlet("a", 4), outlet("b", 2), outlet("c", 3)]))
            self.assertTrue(all(new in (old, "a") for old, new in zip(before, after, strict=True)))
            self.assertGreater(after.count("a"), before.count("a"))

    def test_the_highest_score_there_is(self) -> None:
        """Rounded to 1, its logarithm would be 0, which divides nothing."""
        for multiplier in (0, 1):
            # With 1 for both, a seed that differs from the key's word in every bit has the highest score.
            self.patch(sticky, "_FIRST", multiplier)
            self.patch(sticky, "_SECOND", multiplier)
            ranking = Ranking([outlet("a"), outlet("b", 2)])
            ranking._seeds[0] = sticky.word("key") ^ (2**33 - 1 << 31)
            self.assertIsNotNone(ranking.find("key", anyone))


class SparseTests(SynchronousTestCase):
    """A large list of which hardly any exit is up."""

    def test_who_is_up_is_found_without_passing_every_point(self) -> None:
        """Each key the same one again; and that none is up is found as quickly."""
        made = outlets(5_000)
        ring = Ring(made)
        for up in (set(), {made[7]}, {made[7], made[4_000]}):
            asked = 0

            def accept(each: Outlet, up: set[Outlet] = up) -> bool:
                nonlocal asked
                asked += 1
                return each in up

            owners = found(ring, KEYS[:20], accept)
            self.assertEqual(set(owners), {each.exit.name for each in up} or {""})
            self.assertEqual(found(ring, KEYS[:20], accept), owners)
            self.assertLess(asked / 40, len(made) + 10 * sticky.STEPS)
