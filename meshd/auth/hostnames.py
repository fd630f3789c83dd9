"""Allowlisted hostnames and the addresses they stand for now, looked up in the background.

A name matches its own account only, by at most 16 public addresses, looked up again when its TTL is over (60 to 300
seconds).  When that fails, the last good answer holds for 15 minutes.  What a name stands for is noted in the store,
which all processes share, and there it is decided whose an address is that several accounts claim (`auth.claims`): a
name matches by those addresses alone that are its account's.
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
TELL = 3600.0
"""Seconds until it is told again that a name stands for addresses of others."""
RETRY = 5.0
"""Seconds until an answer that the store could not take is given to it again."""

Key = tuple[int, str]
"""An account and a name of its."""

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
    """What it stands for, as far as that is its account's."""
    answered: float = 0.0
    """When its addresses were last told."""
    begun: float = 0.0
    """When it was first asked for."""
    told: float = float("-inf")
    """When it was last told that it is disputed."""
    pause: float = TTL_MIN
    """Until the next try, should this one fail."""


class Hostnames(Protocol):
    """What is asked of HostnameWatch."""

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
        """now: the wall clock, by which claims are kept."""
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
        """The names that stand for an address, all of them its account's."""
        self._changed: set[int] = {0}
        self._reload = 0.0
        self._failed = False
        self._asking = 0
        self._looks = Regularly(clock, self._look, lambda: TICK, log=_log, away="hostnames cannot be watched")

    def find(self, address: str) -> str:
        """The hostname that stands for an address, as normal_address writes it; "" for none that it belongs to."""
        held = self._held.get(address)
        return next(iter(held))[1] if held else ""

    def forget(self, change: Change) -> None:
        """Read the account's names again, soon; 0 for everybody's."""
        self._changed.add(change.account_id)
        self._looks.begin()

    async def start(self) -> None:
        self._looks.start(at_once=True)

    async def stop(self) -> None:
        await self._looks.stop(cut=True)

    async def _look(self) -> None:
        """Read what has changed, also meanwhile, and ask for the names whose turn has come."""
        while True:
            await self._read_changed()
            self._ask_due()
            if self._failed or not self._changed:
                return

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
        """Of the known names, watch those listed; and all that are listed."""
        wanted = dict.fromkeys((name.account_id, name.hostname) for name in listed)
        for key in known:
            if key not in wanted:
                self._assign(self._watched.pop(key), frozenset())
        for key in wanted:
            if key not in self._watched and len(self._watched) < self._cap:
                self._watched[key] = watched = Watched(key[1], key[0], begun=self._clock.seconds())
                self._ask_after(watched, 0)

    def _watches(self, watched: Watched) -> bool:
        """Whether it is still the one of its name."""
        return self._watched.get((watched.account_id, watched.hostname)) is watched

    def _ask_after(self, watched: Watched, seconds: float) -> None:
        heappush(self._due, (self._clock.seconds() + seconds, next(self._numbers), watched))

    def _ask_due(self) -> None:
        """The longest due first, so that many names that answer slowly keep none from its turn."""
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
        # The next in the queue need not wait for the tick.
        self._looks.begin()

    async def _answered(self, watched: Watched, answer: Answer) -> None:
        monotonic = self._clock.seconds()
        watched.answered, watched.pause = monotonic, TTL_MIN
        usable = self._usable(answer.addresses)
        self._assign(watched, watched.addresses & usable)
        noted = await self._note(watched, usable)
        pause = min(max(answer.expires - monotonic, TTL_MIN), TTL_MAX) if noted else RETRY
        # One that is disputed may be its account's soon.
        self._ask_after(watched, pause if watched.addresses == usable else min(pause, TTL_MIN))

    async def _note(self, watched: Watched, usable: frozenset[str]) -> bool:
        """Whether the store has taken what the name stands for, and said which of it is its account's."""
        try:
            held = await self._store.run(claims.stand, watched.account_id, watched.hostname, usable, int(self._now()))
        except StoreError:
            return False
        self._tell(watched, usable - held)
        self._assign(watched, held)
        return True

    def _tell(self, watched: Watched, others: frozenset[str]) -> None:
        """Once an hour for each name, however its answers change."""
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
        # No longer than the last answer holds: then it must go.
        self._ask_after(watched, min(pause, KEPT - outlived) if watched.addresses else pause)

    def _usable(self, addresses: tuple[str, ...]) -> frozenset[str]:
        normal = (normal_address(address) for address in addresses)
        usable = (text for text in normal if text and (self._allow_private or ip_address(text).is_global))
        return frozenset(islice(usable, ADDRESSES))

    def _assign(self, watched: Watched, addresses: frozenset[str]) -> None:
        """These are the name's addresses from now on; none for a name that is watched no more."""
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
