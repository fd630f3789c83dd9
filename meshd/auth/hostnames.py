"""Allowlisted hostnames and the addresses they resolve to now, looked up in the background.

A name matches its own account only, by at most 16 public addresses, looked up again when its TTL is over (60 to 300
seconds).  When a look-up fails, the last good answer holds for 15 minutes.  The addresses are noted in the store, which
all processes share; `auth.claims` decides there whose an address is that several accounts claim, and a name matches
only by those of its addresses that are its account's.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from heapq import heappop, heappush
from ipaddress import ip_address
from itertools import count, islice
from typing import Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from meshd.auth import claims
from meshd.auth.secrets import normal_address
from meshd.dns.resolver import ResolveError
from meshd.model import AuthorizedHostname, Change
from meshd.running.regularly import Regularly
from meshd.store.interface import Store, StoreError
from meshd.store.statements import hostnames
from meshd.values.internet import is_public

TTL_MIN, TTL_MAX = 60.0, 290.0
"""Bounds of the seconds between two look-ups of a name, so that an answer is never older than five minutes."""
KEPT = 900.0
"""Seconds that the last good answer outlives failures; also the longest pause between two tries."""
ADDRESSES = 16
AT_ONCE = 16
"""The most look-ups that are under way at once."""
TICK = 1.0
RELOAD = 300.0
"""Seconds between two readings of all names, should a change have been missed."""
PAGE = 1000
TELL = 3600.0
"""Seconds until the log says again that a name resolves to addresses of other accounts."""
RETRY = 5.0
"""Seconds until an answer that could not be written to the store is written again."""

Key = tuple[int, str]
"""An account's id, and a hostname that it lists."""

_log = Logger()


class Answer(Protocol):
    """The part of dns.resolver.Resolved that is used here."""

    @property
    def addresses(self) -> tuple[str, ...]: ...

    @property
    def expires(self) -> float: ...


class Resolves(Protocol):
    """The part of dns.resolver.Resolver that is used here."""

    def resolve(self, host: str) -> Awaitable[Answer]: ...


@dataclass(slots=True, eq=False)
class Watched:
    """One hostname of one account; its times are monotonic."""

    hostname: str
    account_id: int
    addresses: frozenset[str] = frozenset()
    """The addresses that the name resolves to and that are its account's."""
    answered: float = 0.0
    """When the DNS last answered with its addresses."""
    begun: float = 0.0
    """When the name began to be watched."""
    told: float = float("-inf")
    """When the log last said that addresses of the name are other accounts'."""
    pause: float = TTL_MIN
    """Seconds until the next look-up, should this one fail."""


class Hostnames(Protocol):
    """The interface of HostnameWatch."""

    def find(self, address: str) -> str: ...
    def forget(self, change: Change) -> None: ...
    async def start(self) -> None: ...
    async def stop(self) -> None: ...


class HostnameWatch:
    """Address → hostname, kept up to date from the store and from DNS."""

    def __init__(
        self,
        resolver: Resolves,
        store: Store,
        clock: IReactorTime,
        *,
        now: Callable[[], float] = time.time,
        cap: int = 10_000,
        allow_private: bool = False,
    ) -> None:
        """now: the wall clock, for claims; cap: the most names; allow_private: whether private addresses match."""
        self._resolver = resolver
        self._store = store
        self._clock = clock
        self._now = now
        self._cap = cap
        self._allow_private = allow_private
        self._watched: dict[Key, Watched] = {}
        self._due: list[tuple[float, int, Watched]] = []
        self._numbers = count()
        self._held: dict[str, dict[Key, None]] = {}
        """By address, the names that resolve to it; all of them are of the account that the address belongs to."""
        self._changed: set[int] = {0}
        self._reload = 0.0
        self._failed = False
        self._asking = 0
        self._looks = Regularly(clock, self._look, lambda: TICK, log=_log, away="hostnames cannot be watched")

    def find(self, address: str) -> str:
        """The hostname that an address (in the form of normal_address) is matched by; "" for none."""
        held = self._held.get(address)
        return next(iter(held))[1] if held else ""

    def forget(self, change: Change) -> None:
        """Read the names of the changed account again, soon; of all accounts where its id is 0."""
        self._changed.add(change.account_id)
        self._looks.begin()

    async def start(self) -> None:
        self._looks.start(at_once=True)

    async def stop(self) -> None:
        await self._looks.stop(cut=True)

    async def _look(self) -> None:
        """Read the lists that have changed, also those that change meanwhile, and look up the names that are due."""
        while True:
            await self._read_changed()
            self._ask_due()
            if self._failed or not self._changed:
                return

    async def _read_changed(self) -> None:
        """Read the names of changed accounts from the store; what cannot be read now is read at the next tick."""
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
        self._keep([key for key in self._watched if key[0] == account_id], listed)

    async def _read_all(self) -> None:
        listed: list[AuthorizedHostname] = []
        after = ("", 0)
        while page := await self._store.run(hostnames.page, after, PAGE):
            listed += page
            after = page[-1].hostname, page[-1].account_id
            if len(listed) > self._cap:
                _log.warn("only {cap} hostnames are watched", cap=self._cap)
                break
        self._keep(list(self._watched), listed)
        self._reload = self._clock.seconds() + RELOAD

    def _keep(self, known: Iterable[Key], listed: list[AuthorizedHostname]) -> None:
        """Watch the listed names, and those of the `known` names no more that are not listed."""
        wanted = dict.fromkeys((name.account_id, name.hostname) for name in listed)
        for key in known:
            if key not in wanted:
                self._assign(self._watched.pop(key), frozenset())
        for key in wanted:
            if key not in self._watched and len(self._watched) < self._cap:
                self._watched[key] = watched = Watched(key[1], key[0], begun=self._clock.seconds())
                self._ask_after(watched, 0)

    def _watches(self, watched: Watched) -> bool:
        """Whether this entry is still the one that is watched under its account and name."""
        return self._watched.get((watched.account_id, watched.hostname)) is watched

    def _ask_after(self, watched: Watched, seconds: float) -> None:
        heappush(self._due, (self._clock.seconds() + seconds, next(self._numbers), watched))

    def _ask_due(self) -> None:
        """Look up the names that are due, the longest due first, so that slow names keep none from its turn."""
        while self._due and self._due[0][0] <= self._clock.seconds() and self._asking < AT_ONCE:
            _, _, watched = heappop(self._due)
            if self._watches(watched):
                self._asking += 1
                Deferred.fromCoroutine(self._ask(watched)).addErrback(_mishap)

    async def _ask(self, watched: Watched) -> None:
        try:
            await self._answered(watched, await self._resolver.resolve(watched.hostname))
        except ResolveError:
            await self._not_answered(watched)
        finally:
            self._asking -= 1
        # The next name that is due need not wait for the tick.
        self._looks.begin()

    async def _answered(self, watched: Watched, answer: Answer) -> None:
        monotonic = self._clock.seconds()
        watched.answered, watched.pause = monotonic, TTL_MIN
        usable = self._usable(answer.addresses)
        self._assign(watched, watched.addresses & usable)
        noted = await self._note(watched, usable)
        pause = min(max(answer.expires - monotonic, TTL_MIN), TTL_MAX) if noted else RETRY
        # A name that lacks addresses which others claim is looked up soon, since a claim may end.
        self._ask_after(watched, pause if watched.addresses == usable else min(pause, TTL_MIN))

    async def _note(self, watched: Watched, usable: frozenset[str]) -> bool:
        """Note the name's addresses in the store, adopt those that are its account's; False while the store is away."""
        try:
            held = await self._store.run(claims.stand, watched.account_id, watched.hostname, usable, int(self._now()))
        except StoreError:
            return False
        self._tell(watched, usable - held)
        self._assign(watched, held)
        return True

    def _tell(self, watched: Watched, others: frozenset[str]) -> None:
        """Log, at most once an hour for each name, which of its addresses are other accounts'."""
        monotonic = self._clock.seconds()
        if others and self._watches(watched) and monotonic - watched.told >= TELL:
            watched.told = monotonic
            _log.warn(
                "{addresses} stay with earlier claims, not with hostname {hostname} of account {account}",
                addresses=", ".join(sorted(others)),
                hostname=watched.hostname,
                account=watched.account_id,
            )

    async def _not_answered(self, watched: Watched) -> None:
        monotonic = self._clock.seconds()
        outlived = monotonic - watched.answered
        if outlived >= KEPT:
            self._assign(watched, frozenset())
        if monotonic - max(watched.answered, watched.begun) >= claims.KEPT:
            await self._note(watched, frozenset())
        pause, watched.pause = watched.pause, min(watched.pause * 2, KEPT)
        # Not after the end of the last answer's time, when its addresses have to be given up.
        self._ask_after(watched, min(pause, KEPT - outlived) if watched.addresses else pause)

    def _usable(self, addresses: tuple[str, ...]) -> frozenset[str]:
        normal = (normal_address(address) for address in addresses)
        usable = (text for text in normal if text and (self._allow_private or is_public(ip_address(text))))
        return frozenset(islice(usable, ADDRESSES))

    def _assign(self, watched: Watched, addresses: frozenset[str]) -> None:
        """Set the addresses that the name is matched by; none for a name that is watched no more."""
        key = watched.account_id, watched.hostname
        if not self._watches(watched):
            addresses = frozenset()
        for address in watched.addresses - addresses:
            held = self._held[address]
            del held[key]
            if not held:
                del self._held[address]
        for address in addresses - watched.addresses:
            self._held.setdefault(address, {})[key] = None
        watched.addresses = addresses


def _mishap(failure: Failure) -> None:
    if not failure.check(CancelledError):
        _log.failure("the watch over hostnames was hurt", failure=failure)
