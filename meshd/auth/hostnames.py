"""Allowlisted hostnames and the addresses they stand for now, looked up in the background.

A name matches its own account only, by at most 16 public addresses, looked up again when its TTL is over (60 to 300
seconds).  When that fails, the last good answer holds for 15 minutes.  An address that two accounts claim matches
nobody: who is there must show a credential.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from heapq import heappop, heappush
from ipaddress import ip_address
from itertools import count, islice
from typing import Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from meshd.auth.secrets import normal_address
from meshd.model import AuthorizedHostname, Change
from meshd.resolver import ResolveError
from meshd.store.interface import Store, StoreError
from meshd.store.statements import hostnames

TTL_MIN, TTL_MAX = 60.0, 290.0
"""Within five minutes of the last answer the next one has come."""
KEPT = 900.0
"""Seconds that the last good answer outlives failures; also the longest pause between two tries."""
ADDRESSES = 16
AT_ONCE = 16
"""Look-ups under way at once."""
TICK = 1.0
RELOAD = 300.0
"""Seconds between two readings of all names, should a change have been missed."""
PAGE = 1000

_log = Logger()


class Answer(Protocol):
    """What is used of Resolved."""

    @property
    def addresses(self) -> tuple[str, ...]: ...

    @property
    def expires(self) -> float: ...


class Resolves(Protocol):
    """What is asked of Resolver."""

    def resolve(self, host: str) -> Awaitable[Answer]: ...


@dataclass(slots=True, eq=False)
class Watched:
    """One name; times by the clock."""

    hostname: str
    account_id: int
    addresses: frozenset[str] = frozenset()
    answered: float = 0.0
    """When its addresses were last told."""
    pause: float = TTL_MIN
    """Until the next try, should this one fail."""


class HostnameWatch:
    """Address → hostname, kept up to date from the store and from DNS."""

    def __init__(
        self,
        resolver: Resolves,
        store: Store,
        clock: IReactorTime,
        *,
        cap: int = 10_000,
        allow_private: bool = False,
    ) -> None:
        self._resolver = resolver
        self._store = store
        self._clock = clock
        self._cap = cap
        self._allow_private = allow_private
        self._watched: dict[str, Watched] = {}
        self._due: list[tuple[float, int, Watched]] = []
        self._numbers = count()
        self._claims: dict[str, dict[str, int]] = {}
        self._changed: set[int] = {0}
        self._reload = 0.0
        self._failed = False
        self._asking = 0
        self._nap: Deferred[None] | None = None
        self._watching: Deferred[None] | None = None

    def find(self, address: str) -> str:
        """The hostname that stands for an address, as normal_address writes it; "" for none, or for two accounts'."""
        claims = self._claims.get(address)
        if not claims or len(set(claims.values())) > 1:
            return ""
        return next(iter(claims))

    def forget(self, change: Change) -> None:
        """Read the account's names again, soon; 0 for everybody's."""
        self._changed.add(change.account_id)
        self._wake()

    async def start(self) -> None:
        self._watching = Deferred.fromCoroutine(self._watch())
        self._watching.addErrback(_mishap)

    async def stop(self) -> None:
        if self._watching is not None:
            watching, self._watching = self._watching, None
            watching.cancel()

    async def _watch(self) -> None:
        while True:
            await self._read_changed()
            self._ask_due()
            await self._sleep()

    async def _sleep(self) -> None:
        if self._changed and not self._failed:
            return
        self._nap = Deferred()
        tick = self._clock.callLater(TICK, self._wake)
        try:
            await self._nap
        finally:
            self._nap = None
            if tick.active():
                tick.cancel()

    def _wake(self) -> None:
        if self._nap is not None and not self._nap.called:
            self._nap.callback(None)

    async def _read_changed(self) -> None:
        """From the store; what cannot be read now is read at the next tick."""
        if self._clock.seconds() >= self._reload:
            self._changed.add(0)
        changed, self._changed = self._changed, set()
        self._failed = False
        try:
            # Everybody's names include each one's.
            for account_id in [0] if 0 in changed else sorted(changed):
                await (self._read_account(account_id) if account_id else self._read_all())
        except StoreError:
            self._failed = True
            self._changed |= changed

    async def _read_account(self, account_id: int) -> None:
        listed = await self._store.run(hostnames.of_account, account_id)
        known = [name for name, watched in self._watched.items() if watched.account_id == account_id]
        self._keep(known, listed)

    async def _read_all(self) -> None:
        listed: list[AuthorizedHostname] = []
        after = ""
        while page := await self._store.run(hostnames.page, after, PAGE):
            listed += page
            after = page[-1].hostname
            if len(listed) > self._cap:
                _log.warn("only {cap} hostnames are watched", cap=self._cap)
                break
        self._keep(list(self._watched), listed)
        self._reload = self._clock.seconds() + RELOAD

    def _keep(self, known: list[str], listed: list[AuthorizedHostname]) -> None:
        """Of the known names, watch those listed; and all that are listed."""
        owners = {name.hostname: name.account_id for name in listed}
        for hostname in known:
            if owners.get(hostname) != self._watched[hostname].account_id:
                self._assign(self._watched.pop(hostname), frozenset())
        for hostname, account_id in owners.items():
            if hostname not in self._watched and len(self._watched) < self._cap:
                self._watched[hostname] = watched = Watched(hostname, account_id)
                self._ask_after(watched, 0)

    def _ask_after(self, watched: Watched, seconds: float) -> None:
        heappush(self._due, (self._clock.seconds() + seconds, next(self._numbers), watched))

    def _ask_due(self) -> None:
        """The longest due first, so that many names that answer slowly keep none from its turn."""
        while self._due and self._due[0][0] <= self._clock.seconds() and self._asking < AT_ONCE:
            _, _, watched = heappop(self._due)
            if self._watched.get(watched.hostname) is watched:
                self._asking += 1
                Deferred.fromCoroutine(self._ask(watched)).addErrback(_mishap)

    async def _ask(self, watched: Watched) -> None:
        try:
            self._answered(watched, await self._resolver.resolve(watched.hostname))
        except ResolveError:
            self._not_answered(watched)
        finally:
            self._asking -= 1
        # The next in the queue need not wait for the tick.
        self._wake()

    def _answered(self, watched: Watched, answer: Answer) -> None:
        monotonic = self._clock.seconds()
        watched.answered, watched.pause = monotonic, TTL_MIN
        self._ask_after(watched, min(max(answer.expires - monotonic, TTL_MIN), TTL_MAX))
        self._assign(watched, self._usable(answer.addresses))

    def _not_answered(self, watched: Watched) -> None:
        outlived = self._clock.seconds() - watched.answered
        if outlived >= KEPT:
            self._assign(watched, frozenset())
        pause, watched.pause = watched.pause, min(watched.pause * 2, KEPT)
        # No longer than the last answer holds: then it must go.
        self._ask_after(watched, min(pause, KEPT - outlived) if watched.addresses else pause)

    def _usable(self, addresses: tuple[str, ...]) -> frozenset[str]:
        normal = (normal_address(address) for address in addresses)
        usable = (text for text in normal if text and (self._allow_private or ip_address(text).is_global))
        return frozenset(islice(usable, ADDRESSES))

    def _assign(self, watched: Watched, addresses: frozenset[str]) -> None:
        """These are the name's addresses from now on; none for a name that is watched no more."""
        if self._watched.get(watched.hostname) is not watched:
            addresses = frozenset()
        for address in watched.addresses - addresses:
            self._disclaim(address, watched.hostname)
        for address in addresses - watched.addresses:
            self._claim(address, watched)
        watched.addresses = addresses

    def _claim(self, address: str, watched: Watched) -> None:
        claims = self._claims.setdefault(address, {})
        claims[watched.hostname] = watched.account_id
        if len(set(claims.values())) > 1:
            _log.warn(
                "{address} is claimed by hostnames of several accounts: {hostnames}; it matches none of them",
                address=address,
                hostnames=sorted(claims),
            )

    def _disclaim(self, address: str, hostname: str) -> None:
        claims = self._claims[address]
        del claims[hostname]
        if not claims:
            del self._claims[address]


def _mishap(failure: Failure) -> None:
    if not failure.check(CancelledError):
        _log.failure("the watch over hostnames was hurt", failure=failure)
