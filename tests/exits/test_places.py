"""Which exits are at a place and of a tier."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from meshd.exits import pools
from meshd.exits.choosing import NO_EXIT, Choice, choose, seen
from meshd.exits.outlets import FAILURES, Outlet
from meshd.exits.places import PlaceIndex
from meshd.exits.pools import Pool
from meshd.model import Refusal
from meshd.selection import read_selection
from meshd.topology import Exit


def exit_(name: str, country: str = "", region: str = "", city: str = "", *tags: str) -> Exit:
    return Exit(name, "direct", country=country, region=region, city=city, tags=frozenset(tags))


EXITS = (
    exit_("ny-1", "US", "New York", "New York", "high", "high-speed-fast"),
    exit_("ny-2", "US", "new_york", " NEW  YORK ", "medium"),
    exit_("albany", "US", "New York", "Albany", "High"),
    exit_("slc", "US", "Utah", "Salt-Lake-City"),
    exit_("paris-fr", "FR", "\u00cele-de-France", "Paris", "high"),
    exit_("paris-us", "US", "Texas", "Paris"),
    exit_("somewhere"),
)

WANTED = {
    "region-new_york": ["ny-1", "ny-2", "albany"],
    "country-us-city-new_york": ["ny-1", "ny-2"],
    "city-NEW%20york": ["ny-1", "ny-2"],
    "city-paris": ["paris-fr", "paris-us"],
    "country-fr-city-paris": ["paris-fr"],
    "country-us-region-texas-city-paris": ["paris-us"],
    "city-salt-lake-city": ["slc"],
    "region-\u00eele-de-france": ["paris-fr"],
    "filter-high": ["ny-1", "albany", "paris-fr"],
    "country-us-filter-high": ["ny-1", "albany"],
    "filter-high-speed-fast": ["ny-1"],
    "country-us-region-utah-filter-none": ["slc"],
    "country-any-region-any": [each.name for each in EXITS],
    "country-de": [],
    "country-us-city-berlin": [],
    "country-fr-region-texas": [],
    "city-paris-filter-medium": [],
    "filter-low": [],
}


class PlaceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.pool = Pool([Outlet(each) for each in EXITS])

    def names(self, text: str) -> list[str]:
        view = seen(self.pool, read_selection(text))
        return [each.exit.name for each in view.outlets] if view else []

    def test_every_condition_is_met(self) -> None:
        """In the pool's order, whatever the spelling."""
        for text, wanted in WANTED.items():
            self.assertEqual(self.names(text), wanted, text)

    def test_a_place_without_exits_is_refused(self) -> None:
        """As a country without any, also where its exits are all down."""
        self.assertEqual(self.chosen("country-us-city-berlin"), NO_EXIT)
        for each in self.pool.narrowed("US", "", "albany", "").outlets:  # type: ignore[union-attr]
            for _ in range(FAILURES):
                each.failed(0.0)
        self.assertEqual(self.chosen("city-albany"), NO_EXIT)
        self.assertEqual(self.chosen("city-albany-sid-a"), NO_EXIT)

    def chosen(self, text: str) -> Choice | Refusal:
        return choose(self.pool, read_selection(text), Random(1), monotonic=0.0, now=0.0)

    def test_a_pin_is_a_wish_and_a_place_a_condition(self) -> None:
        """Another exit of the place is taken, and told."""
        found = self.chosen("country-us-city-albany-exit-slc")
        assert isinstance(found, Choice)
        self.assertEqual((found.exit.name, found.not_found), ("albany", "slc"))

    def test_views_are_kept_and_few(self) -> None:
        """One that is asked for again is the same; of too many the one that was not asked for longest goes."""
        first = self.pool.narrowed("US", "", "new_york", "")
        for number in range(3 * pools.NARROWED):
            self.assertIsNone(self.pool.narrowed("", "", f"city{number}", ""))
            self.assertIs(self.pool.narrowed("US", "", "new_york", ""), first)
        self.assertLessEqual(len(self.pool._narrowed), pools.NARROWED)


class ManyTests(SynchronousTestCase):
    """Thousands of exits, of which a place or a tier has some."""

    def setUp(self) -> None:
        exits = [exit_(f"e{n}", "US", f"R{n % 20}", f"C{n % 500}", "high" if n % 2 else "low") for n in range(10_000)]
        self.pool = Pool([Outlet(each) for each in exits])
        self.pool.prepare()

    def sticky(self, text: str, keys: range = range(2000)) -> dict[int, str]:
        selection = read_selection(text)
        found = {}
        for key in keys:
            asked = replace(selection, session=f"{key:016x}")
            choice = choose(self.pool, asked, Random(1), monotonic=0.0, now=0.0)
            assert isinstance(choice, Choice)
            found[key] = choice.exit.name
        return found

    def test_sticky_keys_stay_within_what_is_asked_for(self) -> None:
        """A half of all, a twentieth, and a city: each key has one exit, and all exits have keys."""
        for text, size in (("filter-high", 5000), ("region-r3", 500), ("city-c7", 20), ("region-r3-filter-high", 500)):
            view = seen(self.pool, read_selection(text))
            assert view is not None
            self.assertEqual(len(view.outlets), size)
            names = {each.exit.name for each in view.outlets}
            found = self.sticky(text)
            self.assertEqual(found, self.sticky(text))
            self.assertLessEqual(set(found.values()), names)
            counts = Counter(found.values())
            self.assertLess(max(counts.values()), 12 + 3 * len(found) / size, text)

    def test_only_the_keys_of_an_exit_that_is_down_move(self) -> None:
        """Within the part too."""
        before = self.sticky("filter-high")
        gone = before[5]
        for each in self.pool.narrowed("", "", "", "high").outlets:  # type: ignore[union-attr]
            each.drained = each.exit.name == gone
        after = self.sticky("filter-high")
        self.assertEqual(
            {key for key in before if before[key] != after[key]}, {k for k, v in before.items() if v == gone}
        )

    def test_a_place_is_found_without_looking_at_all(self) -> None:
        """As many looks as the place has exits, not as there are exits."""
        looked = []
        index = PlaceIndex(self.pool.view("").outlets)  # type: ignore[union-attr]
        real = index._is
        index._is = lambda *asked: bool(looked.append(1)) or real(*asked)  # type: ignore[method-assign]
        self.assertEqual(len(index.find("US", "", "c7", "high")), 20)
        self.assertEqual(len(looked), 20)
