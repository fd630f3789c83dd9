"""A worker's place: who is there, and who comes next; processes, clock and channel are played."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.daemon.faults import WorkerFailed
from meshd.daemon.workers.messages import NUMBER, PROVEN, SETTINGS, STOP, TOLD, said
from meshd.daemon.workers.patience import FIRST
from meshd.daemon.workers.station import TAKING, Offer, Station
from meshd.metrics.totals import Totals
from tests.daemon.workers.test_channel import Played

OFFER = Offer((SETTINGS, b"first"), (), 4)


class World(Played, Clock):
    """A reactor of which time and readiness are played."""

    def __init__(self) -> None:
        Clock.__init__(self)
        Played.__init__(self)


class Process:
    """The far end of a channel."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        sock.setblocking(False)

    def heard(self) -> list[bytes]:
        data, frames = b"", []
        with contextlib.suppress(BlockingIOError):
            data = self.sock.recv(1_000_000)
        while data:
            size = int.from_bytes(data[:4], "big")
            frames.append(data[4 : 4 + size])
            data = data[4 + size :]
        return frames

    def say(self, content: bytes) -> None:
        self.sock.sendall(len(content).to_bytes(4, "big") + content)

    def die(self) -> None:
        self.sock.close()


class Forks:
    """Each fork is a far end."""

    def __init__(self) -> None:
        self.made: list[Process] = []
        self.failing = False

    def fork(self, channel: socket.socket) -> Deferred[int]:
        if self.failing:
            raise OSError(24, "Too many open files")
        self.made.append(Process(channel.dup()))
        return Deferred()


NUMBERS = ["exit_rests_total", "exits_resting", "worker_silent_seconds"]


class StationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world, self.forks = World(), Forks()
        self.deaths = 0
        self.told: list[tuple[int, bytes]] = []
        self.offer = OFFER
        self.totals = Totals(lambda: 0.0)
        self.station = Station(
            self.world,
            3,
            self.forks,
            lambda: self.offer,
            self._died,
            lambda *what: self.told.append(what),
            lambda: b"known",  # type: ignore[arg-type]
            self.totals,
        )
        self.addCleanup(lambda: [each.die() for each in self.forks.made])
        self.begun = self.station.begin()
        self.process = self.forks.made[0]

    def _died(self) -> None:
        self.deaths += 1

    def serve(self) -> Process:
        """The newest process, once it serves."""
        process = self.forks.made[-1]
        process.say(said("serving"))
        self.world.run()
        return process

    def test_numbers_of_a_process_that_dies_are_kept(self) -> None:
        """What it counted, as it last told it; a gauge is no more."""
        process = self.serve()
        rows = [["exit_rests_total", [], 3], ["exits_resting", [], 1]]
        process.say(said("numbers", rows=rows))
        self.world.run()
        self.assertEqual(sorted(name for name, _, _ in self.totals.together(())), NUMBERS)
        process.die()
        self.world.run()
        self.assertEqual(list(self.totals.together(())), [("exit_rests_total", (), 3.0)])
        self.assertEqual(self.station.ended, 1)

    def test_a_process_is_told_who_it_is_and_what_to_go_by(self) -> None:
        self.assertEqual(self.process.heard(), [NUMBER + b"3/4", PROVEN + b"known", b"".join(OFFER.settings)])
        self.assertNoResult(self.begun)
        self.serve()
        self.assertTrue(self.station.serves)
        self.successResultOf(self.begun)

    def test_one_that_dies_is_replaced(self) -> None:
        """After a moment, by one that goes by what holds then."""
        self.serve().die()
        self.world.run()
        self.assertEqual((self.station.serves, self.deaths, len(self.forks.made)), (False, 1, 1))
        self.assertIn((3, TOLD), self.told, "what was open there is open no more")
        self.offer = Offer((SETTINGS, b"second"), (), 1)
        self.world.advance(FIRST)
        self.assertEqual(self.forks.made[1].heard(), [NUMBER + b"3/1", PROVEN + b"known", SETTINGS + b"second"])
        self.serve()
        self.assertTrue(self.station.serves)

    def test_one_that_cannot_start_says_why(self) -> None:
        """To whoever began it; and another is tried."""
        self.process.say(said("failed", why="the database is away"))
        self.process.die()
        self.world.run()
        self.failureResultOf(self.begun, WorkerFailed)
        self.world.advance(FIRST)
        self.assertEqual(len(self.forks.made), 2)

    def test_where_nothing_can_be_forked_it_is_tried_again(self) -> None:
        self.forks.failing = True
        self.serve().die()
        self.world.run()
        self.world.advance(FIRST)
        self.forks.failing = False
        self.world.advance(FIRST)
        self.serve()
        self.assertTrue(self.station.serves)

    def test_settings_that_are_taken(self) -> None:
        self.serve().heard()
        taking = self.station.take(Offer((SETTINGS, b"second"), (), 1))
        self.assertEqual(self.process.heard(), [SETTINGS + b"second"])
        self.process.say(said("taken"))
        self.world.run()
        self.assertEqual(self.successResultOf(taking), "")

    def test_one_that_does_not_take_them_is_replaced(self) -> None:
        """Whether it says so, says nothing, or dies."""
        for how in ("refuses", "is silent", "dies"):
            process = self.serve()
            taking = self.station.take(OFFER)
            if how == "refuses":
                process.say(said("refused", why="no such file"))
            elif how == "dies":
                process.die()
            self.world.run()
            if how == "is silent":
                self.world.advance(TAKING)
            self.assertNotEqual(self.successResultOf(taking), "")
            self.assertFalse(self.station.serves)
            count = len(self.forks.made)
            self.world.advance(FIRST)
            self.assertEqual(len(self.forks.made), count + 1, how)

    def test_a_stop_waits_for_the_end_and_begins_no_other(self) -> None:
        self.serve().heard()
        stopping = Deferred.fromCoroutine(self.station.stop(30))
        self.assertEqual(self.process.heard(), [STOP])
        self.assertNoResult(stopping)
        self.process.die()
        self.world.run()
        self.successResultOf(stopping)
        self.world.advance(3600)
        self.assertEqual((len(self.forks.made), self.deaths), (1, 0))
        self.assertEqual(self.world.getDelayedCalls(), [])

    def test_one_that_does_not_end_is_ended(self) -> None:
        self.serve()
        stopping = Deferred.fromCoroutine(self.station.stop(30))
        self.world.advance(30)
        self.successResultOf(stopping)

    def test_a_stop_between_two_processes(self) -> None:
        self.serve().die()
        self.world.run()
        self.successResultOf(Deferred.fromCoroutine(self.station.stop(30)))
        self.world.advance(3600)
        self.assertEqual(len(self.forks.made), 1)

    def test_what_it_tells_others_is_passed_on(self) -> None:
        process = self.serve()
        for content in (TOLD + b"rows", PROVEN + b"row"):
            process.say(content)
        self.world.run()
        self.assertEqual(self.told, [(3, TOLD + b"rows"), (3, PROVEN + b"row")])

    def test_nonsense_is_not_heeded(self) -> None:
        process: Any = self.serve()
        for content in (b"", b"\x00", b"[]", said("dance"), said("log"), said("taken"), said("serving")):
            process.say(content)
        self.world.run()
        self.assertTrue(self.station.serves)

    def test_settings_beside_a_stop(self) -> None:
        """Whichever comes first, the process may finish what is open, and is not ended for what it says of them."""
        process = self.serve()
        process.heard()
        taking = self.station.take(OFFER)
        stopping = Deferred.fromCoroutine(self.station.stop(TAKING + 30))
        self.assertEqual(self.successResultOf(self.station.take(OFFER)), "")
        self.assertEqual(process.heard(), [b"".join(OFFER.settings), STOP])
        process.say(said("refused", why="meshd is being stopped"))
        self.world.run()
        self.assertEqual(self.successResultOf(taking), "meshd is being stopped")
        self.world.advance(TAKING)
        self.assertNoResult(stopping)
        process.die()
        self.world.run()
        self.successResultOf(stopping)
