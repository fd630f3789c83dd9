"""Pairs between streams of HTTP/2 and the connections behind them: which one serves a next request, if any does."""

from __future__ import annotations

import os
from typing import Any, cast
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from meshd.http2.requests import Asked, Header, read
from meshd.passing.caps import Caps
from meshd.proxy.pairs import DESCRIPTORS, MOST, PART, SECONDS, KeptPairs, Pair, RestingPairs
from meshd.sockets.poll import IN, OUT
from meshd.topology import Limits, Timeouts
from tests.support.live import settings

ANNA: Header = (b"proxy-authorization", b"Basic YW5uYTpw")
BERT: Header = (b"proxy-authorization", b"Basic YmVydDpw")


def asked(who: Header = ANNA, server: bytes = b"a.test", path: bytes = b"/") -> Asked:
    pseudo = [(b":method", b"GET"), (b":scheme", b"http"), (b":authority", server), (b":path", path)]
    return read([*pseudo, who], ended=True)


TUNNEL = read([(b":method", b"CONNECT"), (b":authority", b"a.test:443"), ANNA], ended=False)


ANNAS = 7
"""An account's id."""


class Server:
    """A connection at the other end."""

    def __init__(self, wire: Any) -> None:
        self.wire = wire
        self.idle = True
        self.place = mock.Mock(account_id=ANNAS)
        self.phase = mock.Mock()
        self.evict = mock.Mock()


class PairTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.poller = mock.MagicMock()
        self.poller.add.return_value = None
        self.live = settings(Limits(tunnels_per_account=100))
        self.caps = Caps(self.live, 100 * DESCRIPTORS * PART)
        self.resting = RestingPairs(self.caps, self.live)
        self.kept = KeptPairs(self.resting)
        self.servers: list[Server] = []
        self.addCleanup(self._close)

    def _close(self) -> None:
        self.kept.close()
        self.assertEqual((len(self.resting), self.resting._of), (0, {}))
        for server in self.servers:
            os.close(server.wire.fd)

    def serve_stream(self, wire: Any) -> Server:
        server = Server(mock.Mock(fd=wire.fd))
        self.servers.append(server)
        return server

    def begun(self, what: Asked | None = None) -> tuple[Pair, Server]:
        """A pair, with a stream that holds it, whose first request is being served."""
        pair = Pair(self.poller, "192.0.2.1", what or asked())
        pair.hold(mock.Mock())
        pair.serve(cast(Any, self))
        self.addCleanup(pair.close)
        return pair, self.servers[-1]

    def kept_one(
        self, what: Asked | None = None, *, kept: KeptPairs | None = None, account: int = ANNAS
    ) -> tuple[Pair, Server]:
        """One that waits, of that session and account."""
        pair, server = self.begun(what)
        server.place.account_id = account
        (kept or self.kept).keep(pair, wanted=True)
        return pair, server

    def test_the_same_credential(self) -> None:
        """Has the pair, and its connection goes on at once; it waits for a bounded time."""
        pair, server = self.kept_one()
        server.phase.assert_called_once_with("kept", SECONDS)
        server.place.rest.assert_called_once_with()
        self.assertIs(self.kept.take(asked(path=b"/other")), pair)
        pair.serve(cast(Any, self))
        server.wire.ready.assert_called_once_with(server.wire.fd, IN)
        self.assertEqual(len(self.servers), 1)
        self.assertIsNone(self.kept.take(asked()))

    def test_another_credential(self) -> None:
        """Never has it, nor one that lacks it; nor has a tunnel."""
        self.kept_one()
        self.assertIsNone(self.kept.take(asked(BERT)))
        self.assertIsNone(self.kept.take(asked((b"accept", b"*/*"))))
        self.assertIsNone(self.kept.take(asked((b"authorization", ANNA[1]))))
        self.assertIsNone(self.kept.take(TUNNEL))

    def test_the_same_server(self) -> None:
        """Is preferred, as a connection repeats itself in few steps; else it is the newest."""
        first, _ = self.kept_one(asked(server=b"a.test"))
        second, _ = self.kept_one(asked(server=b"b.test"))
        third, _ = self.kept_one(asked(server=b"c.test"))
        self.assertIs(self.kept.take(asked(server=b"a.test")), first)
        self.assertIs(self.kept.take(asked(server=b"a.test")), third)
        self.assertIs(self.kept.take(asked(server=b"a.test")), second)

    def test_what_is_not_kept(self) -> None:
        """A connection that does not wait, that nobody was admitted on, or that serves one stream alone."""
        busy, server = self.begun()
        server.idle = False
        unknown, server = self.begun()
        server.place.account_id = 0
        tunnel, _ = self.begun(TUNNEL)
        unwanted, _ = self.begun()
        for pair, wanted in ((busy, True), (unknown, True), (tunnel, True), (unwanted, False)):
            self.kept.keep(pair, wanted=wanted)
            self.assertEqual(pair.fd, -1)
        self.assertIsNone(self.kept.take(asked()))

    def test_one_that_ends(self) -> None:
        """Is served by nobody, whether its connection has ended or says what it was not asked for."""
        closed, _ = self.kept_one()
        closed.closed()
        speaks, _ = self.kept_one()
        speaks.ready(speaks.fd, IN)
        self.assertEqual((closed.fd, speaks.fd), (-1, -1))
        writable, _ = self.kept_one()
        writable.ready(writable.fd, OUT)
        self.assertIs(self.kept.take(asked()), writable)
        self.assertIsNone(self.kept.take(asked()))

    def test_one_whose_connection_ends_before_its_answer_was_read(self) -> None:
        """As by an eviction or a stop: it says that it is idle, as it was, and serves nobody."""
        pair, server = self.begun()
        pair.closed()
        self.assertTrue(server.idle)
        self.kept.keep(pair, wanted=True)
        self.assertEqual((pair.fd, self.kept.take(asked())), (-1, None))

    def test_how_long(self) -> None:
        """No longer than any connection is kept between two requests."""
        for keep_alive, expected in ((3.0, 3.0), (SECONDS + 50, SECONDS)):
            self.live.timeouts = Timeouts(keep_alive=keep_alive)
            _, server = self.kept_one()
            server.phase.assert_called_once_with("kept", expected)

    def test_how_many(self) -> None:
        """The oldest goes where there are too many."""
        pairs = [self.kept_one()[0] for _ in range(MOST + 1)]
        self.assertEqual([pair.fd < 0 for pair in pairs], [True, *[False] * MOST])

    def test_how_many_of_all_sessions(self) -> None:
        """A part of all descriptors; one that is asked by again, or has ended, leaves its room to another."""
        self.caps.ceiling = 3 * DESCRIPTORS * PART + 1
        other = KeptPairs(self.resting)
        self.addCleanup(other.close)
        first, second, third = (self.kept_one(kept=kept)[0] for kept in (self.kept, other, other))
        self.assertEqual(self.kept_one()[0].fd, -1)
        taken = self.kept.take(asked())
        assert taken is first
        taken.hold(mock.Mock())
        self.assertEqual((len(self.resting), self.kept_one()[0].fd < 0), (2, False))
        second.closed()
        self.assertGreater(self.kept_one(kept=other)[0].fd, 0)
        self.assertEqual((len(self.resting), third.fd < 0), (3, False))

    def test_how_many_of_an_account(self) -> None:
        """With its connections no more than it may have, whichever sessions they are of; another has its own."""
        self.live.limits = Limits(tunnels_per_account=3)
        self.caps.hold(mock.Mock(), ANNAS)
        other = KeptPairs(self.resting)
        self.addCleanup(other.close)
        found = [self.kept_one(kept=kept)[0].fd >= 0 for kept in (self.kept, other, self.kept)]
        self.assertEqual(found, [True, True, False])
        self.assertGreater(self.kept_one(account=ANNAS + 1)[0].fd, 0)
        self.live.limits = Limits(tunnels_per_account=0)
        self.assertGreater(self.kept_one()[0].fd, 0)

    def test_who_gives_way(self) -> None:
        """The oldest of all sessions, with both ends at once, and as many as are wanted; none that a stream holds."""
        other = KeptPairs(self.resting)
        self.addCleanup(other.close)
        held, _ = self.begun()
        waiting = [self.kept_one(kept=kept) for kept in (self.kept, other, self.kept, other)]
        self.assertEqual(self.resting.give_up(DESCRIPTORS + 1), 2 * DESCRIPTORS)
        self.assertEqual([pair.fd < 0 for pair, _ in waiting], [True, True, False, False])
        self.assertEqual([server.evict.call_count for _, server in waiting], [1, 1, 0, 0])
        self.assertEqual([self.resting.give_up(wanted) for wanted in (0, 100, 1)], [0, 2 * DESCRIPTORS, 0])
        self.assertEqual((self.kept.take(asked()), held.fd < 0), (None, False))

    def test_no_descriptors(self) -> None:
        """Neither end is left open."""
        before = len(os.listdir("/proc/self/fd"))
        with mock.patch("meshd.proxy.pairs.Wire", side_effect=OSError):
            self.assertRaises(OSError, Pair, self.poller, "192.0.2.1", asked())
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)
        self.assertEqual(self.poller.remove.call_count, 1)

    def test_written(self) -> None:
        """As much as the other end takes; all, where nobody reads it."""
        pair, server = self.begun()
        self.assertEqual(pair.write(b"abc"), 3)
        self.assertEqual(os.read(server.wire.fd, 10), b"abc")
        while pair.write(bytes(65_536)):
            pass
        os.close(server.wire.fd)
        self.servers.clear()
        self.assertEqual(pair.write(b"abc"), 3)
