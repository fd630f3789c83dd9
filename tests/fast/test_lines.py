"""Lines of the exchange log, in C and in Python: the same bytes."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.usage.exchangelog import ExchangeLog, Waiting
from meshd.values.exchanges import Destinations, Exchange
from tests.fast.building import fast

INTEGERS = st.one_of(st.integers(0, 999), st.integers(-(2**70), 2**70), st.sampled_from([2**63 - 1, -(2**63), True]))
PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=24)
TEXTS = st.one_of(
    PRINTABLE,
    st.text(max_size=40),
    st.integers(0, 320).map(lambda size: "x" * size),
)


def destinations(places: list[tuple[Any, ...]]) -> Destinations:
    found = Destinations()
    for place in places:
        found.add(*place)
    return found


EDGES = st.sampled_from([253402300799.9995, 0.9999999])
TIMES = st.one_of(st.floats(0, 2e9), st.floats(), st.integers(0, 2**40), EDGES)
EXCHANGES: st.SearchStrategy[Any] = st.builds(
    Exchange,
    TEXTS,
    TIMES,
    TIMES,
    INTEGERS,
    TEXTS,
    INTEGERS,
    TEXTS,
    TEXTS,
    TEXTS,
    TEXTS,
    INTEGERS,
    TEXTS,
    INTEGERS,
    TEXTS,
    INTEGERS,
    INTEGERS,
    TEXTS,
    st.one_of(st.just(""), TEXTS),
    st.one_of(st.none(), st.none(), st.builds(destinations, st.lists(st.tuples(TEXTS, st.integers(0, 9), TEXTS)))),
)
SUMS = st.tuples(INTEGERS, INTEGERS, INTEGERS)
RECORDS = st.lists(
    st.one_of(
        st.builds(Waiting, EXCHANGES, INTEGERS, SUMS),
        st.builds(Waiting, st.none(), INTEGERS, SUMS, INTEGERS, INTEGERS),
    ),
    max_size=8,
)
PLAIN = Exchange("id-1", 1.7e9, 0.25, 3, "shop", 0, "p", "192.0.2.1", "GET", "a.test", 80, "e", 200, "", 1, 2)


class JournalOf:
    def __init__(self, id_: str, lines: int) -> None:
        self.id = id_
        self.lines = lines


def data(log: ExchangeLog, journal: Any, records: list[Waiting]) -> tuple[bytes, str]:
    """The lines, or the error that there is."""
    try:
        return log._data(journal, records), ""
    except Exception as error:
        return b"", f"{type(error).__name__}: {error}"


class LinesTest(SynchronousTestCase):
    def both(self, id_: str, lines: int, records: list[Waiting]) -> bytes:
        log, journal, native = ExchangeLog("", Clock(), now=lambda: 5.125), JournalOf(id_, lines), fast()
        expected = data(log, journal, records)
        native.begin()
        try:
            self.assertEqual(data(log, journal, records), expected)
        finally:
            native.end()
        return expected[0]

    @settings(deadline=None, max_examples=150)
    @given(st.one_of(st.just("00ff"), PRINTABLE), st.one_of(st.integers(0, 9), INTEGERS), RECORDS)
    def test_whatever_there_is(self, id_: str, lines: int, records: list[Waiting]) -> None:
        """Texts, numbers and times of all kinds, with those among them that Python has to write."""
        self.both(id_, lines, records)

    @settings(deadline=None, max_examples=100)
    @given(st.floats(0, 253402300799.999), st.floats(-1e9, 1e9), st.integers(-(2**63), 2**63 - 1))
    def test_numbers(self, at: float, seconds: float, number: int) -> None:
        """Each is written to the same digit."""
        self.both("0", 0, [Waiting(PLAIN._replace(at=at, seconds=seconds, status=number), 0, (number, -number - 1, 1))])

    def test_the_bound_of_all_texts(self) -> None:
        """As many characters as are plain, and one more."""
        fixed = len("id-1shopp192.0.2.1GETa.teste")
        for length in (300 - fixed, 301 - fixed, 2000):
            written = self.both("0", 0, [Waiting(PLAIN._replace(reason="r" * length), 0, (1, 2, 1))])
            self.assertIn(b'"reason":"rrr', written)

    def test_what_is_no_exchange(self) -> None:
        """Another tuple in its place is an error in both."""
        odd: Any = [Waiting(PLAIN[:5], 0, (1, 2, 1)), Waiting(PLAIN, 0, (1, 2)), (1, 2), None]  # type: ignore[arg-type]
        for each in odd:
            self.both("0", 0, [each])
