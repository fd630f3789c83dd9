"""The numbers of several processes as one."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from meshd.metrics.totals import MOST, Totals, rows_of, understood
from meshd.values.samples import Sample

UP = (("direction", "up"),)


def told(samples: list[Sample]) -> object:
    """As it arrives."""
    return json.loads(json.dumps(rows_of(samples)))


class TotalsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.at = 10.0
        self.totals = Totals(lambda: self.at)

    def together(self, own: list[Sample]) -> dict[str, float]:
        found = list(self.totals.together(own))
        self.assertEqual(len({sample[:2] for sample in found}), len(found), "nothing is told twice")
        return {name: value for name, _, value in found}

    def test_each_kind_is_added_in_its_own_way(self) -> None:
        """Bytes are a sum, the worst lag is the lag, and one process without a store is enough."""
        own: list[Sample] = [
            ("transferred_bytes_total", UP, 5.0),
            ("change_feed_lag_seconds", (), 0.5),
            ("store_up", (), 1.0),
        ]
        of_worker: list[Sample] = [
            ("transferred_bytes_total", UP, 7.0),
            ("change_feed_lag_seconds", (), 9.0),
            ("store_up", (), 0.0),
        ]
        self.totals.tell(1, told(of_worker))
        found = self.together(own)
        self.assertEqual(found.pop("worker_silent_seconds"), 0.0)
        self.assertEqual(found, {"transferred_bytes_total": 12.0, "change_feed_lag_seconds": 9.0, "store_up": 0.0})

    def test_the_newest_word_of_a_process_is_its_word(self) -> None:
        self.totals.tell(1, told([("transferred_bytes_total", UP, 5.0), ("exits_resting", (), 1.0)]))
        self.at = 12.5
        self.assertEqual(self.together([])["worker_silent_seconds"], 2.5)
        self.totals.tell(1, told([("transferred_bytes_total", UP, 6.0)]))
        self.assertEqual(self.together([]), {"transferred_bytes_total": 6.0, "worker_silent_seconds": 0.0})

    def test_counters_never_go_down(self) -> None:
        """Whoever dies, however often, and whatever the next one begins with."""
        seen = []
        for life in range(3):
            for count in (0.0, 10.0, 20.0):
                self.totals.tell(1, told([("transferred_bytes_total", UP, count), ("exchanges_open", (), 4.0)]))
                seen.append(self.together([])["transferred_bytes_total"])
            self.totals.ended(1)
            self.assertEqual(self.together([]), {"transferred_bytes_total": 20.0 * (life + 1)})
        self.assertEqual(seen, sorted(seen))
        self.totals.ended(1)  # whose place was empty
        self.assertEqual(self.together([]), {"transferred_bytes_total": 60.0})

    def test_histograms_are_kept_too(self) -> None:
        self.totals.tell(2, told([("reactor_lag_seconds_bucket", (("le", "1"),), 3.0)]))
        self.totals.ended(2)
        self.assertEqual(self.together([]), {"reactor_lag_seconds_bucket": 3.0})

    def test_what_makes_no_sense_is_left_out(self) -> None:
        """A worker reads strangers' bytes: its word may be anything."""
        good = ["exits", [], 1]
        wrong: tuple[object, ...] = (
            ["made_up", [], 1],
            ["exits", ["label"], 1],
            ["exits", [], "1"],
            ["exits", [], None],
            ["exits", [], float("nan")],
            ["exits", [], float("inf")],
            ["exits", []],
            ["exit_resting", [], 1],
            ["exit_resting", [7], 1],
            ["exit_resting", ["x" * 201], 1],
            [["exits"], [], 1],
            "exits",
            None,
        )
        for each in wrong:
            self.assertEqual(list(understood([each, good])), [("exits", (), 1.0)], each)
        for rows in (None, "x", {}, 3, [[]]):
            self.assertEqual(list(understood(rows)), [])
        self.assertEqual(len(list(understood([good] * (MOST + 5)))), MOST)
