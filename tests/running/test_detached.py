"""Work whose caller goes away."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from meshd.running.detached import Detached


class DetachedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.lost: list[Failure] = []
        self.detached = Detached(self.lost.append)

    def test_who_stays_is_told(self) -> None:
        """The result or the failure, once; a failure that is told is not lost."""
        for end, told in ((lambda work: work.callback("done"), "done"), (lambda work: work.errback(OSError()), None)):
            work: Deferred[str] = Deferred()
            waiter = self.detached.run(work)
            self.assertNoResult(waiter)
            end(work)
            if told is None:
                self.failureResultOf(waiter, OSError)
            else:
                self.assertEqual(self.successResultOf(waiter), told)
        self.assertEqual((self.lost, len(self.detached)), ([], 0))

    def test_who_goes_away_ends_nothing(self) -> None:
        """The work is not cancelled; what it comes to is nobody's, and its failure is lost."""
        for end, lost in ((lambda work: work.callback("done"), 0), (lambda work: work.errback(OSError()), 1)):
            work: Deferred[str] = Deferred(lambda _: self.fail("cancelled"))
            waiter = self.detached.run(work)
            waiter.cancel()
            self.failureResultOf(waiter, CancelledError)
            self.assertEqual(len(self.detached), 1)
            end(work)
            self.assertEqual((len(self.lost), len(self.detached)), (lost, 0))

    def test_what_is_done_already(self) -> None:
        """Is told at once, and not under way."""
        work: Deferred[str] = Deferred()
        work.callback("done")
        self.assertEqual(self.successResultOf(self.detached.run(work)), "done")
        self.assertEqual(len(self.detached), 0)

    def test_ended(self) -> None:
        """When nothing is under way, what was begun meanwhile included."""
        first: Deferred[None] = Deferred()
        second: Deferred[None] = Deferred()
        self.detached.run(first).addCallback(lambda _: self.detached.run(second))
        ended = Deferred.fromCoroutine(self.detached.ended())
        first.callback(None)
        self.assertNoResult(ended)
        second.callback(None)
        self.successResultOf(ended)
        self.successResultOf(Deferred.fromCoroutine(self.detached.ended()))
