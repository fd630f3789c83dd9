"""What a change ends, and what it must not touch."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from meshd.daemon.enforcement import DAY, Enforcement
from meshd.model import Change, Refusal
from meshd.store.interface import StoreUnavailable
from meshd.store.statements import opened, tokens
from meshd.store.statements.opened import Ending
from meshd.topology import PLANS
from meshd.values.bounds import Bounds
from meshd.values.published import HOSTS
from meshd.values.terms import Terms, terms
from tests.support import stores
from tests.usage.support import Desk, MemoryStore, account, now

NO = Refusal("auth-invalid")
BARRED = Refusal("acl-account")


class Unpublished:
    """Nothing is published."""

    async def changed(self, change: Change, /) -> None:
        """Follow nothing."""


class Auth:
    """Answers `still` when the test says so."""

    def __init__(self) -> None:
        self.asked: list[Deferred[Refusal | Terms | None]] = []
        self.forgotten: list[int] = []

    def forget(self, change: Change) -> None:
        self.forgotten.append(change.account_id)

    def still(self, admission: object, proxy: str) -> Deferred[Refusal | Terms | None]:
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
        self.adopted: list[tuple[Any, Terms | None]] = []
        self.judged: list[int] = []

    def adopt(self, meter: Any, terms: Terms | None) -> None:
        self.adopted.append((meter, terms))

    def open_of(self, account_id: int) -> list[Any]:
        return list(self.meters)

    def judge(self, account_id: int) -> None:
        self.judged.append(account_id)

    def meter(self, admission: object, id_: str = "") -> Any:
        about = SimpleNamespace(id=id_)
        made = SimpleNamespace(admission=admission, proxy="local", open=True, about=about, stopped=[], way=None)
        made.stop = made.stopped.append
        self.meters.append(made)
        return made


class EnforcementTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.auth, self.ledger, self.time = Auth(), Ledger(), 10.0 * DAY
        self.store = Store()
        self.enforcement = Enforcement(
            self.auth,  # type: ignore[arg-type]
            self.ledger,  # type: ignore[arg-type]
            self.store,  # type: ignore[arg-type]
            lambda: self.time,
            Unpublished,
        )

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

    def test_new_terms(self) -> None:
        """Hold for every exchange that goes on; one that goes where they do not let it is ended, by its own reason."""
        held = terms((), ())
        here, there = self.ledger.meter(one := SimpleNamespace(token_id=0)), self.ledger.meter(one)
        here.way = SimpleNamespace(barred=lambda found: BARRED if found is held else None)
        there.way = SimpleNamespace(barred=lambda found: None)
        done = self.change()
        self.auth.asked[0].callback(held)
        self.successResultOf(done)
        self.assertEqual([here.stopped, there.stopped], [[BARRED], []])
        self.assertEqual(self.ledger.adopted, [(here, held), (there, held)])

    def test_a_change_of_what_is_published_concerns_nobody(self) -> None:
        """No account is forgotten, and nothing that is open is asked about."""
        self.ledger.meter(SimpleNamespace(token_id=0))
        self.successResultOf(Deferred.fromCoroutine(self.enforcement.changed(Change(1, HOSTS))))
        self.assertEqual((self.auth.asked, self.auth.forgotten, self.store.asked), ([], [], []))
        self.change()
        self.assertEqual((self.auth.forgotten, self.ledger.judged), ([7], [7]))

    def test_a_reload_that_changes_what_plans_hold_to(self) -> None:
        """Asks about all that is open; one that changes the rest of a plan asks nothing."""
        self.ledger.meter(SimpleNamespace(token_id=0))
        more = {"20": replace(PLANS["20"], ips=7)}
        self.enforcement.replanned({"20": PLANS["20"]}, more)
        self.assertEqual(self.auth.asked, [])
        self.enforcement.replanned(more, {"20": replace(more["20"], bounds=Bounds(tunnels=1))})
        self.assertEqual(len(self.auth.asked), 1)

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


class BehindLocksTests(SynchronousTestCase):
    def test_a_change_waits_for_no_flush(self) -> None:
        """One that stands behind what another process has locked keeps no tunnel open, and no later change waiting."""
        desk = Desk(stores.folder(self), MemoryStore(account(1), account(2)))
        now(desk.ledger.start())
        desk.meter(1).sent_up(1)
        meter, auth = desk.meter(2), Auth()
        desk.store.gate = locked = Deferred[None]()
        flush = Deferred.fromCoroutine(desk.ledger.flush())
        enforcement = Enforcement(auth, desk.ledger, Store(), lambda: desk.wall, Unpublished)  # type: ignore[arg-type]
        done = Deferred.fromCoroutine(enforcement.changed(Change(1, 2)))
        self.assertEqual(len(auth.asked), 1)
        auth.asked[0].callback(NO)
        self.successResultOf(done)
        self.assertEqual(desk.stopped, {meter: NO})
        self.assertNoResult(flush)
        locked.callback(None)
        self.successResultOf(flush)
