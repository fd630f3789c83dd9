"""When an hour was steady, and when its books balance."""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from tests.soak.books import Complaints, Sums, logged, unbalanced
from tests.soak.samples import Sample, as_json, by_minute, from_json, percentiles, unsteady
from tests.support.load import Head

HOUR = 3600


def sampled(rss: Callable[[float], float], files: Callable[[float], float], until: int = HOUR) -> list[Sample]:
    return [
        Sample(float(at), int(rss(at)), 0, int(files(at)), 0.0, [0.001] * 99 + [at / 1000], [], [], [])
        for at in range(0, until, 5)
    ]


def flat(at: float) -> float:
    return 100.0


def head(status: int) -> Head:
    return Head(status, b"")


class SteadyTests(SynchronousTestCase):
    def test_verdicts(self) -> None:
        """Growth counts once it is warm, a moment's peak does not."""
        for case, samples, faults in (
            ("flat", sampled(flat, flat), []),
            ("grows until it is warm", sampled(lambda at: min(at, 599), flat), []),
            ("too short to tell", sampled(lambda at: at, flat, 500), []),
            ("within the part", sampled(lambda at: 1000 + at / 100, flat), []),
            ("a peak of one sample", sampled(lambda at: 900 if at == 1800 else 100, flat), []),
            ("memory", sampled(lambda at: 1000 + at / 10, flat), ["memory"]),
            ("descriptors", sampled(flat, lambda at: 100 + at / 100), ["descriptors"]),
        ):
            self.assertEqual([each.split()[0] for each in unsteady(samples)], faults, case)

    def test_minutes(self) -> None:
        """Whole ones only, in order."""
        samples = sampled(lambda at: at, flat, 150)
        self.assertEqual(by_minute(samples, lambda each: each.rss), [(0, 27.5), (60, 87.5)])
        self.assertEqual([at for at, _ in percentiles(samples, lambda each: each.lag)], [0, 60])
        self.assertEqual(by_minute([], lambda each: each.rss), [])

    def test_kept(self) -> None:
        """What is written is read again."""
        sample = Sample(1.5, 1, 2, 3, 4.5, [0.001], [0.002], [], [0.25])
        self.assertEqual(from_json(as_json(sample)), sample)


class BooksTests(SynchronousTestCase):
    def test_sums(self) -> None:
        """Whole exchanges to the byte, refusals by what was sent where that is billed, cut ones between bounds."""
        book = Sums()
        for account, up, down, end in (
            ("kid", 10, 100, book.close),
            ("top", 20, 200, book.close),
            ("top", 5, 0, lambda each: book.refuse(each, head(403))),
            ("top", 7, 0, lambda each: book.refuse(each, head(509))),
            ("cut", 1, 10, book.tear),
        ):
            begun = book.begin(account, "GET", 30)
            begun.up, begun.down = up, down
            end(begun)
        self.assertEqual(book.bounds({"kid": "top"}), {"kid": (110, 110), "top": (335, 335), "cut": (10, 31)})
        self.assertFalse(book.open)

    def test_balance(self) -> None:
        """A byte too few, too many, or in one of the books alone."""
        bounds = {"a": (10, 10), "b": (5, 8)}
        self.assertEqual(unbalanced(bounds, {"a": 10, "b": 7}, {"a": 10, "b": 7}), [])
        for stored, log, count in (
            ({"a": 11, "b": 7}, {"a": 11, "b": 7}, 1),
            ({"a": 10, "b": 9}, {"a": 10, "b": 9}, 1),
            ({"a": 10, "b": 7}, {"a": 9, "b": 7}, 1),
            ({"a": 10, "b": 7, "c": 1}, {"a": 10, "b": 7, "c": 1}, 1),
            ({}, {}, 2),
        ):
            self.assertEqual(len(unbalanced(bounds, stored, log)), count, (stored, log))

    def test_the_log(self) -> None:
        """A sub-account's bytes are its parent's too; what belongs to nobody is nobody's."""
        lines = ['{"account": 2, "up": 1, "down": 2}', '{"account": null, "up": 0, "down": 0}']
        self.assertEqual(logged(lines, {1: "top", 2: "kid"}, {"kid": "top"}), {"kid": 3, "top": 3})

    def test_excuses(self) -> None:
        """Only what the moment explains."""
        said = Complaints(lambda text: "503" in text)
        said.append("a 503")
        said.append("a 502")
        self.assertEqual((list(said), said.excused), (["a 502"], 1))
