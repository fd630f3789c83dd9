"""An API to ask: the real rules on a real SQLite file, with a sign-in that a test can read, and no socket."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlencode

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from meshd.accounts import subaccounts
from meshd.accounts import toplevel as holders
from meshd.accounts.ownership import Operator
from meshd.accounts.profile import NewAccount, Profile
from meshd.accounts.service import Accounts
from meshd.accounts.toplevel import Terms
from meshd.auth.guesses import Guess
from meshd.auth.passwords import Compared
from meshd.auth.sealing import KEY_BYTES, Seals
from meshd.auth.service import AuthService
from meshd.exits.census import Counted, Family, counted, spots
from meshd.exits.outlets import Outlet
from meshd.exits.pools import Pools
from meshd.model import Account, Admission, Change, Refusal, Role, UsageEntry
from meshd.store.sqlite.file import SQLiteFile
from meshd.store.statements import usage
from meshd.store.unit import Unit
from meshd.topology import PLANS, Exit, ExitRule, Live, ProxyHost, Topology
from meshd.values.autoconfig import Offered
from meshd.values.tokens import MESHD, Kinds
from meshd.web.app import build_site
from meshd.web.server.channel import ApiChannel
from meshd.web.server.requestlog import Answered
from meshd.web.server.site import ApiSite
from meshd.web.services import Services
from tests.support.forgetful import Forgetful
from tests.support.stores import put_migrated


@contextmanager
def named(sentence: object) -> Iterator[None]:
    """A row of a table: what fails inside says which it was."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"the row: {sentence}")
        raise


P = ParamSpec("P")
T = TypeVar("T")

NOON = 1768478400
"""2026-01-15T12:00:00 UTC, the moment of the document's example."""


def result(waited: Awaitable[T]) -> T:
    """What it comes to, without any reactor: a test that would wait fails here."""
    ended: list[Any] = []
    ensureDeferred(waited).addBoth(ended.append)  # type: ignore[arg-type]
    assert ended, "it still waits"
    if hasattr(ended[0], "raiseException"):
        ended[0].raiseException()
    return ended[0]


def exits(proxy: str, *countries: str) -> tuple[Exit, ...]:
    """One for each country; "" is one whose country nobody gave."""
    return tuple(Exit(f"{proxy}-{place}", "direct", country=code) for place, code in enumerate(countries))


def proxy(name: str, *countries: str) -> ProxyHost:
    """Of that name at `mesh.example`, with an exit for each country."""
    return ProxyHost(name, (), f"{name}.mesh.example:31280", ExitRule(), exits(name, *countries))


PROXIES = (
    proxy("us", "US"),
    proxy("open", "US", "DE", "US", "", "FR", "US"),
    proxy("world", "BR", "JP", "JP"),
)

TOPOLOGY = Topology(
    proxies={each.name: each for each in PROXIES},
    exits=tuple(exit_ for each in PROXIES for exit_ in each.exits),
    plans=PLANS,
)


class NowStore:
    """A store that answers at once."""

    def __init__(self, path: str) -> None:
        self.file = SQLiteFile(put_migrated(path))
        self.file.migrate()
        self.away: Exception | None = None
        self.waiting: Deferred[None] | None = None
        """What the next unit waits for, once it was asked for."""

    async def run(self, unit: Callable[P, Unit[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        if self.away is not None:
            raise self.away
        if self.waiting is not None:
            await self.waiting
        return self.file.run(unit, *args, **kwargs)

    async def start(self) -> None:
        """Open already."""

    async def stop(self) -> None:
        self.file.close()

    def on_change(self, wake: Callable[[], None]) -> None:
        """Nobody else writes."""


class PlainHasher(Forgetful):
    """Passwords in the clear: what a hash costs is another test's matter."""

    async def hash(self, password: str) -> str:
        return f"plain:{password}"

    async def verify(self, encoded: str, password: str, guess: Guess) -> Compared:
        right = encoded == f"plain:{password}"
        return Compared(right, b"" if right else f"{encoded} {password}".encode())


class NoHostnames:
    """A sign-in never asks for them."""

    def forget(self, *_: object) -> None:
        """Nothing is known."""


class Requests:
    """In the place of the request log: what it was told."""

    def __init__(self) -> None:
        self.added: list[Answered] = []

    def now(self) -> float:
        return float(NOON)

    def add(self, answered: Answered) -> None:
        self.added.append(answered)


class Door:
    """The real sign-in, with a note of what it was asked; a test may hold it up or put words in its mouth."""

    def __init__(self, auth: AuthService) -> None:
        self.auth = auth
        self.entrance = auth.entrance
        self.refusal: Refusal | None = None
        self.waiting: Deferred[None] | None = None
        self.asked: list[tuple[str, bytes | None]] = []

    async def sign_in(self, peer: str, authorization: bytes | None, *, kinds: Kinds = MESHD) -> Admission | Refusal:
        self.asked.append((peer, authorization))
        if self.waiting is not None:
            await self.waiting
        if self.refusal is not None:
            return self.refusal
        return await self.auth.sign_in(peer, authorization, kinds=kinds)


def basic(name: str, password: str) -> bytes:
    return b"Basic " + b64encode(f"{name}:{password}".encode())


@dataclass(frozen=True)
class Answer:
    status: int
    reason: str
    fields: list[tuple[str, str]]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def one(self, name: str) -> str:
        (value,) = self.all(name)
        return value

    @property
    def seen(self) -> tuple[int, Any]:
        """Status and JSON, None for no body."""
        return self.status, self.json if self.body else None


def read_answer(data: bytes) -> Answer:
    """One answer that is all there is."""
    (answer,) = read_answers(data)
    return answer


def read_answers(data: bytes, *, bodiless: bool = False) -> list[Answer]:
    """Those in data, one after the other; a body's length is that of its Content-Length."""
    answers = []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        start, *lines = head.decode("latin-1").split("\r\n")
        version, code, reason = start.split(" ", 2)
        assert version == "HTTP/1.1"
        fields = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
        length = sum(int(value) for name, value in fields if name.lower() == "content-length")
        if bodiless:
            length = 0
        assert len(data) >= length
        answers.append(Answer(int(code), reason, fields, data[:length]))
        data = data[length:]
    return answers


class Narrow(StringTransport):
    """Its other end reads when `clear` and `resume` say so; more than room, and the producer is paused."""

    def __init__(self, room: int, address: IPv4Address) -> None:
        super().__init__(peerAddress=address)
        self.room = room

    def write(self, data: bytes) -> None:
        super().write(data)
        if self.room and self.producer is not None and len(self.value()) > self.room:
            self.producer.pauseProducing()


class Line:
    """A connection to a site, over a transport of memory."""

    def __init__(self, site: ApiSite, address: str = "192.0.2.1", room: int = 0) -> None:
        """room: bytes that wait for the client to read, beyond which the channel is told to pause; 0 for no end."""
        self.transport = Narrow(room, IPv4Address("TCP", address, 40000))
        protocol = site.buildProtocol(self.transport.getPeer())
        assert isinstance(protocol, ApiChannel)
        self.protocol = protocol
        protocol.makeConnection(self.transport)

    def say(self, data: bytes) -> None:
        self.protocol.dataReceived(data)

    def heard(self) -> bytes:
        data = self.transport.value()
        self.transport.clear()
        return data

    def drained(self) -> bytes:
        """What is heard when there is room again, which is told afterwards, as a real transport does."""
        data = self.heard()
        self.protocol.resumeProducing()
        return data

    @property
    def read_from(self) -> bool:
        return bool(self.transport.producerState == "producing")

    @property
    def closed(self) -> bool:
        return self.transport.disconnecting or self.cut

    @property
    def cut(self) -> bool:
        return bool(self.transport.disconnected)

    def hang_up(self) -> None:
        from twisted.internet.error import ConnectionLost
        from twisted.python.failure import Failure

        self.protocol.connectionLost(Failure(ConnectionLost()))


def request(
    method: str,
    target: str,
    *fields: tuple[str, str | bytes],
    body: bytes = b"",
    host: str = "localhost:8443",
) -> bytes:
    lines = [f"{method} {target} HTTP/1.1".encode(), b"Host: " + host.encode()]
    lines += [name.encode() + b": " + (value if isinstance(value, bytes) else value.encode()) for name, value in fields]
    if body:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


async def all_well() -> Mapping[str, bool]:
    return {"store": True, "listeners": True}


class World:
    """meshd's API with a parent `jo`, its sub-account `sub`, a stranger `eve`, and a trial account `tom`."""

    def __init__(self, path: str) -> None:
        self.clock = Clock()
        self.now = float(NOON)
        self._batches = 0
        self.store = NowStore(path)
        self.live = Live(TOPOLOGY)
        self.pools = Pools(TOPOLOGY)
        self.hasher = PlainHasher()
        self.seals = Seals(b"k" * KEY_BYTES)
        self.requests = Requests()
        self.door = Door(
            AuthService(
                self.store,
                self.clock,
                lambda: self.now,
                self.live,
                self.hasher,
                NoHostnames(),  # type: ignore[arg-type]
            )
        )
        self.accounts = Accounts(self.store, lambda: self.now, lambda id_: self.door.auth.forget(Change(0, id_)))
        self.checks: Callable[[], Awaitable[Mapping[str, bool]]] = all_well
        self.offered = Offered("api.mesh.example:8443", "/tcp/{target_host}/{target_port}/", True, True, True)
        self.services = Services(
            auth=self.door,
            accounts=self.accounts,
            hash=self.hasher.hash,
            live=self.live,
            countries=self.countries,
            clock=lambda: self.now,
            ready=lambda: self.checks(),  # noqa: PLW0108 (a test sets another)
            available=lambda: self.store.away is None,
            seals=lambda: self.seals,
            places=self.places,
            offered=lambda: self.offered,
        )
        self.site = build_site(self.clock, self.services, self.requests)  # type: ignore[arg-type]
        self.jo = self.account("jo", plan="20")
        self.eve = self.account("eve", plan="20")
        self.tom = self.account("tom", plan="trial")
        self.sub = self.sub_account(self.jo, "sub")
        self.foreign = self.sub_account(self.eve, "eves")

    def account(self, name: str, *, plan: str, role: Role = "customer") -> Account:
        return result(
            self.accounts.perform(
                holders.create,
                Operator(),
                NewAccount(username=name, password_hash="plain:secret"),
                terms=Terms(plan=plan, role=role),
                plans=PLANS,
                proxies=tuple(TOPOLOGY.proxies),
                now=NOON,
            )
        )

    def sub_account(self, parent: Account, name: str, **profile: Any) -> Account:
        new = NewAccount(username=name, password_hash="plain:secret", profile=Profile(**profile))
        return result(self.accounts.perform(subaccounts.create, parent.id, new, plans=PLANS, now=NOON)).account

    def use(self, account: Account, size: int) -> None:
        """Bill so many bytes to the account, now."""
        entry = UsageEntry(account.id, account.parent_id or 0, 0, 0, size, 1)
        self._batches += 1
        self.store.file.run(usage.apply, "test", self._batches, int(self.now), [entry])

    def later(self, seconds: float) -> None:
        """Both clocks go on."""
        self.now += seconds
        self.clock.advance(seconds)

    def set_topology(self, **changes: Any) -> None:
        topology = replace(self.live.topology, **changes)
        exits = {exit_.name: exit_ for each in topology.proxies.values() for exit_ in each.exits}
        self.live.swap(replace(topology, exits=tuple(exits.values())))
        self.pools = Pools(self.live.topology, self.pools)

    def countries(self, proxy: str) -> Mapping[str, int]:
        pool = self.pools.of(proxy)
        return pool.countries(self.clock.seconds()) if pool is not None else {}

    def places(self, family: Family) -> Counted:
        return counted(spots([Outlet(each) for each in self.live.topology.exits], family), self.now)

    def ask(
        self,
        method: str,
        target: str,
        *fields: tuple[str, str | bytes],
        who: str | bytes | None = "jo",
        form: Mapping[str, object] | None = None,
        body: bytes = b"",
    ) -> Answer:
        """One request on a connection of its own; who is a username, a whole Authorization field, or None."""
        sent = list(fields)
        if who is not None:
            sent.append(("Authorization", basic(who, "secret") if isinstance(who, str) else who))
        if form is not None:
            sent.append(("Content-Type", "application/x-www-form-urlencoded"))
            body = urlencode(form).encode()
        line = Line(self.site)
        line.say(request(method, target, *sent, body=body))
        (answer,) = read_answers(line.heard(), bodiless=method == "HEAD")
        line.hang_up()
        return answer

    def get(self, target: str, **options: Any) -> Answer:
        return self.ask("GET", target, **options)

    def post(self, target: str, form: Mapping[str, object] | None = None, **options: Any) -> Answer:
        return self.ask("POST", target, form=form or {}, **options)

    def new_token(self, who: str = "jo", **form: object) -> dict[str, Any]:
        answer = self.post("/api/token/create/", form, who=who)
        assert answer.status == 200, answer
        return dict(answer.json)


def of_the_api(paths: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Of the methods and paths that are mounted those of the account API and of health, without the pages."""
    ours = {each for each in paths if each[1].startswith(("/api/", "/healthz", "/readyz"))}
    return {each for each in ours if not each[1].startswith(("/api/admin", "/api/docs"))}
