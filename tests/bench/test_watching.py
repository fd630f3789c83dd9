"""What is watched and what is not, in one process."""

from __future__ import annotations

import os
import time
from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from bench import processes
from bench.unwatched import FOLD, IN, OUT, Exchanged
from bench.watching import interval
from meshd.metrics.lag import EVERY, Lag
from meshd.store.timed import TimedStore
from meshd.usage.ends import Ends
from tests.usage.support import exchange


class Store:
    async def run(self, unit: Any, *args: Any, **kwargs: Any) -> str:
        return f"{unit} {args} {kwargs}"


class TakenTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.addCleanup(Exchanged().close)
        topology = SimpleNamespace(proxies={}, metrics=SimpleNamespace(accounts=()))
        self.ends = Ends(SimpleNamespace(topology=topology))  # type: ignore[arg-type]
        self.clock = Clock()
        self.lag = Lag(self.clock)
        self.timed = TimedStore(Store(), self.clock.seconds)  # type: ignore[arg-type]

    def counted(self) -> tuple[float, float, float]:
        """Exchanges, looks at the loop and units of the store, so far."""
        exchanges = sum(value for name, _, value in self.ends.samples() if name == "exchanges_total")
        lags, units = (
            next(value for name, _, value in each.samples() if name.endswith("_count"))
            for each in (self.lag, self.timed)
        )
        return exchanges, lags, units

    def work(self) -> None:
        """One of each, by methods that were bound before."""
        self.add([exchange()])
        self.clock.advance(EVERY)
        coroutine = self.timed.run("unit", 1, a=2)  # type: ignore[arg-type]
        with self.assertRaises(StopIteration) as ended:
            coroutine.send(None)
        self.assertEqual(ended.exception.value, "unit (1,) {'a': 2}")

    def test_what_is_counted_and_how_often(self) -> None:
        """The work itself is done all the while, and the timer goes on."""
        self.add = self.ends.add
        self.lag.start()
        self.work()
        expected = 1
        for signal, more in ((IN, FOLD), (OUT, 0), (OUT, 0), (IN, FOLD)):
            os.kill(os.getpid(), signal)
            self.work()
            expected += more
            self.assertEqual(self.counted(), (expected,) * 3)


class FigureTests(SynchronousTestCase):
    def test_the_interval(self) -> None:
        """Of ratios that are equal there is none; a wild one on either side moves nothing."""
        self.assertEqual(interval([1.0] * 20), (1.0, 0.0))
        middle, off = interval([0.1, 9.0] + [0.99, 1.01] * 9)
        self.assertAlmostEqual(middle, 1.0)
        self.assertAlmostEqual(off, 1.96 * (20 * 0.0001 / 19) ** 0.5 / (0.8 * 20**0.5))

    def test_cpu_time_of_a_process(self) -> None:
        """Its own clock and that of the kernel's other way agree, ended children aside."""
        before = processes.cpu_seconds(os.getpid())
        spent, began = 0.0, time.process_time()
        while spent < 0.01:
            spent = time.process_time() - began
        self.assertGreaterEqual(processes.cpu_seconds(os.getpid()) - before, spent)
