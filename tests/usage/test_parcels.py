"""What cannot be parted, a datagram, against what is lent and what the limits leave."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.model import Refusal, Standing, Usage
from meshd.running.ticks import TICK, Ticks
from meshd.sockets.datagrams import DatagramFlow, Datagrams
from meshd.sockets.metering import NOT_NOW
from meshd.sockets.wheel import Wheel
from meshd.topology import Live, Topology
from meshd.usage.allowance import QUOTA_PARENT, QUOTA_TOTAL, UNLIMITED, Allowance
from meshd.usage.crawl import Crawl
from meshd.usage.meter import Meter, Nowhere, Tally
from meshd.usage.shaping import ShapedMeter
from meshd.usage.throttle import BURST, LATE, LEAST, Pace
from meshd.values.bounds import OnLimit
from tests.sockets.test_datagrams import NotingPath


def allowance(room: int, held: int = 0, rest: int = 0) -> Allowance:
    found = Allowance(Standing(0, None, 0, 0, 1, Usage(0, 0, 0, 0)))
    found.room, found.held, found.rest = room, held, rest
    return found


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.renewed = 0

    def renew(self, meter: Meter, least: int = 1) -> None:
        self.renewed += 1

    def meter(self, own: Allowance, family: Allowance | None = None, kind: type[Meter] = Meter) -> Meter:
        nobody: Any = None
        family = family or allowance(UNLIMITED)
        return kind(Tally((1, 0, None), 0, Nowhere(), own=own, family=family, renew=self.renew), nobody, nobody)


class AgainstTests(Case):
    def test_what_may_go(self) -> None:
        """By what is lent, what is held back of the lease, what is left beyond it, and what happens at the limit."""
        cut: OnLimit = "cut"
        rows: tuple[tuple[tuple[int, int, int], int, OnLimit, Refusal | None], ...] = (
            ((100, 0, 0), 100, cut, None),
            ((100, 0, 0), 101, cut, QUOTA_TOTAL),
            ((60, 40, 0), 100, cut, None),
            ((60, 40, 0), 101, cut, QUOTA_TOTAL),
            ((60, 40, 1), 101, cut, NOT_NOW),
            ((60, 40, 1000), 101, cut, NOT_NOW),
            ((UNLIMITED, 0, 0), 65_507, cut, None),
            ((1, 0, 0), 0, cut, None),
            ((0, 0, 0), 0, cut, QUOTA_TOTAL),
            ((-5, 0, 0), 1, cut, QUOTA_TOTAL),
            ((-5, 0, 2000), 1, cut, NOT_NOW),
            ((100, 0, 0), 101, "finish", None),
            ((100, 0, 0), 101, "slow", None),
            ((0, 0, 0), 101, "finish", NOT_NOW),
        )
        for lent, size, on_limit, expected in rows:
            for upward in (True, False):
                meter = self.meter(allowance(*lent))
                found = meter.against(size, upward=upward, on_limit=on_limit)
                self.assertIs(found, expected, (lent, size, on_limit))

    def test_the_family_has_a_say(self) -> None:
        meter = self.meter(allowance(1000), allowance(50))
        self.assertIs(meter.against(51, upward=True, on_limit="cut"), QUOTA_PARENT)
        self.assertIsNone(meter.against(50, upward=True, on_limit="cut"))

    def test_the_accounts_terms_come_first(self) -> None:
        own = allowance(10)
        own.on_limit = "cut"
        self.assertIs(self.meter(own).against(11, upward=True, on_limit="slow"), QUOTA_TOTAL)
        own.on_limit = "finish"
        self.assertIsNone(self.meter(own).against(11, upward=True, on_limit="cut"))

    def test_the_second_half_of_a_lease(self) -> None:
        """It is lent for a datagram that needs it, and counted once."""
        own = allowance(60, 40, 7)
        self.meter(own).against(100, upward=True, on_limit="cut")
        self.assertEqual((own.room, own.held, own.rest, own.left), (100, 0, 7, 107))

    def test_at_a_crawl(self) -> None:
        """What is lent slowly adds up to a datagram; the exchange is not ended."""
        clock = Clock()
        own = allowance(0)
        own.crawl = Crawl(own, Ticks(clock), lambda: 8000)
        meter = self.meter(own)
        self.assertIs(meter.against(1452, upward=False, on_limit="cut"), NOT_NOW)
        clock.advance(0.2)
        own.crawl.wait()
        clock.advance(0.2)
        self.assertIsNone(meter.against(1452, upward=False, on_limit="cut"))
        own.crawl = None  # or both would keep each other alive


class ShapedTests(Case):
    def test_over_the_rate(self) -> None:
        """A datagram goes whole where the rate has as many bytes, each direction by itself; no limit is met by it."""
        clock = Clock()
        own = allowance(1_000_000)
        own.pace = Pace(Ticks(clock))
        own.pace.set(1000, 1000)
        own.pace.up.tokens = own.pace.down.tokens = 2.0 * LEAST
        meter = self.meter(own, kind=ShapedMeter)
        self.assertIsNone(meter.against(8000, upward=True, on_limit="cut"))
        meter.sent_up(8000)
        self.assertIs(meter.against(8000, upward=True, on_limit="cut"), NOT_NOW)
        self.assertIsNone(meter.against(8000, upward=False, on_limit="cut"))
        self.assertIs(meter.against(2_000_000, upward=False, on_limit="cut"), QUOTA_TOTAL)

    def test_what_is_small_takes_its_part_too(self) -> None:
        """Of the rate each takes what a frame does at least, whatever it carries: empty ones are none for nothing."""
        for size, takes in ((0, 64), (1, 64), (36, 64), (37, 65), (1400, 1428)):
            for upward in (True, False):
                own, family = allowance(1000_000), allowance(1000_000)
                for each in (own, family):
                    each.pace = Pace(Ticks(Clock()))
                    each.pace.set(100_000, 100_000)
                meter = self.meter(own, family, kind=ShapedMeter)
                meter.weigh(size, upward=upward)
                (meter.sent_up if upward else meter.sent_down)(size)
                for each in (own, family):
                    assert each.pace is not None
                    used, other = (each.pace.up, each.pace.down)[:: 1 if upward else -1]
                    self.assertEqual((other.tokens - used.tokens, each.room), (takes, 1000_000 - size))
                    self.assertEqual(each.pace.moved_up + each.pace.moved_down, takes)

    def test_a_flood_of_empty_ones(self) -> None:
        """Goes no faster than the rate's bytes allow."""
        clock = Clock()
        own = allowance(UNLIMITED)
        own.pace = Pace(Ticks(clock))
        own.pace.set(6400, 0)
        meter, path = self.meter(own, kind=ShapedMeter), NotingPath()
        shared = Datagrams(Wheel(clock), Live(Topology({}, (), {})), lambda: 1)
        flow = DatagramFlow(shared, path, meter, account_id=7, deliver=lambda data: True, ended=str)
        for _ in range(1000):
            for _ in range(20):
                flow.send(b"")
            clock.advance(TICK)
        self.assertLess(len(path.sent), 100 * 1000 * TICK + 2 * LEAST / 64 + 1)
        self.assertGreater(len(path.sent), 0.8 * 100 * 1000 * TICK)
        flow.close("")

    def test_whoever_waits_for_more(self) -> None:
        """Has its turns as time passes, one a tick, until what there is is enough; not within a turn of its own."""
        clock = Clock()
        own = allowance(UNLIMITED)
        own.pace = Pace(Ticks(clock))
        own.pace.set(10_000, 0)
        own.pace.up.tokens = 1500.0
        meter, tries = self.meter(own, kind=ShapedMeter), list[float]()

        def waits() -> bool:
            if meter.against(2000, upward=True, on_limit="cut") is None:
                return False
            meter.await_up(2000)
            return True

        def resume() -> None:
            tries.append(clock.seconds())
            waits()  # which asks for no further turn
            clock.callLater(0, waits)

        meter.resume = resume
        self.assertTrue(waits())
        clock.pump([TICK / 2] * 8)
        self.assertEqual((len(tries), waits()), (4, True))
        clock.pump([TICK / 2] * 4)
        self.assertFalse(waits())

    def test_beside_a_download(self) -> None:
        """A flow that is sent more than the rate all the time, beside a tunnel that wants all of it: both have a part,
        together they stay within the rate, and nothing of the tunnel's is lost.
        """
        clock = Clock()
        own = allowance(UNLIMITED)
        own.pace = Pace(Ticks(clock))
        own.pace.set(0, 100_000)
        meter, tunnel = (self.meter(own, kind=ShapedMeter) for _ in range(2))
        path, wheel = NotingPath(), Wheel(clock)
        shared = Datagrams(wheel, Live(Topology({}, (), {})), lambda: 1)
        flow = DatagramFlow(shared, path, meter, account_id=7, deliver=lambda data: True, ended=str)
        meter.resume = flow.resume

        def download() -> None:
            while room := tunnel.room_down:
                tunnel.sent_down(room)

        tunnel.resume = download
        download()
        for _ in range(400):
            path.waiting = [bytes(1400)] * 20  # what is more the kernel has dropped
            if not path.paused:
                path.go_on()
            clock.advance(TICK)
        most = 100_000 * 400 * TICK + own.pace.down.rate * (BURST + LATE)
        self.assertLessEqual(meter.down + tunnel.down, most)
        self.assertGreater(meter.down + tunnel.down, 0.9 * 100_000 * 400 * TICK)
        self.assertGreater(min(meter.down, tunnel.down), 0.2 * most)
        flow.close("")
