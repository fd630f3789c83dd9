"""Bounds of accounts and plans: how they are written, and which level decides."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.values.bounds import MOST, NO_BOUNDS, Bounds, BoundsError, parsed, read, told


class BoundsTest(SynchronousTestCase):
    def test_a_text_is_read_as_it_was_rendered(self) -> None:
        """And says only what is given; 0 is given, and is no bound."""
        for bounds, text in (
            (NO_BOUNDS, ""),
            (Bounds(tunnels=0), "tunnels=0"),
            (Bounds(kbit_up=5, kbit_down=10_000, on_limit="slow"), "kbit_down=10000 kbit_up=5 on_limit=slow"),
            (Bounds(1, 2, 3, 4, 5, "cut"), None),
        ):
            if text is not None:
                self.assertEqual(bounds.render(), text)
            self.assertEqual(parsed(bounds.render()), bounds)
            self.assertEqual(read(bounds.given()), bounds)

    def test_an_accounts_bounds_go_over_its_plans(self) -> None:
        """One by one; 0 is an answer, None is none."""
        account, plan = Bounds(tunnels=0, on_limit="slow"), Bounds(tunnels=5, kbit_down=7, on_limit="cut")
        self.assertEqual(account.over(plan), Bounds(tunnels=0, kbit_down=7, on_limit="slow"))
        self.assertEqual(NO_BOUNDS.over(plan), plan)

    def test_what_is_no_bound_is_refused_by_name(self) -> None:
        """And nothing of a mapping with a mistake is taken."""
        wrong: tuple[tuple[dict[str, Any], str], ...] = (
            ({"tunnel": 5}, "tunnel"),
            ({"tunnels": -1}, "tunnels"),
            ({"tunnels": True}, "tunnels"),
            ({"tunnels": 2.0}, "tunnels"),
            ({"tunnels": "5"}, "tunnels"),
            ({"kbit_up": MOST["kbit_up"] + 1}, "kbit_up"),
            ({"on_limit": "stop"}, "on_limit"),
            ({"on_limit": ""}, "on_limit"),
            ({"on_limit": 1}, "on_limit"),
            ({"tunnels": 5, "rate": 1}, "rate"),
        )
        for given, name in wrong:
            error = self.assertRaises(BoundsError, read, given)
            self.assertEqual(error.name, name, given)

    def test_words_of_a_command(self) -> None:
        """`tunnels=` gives that bound back to the level below; half a word is refused."""
        self.assertEqual(told(["tunnels=", "kbit_up=10", "on_limit=cut"]), {
            "tunnels": None, "kbit_up": 10, "on_limit": "cut",
        })  # fmt: skip
        for words in (
            ["tunnels"],
            ["tunnels=1", "tunnels=2"],
            ["=5"],
            ["tunnels=٣"],
            ["tunnels=5x"],
            ["kbit_up=" + "9" * 5000],
        ):
            self.assertRaises(BoundsError, lambda words=words: read(told(words)))
