"""What a change ends, and what it must not touch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from meshd.daemon.enforcement import DAY, Enforcement
from meshd.model import Change, Refusal
from meshd.store.interface import StoreUnavailable
from meshd.store.statements import opened, tokens
from meshd.store.statements.opened import Ending

NO = Refusal("auth-invalid")


class Auth:
    """Answers `still` when the test says so."""

    def __init__(self) -> None:
        self.asked: list[Deferred[Refusal | None]] = []

    def forget(self, change: Change) -> None: ...

    def still(self, admission: object, proxy: str) -> Deferred[Refusal | None]:
        self.asked.append(Deferred())
        return self.asked[-1]


class Store:
    """Has the endings and the tokens that end at a minute that the test puts in."""

    def __init__(self) -> None:
        self.endings: list[Ending] = []
        self.asked: list[int] = []
        self.ended: list[int] | None = []
        self.looks: list[tuple[int, ...]] = []
        self.away = False

    async def run(self, unit: object, *args: int) -> Any:
        if self.away:
            raise StoreUnavailable("away")
        if unit is tokens.ended:
            self.looks.append(args)
            return self.ended
        assert unit is opened.endings
        self.asked += args
        return self.endings


class Ledger:
    def __init__(self) -> None:
        self.meters: list[Any] = []

    def open_of(self, account_id: int) -> list[Any]:
        return list(self.meters)

    async def changed(self, change: Change) -> None: ...

    def meter(self, admission: object, id_: str = "") -> Any:
        about = SimpleNamespace(id=id_)
        made = SimpleNamespace(admission=admission, proxy="local", open=True, about=about, stopped=[])
        made.stop = made.stopped.append
        self.meters.append(made)
        return made


class EnforcementTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.auth, self.ledger, self.time = Auth(), Ledger(), 10.0 * DAY
        self.store = Store()
        self.enforcement = Enforcement(self.auth, self.ledger, self.store, lambda: self.time)  # type: ignore[arg-type]

    def change(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.enforcement.changed(Change(1, 7)))

    def test_one_question_for_one_admission(self) -> None:
        """Two tunnels of one credential are asked about once and end together; another's goes on."""
        one = SimpleNamespace(token_id=0)
        first, second, other = self.ledger.meter(one), self.ledger.meter(one), self.ledger.meter(object())
        done = self.change()
        self.auth.asked[0].callback(NO)
        self.auth.asked[1].callback(None)
        self.successResultOf(done)
        self.assertEqual([first.stopped, second.stopped, other.stopped], [[NO], [NO], []])

    def test_ended_while_asking(self) -> None:
        """An exchange that ended meanwhile is not stopped: its connection may be about somebody else's by now."""
        meter = self.ledger.meter(SimpleNamespace(token_id=0))
        done = self.change()
        meter.open = False
        self.auth.asked[0].callback(NO)
        self.successResultOf(done)
        self.assertEqual(meter.stopped, [])

    def test_one_that_somebody_ends(self) -> None:
        """That one, with the reason that was given; none of an account that did not ask, whatever id is told."""
        mine, others = (SimpleNamespace(token_id=0, account=SimpleNamespace(id=id_)) for id_ in (7, 8))
        first, second = self.ledger.meter(mine, "a-1"), self.ledger.meter(mine, "a-2")
        foreign = self.ledger.meter(others, "b-1")
        self.store.endings = [Ending(7, "a-2", "ended-by-holder"), Ending(7, "b-1", "ended-by-holder")]
        self.change()
        self.assertEqual([first.stopped, second.stopped, foreign.stopped], [[], [Refusal("ended-by-holder")], []])
        self.assertEqual(self.store.asked, [7])

    def test_where_nothing_is_open_nobody_asks_what_to_end(self) -> None:
        """A change of an account that is not at work here costs no look at the store."""
        self.successResultOf(self.change())
        self.assertEqual(self.store.asked, [])

    def test_midnight(self) -> None:
        """What is open is asked about when the day changes, and only then: tokens and accounts may have ended."""
        token, password = self.ledger.meter(SimpleNamespace(token_id=3)), self.ledger.meter(SimpleNamespace(token_id=0))
        self.successResultOf(Deferred.fromCoroutine(self.enforcement.look_at_calendar()))
        self.assertEqual(self.auth.asked, [])
        self.time += DAY
        done = Deferred.fromCoroutine(self.enforcement.look_at_calendar())
        self.auth.asked[0].callback(NO)
        self.auth.asked[1].callback(None)
        self.successResultOf(done)
        self.assertEqual([token.stopped, password.stopped], [[NO], []])

    def look(self) -> None:
        done = Deferred.fromCoroutine(self.enforcement.look_at_calendar())
        for each in self.auth.asked:
            if not each.called:
                each.callback(NO)
        self.successResultOf(done)

    def test_minutes(self) -> None:
        """What tokens of an account opened one of which ended since the last look is asked about."""
        token, password = self.ledger.meter(SimpleNamespace(token_id=3)), self.ledger.meter(SimpleNamespace(token_id=0))
        self.time += 59
        self.look()
        self.assertEqual(self.store.looks, [])
        self.time += 10
        self.look()
        self.assertEqual((self.store.looks, self.auth.asked), ([(10 * DAY, 10 * DAY + 69)], []))
        for ended in ([7], None):
            self.store.ended, token.stopped[:] = ended, []
            self.time += 60
            self.look()
            self.assertEqual([token.stopped, password.stopped], [[NO], []])

    def test_a_minute_while_the_store_is_away(self) -> None:
        """Is made up for at the next look."""
        self.ledger.meter(SimpleNamespace(token_id=3))
        self.store.away, self.store.ended = True, [7]
        self.time += 60
        self.look()
        self.store.away = False
        self.time += 10
        self.look()
        self.assertEqual((self.store.looks, len(self.auth.asked)), ([(10 * DAY, 10 * DAY + 70)], 1))
