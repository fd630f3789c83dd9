"""What nobody else tells of: the ledger, accounts that expire, certificates."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred

from meshd.daemon import telling
from meshd.daemon.ends import End
from meshd.daemon.telling import BEHIND, HOURLY, Telling
from meshd.store.statements import accounts, noticekeeping
from meshd.values.notices import KINDS, Notify
from meshd.values.times import DAY, today
from tests.notify.support import NOW, NoticeCase, Store, hook


class WatchTests(NoticeCase):
    """On a store that answers at once, with targets that take nothing: what was told stays to be looked at."""

    def setUp(self) -> None:
        super().setUp()
        self.ledger = SimpleNamespace(behind=0.0)
        self.workers = 0.0
        self.ends: list[End] = []
        self.patch(telling, "of_file", lambda _: self.ends)
        self.config = SimpleNamespace(
            notify=Notify((hook(),)),
            mail=None,
            speaks_tls=True,
            certificate=Path("cert.pem"),
            topology=SimpleNamespace(hosts=None),
        )
        self.core = SimpleNamespace(
            reactor=self.clock,
            store=Store(self),
            config=self.config,
            now=self.now,
            node="node",
            resolver=None,
            ledger=self.ledger,
        )
        self.watch = self.begin()

    def begin(self) -> Telling:
        async def aside(work: Any) -> Any:
            return work()

        watch = Telling(self.core, lambda: self.workers, aside)  # type: ignore[arg-type]
        self.patch(watch._desk, "_parts", self.parts)
        self.outcomes["ops"] = Deferred()
        watch.start()
        return watch

    def tearDown(self) -> None:
        stopping = Deferred.fromCoroutine(self.watch.stop())
        self.pass_(5)
        self.successResultOf(stopping)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def told(self) -> list[str]:
        return [each.kind for each in self.blocking.run(noticekeeping.page, 0, 99)]

    def test_the_ledger(self) -> None:
        """Once when it is behind for long, be it a worker's, and once when it is level."""
        self.ledger.behind = BEHIND - 1
        self.pass_(10)
        self.assertEqual(self.told(), [])
        self.workers = BEHIND
        self.pass_(20)
        self.assertEqual(self.told(), ["ledger.behind"])
        self.ledger.behind = self.workers = 0
        self.pass_(20)
        self.assertEqual(self.told(), ["ledger.behind", "ledger.level"])

    def test_accounts_that_expire(self) -> None:
        """At midnight, once, whoever looks and however often."""
        bob = self.blocking.run(
            accounts.create, "bob", parent_id=None, role="customer", plan="10", password_hash="", billing_day=1, now=NOW
        )
        self.blocking.run(accounts.edit, bob.id, expires_on=today(NOW))
        self.pass_(20)
        self.assertEqual(self.told(), [])
        self.clock.advance(DAY - NOW % DAY)
        self.pass_(20)
        self.assertEqual(self.told(), ["account.expired"])
        self.watch.follow()
        self.pass_(20)
        self.assertEqual(self.told(), ["account.expired"])

    def test_certificates(self) -> None:
        """Each stage once; another certificate begins anew."""
        self.ends = [End("listeners", ("a.test",), NOW - 300 * DAY, NOW + 10 * DAY)]
        self.pass_(20)
        self.assertEqual(self.told(), ["certificate.ending"])
        self.clock.advance(HOURLY)
        self.assertEqual(self.told(), ["certificate.ending"])
        self.clock.advance(8 * DAY)
        self.assertEqual(self.told(), ["certificate.ending"] * 2)
        self.clock.advance(HOURLY)
        self.assertEqual(self.told(), ["certificate.ending"] * 2)
        self.ends = [End("listeners", ("a.test",), NOW, NOW + 300 * DAY)]
        self.clock.advance(HOURLY)
        self.assertEqual(self.told(), ["certificate.ending"] * 2)

    def test_what_nobody_wants_is_not_looked_for(self) -> None:
        """No certificate is read, no account asked for."""
        self.config.notify = Notify((hook(kinds=tuple(kind for kind in KINDS if kind.startswith("ban"))),))
        self.patch(telling, "of_file", None)
        self.patch(telling, "expiring", None)
        self.watch.follow()
        self.clock.advance(HOURLY)
        self.pass_(20)
        self.assertEqual(self.told(), [])
