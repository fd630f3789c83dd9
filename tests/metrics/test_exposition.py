"""Samples as Prometheus reads them."""

from __future__ import annotations

import shutil
import subprocess

from twisted.trial.unittest import SynchronousTestCase

from meshd.metrics.catalogue import FAMILIES, OF, PREFIX, labels_of
from meshd.metrics.exposition import text
from meshd.metrics.histogram import BOUNDS, Histogram
from meshd.values.samples import Sample


def everything() -> list[Sample]:
    """A sample of each metric, with odd values in its labels."""
    found: list[Sample] = []
    for family in FAMILIES:
        if family.kind == "histogram":
            histogram = Histogram(family.name)
            histogram.observe(0.003)
            found += histogram.samples()
        else:
            labels = tuple((label, f'a "quoted" \\ {number}\nline') for number, label in enumerate(family.labels))
            found.append((family.name, labels, 1.5))
    return found


class ExpositionTests(SynchronousTestCase):
    CASES: tuple[tuple[str, list[Sample], list[str]], ...] = (
        ("a gauge", [("exits", (), 2.0)], ["gauge", "meshd_exits 2"]),
        ("a fraction", [("change_feed_lag_seconds", (), 0.25)], ["gauge", "meshd_change_feed_lag_seconds 0.25"]),
        (
            "bytes are exact",
            [("transferred_bytes_total", (("direction", "up"),), 9007199254740991.0)],
            ["counter", 'meshd_transferred_bytes_total{direction="up"} 9007199254740991'],
        ),
        (
            "what a label may hold",
            [("exit_resting", (("exit", 'a"b\\c\nd'),), 0.0)],
            ["gauge", 'meshd_exit_resting{exit="a\\"b\\\\c\\nd"} 0'],
        ),
        ("a metric that there is not is told to nobody", [("made_up", (), 1.0)], []),
    )

    def test_lines(self) -> None:
        for name, samples, wanted in self.CASES:
            lines = text(samples).splitlines()
            told = [line.split()[3] if line.startswith("# TYPE") else line for line in lines if "HELP" not in line]
            self.assertEqual(told, wanted, name)

    def test_each_metric_is_told_once_whatever_order_its_samples_come_in(self) -> None:
        samples: list[Sample] = [("exit_resting", (("exit", each),), 0.0) for each in "ab"]
        told = text([samples[0], ("exits", (), 2.0), samples[1]])
        self.assertEqual(told.count("# TYPE meshd_exit_resting gauge\n"), 1)
        self.assertIn('meshd_exit_resting{exit="a"} 0\nmeshd_exit_resting{exit="b"} 0\n', told)

    def test_prometheus_own_program_finds_no_fault(self) -> None:
        """Neither with the syntax nor with names, units, help texts."""
        promtool = shutil.which("promtool")
        assert promtool is not None, "apt-get install prometheus"
        told = text(everything())
        command = [promtool, "check", "metrics"]
        done = subprocess.run(command, input=told, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.assertEqual(told.count("# TYPE"), len(FAMILIES))


class CatalogueTests(SynchronousTestCase):
    def test_names_follow_the_conventions(self) -> None:
        """What promtool does not look at: a counter ends in _total, nothing else does."""
        for family in FAMILIES:
            self.assertEqual(family.kind == "counter", family.name.endswith("_total"), family.name)
            self.assertFalse(family.name.startswith(PREFIX), family.name)
            self.assertNotIn("le", family.labels)
        self.assertEqual(len({family.name for family in FAMILIES}), len(FAMILIES))

    def test_counters_of_processes_are_added(self) -> None:
        for family in FAMILIES:
            if family.counts:
                self.assertEqual(family.together, "sum", family.name)

    def test_a_histograms_buckets_have_one_label_more(self) -> None:
        self.assertEqual(labels_of("reactor_lag_seconds_bucket"), ("le",))
        self.assertEqual(labels_of("reactor_lag_seconds_sum"), ())
        self.assertNotIn("reactor_lag_seconds", OF)


class HistogramTests(SynchronousTestCase):
    def test_buckets_hold_all_that_is_smaller(self) -> None:
        """And what is exactly a bound."""
        histogram = Histogram("x", (1.0, 2.0))
        for value in (0.5, 1.0, 1.5, 5.0):
            histogram.observe(value)
        found = list(histogram.samples())
        buckets = [("x_bucket", (("le", end),), count) for end, count in (("1", 2.0), ("2", 3.0), ("+Inf", 4.0))]
        self.assertEqual(found, [*buckets, ("x_sum", (), 8.0), ("x_count", (), 4.0)])

    def test_bounds_rise(self) -> None:
        self.assertEqual(sorted(BOUNDS), list(BOUNDS))
