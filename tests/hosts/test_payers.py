"""Who pays for a host's bytes."""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.hosts.payers import REMEMBERED, Payers
from meshd.model import Admission, Change, Refusal
from meshd.values.times import read_time
from tests.hosts.hand import OWNER, admission

MIDNIGHT = read_time("2026-11-30") or 0


def until(expires_on: str) -> Admission:
    """Of an owner whose last day that is."""
    found = admission(9)
    return replace(found, identity=replace(found.identity, account=replace(OWNER, expires_on=expires_on)))


class PayersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.asked: list[Deferred[Admission | Refusal]] = []
        self.payers = Payers(self._admit, self.clock.seconds, lambda: MIDNIGHT + self.clock.seconds(), lambda: 300)

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

    def test_more_changes_than_are_remembered_while_it_is_asked(self) -> None:
        """It is asked anew: whether the account is among those that were forgotten, nobody knows."""
        waiting = self.admit()
        for other in range(REMEMBERED):
            self.payers.forget(Change(3, OWNER.id + other))
        self.payers.forget(Change(3, OWNER.id + REMEMBERED))
        self.asked[0].callback(admission(9))
        self.assertNoResult(waiting)
        self.asked[1].callback(found := admission(9))
        self.assertIs(self.successResultOf(waiting), found)

    def test_an_owner_that_ends(self) -> None:
        """Is remembered no longer than that, and asked for anew where it ends while it is asked for."""
        day = 86_400
        self.clock.advance(day - 100)
        waiting = self.admit()
        self.asked[0].callback(found := until("2026-11-30"))
        self.assertIs(self.successResultOf(waiting), found)
        self.clock.advance(99)
        self.assertIs(self.payers.recall(OWNER.id, 9), found)
        late = self.admit()
        self.clock.advance(1)
        self.assertIs(self.payers.recall(OWNER.id, 9), None)
        self.asked[1].callback(found)
        self.assertNoResult(late)
        self.asked[2].callback(no := Refusal("account-inactive"))
        self.assertIs(self.successResultOf(late), no)
