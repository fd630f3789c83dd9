"""Who waits for its turn, and when it comes."""

from __future__ import annotations

import socket
from itertools import pairwise
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.model import Refusal
from meshd.sockets.ends import ClientGone
from meshd.sockets.line import BEAT, LOOKS, TOGETHER, Leaving, Line
from meshd.sockets.task import Task
from meshd.sockets.wire import Wire
from tests.passing.hand import Hand, tcp_pair

NO = Refusal("rate-tunnels")


class Turns(Clock):
    """What is to be done in the next turn of the reactor is not done in this one."""

    def __init__(self) -> None:
        super().__init__()
        self.soon: list[tuple[Any, ...]] = []

    def callLater(self, when: float, what: Any, *args: Any, **named: Any) -> Any:
        if not when:
            self.soon.append((what, *args))
            return True
        return super().callLater(when, what, *args, **named)

    def turn(self) -> bool:
        """Whether there was something to do."""
        soon, self.soon = self.soon, []
        for what, *args in soon:
            what(*args)
        return bool(soon)


class LineCase(SynchronousTestCase):
    """Exchanges that note what became of them; how many of each row may go on is the test's to say."""

    most = 1000

    def setUp(self) -> None:
        self.clock = Turns()
        self.room: dict[str, int] = {}
        self.line = Line(self.clock, self.may, lambda: self.most)
        self.said: list[tuple[str, bool]] = []
        self.ended: list[BaseException | None] = []

    def may(self, key: str) -> bool:
        return self.room.get(key, 0) > 0

    def come(self, key: str, number: int = 0, places: float = 100) -> Task:
        """One more exchange; it uses up a room when it is let on."""

        async def wait() -> None:
            granted = await self.line.turn(key, NO, places)
            if granted:
                self.room[key] -= 1
            self.said.append((f"{key}{number}", granted))

        task = Task(wait(), self.ended.append)
        task.resume()
        return task

    def beats(self, count: int = 1) -> None:
        for _ in range(count):
            self.clock.advance(BEAT)
            while self.clock.turn():
                pass

    def names(self) -> list[str]:
        return [name for name, _ in self.said]

    def assert_nothing_left(self) -> None:
        """Nobody waits, nothing is remembered, and no timer runs for long."""
        self.beats()
        self.assertEqual((self.line.waiting, self.line._rows, self.line._ready), (0, {}, {}))
        self.assertEqual(self.clock.getDelayedCalls(), [])


class TurnTest(LineCase):
    def test_in_order(self) -> None:
        """First come, first served, as many as there is room for."""
        for number in range(5):
            self.come("a", number)
        self.beats()
        self.assertEqual(self.said, [])
        self.room["a"] = 2
        self.beats()
        self.assertEqual(self.said, [("a0", True), ("a1", True)])
        self.room["a"] = 9
        self.beats()
        self.assertEqual(self.names(), ["a0", "a1", "a2", "a3", "a4"])
        self.assert_nothing_left()

    def test_an_event_brings_it_sooner(self) -> None:
        """Who says that there may be room is not made to wait for the next look, nor runs others' work himself."""
        self.come("a")
        self.room["a"] = 1
        self.line.freed("a")
        self.assertEqual(self.said, [])
        self.clock.turn()
        self.assertEqual(self.said, [("a0", True)])
        self.line.freed("a")
        self.line.freed("nobody")
        self.assert_nothing_left()

    def test_nobody_overtakes(self) -> None:
        """Those who wait are seen by who comes, with what they wait for."""
        self.assertIsNone(self.line.ahead("a"))
        self.come("a")
        self.assertIs(self.line.ahead("a"), NO)
        self.assertIsNone(self.line.ahead("b"))

    def test_rows_take_turns(self) -> None:
        """One of each, however long the rows are."""
        for number in range(20):
            self.come("a", number)
        for number in range(3):
            self.come("b", number)
        self.room |= {"a": 20, "b": 20}
        self.beats()
        self.assertEqual(self.names()[:6], ["a0", "b0", "a1", "b1", "a2", "b2"])
        self.assertEqual(len(self.said), 23)

    def test_so_many_in_one_turn_of_the_reactor(self) -> None:
        """Then everybody else has his."""
        for number in range(3 * TOGETHER):
            self.come("a", number)
        self.room["a"] = 100
        self.clock.advance(BEAT)
        seen = [0]
        while self.clock.turn():
            seen.append(len(self.said))
        self.assertEqual([after - before for before, after in pairwise(seen)], [TOGETHER] * 3)

    def test_so_many_looks_in_one_turn_of_the_reactor(self) -> None:
        """Though none of the rows can go on."""
        for number in range(3 * LOOKS):
            self.come(str(number))
        self.clock.advance(BEAT)
        turns = 0
        while self.clock.turn():
            turns += 1
        self.assertEqual((turns, self.said), (3, []))

    def test_who_could_not_go_on_after_all_waits_again(self) -> None:
        """Behind the others."""

        async def wait() -> None:
            await self.line.turn("a", NO, 9)
            await self.line.turn("a", NO, 9)
            self.said.append(("again", True))

        Task(wait(), self.ended.append).resume()
        self.come("a", 1)
        self.room["a"] = 3
        self.beats(2)
        self.assertEqual(self.names(), ["a1", "again"])
        self.assert_nothing_left()


class PlacesTest(LineCase):
    def test_in_a_row(self) -> None:
        """As many as it has places; one more is told at once, and a place that is left is free."""
        tasks = [self.come("a", number, places=2) for number in range(3)]
        self.come("b", places=2)
        self.assertEqual(self.said, [("a2", False)])
        tasks[0].throw(ClientGone())
        self.come("a", 3, places=2)
        self.come("a", 4, places=0)
        self.assertEqual(self.said, [("a2", False), ("a4", False)])
        self.room["a"] = 9
        self.beats()
        self.assertEqual(self.names(), ["a2", "a4", "a1", "a3"])

    def test_in_all(self) -> None:
        """The last of the longest row gives way to who has fewer; among equals the newcomer is told."""
        self.most = 4
        for number in range(4):
            self.come("a", number)
        self.come("b", 0)
        self.assertEqual((self.said, self.line.waiting), ([], 4))
        self.clock.turn()
        self.assertEqual(self.said, [("a3", False)])
        self.come("b", 1)
        self.come("b", 2)
        self.come("c", 0)
        self.clock.turn()
        self.assertEqual(self.said, [("a3", False), ("b2", False), ("a2", False), ("a1", False)])
        self.assertEqual(self.line.waiting, 4)
        self.room |= {"a": 9, "b": 9, "c": 9}
        self.beats()
        self.assertEqual(self.names()[4:], ["a0", "b0", "c0", "b1"])
        self.assert_nothing_left()

    def test_no_places_at_all(self) -> None:
        """A newcomer finds nobody to give way."""
        self.most = 0
        self.come("a")
        self.assertEqual(self.said, [("a0", False)])
        self.assert_nothing_left()

    def test_who_is_told_to_give_way_and_leaves(self) -> None:
        """At the same moment: it is out once."""
        self.most = 2
        self.come("a", 0)
        last = self.come("a", 1)
        self.come("b", 0)
        last.throw(ClientGone())
        self.beats()
        self.assertEqual((self.said, self.line.waiting), ([], 2))
        self.assertEqual([type(error) for error in self.ended], [ClientGone])


class LeavingTest(LineCase):
    def test_whoever_leaves(self) -> None:
        """From the middle, the end and the beginning; the rest moves up."""
        tasks = [self.come("a", number) for number in range(5)]
        for number in (2, 4, 0):
            tasks[number].throw(ClientGone())
        self.assertEqual(self.line.waiting, 2)
        self.room["a"] = 9
        self.beats()
        self.assertEqual(self.names(), ["a1", "a3"])
        self.assert_nothing_left()

    def test_all_of_them(self) -> None:
        """Then there is no row, and nobody to look for."""
        for task in [self.come("a", number) for number in range(3)]:
            task.throw(ClientGone())
        self.assert_nothing_left()


class ClientTest(SynchronousTestCase):
    """A client that goes away while it waits, on a real socket."""

    def setUp(self) -> None:
        self.hand = Hand(self)
        near, self.far = tcp_pair(self)
        self.wire = Wire(self.hand.poller, near.detach(), "")
        self.addCleanup(self.wire.close)
        self.ended: list[BaseException | None] = []

    def wait(self, *, listens: bool) -> None:
        line = Line(Clock(), lambda key: False)

        async def waiting() -> None:
            self.wire.watcher = Leaving(self.wire, task, listens=listens)
            await line.turn("a", NO, 1)

        task = Task(waiting(), self.ended.append)
        task.resume()

    def left(self) -> bool:
        self.hand.settle()
        return [type(error) for error in self.ended] == [ClientGone]

    def test_closed(self) -> None:
        """What it asked for is of no use to anybody any more."""
        self.wait(listens=False)
        self.assertFalse(self.left())
        self.far.close()
        self.assertTrue(self.left())

    def test_half_closed(self) -> None:
        """A client that has said all may well wait for the answer."""
        self.wait(listens=True)
        self.far.shutdown(socket.SHUT_WR)
        self.assertFalse(self.left())

    def test_half_closed_with_something_to_say(self) -> None:
        """What it has sent is still to be read."""
        self.far.sendall(b"early")
        self.wait(listens=False)
        self.far.shutdown(socket.SHUT_WR)
        self.assertFalse(self.left())

    def test_reset(self) -> None:
        """Whatever it had said."""
        self.wait(listens=True)
        self.far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.far.close()
        self.assertTrue(self.left())

    def test_before_it_waits(self) -> None:
        """Its end was announced with its request."""
        self.far.close()
        self.hand.settle()
        self.assertRaises(ClientGone, Leaving(self.wire, None, listens=False).check)  # type: ignore[arg-type]
