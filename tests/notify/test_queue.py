"""The queue of one target: what is tried when, and what becomes of it."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from meshd.notify.queue import AT_ONCE, LEASE, Queue
from meshd.notify.retrying import TRIES, Outcome
from meshd.store.statements import notices
from meshd.store.statements.notices import Told
from meshd.store.unit import Statement, Unit
from meshd.values.notices import KINDS
from tests.notify.support import AGAIN, TAKEN, NoticeCase, hook


class QueueTests(NoticeCase):
    def setUp(self) -> None:
        super().setUp()
        self.blocking.run(notices.seen, [Told("ops", KINDS, "there")], int(self.now()))
        self.queue = Queue(self.parts, hook())
        self.queue.start()

    def numbers(self) -> list[Any]:
        return [data["number"] for _, _, data in self.sent]

    def test_all_is_sent(self) -> None:
        """One of a subject after the other, without waiting for the next second while there is more."""
        self.tell(*["a", "b"] * 20)
        self.pass_(25)
        self.assertEqual(sorted(self.numbers()), list(range(40)))
        self.assertEqual([n for n in self.numbers() if n % 2], sorted(n for n in self.numbers() if n % 2))
        self.assertEqual(self.waiting(), 0)

    def test_a_few_at_a_time(self) -> None:
        """A target that hangs has few in hand, and is asked for nothing more."""
        self.outcomes["ops"] = hanging = Deferred()
        self.tell(*"abcdefgh")
        self.pass_(30)
        self.assertEqual(len(self.sent), AT_ONCE)
        self.outcomes["ops"] = TAKEN
        hanging.callback(TAKEN)
        self.pass_(5)
        self.assertEqual(self.waiting(), 0)

    def test_tried_again_in_order(self) -> None:
        """With pauses; a later one of the same subject waits."""
        self.outcomes["ops"] = AGAIN
        self.tell("a", "a", "b")
        self.pass_(2)
        self.assertEqual(self.numbers(), [0, 2])
        self.outcomes["ops"] = TAKEN
        self.pass_(2)
        self.assertEqual(self.numbers(), [0, 2])
        self.pass_(7)
        self.assertEqual(self.numbers(), [0, 2, 0, 2, 1])
        self.assertEqual(self.waiting(), 0)

    def test_a_dead_target_is_left_alone(self) -> None:
        """It is not asked about everything in turn: each round that takes nothing makes the next pause longer."""
        self.outcomes["ops"] = AGAIN
        self.tell(*(f"s{n}" for n in range(200)))
        self.pass_(64)
        self.assertLess(len(self.sent), 8 * AT_ONCE)
        self.outcomes["ops"] = TAKEN
        self.pass_(120)
        self.assertEqual(self.waiting(), 0)

    def test_what_it_asks_for_is_heeded(self) -> None:
        """For everything: Retry-After is about the receiver."""
        self.outcomes["ops"] = Outcome("again", "it answered 429", 100.0)
        self.tell("a")
        self.pass_(2)
        self.outcomes["ops"] = TAKEN
        self.tell("b")
        self.pass_(97)
        self.assertEqual(len(self.sent), 1)
        self.pass_(6)
        self.assertEqual(len(self.sent), 3)

    def test_given_up(self) -> None:
        """After so many tries; then the next one of its subject is tried."""
        self.outcomes["ops"] = AGAIN
        self.tell("a", "a")
        for _ in range(TRIES):
            self.blocking.run(_due)
            self.clock.advance(61)
            self.clock.advance(61)
        self.assertEqual((self.numbers()[:TRIES], self.failed()), ([0] * TRIES, 1))
        self.assertIn(1, self.numbers())

    def test_over_at_once(self) -> None:
        """What a mail server will never take."""
        self.outcomes["ops"] = Outcome("over", "the server answered 550")
        self.tell("a")
        self.pass_(2)
        self.assertEqual((self.failed(), len(self.sent)), (1, 1))

    def test_gone(self) -> None:
        """All that waits is given up, and nothing is tried any more."""
        self.outcomes["ops"] = Outcome("gone", "it answered 410")
        self.tell("a", "a", "a")
        self.pass_(5)
        self.assertEqual((self.failed(), len(self.sent)), (3, 1))

    def test_a_fault_of_ours(self) -> None:
        """Is logged, and tried again; the others of its round are not harmed."""
        self.outcomes["ops"] = broken = Deferred()
        self.tell("a", "b")
        self.pass_(2)
        self.outcomes["ops"] = TAKEN
        broken.errback(ValueError("a bug"))
        broken.addErrback(lambda failure: None)
        self.pass_(12)
        self.assertEqual(self.waiting(), 0)
        self.assertTrue(self.flushLoggedErrors(ValueError))

    def test_what_came_of_it_cannot_be_written(self) -> None:
        """It comes a second time, with the same id, once the lease is over, and before later ones."""
        self.outcomes["ops"] = hanging = Deferred()
        self.tell("a", "a")
        self.pass_(2)
        self.away = True
        hanging.callback(TAKEN)
        self.pass_(10)
        self.away, self.outcomes["ops"] = False, TAKEN
        self.pass_(LEASE - 15)
        self.assertEqual(self.numbers(), [0])
        self.pass_(8)
        self.assertEqual(self.numbers(), [0, 0, 1])

    def test_a_stop_waits_for_nobody(self) -> None:
        """Beyond a moment; what was in hand is neither lost nor called taken."""
        hanging: Deferred[Outcome] = Deferred()
        self.outcomes["ops"] = hanging
        self.tell("a")
        self.pass_(2)
        stopping = Deferred.fromCoroutine(self.queue.stop())
        self.pass_(1)
        self.assertNoResult(stopping)
        self.pass_(2)
        self.successResultOf(stopping)
        self.assertEqual((self.waiting(), self.clock.getDelayedCalls()), (1, []))

    def test_a_stop_hears_the_last_answers(self) -> None:
        """Where they come in that moment."""
        self.outcomes["ops"] = hanging = Deferred()
        self.tell("a")
        self.pass_(2)
        stopping = Deferred.fromCoroutine(self.queue.stop())
        hanging.callback(TAKEN)
        self.successResultOf(stopping)
        self.assertEqual((self.waiting(), self.clock.getDelayedCalls()), (0, []))


def _due() -> Unit[None]:
    yield Statement("update notices set due = 0 where state = 'waiting'", {})
