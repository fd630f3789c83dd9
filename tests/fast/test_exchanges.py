"""Exchanges from their beginning to their line, in C and in Python: the same counts, sums and lines."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from types import SimpleNamespace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.model import Refusal
from meshd.passing.plane import Plane
from meshd.passing.record import Record
from meshd.usage.exchangelog import ExchangeLog, Waiting
from meshd.usage.meter import Meter
from meshd.usage.reports import FRESH, Reports
from meshd.values.exchanges import Destinations, Exchange
from tests.fast.building import fast
from tests.fast.test_lines import EXCHANGES, PLAIN, RECORDS
from tests.usage.support import Desk, MemoryStore, account, now
from tests.usage.support import settings as live

OPENING = st.tuples(st.just("open"), st.integers(1, 3), st.sampled_from([0, 5]), st.sampled_from(["password", "meter"]))
COUNTING = st.tuples(st.just("count"), st.integers(0, 9), st.integers(0, 2**40), st.integers(0, 2**40))
CLOSING = st.tuples(
    st.just("close"), st.integers(0, 9), st.sampled_from(["", "reset"]), st.sampled_from(["", "why"]), st.integers(0, 4)
)
BINDING = st.tuples(st.just("bind"), st.integers(1, 3), st.sampled_from(["", "on_limit=slow", "kbit_down=8"]))
PLACES = Destinations()
STEPS = st.lists(st.one_of(OPENING, COUNTING, CLOSING, BINDING), max_size=14)


class World:
    """A ledger, and records that are closed on it."""

    def __init__(self, folder: str) -> None:
        self.desk = Desk(folder, MemoryStore(account(1), account(2, parent=1), account(3, monthly=2**39)), slots=4)
        now(self.desk.ledger.start())
        self.told: list[object] = []
        self.line = SimpleNamespace(waiting=0, freed=self.told.append)
        self.plane = Plane.__new__(Plane)
        self.plane.instance, self.plane._numbers = "i-", count(14)
        ticks = iter(range(10**6))
        self.plane.now = lambda: 1.7e9
        self.plane.wheel = SimpleNamespace(seconds=lambda: next(ticks) / 8)  # type: ignore[assignment]
        self.plane.ledger, self.plane.line = self.desk.ledger, self.line  # type: ignore[assignment]
        self.open: list[tuple[Record, Meter]] = []

    def do(self, step: tuple[Any, ...]) -> object:
        match step:
            case ("open", number, token, source):
                return self.begin(number, token, source)
            case ("count", place, up, down) if place < len(self.open):
                meter = self.open[place][1]
                meter.sent_up(up)
                meter.sent_down(down)
            case ("close", place, reason, detail, how) if place < len(self.open):
                return self.end(self.open.pop(place)[0], reason, detail, how)
            case ("bind", number, bounds):
                accounts = self.desk.store.accounts
                accounts[number] = replace(accounts[number], bounds=bounds)
        return None

    def begin(self, number: int, token: int, source: Any) -> object:
        admission = self.desk.store.admission(number, token_id=token, at=0, source=source)
        meter = self.desk.ledger.open(admission, lambda refusal: None)
        if isinstance(meter, Refusal):
            return meter
        record = Record(self.plane, "p", "192.0.2.1")
        record.note_request(SimpleNamespace(method=b"GET", target=SimpleNamespace(host="a.test", port=80)))
        record.note_admission(admission)
        record.meter, meter.about = meter, record
        self.open.append((record, meter))
        return record.id

    def end(self, record: Record, reason: str, detail: str, how: int) -> object:
        """how: what of a record is seldom there."""
        if how == 1:
            record.seat = SimpleNamespace(leave=lambda: self.told.append("left"))
        if how == 2:
            self.line.waiting = 1
        if how == 3:
            record.departure = SimpleNamespace(way="e", end=lambda: "e")
        if how == 4:
            record.destinations = PLACES
        record.close(reason, detail) if detail else record.close(reason)
        record.close("again")
        self.line.waiting = 0
        return record.closed

    def state(self) -> object:
        desk, ledger = self.desk, self.desk.ledger
        allowances = {each.standing.account_id: each for each in ledger.at_work()}
        tallies = ledger._tallies.by_key
        return (
            [
                (key, each.room, each.visits, each.below, len(each.meters), each.users, each.on_limit)
                for key, each in allowances.items()
            ],
            [(key, each.open, each.slot, each.meter.__name__) for key, each in tallies.items()],
            sorted(each.key for each in ledger._tallies.resting),
            [desk.journal.words[desk.journal.cell(each.slot) + at] for each in tallies.values() for at in range(3)],
            [record._replace(exchange=tuple(record.exchange or ())) for record in desk.log._waiting],  # type: ignore[arg-type]
            [tuple(each) for each in desk.seen.exchanges],
            self.told,
        )


class Heard:
    """A meter that tells of its being asked."""

    def __init__(self, told: list[object], up: int = 0) -> None:
        self.told, self.sum, self.down = told, up, 0

    @property
    def up(self) -> int:
        self.told.append("asked")
        return self.sum


class Left:
    """Counts the calls of methods and functions as they stand in Python, which C leaves to them what is not usual."""

    def __init__(self, test: SynchronousTestCase, *methods: tuple[Any, str]) -> None:
        """methods: each by the class or module that it is of, and its name."""
        self._test = test
        self.calls: list[str] = []
        """Their names, in order."""
        for place, name in methods:
            self.of(place, name)

    def of(self, place: Any, name: str) -> None:
        in_python = vars(place)[name]

        def counted(*given: Any) -> Any:
            self.calls.append(name)
            return in_python(*given)

        self._test.patch(place, name, counted)


class Both(SynchronousTestCase):
    def both(self, does: Callable[[], object]) -> list[object]:
        """What it gives in Python, and with C."""
        native, found = fast(), [does()]
        native.begin()
        try:
            found.append(does())
        finally:
            native.end()
        return found


class ExchangesTest(Both):
    @settings(deadline=None, max_examples=80)
    @given(STEPS)
    def test_any_steps(self, steps: list[tuple[Any, ...]]) -> None:
        """Each leads to the same counts, lines and answers; also over a limit, and where all slots are taken."""

        def does() -> object:
            folder = tempfile.mkdtemp()
            try:
                world = World(folder)
                found = [(world.do(step), world.state()) for step in steps]
                world.desk.die()
                return found
            finally:
                shutil.rmtree(folder)

        in_python, native = self.both(does)
        self.assertEqual(native, in_python)

    def test_what_is_raised_while_it_is_booked(self) -> None:
        """Leaves the same behind: no byte is counted twice, or no longer."""

        def does() -> object:
            folder = tempfile.mkdtemp()
            self.addCleanup(shutil.rmtree, folder)
            world = World(folder)
            found: list[object] = []
            for breaks in ("_exchanges", "_chronicle"):
                world.do(("open", 2, 0, "password"))
                record, meter = world.open[-1]
                meter.sent_down(7)
                right = getattr(world.desk.ledger, breaks)
                setattr(world.desk.ledger, breaks, SimpleNamespace())
                self.assertRaises(AttributeError, record.close, "")
                setattr(world.desk.ledger, breaks, right)
                record.close("")
                found.append((meter.open, record.closed, world.state()))
            world.do(("open", 2, 0, "password"))
            record, meter = world.open[-1]
            meter.tally.own.meters.clear()
            self.assertRaises(KeyError, record.close, "")
            found.append((meter.open, meter.up, world.state()))
            world.desk.die()
            return found

        in_python, native = self.both(does)
        self.assertEqual(native, in_python)

    def test_one_that_is_closed_while_another_opens(self) -> None:
        """As by what the collector lets go while the meter is made: none counts as open for ever."""

        def does() -> object:
            folder = tempfile.mkdtemp()
            self.addCleanup(shutil.rmtree, folder)
            world = World(folder)
            world.do(("open", 2, 0, "password"))
            record, meter = world.open.pop()
            tally = meter.tally

            def made(*given: Any) -> Meter:
                record.close("")
                return Meter(*given)

            tally.meter = made  # type: ignore[assignment]
            world.do(("open", 2, 0, "password"))
            tally.meter = Meter
            found = tally.open, tally.family.below, len(tally.own.meters), world.state()
            world.open.pop()[0].close("")
            after = tally.open, world.state()
            world.desk.die()
            return found, after

        in_python, native = self.both(does)
        self.assertEqual(native, in_python)

    def test_what_goes_wrong_at_the_end(self) -> None:
        """A clock that fails is that error, and whatever the departure leaves in the record is what is booked."""

        def does() -> object:
            folder, told = tempfile.mkdtemp(), []
            self.addCleanup(shutil.rmtree, folder)
            world = World(folder)
            world.do(("open", 2, 0, "password"))
            record = world.open[-1][0]
            record.meter = Heard(told)  # type: ignore[assignment]
            world.plane.wheel = SimpleNamespace(seconds=lambda: 1 // 0)  # type: ignore[assignment]
            self.assertRaises(ZeroDivisionError, record.close, "")
            world.plane.wheel = SimpleNamespace(seconds=lambda: 1.0)  # type: ignore[assignment]
            record = Record(world.plane, "p", "c")
            record.meter = Heard(told)  # type: ignore[assignment]

            def end() -> str:
                other = Record(world.plane, "p", "c")
                world.plane.ledger = SimpleNamespace(close=lambda meter, exchange: told.append(meter.up))  # type: ignore[assignment]
                record.meter, record._plane = Heard(told, 7), other._plane  # type: ignore[assignment]
                return "e"

            record.departure = SimpleNamespace(way="e", end=end)
            record.close("")
            world.desk.die()
            return told

        in_python, native = self.both(does)
        self.assertEqual(native, in_python)

    def test_odd_records(self) -> None:
        """Are the errors that they are in Python."""

        def does() -> object:
            self.assertRaises(TypeError, Record)
            self.assertRaises(AttributeError, Record, None, "p", "c")
            record = Record.__new__(Record)
            self.assertRaises(AttributeError, record.close, "")
            self.assertRaises(AttributeError, record.note_request, None)
            self.assertRaises(AttributeError, record.note_admission, None)
            broken = SimpleNamespace(method=b"\xff", target=SimpleNamespace(host="h", port=1))
            self.assertRaises(UnicodeDecodeError, record.note_request, broken)
            plane = Plane.__new__(Plane)
            self.assertRaises(AttributeError, plane.request_id)
            plane.instance, plane._numbers = "ü", count(2**70)
            return plane.request_id()

        in_python, native = self.both(does)
        self.assertEqual(native, in_python)


class SumsTest(Both):
    @settings(deadline=None, max_examples=120)
    @given(RECORDS, st.integers(-2, 3))
    def test_of_lines(self, records: list[Waiting], slot: int) -> None:
        """Whatever was written: the sums by slot."""
        more = [record._replace(slot=slot, sums=(7, 2**60, 1)) for record in records]
        log = ExchangeLog("", Clock())
        for some in (records, more, records + more, more * 5):
            in_python, native = self.both(lambda some=some: log._sums(some))  # type: ignore[misc]
            self.assertEqual(native, in_python)

    @settings(deadline=None, max_examples=80)
    @given(st.lists(st.tuples(st.sampled_from([PLAIN]) | EXCHANGES, st.integers(1, 60)), max_size=8))
    def test_of_what_has_ended(self, some: list[tuple[Exchange, int]]) -> None:
        """By hour, account, host, reason and exit."""
        ended = [exchange for exchange, times in some for _ in range(times)]

        def does() -> object:
            reports = Reports(None, Clock(), lambda: 0, live(), lambda: None)  # type: ignore[arg-type]
            found: list[object] = []
            try:
                reports.add(ended)
                reports.add(tuple(ended))
            except Exception as error:
                found.append(repr(error))
            fresh = dict(reports._fresh)
            try:
                reports._tell_apart()
            except Exception as error:
                found.append(repr(error))
            return found, reports._hour, fresh, reports._domains._cells, reports._traffic._cells

        in_python, native = self.both(does)
        self.assertEqual(repr(native), repr(in_python))

    def test_what_is_left_to_python(self) -> None:
        """The first exchange of an hour; nothing of those like it."""
        left = Left(self, (ExchangeLog, "_sums"), (Reports, "add"))
        native = fast()
        native.begin()
        self.addCleanup(native.end)
        self.assertEqual(ExchangeLog("", Clock())._sums([Waiting(PLAIN, 0, (1, 2, 1))] * 9), {0: (9, 18, 9)})
        self.assertEqual(left.calls, [])
        reports = Reports(None, Clock(), lambda: 0, live(), lambda: None)  # type: ignore[arg-type]
        reports.add([PLAIN])
        self.assertEqual(left.calls, ["add"])
        reports.add([PLAIN._replace(host=f"h{number}.test") for number in range(9)])
        self.assertEqual(left.calls, ["add"])

    def test_of_more_names_than_are_kept(self) -> None:
        """Sums that are told apart, and rows for others, at the very same exchange."""

        def does() -> object:
            reports = Reports(None, Clock(), lambda: 0, live(), lambda: None)  # type: ignore[arg-type]
            for at in range(0, 2 * FRESH + 3, 7):
                reports.add([PLAIN._replace(host=f"h{each}.test") for each in range(at, at + 9)])
            return reports._fresh, reports._domains._cells, reports._traffic._cells

        in_python, native = self.both(does)
        self.assertEqual(native, in_python)
