"""Who pays for a host's bytes."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.hosts.payers import Payers
from meshd.model import Admission, Change, Refusal
from tests.hosts.hand import OWNER, admission


class PayersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.asked: list[Deferred[Admission | Refusal]] = []
        self.payers = Payers(self._admit, self.clock.seconds, lambda: 300)

    async def _admit(self, owner: int, token: int) -> Admission | Refusal:
        self.asked.append(waiting := Deferred())
        return await waiting

    def admit(self, token: int = 9) -> Deferred[Admission | Refusal]:
        return Deferred.fromCoroutine(self.payers.admit(OWNER.id, token))

    def test_an_owner_is_asked_for_once(self) -> None:
        """However many wait; then remembered for its time."""
        waiting = [self.admit() for _ in range(3)]
        self.assertEqual(len(self.asked), 1)
        self.asked[0].callback(found := admission(9))
        self.assertEqual([self.successResultOf(each) for each in waiting], [found] * 3)
        self.assertIs(self.payers.recall(OWNER.id, 9), found)
        self.assertIs(self.payers.recall(OWNER.id, 8), None)
        self.clock.advance(300)
        self.assertIs(self.payers.recall(OWNER.id, 9), None)

    def test_a_refusal_is_not_remembered(self) -> None:
        waiting = self.admit()
        self.asked[0].callback(no := Refusal("account-inactive"))
        self.assertIs(self.successResultOf(waiting), no)
        self.assertIs(self.payers.recall(OWNER.id, 9), None)

    def test_a_change_of_the_account_is_heard(self) -> None:
        """Of all accounts too."""
        for account, kept in ((OWNER.id, False), (0, False), (OWNER.id + 1, True)):
            waiting = self.admit()
            self.asked[-1].callback(admission(9))
            self.successResultOf(waiting)
            self.payers.forget(Change(1, account))
            self.assertEqual(self.payers.recall(OWNER.id, 9) is not None, kept, account)

    def test_a_change_while_it_is_asked(self) -> None:
        """It is asked anew, also by who comes then: what begins by the first answer would have missed the change."""
        first = self.admit()
        self.payers.forget(Change(3, OWNER.id))
        second = self.admit()
        self.assertEqual(len(self.asked), 2)
        self.asked[0].callback(admission(9))
        self.assertNoResult(first)
        self.asked[1].callback(no := Refusal("account-inactive"))
        self.assertEqual([self.successResultOf(each) for each in (first, second)], [no, no])

    def test_a_change_of_another_account_while_it_is_asked(self) -> None:
        waiting = self.admit()
        self.payers.forget(Change(3, OWNER.id + 1))
        self.asked[-1].callback(found := admission(9))
        self.assertIs(self.successResultOf(waiting), found)
        self.assertIs(self.payers.recall(OWNER.id, 9), found)
