"""Addresses whose sessions were ended for their fault: what follows, and when it is over."""

from __future__ import annotations

from itertools import pairwise

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.proxy.offenders import APART, FORGIVEN, FREE, MOST, PLACES, Offenders
from meshd.sockets.ends import ClientGone
from meshd.sockets.line import BEAT
from meshd.sockets.task import Task

HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"
MOST_WAITING = PLACES + 10


class Coming:
    """A client who wants a handshake."""

    def __init__(self, offenders: Offenders, peer: str) -> None:
        self.found: bool | None = None
        """Whether there was one; None while the client waits."""
        self.task = Task(self._come(offenders, peer), lambda error: None)
        self.task.resume()

    async def _come(self, offenders: Offenders, peer: str) -> None:
        self.found = await offenders.turn(peer)


class OffendersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.offenders = Offenders(self.clock, lambda: MOST_WAITING)

    def note(self, peer: str = HERE, times: int = FREE) -> None:
        for _ in range(times):
            self.offenders.note(peer)

    def come(self, clients: int, peer: str = HERE) -> list[Coming]:
        return [Coming(self.offenders, peer) for _ in range(clients)]

    def pass_time(self, seconds: float) -> None:
        self.clock.pump([BEAT / 4] * round(seconds / BEAT * 4))

    def test_a_few(self) -> None:
        """Have no consequence."""
        self.note(times=FREE - 1)
        self.assertFalse(self.offenders.offends(HERE))
        self.assertTrue(all(each.found for each in self.come(100)))

    def test_one_too_many(self) -> None:
        """Has the address's handshakes come one after the other, in their order, and nobody else's."""
        self.note(times=MOST)
        self.assertTrue(self.offenders.offends(HERE))
        first, *others = self.come(5)
        self.assertEqual([each.found for each in (first, *others)], [True, None, None, None, None])
        self.assertFalse(self.offenders.offends(ELSEWHERE))
        self.assertTrue(all(each.found for each in self.come(5, ELSEWHERE)))
        times = []
        for each in others:
            while not each.found:
                self.assertLess(self.clock.seconds(), 4 * APART * len(others))
                self.pass_time(BEAT / 4)
            times.append(self.clock.seconds())
            self.assertEqual([other.found for other in others].count(True), len(times))
        self.assertGreaterEqual(min(later - before for before, later in pairwise([0.0, *times])), 0.99 * APART)

    def test_what_was_missed(self) -> None:
        """Is not made up for: handshakes that nobody wanted for a while do not come at once."""
        self.note(times=MOST)
        self.pass_time(5 * APART)
        self.assertEqual([each.found for each in self.come(2)], [True, None])

    def test_who_leaves(self) -> None:
        """Gives up the place, and the next one has the turn."""
        self.note(times=MOST)
        _, gone, stays = self.come(3)
        gone.task.throw(ClientGone())
        self.pass_time(2 * APART)
        self.assertEqual((gone.found, stays.found), (None, True))

    def test_too_many(self) -> None:
        """Have no place, of one address and of all."""
        self.note(times=MOST)
        found = [each.found for each in self.come(PLACES + 2)]
        self.assertEqual(found, [True, *[None] * PLACES, False])
        self.note(ELSEWHERE, times=MOST)
        for _ in range(MOST_WAITING):
            self.come(1, ELSEWHERE)
        self.assertEqual(self.offenders._line.waiting, MOST_WAITING)

    def test_forgiven(self) -> None:
        """One after the other, however many they were; then nothing is remembered."""
        self.note(times=10 * MOST)
        self.clock.advance((MOST - FREE) * FORGIVEN)
        self.assertTrue(self.offenders.offends(HERE))
        self.clock.advance(FORGIVEN / 2)
        self.assertFalse(self.offenders.offends(HERE))
        self.note(times=1)
        self.assertTrue(self.offenders.offends(HERE))
        self.clock.advance(MOST * FORGIVEN)
        self.assertFalse(self.offenders.offends(HERE))
        self.assertEqual(len(self.offenders._known), 0)

    def test_addresses(self) -> None:
        """Of IPv6 count together as one customer has them; who has none is nobody in particular."""
        self.note("2001:db8::1")
        self.assertTrue(self.offenders.offends("2001:db8::2"))
        self.assertFalse(self.offenders.offends("2001:db8:0:1::1"))
        self.note("")
        self.assertFalse(self.offenders.offends(""))
