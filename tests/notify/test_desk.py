"""Where notices leave a process: targets that come and go, bounds, and a store that is away."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from meshd.notify.desk import AWAY, TIDY, Desk
from meshd.notify.pocket import MOST
from meshd.store.statements import noticekeeping, notices
from meshd.values.notices import STORE_AWAY, STORE_BACK, Mailbox, Notify
from tests.notify.support import AGAIN, TAKEN, NoticeCase, hook


class DeskTests(NoticeCase):
    def setUp(self) -> None:
        super().setUp()
        self.notify = Notify((hook(),), (Mailbox("ops@mesh.example", ("store.away",)),))
        self.desk = Desk(self.parts, lambda: self.notify)
        self.desk.start()

    def tearDown(self) -> None:
        self.away = False
        self.stop()

    def stop(self) -> None:
        stopping = Deferred.fromCoroutine(self.desk.stop())
        self.pass_(5)
        self.successResultOf(stopping)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def names(self) -> list[str]:
        return [each.name for each in self.blocking.run(noticekeeping.targets)]

    def test_targets_are_known_at_once(self) -> None:
        """Those of the settings, and they are sent what comes."""
        self.assertEqual(self.names(), ["mail:ops@mesh.example", "ops"])
        self.tell("a", "b")
        self.pass_(3)
        self.assertEqual(self.kinds(), ["ban.begun"] * 2)
        self.assertEqual(self.kinds("mail:ops@mesh.example"), [])

    def test_a_reload(self) -> None:
        """One goes, one comes, one changes; what was under way at the one that changed is not sent twice at once."""
        hanging: Deferred[Any] = Deferred()
        self.outcomes["ops"] = hanging
        self.tell("a")
        self.pass_(2)
        self.notify = Notify((hook(kinds=("ban.begun",)), hook("new")))
        self.desk.follow()
        self.pass_(3)
        self.assertEqual(self.names(), ["new", "ops"])
        self.assertEqual(len(self.sent), 1)
        self.outcomes["ops"] = TAKEN
        self.tell("b")
        self.pass_(3)
        self.assertEqual((self.kinds("new"), len(self.kinds())), (["ban.begun"], 2))

    def test_what_a_process_of_this_name_had_in_hand(self) -> None:
        """Is sent at once by its successor, and by nobody else."""
        self.stop()
        self.tell("a", "b")
        now = int(self.now())
        self.blocking.run(notices.claim, "ops", "node", now, now + 180, 1)
        self.blocking.run(notices.claim, "ops", "another", now, now + 180, 1)
        self.desk = Desk(self.parts, lambda: self.notify)
        self.desk.start()
        self.pass_(5)
        self.assertEqual([data["number"] for _, _, data in self.sent], [0])

    def test_bounds(self) -> None:
        """The oldest are dropped where too many wait, and the log hears of it."""
        self.patch(noticekeeping, "MOST", 3)
        self.outcomes["ops"] = hanging = Deferred()
        self.tell(*"abcdef")
        self.pass_(TIDY + 6)
        self.assertEqual(self.waiting(), 3)
        hanging.callback(TAKEN)

    def test_the_store_is_away_for_a_moment(self) -> None:
        """A restart of a database is nothing to tell of."""
        self.away = True
        self.pass_(AWAY - 1)
        self.away = False
        self.pass_(20)
        self.assertEqual(self.sent, [])

    def test_the_store_is_away(self) -> None:
        """It is told from memory, once, to those who want it; that it is back is told by the store."""
        self.away = True
        self.pass_(60)
        self.assertEqual(self.kinds(), [STORE_AWAY])
        self.assertEqual(self.kinds("mail:ops@mesh.example"), [STORE_AWAY])
        self.away = False
        self.pass_(10)
        self.assertEqual(self.kinds(), [STORE_AWAY, STORE_BACK])
        self.assertGreaterEqual(self.sent[-1][2]["seconds"], 55)
        self.assertEqual(self.kinds("mail:ops@mesh.example"), [STORE_AWAY])

    def test_what_nobody_took_meanwhile(self) -> None:
        """Is left to the store, and comes before what came later."""
        self.away, self.outcomes["ops"] = True, AGAIN
        self.pass_(60)
        tries = len(self.kinds())
        self.assertTrue(1 < tries < 6, tries)
        self.away = False
        self.pass_(10)
        self.outcomes["ops"] = TAKEN
        self.pass_(60)
        self.assertEqual(self.kinds()[-2:], [STORE_AWAY, STORE_BACK])
        self.assertEqual(self.waiting(), 0)

    def test_memory_is_bounded(self) -> None:
        """Of too many the oldest is lost, and the log hears of it."""
        self.away, self.outcomes["ops"] = True, AGAIN
        for number in range(MOST + 5):
            telling = Deferred.fromCoroutine(self.desk.tell("ledger.behind", "node:x", {"number": number}))
            self.successResultOf(telling)
        self.away = False
        self.desk._told_away = True
        self.desk._missed_at = 0.0
        self.pass_(6)
        kept = self.blocking.run(noticekeeping.page, 0, 999)
        self.assertEqual(sum(each.kind == "ledger.behind" for each in kept), MOST)
