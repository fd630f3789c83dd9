"""The steps of a request that repeats another, in C and in Python: the same decisions, keys, deadlines and bytes."""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network
from random import Random
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from meshd.exits.departure import Departure
from meshd.exits.pools import Pools
from meshd.model import Refusal
from meshd.passing.caps import Caps
from meshd.passing.idle import Idle, Own
from meshd.passing.metered import MeteredConnection
from meshd.passing.place import Place
from meshd.passing.plane import Plane
from meshd.passing.waiting import WaitingConnection
from meshd.proxy.connection import ClientConnection
from meshd.selection import NONE, Selection
from meshd.sockets.ends import ClientGone, Stopped
from meshd.sockets.wheel import Wheel
from meshd.topology import Exit, ExitRule, Limits, Live, ProxyHost, Rotation, Topology, UpstreamProxy
from tests.fast.test_exchanges import Both
from tests.fast.test_meter import Counted
from tests.proxy.test_barring import OUTCOMES, repeated
from tests.proxy.test_repeating import FIELDS, LINE, request

EXITS = (
    Exit("direct", "direct"),
    Exit("rack", "local", "192.0.2.1"),
    Exit("theirs", "http", "", upstream=UpstreamProxy("gw.example", 8080)),
)
SECONDS = st.one_of(st.integers(-3, 200), st.floats(-1, 300), st.sampled_from([1e13, 10**30, float("inf")]))


class IdleTest(Both):
    @settings(deadline=None, max_examples=100)
    @given(st.lists(st.tuples(st.booleans(), st.integers(1, 4), st.integers(0, 3)), max_size=40))
    def test_any_order(self, steps: list[tuple[bool, int, int]]) -> None:
        """Who is idle, among whom, and who would have to go; also what is not there."""

        def does() -> object:
            idle, found = Idle[str](), []
            for add, account, number in steps:
                said = ""
                try:
                    (idle.add if add else idle.remove)(account, f"{account}-{number}")
                except KeyError as error:
                    said = repr(error)
                own = [(key, list(each.connections), each.rank) for key, each in idle._of.items()]
                ranks = [(rank, list(accounts)) for rank, accounts in idle._by_rank.items()]
                found.append((said, own, ranks, idle._highest, idle.count))
                if said or not idle._of:
                    return found
                found.append(idle.to_go(account))
            return found

        in_python, native = self.both(does)
        self.assertEqual(native, in_python)

    def test_who_becomes_idle_meanwhile(self) -> None:
        """Is counted: what is known of an account that has none is begun in Python, where others may run."""

        def does() -> object:
            idle, begin, others = Idle[str](), Own.__init__, [2]

            def beginning(own: Own[str]) -> None:
                begin(own)
                if others:
                    idle.add(others.pop(), "another")

            with patch.object(Own, "__init__", beginning):
                idle.add(1, "one")
            return idle.count, sorted(idle._of)

        self.assertEqual(self.both(does), [(2, [1, 2])] * 2)


class TimedCase(WaitingConnection):
    """A connection that has nothing but its deadline."""

    def __init__(self, wheel: Wheel) -> None:
        self._plane = Plane.__new__(Plane)
        self._plane.wheel = wheel
        self.deadline, self.slot, self._phase, self._seconds = 0.0, 0, "grace", 0.0


class DeadlineTest(Both):
    @settings(deadline=None, max_examples=80)
    @given(st.lists(st.tuples(st.sampled_from(["phase", "alive", "wait"]), SECONDS), max_size=10))
    def test_any_phases(self, steps: list[tuple[str, float]]) -> None:
        """When they end, and where the wheel has them."""

        def does() -> object:
            clock = Clock()
            clock.advance(5.5)
            wheel, found = Wheel(clock), []
            timed = TimedCase(wheel)
            for step, seconds in steps:
                try:
                    if step == "wait":
                        clock.advance(min(abs(seconds), 1))
                        wheel.monotonic = clock.seconds()
                    else:
                        timed.phase("kept", seconds) if step == "phase" else timed.alive()
                except OverflowError as error:
                    found.append(repr(error))
                slots = sorted((slot, len(each)) for slot, each in wheel._slots.items())
                found.append((timed.deadline, timed.slot, timed._phase, timed._seconds, slots))
            return found

        in_python, native = self.both(does)
        self.assertEqual(native, in_python)


class Sending(MeteredConnection):
    """Sends on a wire that does as it is told."""

    def __init__(self, takes: object, room: int) -> None:
        self.counted = Counted(room, room, 0, one=False, lends=0)
        super().__init__(SimpleNamespace(try_send=self.try_send))  # type: ignore[arg-type]
        self.meter, self.takes, self.lives, self.given = self.counted.meter, takes, 0, b""

    def try_send(self, data: bytes) -> Any:
        self.given = bytes(data)
        if isinstance(self.takes, int):
            return min(self.takes, len(data))
        raise self.takes  # type: ignore[misc]

    def alive(self) -> None:
        self.lives += 1


class SendingTest(Both):
    def test_each_end(self) -> None:
        """Of a piece: all or a part of it is taken, nothing, there is no room, it is cut, or the client is gone."""
        takes = (0, 3, 10, OSError(32, "gone"), LookupError("odd"))
        cuts = (None, Refusal("overloaded"))

        def does() -> object:
            found: list[object] = []
            for take in takes:
                for room in (0, 2, 7, 8, 100):
                    for cut in cuts:
                        for data in (b"", b"1234567", memoryview(b"1234567")):
                            found.append(self.sent(Sending(take, room), cut, data))
            return found

        in_python, native = self.both(does)
        self.assertEqual(native, in_python)

    def sent(self, sending: Sending, cut: Refusal | None, data: Any) -> object:
        sending.cut = cut
        try:
            done: object = sending.send_now(data)
        except (ClientGone, Stopped, LookupError) as error:
            done = repr(error)
        return done, sending.given, sending.lives, sending._moved, sending.counted.state()


def host(name: str, exits: tuple[Exit, ...], rotation: Rotation = "random") -> ProxyHost:
    return ProxyHost(name, (), "p.example", ExitRule(), exits, rotation)


def way(pools: Pools, chance: Random, selection: Selection = NONE, proxy: str = "p") -> Departure:
    plane: Any = SimpleNamespace(
        pools=pools, chance=chance, wheel=SimpleNamespace(monotonic=5.0), now=lambda: 9.0, note_exit=lambda outlet: None
    )
    return Departure(plane, proxy, selection, 1, 0, None)


class DepartureTest(Both):
    def test_any_exit(self) -> None:
        """The one that is drawn, counted once, and no longer when the exchange has ended."""
        topology = Topology({"p": host("p", EXITS), "q": host("q", EXITS, "round-robin")}, EXITS, {})

        def does() -> object:
            pools, chance, found = Pools(topology), Random(3), []
            for number in range(60):
                proxy = ("p", "q", "nobody's")[number % 7 % 3]
                departure = way(pools, chance, NONE if number % 5 else Selection(exit="rack"), proxy)
                refusal = departure.choose()
                found.append((refusal, departure.way, [each.open for each in pools.outlets.values()]))
                if refusal is None:
                    outlet = departure.choice.outlet
                    outlet.failures = number % 2
                    departure.succeeded()
                    found.append((tuple(departure.choice)[1:], departure._trial, outlet.failures))
                    if number % 4 == 1:
                        departure._trial = outlet.trying = True
                        found.append(departure.choose())
                found.append((departure.end(), departure.end(), [each.open for each in pools.outlets.values()]))
                found.append([each.trying for each in pools.outlets.values()])
            return found

        in_python, native = self.both(does)
        self.assertEqual(native, in_python)

    def test_exits_that_cannot_be_used(self) -> None:
        """Are not chosen; a rested one has one trial."""
        topology = Topology({"p": host("p", EXITS)}, EXITS, {})

        def does() -> object:
            pools = Pools(topology)
            pools.drain({"direct"})
            pools.outlets["rack"].resting, pools.outlets["rack"].until = True, 99.0
            found: list[object] = []
            for number in range(40):
                departure = way(pools, Random(number))
                found.append((departure.choose(), departure.way, departure.end()))
            pools.drain({"direct", "theirs"})
            found.append(way(pools, Random(1)).choose())
            pools.outlets["rack"].until = 1.0
            departure = way(pools, Random(1))
            found.append((departure.choose(), departure._trial, pools.outlets["rack"].trying, departure.end()))
            return found

        in_python, native = self.both(does)
        self.assertEqual(native, in_python)

    def test_prefixes(self) -> None:
        """Of these an address is drawn too: which one is another in C, which has drawn once more by then."""
        prefix = IPv6Network("2001:db8::/64")
        exits = (*EXITS, Exit("many", "local", prefix=prefix))
        topology = Topology({"p": host("p", exits)}, exits, {})

        def does() -> object:
            pools, found = Pools(topology), set()
            for number in range(40):
                departure = way(pools, Random(number))
                self.assertIsNone(departure.choose())
                exit_, source = departure.end(), departure.choice.source
                found.add((exit_, IPv6Address(source) in prefix if exit_ == "many" else source))
            return found

        in_python, native = self.both(does)
        self.assertEqual(native, in_python)
        self.assertIn(("many", True), native)

    def test_what_was_not_chosen(self) -> None:
        def does() -> None:
            departure = way(Pools(Topology({}, (), {})), Random(1))
            self.assertRaises(AttributeError, departure.succeeded)
            self.assertRaises(AttributeError, Departure.__new__(Departure).choose)
            self.assertRaises(AttributeError, Departure.__new__(Departure).end)

        self.both(does)


class Steps:
    """A client's connection, as far as the steps of a repeated request need it."""

    def __init__(self, *, limits: Limits, exit_: Exit, kept: bool, tells: bool, room: bool) -> None:
        self.asked: list[object] = []
        topology = Topology({"p": host("p", (exit_,))}, (exit_,), {}, limits=limits, proxy_status_on_forwarded=tells)
        self.pools, self.room = Pools(topology), room
        wire = SimpleNamespace(peer="192.0.2.9")
        self.origin = SimpleNamespace(source="10.0.0.1", wire=wire) if kept else None
        self.caps = caps = Caps(Live(topology), 100)
        self.plane: Any = SimpleNamespace(
            live=Live(topology),
            pools=self.pools,
            chance=Random(4),
            caps=caps,
            wheel=SimpleNamespace(monotonic=5.0, seconds=lambda: 5.0),
            now=lambda: 9.0,
            request_id=lambda: "i",
            ledger=SimpleNamespace(open=self.open, tunnels=lambda account: 2),
            origins=SimpleNamespace(take=self.take),
        )
        self.connection = connection = ClientConnection.__new__(ClientConnection)
        connection._plane, connection.proxy, connection.cut = self.plane, "p", Refusal("overloaded")
        connection.wire = SimpleNamespace(peer="192.0.2.5")  # type: ignore[assignment]
        connection.place = Place(caps, connection, "192.0.2.5")

    def open(self, admission: Any, stop: Any) -> Any:
        self.asked.append((admission.token_id, stop.__name__))
        return self.counted().meter if self.room else Refusal("overloaded")

    def counted(self) -> Counted:
        return Counted(9, 9, 0, one=False, lends=0)

    def take(self, key: tuple[Any, ...]) -> Any:
        self.asked.append(key)
        return self.origin

    def run(self, number: int, selection: Selection) -> object:
        """All of them, one after another, and what they leave behind."""
        connection, asked = self.connection, request(LINE + FIELDS)
        account = SimpleNamespace(id=700 + number % 2, username="shop")
        admission: Any = SimpleNamespace(
            identity=SimpleNamespace(account=account), account=account, token_id=3, selection=selection
        )
        self.plane.wheel.monotonic += number % 3 / 4
        meter = connection._opened(admission)
        if meter is None:
            return self.asked, self.begun()
        departure = connection._left(asked, admission, meter)
        refusal = departure.choose()
        if refusal is not None:
            return refusal
        origin = connection._kept(departure, account.id)
        record = connection.record
        assert record is not None
        told: Any = SimpleNamespace(render=lambda *given: repr(given).encode())
        answer = connection._answer_like(told)
        return (
            (origin is not None, departure.address, departure.selection == selection, departure.patience, answer),
            (record.exit, record._host, record._port, record._method, record._username, record.began, connection.cut),
            (record.meter is meter is connection.meter, meter.about is record, meter.way is departure, meter.proxy),
            (connection.place.asked, connection.place.account_id, self.asked, self.begun()),
            {account: connection in those for account, those in self.plane.caps._held.items()},
        )

    def begun(self) -> object:
        """What was taken of the bounds, and who counts for whom."""
        buckets = [(key, each.at, each.requests, each.begun_requests) for key, each in self.caps._buckets.items()]
        return buckets, [(account, len(held)) for account, held in self.caps._held.items()]


class StepsTest(Both):
    def test_each_kind(self) -> None:
        """With and without bounds, room, a kept connection, a selection, and a header of its own for each answer."""
        none = Limits(tunnels_per_account=0, requests_per_second=0)
        bounds = [Limits(tunnels_per_account=most, requests_per_second=rate) for most, rate in ((0, 2), (2, 0), (3, 0))]
        cases = [
            (limits, exit_, kept, tells, room, selection)
            for limits in (none, Limits(), *bounds)
            for exit_ in (*EXITS, Exit("near", "http", "192.0.2.7", upstream=UpstreamProxy("gw.example", 8080)))
            for kept, tells, room in (
                (True, False, True),
                (False, False, True),
                (True, True, True),
                (True, False, False),
            )
            for selection in (NONE, Selection(session="k"), Selection(exit="rack"))
        ]

        def does() -> object:
            found = []
            for limits, exit_, kept, tells, room, selection in cases:
                steps = Steps(limits=limits, exit_=exit_, kept=kept, tells=tells, room=room)
                found.append([steps.run(number, selection) for number in range(9)])
            return found

        in_python, native = self.both(does)
        self.assertEqual(native, in_python)

    def test_another_way_to_count_for_an_account(self) -> None:
        """Is heard, where a test has put it into the class."""

        def does() -> object:
            steps, held = Steps(limits=Limits(), exit_=EXITS[0], kept=True, tells=False, room=True), []
            with patch.object(Place, "hold", lambda place, account: held.append(account)):
                steps.run(0, NONE)
            return held, steps.begun()

        in_python, native = self.both(does)
        self.assertEqual(native, in_python)
        self.assertIn("[700]", str(native))

    def test_rules_meanwhile(self) -> None:
        """Those that come while the head waits for room."""
        for become, _ in OUTCOMES:
            in_python, native = self.both(lambda become=become: repeated(become))  # type: ignore[misc]
            self.assertEqual(native, in_python)

    def test_odd_things(self) -> None:
        """Are the errors that they are in Python."""

        def does() -> None:
            connection = ClientConnection.__new__(ClientConnection)
            nobody: Any = None
            self.assertRaises(AttributeError, connection._opened, nobody)
            self.assertRaises(AttributeError, connection._left, nobody, nobody, nobody)
            self.assertRaises(AttributeError, connection._kept, nobody, 1)
            self.assertRaises(AttributeError, connection._answer_like, nobody)
            self.assertRaises((AttributeError, TypeError), connection._departure, nobody, nobody)

        self.both(does)
