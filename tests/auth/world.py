"""An installation in a test's hands: a real database driven at once, a clock that stands still, a hash that counts."""

from __future__ import annotations

import os
import shutil
import tempfile
from base64 import b64encode
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from meshd.auth.claims import stand
from meshd.auth.guesses import Guess
from meshd.auth.passwords import Compared
from meshd.auth.question import Unseen
from meshd.auth.secrets import new_token, token_digest
from meshd.auth.service import AuthService
from meshd.model import Account, Admission, Change, Refusal, Token
from meshd.store.interface import StoreUnavailable
from meshd.store.sqlite.file import SQLiteFile
from meshd.store.statements import accounts, addresses, claims, hostnames, proxies, tokens
from meshd.store.unit import Unit
from meshd.topology import Limits
from tests.support.forgetful import Forgetful
from tests.support.live import settings

T = TypeVar("T")

NOON = 1_795_348_800
"""2026-11-22 12:00:00 UTC."""
PEER = "203.0.113.9"
OTHER = "203.0.113.10"


@cache
def migrated() -> bytes:
    """An empty database."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "store.sqlite3")
        file = SQLiteFile(str(path))
        file.migrate()
        file.close()
        return path.read_bytes()


class DirectStore:
    """A Store whose units run at once, on a real file; it can be away, and it can be slow."""

    def __init__(self, test: SynchronousTestCase) -> None:
        folder = tempfile.mkdtemp(prefix="meshd-test-")
        test.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        path = os.path.join(folder, "store.sqlite3")
        Path(path).write_bytes(migrated())
        self._file = SQLiteFile(path)
        test.addCleanup(self._file.close)
        self.away = False
        self.asked: list[str] = []
        self.gates: dict[str, Deferred[None]] = {}
        """Units (by name) whose answers wait."""

    async def start(self) -> None:
        return

    async def stop(self) -> None:
        return

    def on_change(self, wake: Callable[[], None]) -> None:
        return

    async def run(self, unit: Callable[..., Unit[T]], /, *args: Any, **kwargs: Any) -> T:
        self.asked.append(unit.__name__)
        if self.away:
            raise StoreUnavailable("away")
        result = self._file.run(unit, *args, **kwargs)
        if (gate := self.gates.get(unit.__name__)) is not None:
            await later(gate)
        return result

    def now(self, unit: Callable[..., Unit[T]], *args: Any, **kwargs: Any) -> T:
        return self._file.run(unit, *args, **kwargs)


def later(gate: Deferred[None]) -> Deferred[None]:
    """Fires when the gate does; many may wait for one gate."""
    waiter: Deferred[None] = Deferred()

    def open_(result: None) -> None:
        waiter.callback(None)

    gate.addCallback(open_)
    return waiter


class CountingHasher(Forgetful):
    """`hash:` and the password; counts what a slow hash would have cost."""

    def __init__(self) -> None:
        self.runs: list[str] = []
        self.gate: Deferred[None] | None = None
        self.fails: Exception | None = None

    async def hash(self, password: str) -> str:
        return f"hash:{password}"

    async def verify(self, encoded: str, password: str, guess: Guess) -> Compared:
        self.runs.append(password)
        if self.fails is not None:
            raise self.fails
        if self.gate is not None:
            await later(self.gate)
        right = encoded == f"hash:{password}"
        return Compared(right, b"" if right else f"{encoded} {password}".encode())


class FixedHostnames:
    """What resolves to what."""

    def __init__(self) -> None:
        self.by_address: dict[str, str] = {}
        self.forgotten: list[int] = []

    def find(self, address: str) -> str:
        return self.by_address.get(address, "")

    def forget(self, change: Change) -> None:
        self.forgotten.append(change.account_id)

    async def start(self) -> None:
        return

    async def stop(self) -> None:
        return


class World:
    """One node with its store; wall() moves with the clock unless set."""

    def __init__(self, test: SynchronousTestCase, store: DirectStore | None = None, **limits: Any) -> None:
        self.test = test
        self.store = store or DirectStore(test)
        self.clock = Clock()
        self.clock.advance(1000)
        self.wall_ahead = NOON - 1000.0
        self.hasher = CountingHasher()
        self.hostnames = FixedHostnames()
        self.live = settings(Limits(**limits))
        self.service = AuthService(
            self.store, self.clock, self.wall, self.live, self.hasher, self.hostnames, os.urandom
        )

    def wall(self) -> float:
        return float(self.clock.seconds()) + self.wall_ahead

    # What there is

    def account(self, username: str, password: str = "", *, parent: Account | None = None, **more: Any) -> Account:
        """One that may use the proxy named `us`."""
        made = self.store.now(
            accounts.create,
            username,
            parent_id=parent.id if parent else None,
            role="customer",
            plan="10",
            password_hash=f"hash:{password}" if password else "",
            billing_day=1,
            now=NOON,
        )
        if parent is None:
            self.store.now(proxies.authorize, made.id, "us", NOON)
        return self.edit(made, **more) if more else made

    def edit(self, account: Account, **columns: Any) -> Account:
        edited = self.store.now(accounts.edit, account.id, **columns)
        assert edited is not None
        return edited

    def token(self, account: Account, expires_on: str = "") -> tuple[str, Token]:
        secret = new_token()
        return secret, self.store.now(tokens.create, account.id, token_digest(secret), "", expires_on, NOON)

    def list_address(self, account: Account, address: str) -> None:
        self.store.now(claims.stake, address, account.parent_id or account.id, NOON)
        self.store.now(addresses.add, account.id, address, "", NOON)

    def list_hostname(self, account: Account, hostname: str) -> None:
        self.store.now(hostnames.add, account.id, hostname, NOON)

    def resolve(self, account: Account, hostname: str, *found: str) -> None:
        """The account's hostname stands for these from now on, and for no others."""
        held = self.store.now(stand, account.id, hostname, frozenset(found), int(self.wall()))
        known = self.hostnames.by_address
        for address in [address for address, name in known.items() if name == hostname]:
            del known[address]
        known |= dict.fromkeys(held, hostname)

    def changed(self, account: Account | None = None) -> None:
        """As the change feed says it; None for everything."""
        self.service.forget(Change(1, account.id if account else 0))

    # What is asked

    def ask(
        self, field: bytes | None = None, authorization: bytes | None = None, *, peer: str = PEER, proxy: str = "us"
    ) -> Admission | Refusal:
        """At the proxy, as it asks: what is remembered, else anew."""
        return self.now(let_in(self.service, field, peer, authorization, proxy))

    def begin(self, field: bytes | None = None, *, peer: str = PEER) -> Deferred[Admission | Refusal]:
        return Deferred.fromCoroutine(let_in(self.service, field, peer))

    def sign_in(self, field: bytes | None, *, peer: str = PEER) -> Admission | Refusal:
        return self.now(self.service.sign_in(peer, field))

    def still(self, admission: Admission, proxy: str = "us") -> Refusal | None:
        return self.now(self.service.still(admission, proxy))

    def now(self, work: Awaitable[T]) -> T:
        return self.test.successResultOf(Deferred.fromCoroutine(work))  # type: ignore[arg-type]

    def reason(self, *args: Any, **kwargs: Any) -> str:
        """The reason of a refusal; the name of who is let in."""
        return said(self.ask(*args, **kwargs))


def logged(test: SynchronousTestCase) -> list[str]:
    """All that is logged from now on, whole events as text."""
    events: list[str] = []

    def note(event: LogEvent) -> None:
        events.append(str(event))

    globalLogPublisher.addObserver(note)
    test.addCleanup(globalLogPublisher.removeObserver, note)
    return events


async def let_in(
    service: AuthService, field: bytes | None, peer: str, authorization: bytes | None = None, proxy: str = "us"
) -> Admission | Refusal:
    """As a connection asks: what is remembered, else what the store says."""
    known = service.recall(proxy, peer, field, authorization)
    return await service.admit(known) if isinstance(known, Unseen) else known


def said(answer: Admission | Refusal | Unseen) -> str:
    match answer:
        case Refusal():
            return answer.reason
        case Admission():
            return answer.account.username
    return ""


def basic(userinfo: str, encoding: str = "utf-8") -> bytes:
    return b"Basic " + b64encode(userinfo.encode(encoding))


def bearer(token: str) -> bytes:
    return b"Bearer " + token.encode()
