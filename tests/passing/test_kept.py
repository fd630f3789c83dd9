"""Origin connections kept for the next request."""

from __future__ import annotations

import socket
from collections.abc import Callable
from unittest import mock

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.passing import kept
from meshd.passing.kept import KeptOrigins, Key, Origin
from meshd.sockets.race import Dialled
from meshd.sockets.task import Task
from meshd.sockets.wheel import Wheel
from meshd.sockets.wire import linger_none
from tests.passing.hand import Far, Hand, tcp_pair

KEY: Key = (1, "", "direct", "", "h.test", 80)


class PoolTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.hand = Hand(self)
        self.clock = Clock()
        self.wheel = Wheel(self.clock)
        self.pool = KeptOrigins(self.hand.poller, self.wheel)
        self.addCleanup(self.pool.clear)

    def connected(self, key: Key = KEY) -> tuple[Origin, Far]:
        near, far = tcp_pair(self)
        fd = near.detach()
        self.hand.poller.add(fd, Far(far))  # type: ignore[arg-type]  # until it is handed over
        origin = self.pool.new(key, Dialled(fd, "192.0.2.1", "192.0.2.9", True))
        origin.wire.readable = False  # as after a read that emptied it
        return origin, Far(far)

    def kept(self, key: Key = KEY, seconds: float = 60) -> tuple[Origin, Far]:
        made = self.connected(key)
        self.hand.settle()
        self.pool.keep(made[0], seconds)
        return made

    def assert_closed(self, far: Far) -> None:
        self.hand.until(lambda: far.ended, far.step)

    def test_the_youngest_first(self) -> None:
        """The connection that was used last is used next, and is known to have been used."""
        _, (second, _) = self.kept(), self.kept()
        taken = self.pool.take(KEY)
        self.assertIs(taken, second)
        self.assertTrue(taken.used)
        taken.wire.close()

    def alive(self) -> list[Origin | None]:
        """What `take_alive` gives; empty while it waits."""
        given: list[Origin | None] = []

        async def take() -> None:
            given.append(await self.pool.take_alive(KEY))

        Task(take(), lambda error: None).resume()
        return given

    def proven(self) -> tuple[Origin, Far]:
        """One that has served twice."""
        origin, far = self.kept()
        self.assertIs(self.pool.take(KEY), origin)
        self.pool.keep(origin, 60)
        return origin, far

    def test_an_end_that_only_the_kernel_knows(self) -> None:
        """The dead are passed by, whatever became of them, and the one that is alive is taken."""
        origin, _ = self.proven()
        ends: tuple[Callable[[Far], object], ...] = (
            lambda far: far.sock.shutdown(socket.SHUT_WR),
            lambda far: far.sock.send(b"HTTP/1.1 408 Late\r\n\r\n"),
            lambda far: (linger_none(far.sock.fileno()), far.sock.close()),
        )
        for end in ends:
            _, dead = self.proven()
            end(dead)
        self.assertEqual(self.alive(), [origin])
        origin.wire.close()
        self.assertEqual(len(self.pool), 0)
        self.assertEqual(self.alive(), [None])

    def test_one_that_has_served_once_is_waited_for(self) -> None:
        """For a moment, in which it may end, and only once."""
        origin, _ = self.kept()
        given = self.alive()
        self.assertEqual(given, [])
        self.clock.advance(kept.FRESH)
        self.assertEqual(given, [origin])
        self.pool.keep(origin, 60)
        self.assertEqual(self.alive(), [origin])
        origin.wire.close()
        _, far = self.kept()
        given = self.alive()
        far.sock.shutdown(socket.SHUT_WR)
        self.hand.until(lambda: given)
        self.assertEqual(given, [None])

    def test_not_for_less_than_no_time(self) -> None:
        """An origin that says that it takes no further request is not kept."""
        _, far = self.kept(seconds=-1)
        self.assertEqual(len(self.pool), 0)
        self.assert_closed(far)

    def test_never_shared(self) -> None:
        """Whatever differs, account, session, exit, host or port, makes it another's."""
        origin, _ = self.kept()
        for other in (
            (2, "", "direct", "h.test", 80),
            (1, "s", "direct", "h.test", 80),
            (1, "", "rack-1", "h.test", 80),
            (1, "", "direct", "g.test", 80),
            (1, "", "direct", "h.test", 81),
        ):
            self.assertIsNone(self.pool.take(other), other)
        self.assertIs(self.pool.take(KEY), origin)
        self.assertIsNone(self.pool.take(KEY))
        origin.wire.close()

    def test_in_use_past_its_time(self) -> None:
        """The time that it may be idle ends with that; in use it has none, and idle anew it has all of it again."""
        origin, far = self.kept(seconds=5)
        self.assertIs(self.pool.take(KEY), origin)
        self.pass_seconds(8)
        self.pool.keep(origin, 5)
        self.pass_seconds(4)
        self.assertFalse(far.ended)
        self.pass_seconds(4)
        self.assertIsNone(self.pool.take(KEY))
        self.assert_closed(far)

    def test_closed_while_the_wheel_knows_it(self) -> None:
        """Nothing is left of it there."""
        origin, _ = self.kept(seconds=5)
        self.pool.take(KEY)
        origin.close()
        self.assertEqual(origin.slot, 0)

    def pass_seconds(self, seconds: int) -> None:
        for _ in range(seconds * 4):
            self.clock.advance(0.25)
            self.wheel.tick()

    def test_not_emptied(self) -> None:
        """One that may hold bytes nobody has read is not kept: they would be another request's answer."""
        origin, far = self.connected()
        origin.wire.readable = True
        self.pool.keep(origin, 60)
        self.assertIsNone(self.pool.take(KEY))
        self.assert_closed(far)

    def test_opened_under_other_rules(self) -> None:
        """One in use while the rules changed is not kept."""
        origin, far = self.connected()
        self.pool.clear()
        self.pool.keep(origin, 60)
        self.assertIsNone(self.pool.take(KEY))
        self.assert_closed(far)

    def test_origin_leaves(self) -> None:
        """One whose origin has closed is not lent again."""
        _, far = self.kept()
        far.sock.close()
        self.hand.until(lambda: len(self.hand.poller) == 0)
        self.assertIsNone(self.pool.take(KEY))

    def test_origin_speaks_unasked(self) -> None:
        """One that says something unasked is dropped: it would be the next request's answer."""
        _, far = self.kept()
        far.sock.send(b"HTTP/1.1 200 OK\r\n\r\n")
        self.hand.until(lambda: len(self.hand.poller) == 0)
        self.assertIsNone(self.pool.take(KEY))

    def test_origin_had_left(self) -> None:
        """One whose end is known already is not kept at all."""
        made, far = self.connected()
        far.end()
        self.hand.until(lambda: made.wire.ending)
        self.pool.keep(made, 60)
        self.assertIsNone(self.pool.take(KEY))
        self.assertEqual((len(self.hand.poller), self.pool._idle), (0, {}))

    def test_expires(self) -> None:
        """It is kept for so long."""
        _, far = self.kept(seconds=5)
        self.clock.advance(4)
        self.wheel.tick()
        self.assertEqual(len(self.hand.poller), 1)
        self.clock.advance(3)
        self.wheel.tick()
        self.assert_closed(far)
        self.assertIsNone(self.pool.take(KEY))

    def test_taken_does_not_expire(self) -> None:
        """Its time stops when it is taken."""
        self.kept(seconds=5)
        taken = self.pool.take(KEY)
        assert taken is not None
        self.clock.advance(100)
        self.wheel.tick()
        self.assertGreaterEqual(taken.wire.fd, 0)
        taken.wire.close()

    def test_bounds(self) -> None:
        """So many of one key and so many in all; one more is closed."""
        with mock.patch.object(kept, "KEPT_EACH", 2), mock.patch.object(kept, "KEPT", 3):
            fars = [self.kept()[1] for _ in range(3)]
            self.assert_closed(fars[2])
            others = [self.kept((2, "", "direct", "", "h.test", 80))[1] for _ in range(2)]
            self.assert_closed(others[1])
            self.assertEqual(len(self.hand.poller), 3)
            self.kept((3, "", "direct", "", "h.test", 80))
            self.assertNotIn((3, "", "direct", "", "h.test", 80), self.pool._idle)

    def test_whoever_is_busy_now_is_kept(self) -> None:
        """Where all places are taken, one of a few new ones takes the longest idle's, and each that was of use."""

        def of(account: int) -> Key:
            return (account, "", "direct", "", "h.test", 80)

        with mock.patch.multiple(kept, KEPT=3, ONE_OF=2):
            fars = [self.kept(of(account))[1] for account in (1, 2, 3)]
            _, refused = self.kept(of(4))
            self.assert_closed(refused)
            busy, _ = self.kept(of(4))
            self.assert_closed(fars[0])
            for account in (5, 6):
                self.kept(of(account))
                taken = self.pool.take(of(4))
                assert taken is not None
                self.pool.keep(taken, 60)
            self.assert_closed(fars[1])
            self.assertIs(self.pool.take(of(4)), busy)
            busy.close()
            self.assertEqual([of(3), of(6)], [each.key for each in self.pool._by_age])

    def test_sessions_leave_room(self) -> None:
        """A new session for each request closes the connections of its like, and nobody else's."""
        with mock.patch.multiple(kept, KEPT_OF_SESSIONS=2, ONE_OF=1):
            other, _ = self.kept()
            keys: list[Key] = [(2, f"session-{number}", "direct", "", "h.test", 80) for number in range(5)]
            fars = [self.kept(key)[1] for key in keys]
            for far in fars[:3]:
                self.assert_closed(far)
            self.assertEqual((len(self.pool), len(self.hand.poller)), (3, 3))
            self.assertIsNone(self.pool.take(keys[0]))
            taken = self.pool.take(keys[3])
            assert taken is not None
            self.pool.keep(taken, 60)
            self.kept(keys[0])
            self.assert_closed(fars[4])
            self.assertIs(self.pool.take(keys[3]), taken)
            taken.close()
            self.assertIs(self.pool.take(KEY), other)
            other.close()
            self.pool.clear()
            self.assertEqual((self.pool._of_sessions, len(self.pool)), ({}, 0))

    def test_a_session_that_goes_on_is_kept(self) -> None:
        """Where those of sessions are full, one of a few new ones takes a place, and each that was of use again."""

        def named(number: int) -> Key:
            return (2, f"session-{number}", "direct", "", "h.test", 80)

        with mock.patch.multiple(kept, KEPT_OF_SESSIONS=2, ONE_OF=3):
            for number in range(2):
                self.kept(named(number))
            for number, full in ((2, True), (3, True), (4, False), (5, True), (6, True), (7, False)):
                _, far = self.kept(named(number))
                if full:
                    self.assert_closed(far)
            self.assertEqual([named(4), named(7)], [each.key for each in self.pool._of_sessions])
            going_on = self.pool.take(named(4))
            assert going_on is not None
            for number in range(8, 14):
                self.kept(named(number))
            self.pool.keep(going_on, 60)
            self.assertIs(going_on, self.pool.take(named(4)))
            going_on.close()
            self.pool.clear()
        self.assertEqual(({}, 0), (self.pool._of_sessions, len(self.pool)))

    def test_a_session_gives_way_to_itself(self) -> None:
        """Where the one that has been idle longest is of the very key that another is kept under."""
        key: Key = (2, "session", "direct", "", "h.test", 80)
        with mock.patch.multiple(kept, KEPT_OF_SESSIONS=1, ONE_OF=1):
            _, far = self.kept(key)
            second, _ = self.kept(key)
            self.assert_closed(far)
            self.assertEqual(len(self.pool), 1)
            self.assertIs(self.pool.take(key), second)
            second.close()
        self.assertEqual((self.pool._idle, self.pool._of_sessions, len(self.pool)), ({}, {}, 0))

    def test_clear(self) -> None:
        """All that are idle are closed, and nothing of them is left."""
        fars = [self.kept((account, "", "direct", "h.test", 80))[1] for account in range(5)]
        self.pool.clear()
        for far in fars:
            self.assert_closed(far)
        self.assertEqual((len(self.hand.poller), self.pool._idle, len(self.pool)), (0, {}, 0))
        self.assertEqual(self.wheel._slots, {})
