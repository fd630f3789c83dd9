"""Drawing one of the fastest few: shares, fall-backs, rests; by tables and counted draws with one seed."""

from __future__ import annotations

from collections import Counter
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from meshd.exits.choosing import Choice, choose
from meshd.exits.fastest import FEW, PART, SAMPLE, fastest
from meshd.exits.outlets import FAILURES, SHORTEST, SMOOTHING, Outlet
from meshd.exits.pools import Pool
from meshd.selection import NONE, Selection
from meshd.topology import Exit

DRAWS = 4000


def outlets(*latencies: float, weight: int = 1) -> list[Outlet]:
    """One exit for each, of that latency; 0 for one that was not measured."""
    made = [Outlet(Exit(f"e{number}", "direct", weight=weight)) for number in range(len(latencies))]
    for outlet, latency in zip(made, latencies, strict=True):
        if latency:
            outlet.measured(latency, 0.0)
    return made


def rest(outlet: Outlet) -> None:
    for _ in range(FAILURES):
        outlet.failed(0.0)


def shares(made: list[Outlet], selection: Selection = NONE) -> dict[str, float]:
    """The part of many requests that each exit gets."""
    pool, chance, found = Pool(made, "fastest"), Random(7), Counter[str]()
    for _ in range(DRAWS):
        choice = choose(pool, selection, chance, monotonic=1.0, now=1.0)
        assert isinstance(choice, Choice), choice
        found[choice.exit.name] += 1
    return {name: count / DRAWS for name, count in found.items()}


class FastestTests(SynchronousTestCase):
    def check(self, made: list[Outlet], wanted: dict[str, float]) -> None:
        found = shares(made)
        self.assertEqual(found.keys(), wanted.keys())
        for name, share in wanted.items():
            self.assertLess(abs(found[name] - share), 0.03, found)

    def test_shares(self) -> None:
        """The fastest few share by speed and weight, and the others get nothing."""
        for latencies, wanted in (
            ((0.1, 0.1), {"e0": 1 / 2, "e1": 1 / 2}),
            ((0.1, 0.3), {"e0": 3 / 4, "e1": 1 / 4}),
            ((0.1, 0.2, 0.2, 9.0, 9.0), {"e0": 1 / 2, "e1": 1 / 4, "e2": 1 / 4}),
            ((0.5,), {"e0": 1.0}),
        ):
            self.check(outlets(*latencies), wanted)
        heavy = outlets(0.2, 0.1)
        heavy[0].exit = Exit("e0", "direct", weight=2)
        self.check(heavy, {"e0": 1 / 2, "e1": 1 / 2})

    def test_not_one_gets_all(self) -> None:
        """Of many the fastest eighth share, however fast one is."""
        found = shares(outlets(*(0.1 + number / 1000 for number in range(64))))
        self.assertEqual(set(found), {f"e{number}" for number in range(64 // PART)})
        self.assertLess(max(found.values()), 0.2)

    def test_many(self) -> None:
        """Of those that a sample is taken of, the fastest fifth serves nearly all, and nobody of the slow half."""
        count = 40 * SAMPLE
        found = shares(outlets(*(0.1 + number / count for number in range(count))))
        ranks = {int(name[1:]): share for name, share in found.items()}
        self.assertGreater(sum(share for rank, share in ranks.items() if rank < count / 5), 0.9)
        self.assertLess(max(ranks), count / 2)

    def test_nothing_measured(self) -> None:
        """As by chance and weight."""
        made = outlets(0, 0, 0, 0)
        self.assertIsNone(fastest(made, Random(1), lambda _: True))
        self.check(made, dict.fromkeys(("e0", "e1", "e2", "e3"), 1 / 4))

    def test_some_not_measured(self) -> None:
        """They wait for their first probe."""
        self.check(outlets(0, 0.1, 0, 0.1), {"e1": 1 / 2, "e3": 1 / 2})

    def test_resting_exits_are_spared(self) -> None:
        """And the next fastest take their place; where all that was measured rests, the others serve."""
        made = outlets(0.1, 0.2, 0.2, 0.2, 0)
        rest(made[0])
        self.check(made, dict.fromkeys(("e1", "e2", "e3"), 1 / 3))
        made[1].drained = True
        self.check(made, dict.fromkeys(("e2", "e3"), 1 / 2))
        rest(made[2])
        rest(made[3])
        self.check(made, {"e4": 1.0})

    def test_excluded(self) -> None:
        """What the client does not want is not drawn for its speed."""
        found = shares(outlets(0.1, 0.1, 0.1), Selection(avoid=frozenset({"e0"})))
        self.assertEqual(set(found), {"e1", "e2"})

    def test_sticky_keys_hold(self) -> None:
        """Whatever is measured meanwhile."""
        made = outlets(*(0.1 for _ in range(6)))
        (before,) = shares(made, Selection(session="s"))
        for number, outlet in enumerate(made):
            outlet.measured(number * 3.0, 1.0)
        self.assertEqual(set(shares(made, Selection(session="s"))), {before})

    def test_few_are_at_least_three(self) -> None:
        self.assertEqual(len(shares(outlets(*(0.1 for _ in range(4))))), FEW)


class LatencyTests(SynchronousTestCase):
    def test_smoothed(self) -> None:
        """The first figure as it is, each further one by its part; never nothing."""
        (outlet,) = outlets(1.0)
        self.assertEqual((outlet.latency, outlet.measured_at), (1.0, 0.0))
        outlet.measured(2.0, 5.0)
        self.assertEqual((outlet.latency, outlet.measured_at), (1.0 + SMOOTHING, 5.0))
        for _ in range(100):
            outlet.measured(-1.0, 6.0)
        self.assertAlmostEqual(outlet.latency, SHORTEST)
