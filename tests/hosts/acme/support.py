"""A process that obtains certificates: the real rules on a real SQLite file, with a clock that a test moves."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

from twisted.internet.threads import deferToThread

from meshd.accounts import toplevel as holders
from meshd.accounts.profile import NewAccount
from meshd.accounts.published import forms, reading, resources
from meshd.accounts.published.rows import Row, row
from meshd.accounts.service import Accounts
from meshd.accounts.toplevel import Terms
from meshd.auth.sealing import KEY_BYTES, Seals
from meshd.hosts.acme.obtaining import Obtaining, Parts
from meshd.store.statements import published as stored
from meshd.store.unit import Statement, Unit
from meshd.topology import PLANS
from meshd.values.hosting import Acme
from tests.accounts.support import OPERATOR
from tests.web.support import NowStore

T = TypeVar("T")


class Process:
    """What is due in it, and what it serves; `texts` is where its challenges are answered."""

    def __init__(self, owner: Any, reactor: Any, settings: Acme, texts: dict[str, str], now: int) -> None:
        folder = tempfile.mkdtemp(prefix="meshd-test-")
        self.store = NowStore(str(Path(folder) / "meshd.sqlite3"))
        owner.addCleanup(self.store.file.close)
        admin = NewAccount(username="anna", password_hash="x")
        terms = Terms("20", "admin", 15)
        self.admin = self.run(holders.create, OPERATOR, admin, terms=terms, plans=PLANS, proxies=[], now=now)
        self.now = now
        self.settings = settings
        self.texts = texts
        self.seals = Seals(b"k" * KEY_BYTES)
        self.stopped = Event()
        owner.addCleanup(self.stopped.set)
        self.accounts = Accounts(self.store, lambda: self.now)
        self.obtaining = self.another(reactor, "node")

    def another(self, reactor: Any, node: str, threads: Any = deferToThread) -> Obtaining:
        """Whoever works on the same store."""
        parts = Parts(
            reactor,
            self.accounts,
            lambda: self.settings,
            lambda: self.seals,
            self.refresh,
            node,
            threads,
            self.stopped,
            lambda: 0.5,
        )
        return Obtaining(parts)

    async def refresh(self) -> None:
        self.texts.update(self.run(reading.challenges))

    def run(self, unit: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return self.store.file.run(unit, *args, **kwargs)

    def order(self, *names: str) -> int:
        """Have a certificate obtained; its id."""
        settings = forms.read("certificates", {"provider": "acme", "domain_names": list(names)})
        made = self.run(resources.create, self.admin.id, "certificates", settings, secrets=resources.NONE, now=self.now)
        return int(made.id)

    def rename(self, certificate_id: int, *names: str) -> None:
        """As an operator does."""
        settings = forms.read("certificates", {"domain_names": list(names)})
        self.run(resources.change, self.admin.id, "certificates", certificate_id, settings, now=self.now)

    def forget_account(self) -> None:
        """The authority will meet another account, to which nothing is shown yet."""
        self.run(forget_account)

    def row(self, certificate_id: int) -> Row:
        return row(self.run(stored.by_id, "certificates", certificate_id))

    def due_at(self, certificate_id: int) -> int:
        """When something is to be done for it the next time."""
        return int(self.run(due_at, certificate_id))


def due_at(certificate_id: int) -> Unit[int]:
    rows = yield Statement("select due_at from acme_orders where published_id = :id", {"id": certificate_id})
    return int(rows[0][0])


def forget_account() -> Unit[None]:
    yield Statement("delete from acme_accounts", {})
