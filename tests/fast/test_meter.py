"""Counting, in C and in Python: the same numbers, the same calls."""

from __future__ import annotations

from array import array
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meshd.model import Standing, Usage
from meshd.usage.allowance import UNLIMITED, Allowance
from meshd.usage.meter import Meter, Tally
from tests.fast.building import fast

ROOMS = st.one_of(st.integers(-5, 300), st.sampled_from([UNLIMITED, 2**63 - 1, -(2**63), 2**63, 2**80, -(2**70)]))
SIZES = st.one_of(st.integers(-3, 200), st.sampled_from([2**31 - 1, 2**31, 2**62, 2**64, 2**70]))
STEPS = st.lists(st.tuples(st.sampled_from(["sent_up", "sent_down", "paid", "room"]), SIZES), max_size=12)


class Cells:
    def __init__(self, first: int) -> None:
        self.words = memoryview(array("Q", (first, 0, 0)))

    def cell(self, slot: int) -> int:
        return slot


def allowance(room: int) -> Allowance:
    found = Allowance(Standing(0, None, 0, 0, 1, Usage(0, 0, 0, 0)))
    found.room = room
    return found


class Counted:
    """A meter, and what is told of it."""

    def __init__(self, own: int, family: int, first: int, *, one: bool, lends: int) -> None:
        """one: whether both allowances are the same; lends: what each call of `renew` adds."""
        self.own = allowance(own)
        self.family = self.own if one else allowance(family)
        self.cells = Cells(first)
        self.renewed: list[tuple[int, int, int]] = []
        self.lends = lends
        tally = Tally((1, 0, None), 0, self.cells, own=self.own, family=self.family, renew=self.renew)
        nobody: Any = None
        self.meter = Meter(tally, nobody, nobody)

    def renew(self, meter: Meter, least: int = 1) -> None:
        self.renewed.append((meter.up, self.own.room, self.family.room))
        self.own.room += self.lends

    def do(self, name: str, size: int) -> object:
        """Its outcome, or the error that there is."""
        try:
            return self.meter.room if name == "room" else getattr(self.meter, name)(size)
        except (OverflowError, ValueError, TypeError) as error:
            return type(error)

    def state(self) -> object:
        rooms = self.own.room, self.family.room
        return self.meter.up, self.meter.down, *rooms, self.cells.words.tolist(), self.renewed


class MeterTest(SynchronousTestCase):
    @settings(deadline=None, max_examples=150)
    @given(ROOMS, ROOMS, st.sampled_from([0, 7, 2**64 - 50]), st.booleans(), st.sampled_from([0, 100]), STEPS)
    def test_steps(
        self, own: int, family: int, first: int, one: bool, lends: int, steps: list[tuple[str, int]]
    ) -> None:
        """Any steps lead to the same state, with the same outcomes."""
        native, found = fast(), []
        for part in (None, native):
            counted = Counted(own, family, first, one=one, lends=lends)
            if part is not None:
                part.begin()
            try:
                found.append([(counted.do(name, size), counted.state()) for name, size in steps])
            finally:
                native.end()
        self.assertEqual(found[0], found[1])

    def test_odd_things(self) -> None:
        """What is no number, no tally or no allowance is the error that it is in Python."""
        native = fast()
        for part in (None, native):
            if part is not None:
                part.begin()
            try:
                counted = Counted(5, 5, 0, one=False, lends=0)
                self.assertEqual(counted.do("sent_up", "x"), TypeError)  # type: ignore[arg-type]
                counted.meter.tally = None  # type: ignore[assignment]
                self.assertRaises(AttributeError, counted.meter.sent_up, 1)
                self.assertRaises(AttributeError, lambda meter=counted.meter: meter.room)
                self.assertRaises(AttributeError, Meter.__new__(Meter).sent_down, 1)
                self.assertRaises(AttributeError, lambda: Meter.__new__(Meter).room)
                self.assertRaises((AttributeError, TypeError), Meter.sent_up, counted, 1)
            finally:
                native.end()

    def test_what_renew_raises(self) -> None:
        """It arrives, after all was counted."""
        native, found = fast(), []

        def renew(meter: Meter) -> None:
            raise LookupError("away")

        for part in (None, native):
            if part is not None:
                part.begin()
            try:
                counted = Counted(5, 5, 0, one=False, lends=0)
                counted.meter.tally.renew = renew
                self.assertRaises(LookupError, counted.meter.sent_down, 6)
                found.append(counted.state())
            finally:
                native.end()
        self.assertEqual(found[0], found[1])
