"""Addresses whose sessions of HTTP/2 are sent away, where there are several processes, and behind a balancer."""

from __future__ import annotations

import contextlib
from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from meshd.http2.restraint import LESS, SHARE
from meshd.proxy.offenders import FREE
from tests.support import crews
from tests.support.daemon import LiveDaemon, free_port
from tests.support.frames import PING, Frames, frame

SOME = (LESS + SHARE) // 2
"""Of costly frames: more than is borne of an address that has offended, and less than of any other."""

SURELY = FREE + 2
"""Sessions sent away after which an address has offended, though two of them be forgiven, as one is in ten seconds."""

MOST = 60
"""Sessions within which it has on any machine that takes less than ten seconds for each."""

OURS, OTHER = "198.51.100.9", "198.51.100.10"


def pings(count: int) -> bytes:
    return frame(PING, 0, 0, bytes(8)) * count


def sent_away(peer: Frames) -> bool:
    """Whether it is told to go for SOME frames; if not, it is for more, so that each is an offence."""
    peer.send(pings(SOME))
    less = peer.until_ping(b"finished").gone
    peer.send(pings(SHARE))
    peer.until_ping(b"finished")
    return less


def named(address: str) -> bytes:
    """What a balancer says of a client, "" where it does not know whose."""
    return f"PROXY TCP4 {address} 203.0.113.1 4660 31280\r\n".encode() if address else b"PROXY UNKNOWN\r\n"


class WorkersTests(SynchronousTestCase):
    def test_each_process_counts_by_itself(self) -> None:
        """What an address did at one is not known at the other, and is at the same one."""
        daemon = LiveDaemon(self, "workers = 2\n")
        done: Counter[int] = Counter()
        held, spared = False, False
        for _ in range(MOST):
            with contextlib.closing(Frames(daemon, source="127.0.0.3")) as peer:
                worker = crews.owner(daemon, daemon.proxy_port, peer.own_port)
                self.assertIn(worker, (1, 2))
                less = sent_away(peer)
            if done[worker] < FREE:
                self.assertFalse(less, dict(done))
            held, spared = held or less, spared or (not less and done.total() >= SURELY)
            done[worker] += 1
            if held and spared:
                break
        self.assertTrue(held and spared, dict(done))


class BalancedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.behind = free_port()
        self.daemon = LiveDaemon(self, start=False)
        listen = [f"tcp:{self.daemon.proxy_port}", f"haproxy:tcp:{self.behind}"]
        self.daemon.configure(f"[proxy]\nlisten = {listen}\n")
        self.daemon.start()

    def less(self, address: str | None) -> bool:
        """Whether less is borne of a client whom the balancer names so; None: of one who comes from there itself."""
        header, port = (b"", 0) if address is None else (named(address), self.behind)
        with contextlib.closing(Frames(self.daemon, port=port, header=header)) as peer:
            return sent_away(peer)

    def test_whose_address_it_is(self) -> None:
        """The one that the balancer names, and never its own, neither for them nor for those whom it does not name."""
        self.assertEqual([self.less(OURS) for _ in range(FREE)], [False] * FREE)
        self.assertTrue(any(self.less(OURS) for _ in range(MOST)))
        self.assertFalse(self.less(None))
        self.assertFalse(self.less(OTHER))
        self.assertFalse(any(self.less("") for _ in range(SURELY + 1)))
        self.assertFalse(self.less(None))
