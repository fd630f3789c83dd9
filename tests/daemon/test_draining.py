"""What a stop waits for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.daemon.draining import BEAT, drain


class DrainTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.connections: list[Any] = []
        self.deliveries: list[Any] = []
        self.meters: list[Any] = []

    def begin(self, seconds: float) -> Deferred[None]:
        relay = SimpleNamespace(deliveries=self.deliveries)
        plane: Any = SimpleNamespace(connections=self.connections, relay=relay)
        ledger: Any = SimpleNamespace(open_of=lambda _: self.meters)
        return Deferred.fromCoroutine(drain(self.clock, [plane], ledger, seconds))

    def test_what_is_open(self) -> None:
        """A connection, a meter, and a client that has not had all of an answer that has ended, are each waited for."""
        idle = SimpleNamespace(drain=lambda: None, stop=lambda: None)
        meter = SimpleNamespace(stop=lambda refusal: None)
        self.successResultOf(self.begin(60.0))
        for add, clear, each in (
            (self.connections.append, self.connections.clear, idle),
            (self.deliveries.append, self.deliveries.clear, object()),
            (self.meters.append, self.meters.clear, meter),
        ):
            add(each)
            done = self.begin(60.0)
            self.clock.pump([BEAT] * 10)
            self.assertNoResult(done)
            clear()
            self.clock.advance(BEAT)
            self.successResultOf(done)

    def test_patience(self) -> None:
        """What is open when it is over is ended."""
        told: list[str] = []
        self.connections.append(SimpleNamespace(drain=lambda: told.append("drain"), stop=lambda: told.append("stop")))
        self.meters.append(SimpleNamespace(stop=lambda refusal: told.append(refusal.reason)))
        done = self.begin(3 * BEAT)
        self.clock.pump([BEAT] * 2)
        self.assertEqual(told, ["drain"])
        self.clock.pump([BEAT] * 2)
        self.successResultOf(done)
        self.assertEqual(told, ["drain", "stop", "overloaded"])
