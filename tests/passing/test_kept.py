"""Origin connections kept for the next request."""

from __future__ import annotations

import socket
from collections.abc import Callable

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.http1.head import read_response
from meshd.passing import kept
from meshd.passing.kept import KeptOrigins, Key, Origin
from meshd.proxy.response import ProxyResponse
from meshd.sockets.race import Dialled
from meshd.sockets.task import Task
from meshd.sockets.wheel import Wheel
from meshd.sockets.wire import linger_none
from tests.passing.hand import Far, Hand, tcp_pair

KEY: Key = (1, "", "direct", "", "h.test", 80)


def response_to(head: bytes) -> ProxyResponse:
    read = read_response(head, 65536)
    assert read is not None
    return ProxyResponse(b"GET", read, head)


class PoolTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.hand = Hand(self)
        self.clock = Clock()
        self.wheel = Wheel(self.clock)
        self.most = 100
        self.pool = KeptOrigins(self.hand.poller, self.wheel, lambda: self.most)
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

    def test_heads_are_read_once_for_a_server(self) -> None:
        """What one connection was told is known on all others to the server, whoever's, unless it ends a connection."""
        dated = b"HTTP/1.1 200 OK\r\nDate: %d\r\nContent-Length: 1\r\n\r\n"
        first, second = self.connected()[0], self.connected((2, "s", *KEY[2:]))[0]
        first.used = True
        for head, elsewhere in {
            dated % 1: True,
            dated % 2: True,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n": True,
            b"HTTP/1.1 304 Not Modified\r\n\r\n": True,
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n": False,
            b"HTTP/1.1 200 OK\r\n\r\n": False,
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n": False,
            b"HTTP/1.1 200 OK\r\nContent-Length : 1\r\n\r\n": False,
            b"HTTP/1.1 408 Late\r\nContent-Length: 1\r\n\r\n": False,
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n": False,
        }.items():
            told = response_to(head)
            self.assertIsNone(second.known(head + b"x", b"GET"))
            first.learn(told)
            for origin, knows in ((first, True), (second, elsewhere), (self.connected()[0], elsewhere)):
                self.assertIs(origin.known(head + b"x", b"GET"), told if knows else None, head)
                self.assertIsNone(origin.known(head + b"x", b"HEAD"))
                self.assertIsNone(origin.known(head[:-1], b"GET"))
            for key in ((1, "", "rack-1", "", "h.test", 80), (1, "", "direct", "", "h.test", 81)):
                self.assertIsNone(self.connected(key)[0].known(head, b"GET"))
        self.pool.clear()
        first.learn(response_to(dated % 3))
        self.assertIsNone(self.connected()[0].known(dated % 3, b"GET"), "other rules hold now")

    def test_each_has_its_own_head(self) -> None:
        """Two connections that are told different heads by turns know both."""
        heads = [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length for length in (1, 2)]
        origins = [self.connected()[0] for _ in heads]
        for origin, head in zip(origins, heads, strict=True):
            origin.used = True
            origin.learn(response_to(head))
        for origin, head in zip(origins, heads, strict=True):
            self.assertIs(origin.known(head, b"GET"), origin.told)

    def test_the_first_head_is_kept_for_nobody(self) -> None:
        """Most connections serve one request: what was read for it does not stay with them while they are idle."""
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"
        origin, other = self.connected()[0], self.connected()[0]
        origin.learn(response_to(head))
        self.assertEqual([None] * 3, [origin.told, origin.known(head, b"GET"), other.known(head, b"GET")])
        self.pool.keep(origin, 5)
        self.assertIs(self.pool.take(KEY), origin)
        told = response_to(head)
        origin.learn(told)
        self.assertEqual([told, told], [origin.known(head, b"GET"), other.known(head, b"GET")])

    def test_a_server_is_forgotten_with_its_connections(self) -> None:
        """Nothing is left of servers that nobody is connected to."""
        self.kept()
        self.assertEqual(len(self.pool._servers), 1)
        self.pool.give_up(1)
        self.assertEqual(len(self.pool._servers), 0)

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

    def of(self, account: int, session: str = "", *, proven: bool = False) -> Far:
        """One that is kept for an account; proven: that has served twice."""
        key: Key = (account, session, "direct", "", "h.test", 80)
        origin, far = self.kept(key)
        if proven and self.pool.take(key) is origin:
            self.pool.keep(origin, 60)
        return far

    def assert_kept(self, *fars: Far) -> None:
        self.hand.settle()
        for number, far in enumerate(fars):
            far.step()
            self.assertFalse(far.ended, number)

    def test_a_bound(self) -> None:
        """Of one account the one that has been idle longest gives way, to one of the very same key too."""
        self.most = 3
        fars = [self.of(1) for _ in range(5)]
        self.assert_closed(fars[0])
        self.assert_closed(fars[1])
        self.assert_kept(*fars[2:])
        self.assertEqual((3, 3), (len(self.pool), len(self.hand.poller)))

    def test_none_at_all(self) -> None:
        self.most = 0
        self.assert_closed(self.of(1))
        self.assertEqual((self.pool._idle, len(self.pool)), ({}, 0))

    def test_passers_by(self) -> None:
        """Whoever asks once takes nothing from those who come back; the newest of them stay."""
        self.most = 8
        busy = [self.of(1, proven=True) for _ in range(6)]
        passing = [self.of(account) for account in range(2, 9)]
        self.assert_kept(*busy, *passing[-2:])
        for far in passing[:-2]:
            self.assert_closed(far)

    def test_sessions(self) -> None:
        """A session for each request is a passer-by, also to the other connections of its account."""
        self.most = 8
        busy = [self.of(1, proven=True) for _ in range(6)]
        fars = [self.of(1, f"session-{number}") for number in range(6)]
        self.assert_kept(*busy, *fars[-2:])
        self.assert_closed(fars[0])

    def test_whoever_comes_back_is_kept(self) -> None:
        """In a crowd of passers-by too, from his second request on."""
        self.most = 4
        for account in range(2, 9):
            self.of(account)
        one = self.of(1, proven=True)
        for account in range(2, 9):
            self.of(account)
        self.assert_kept(one)

    def test_whoever_has_many_gives_way(self) -> None:
        """To those who have few, among connections that have served often, and among those that have not."""
        self.most = 8
        for proven in (True, False):
            few = [self.of(account, proven=proven) for account in (2, 3)]
            many = [self.of(1, proven=proven) for _ in range(9)]
            more = self.of(4, proven=proven)
            self.assert_kept(*few, more, many[-1])
            self.assert_closed(many[0])
            self.pool.clear()

    def test_more_clients(self) -> None:
        """Idle connections are given up for them, as many as are wanted and there are."""
        busy = [self.of(1, proven=True) for _ in range(2)]
        self.of(2)
        self.assertEqual(1, self.pool.give_up(1))
        self.assertEqual(2, len(self.pool))
        self.assert_kept(busy[1])
        self.assertEqual(2, self.pool.give_up(5))
        self.assertEqual((0, {}), (len(self.pool), self.pool._idle))

    def test_given_up_are_those_that_served_once(self) -> None:
        """As long as they are more than their part of what is idle, however much more there is room for."""
        busy = [self.of(1, proven=True) for _ in range(2)]
        for account in range(2, 10):
            self.of(account)
        self.assertEqual(6, self.pool.give_up(6))
        self.assert_kept(*busy)

    def test_clear(self) -> None:
        """All that are idle are closed, and nothing of them is left."""
        fars = [self.kept((account, "", "direct", "h.test", 80))[1] for account in range(5)]
        self.pool.clear()
        for far in fars:
            self.assert_closed(far)
        self.assertEqual((len(self.hand.poller), self.pool._idle, len(self.pool)), (0, {}, 0))
        self.assertEqual(self.wheel._slots, {})
