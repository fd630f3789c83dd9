"""Wrong credentials and bans, between the store, which counts for all nodes, and this process's memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from meshd.auth.bans import BanTable, Failure
from meshd.auth.identity import Verdict
from meshd.auth.policy import banned, of_name
from meshd.auth.question import Asked
from meshd.auth.secrets import ban_address
from meshd.auth.verified import Verified
from meshd.model import Ban, Refusal
from meshd.running.regularly import Regularly
from meshd.store.interface import Store, StoreError
from meshd.store.statements import bans
from meshd.topology import Live
from meshd.values.samples import Sample

EVERY = 1.0
"""Seconds between two readings of the bans, as between two polls of the change feed."""
MOST = 10_000
"""The most bans held in memory.  The store is asked too wherever a credential is not remembered."""

_log = Logger()


class Failures:
    """Counts wrong credentials in the store, or while it is away here, and holds the bans that follow."""

    def __init__(self, store: Store, clock: IReactorTime, now: Callable[[], float], live: Live) -> None:
        self._store = store
        self._clock = clock
        self._now = now
        self._live = live
        self._readings = Regularly(
            clock,
            self._read,
            self._pace,
            log=_log,
            away="the store is away: remembered identities serve, unknown ones are refused",
            back="the store is back",
            expected=(StoreError,),
        )
        self._verified = Verified(lambda: live.limits.identities)
        self.table = BanTable()

    def right(self, verdict: Verdict, peer: str) -> None:
        """Note that a credential was right at the peer's address, so that bans of that whole address spare its name."""
        verdict.peer = peer
        self._verified.note(ban_address(peer), verdict.name, self._clock.seconds())

    def known(self, address: str, name: str) -> bool:
        """Whether a credential of that name was right at the address of late."""
        return self._verified.has(address, name)

    def banned(self, address: str, name: str, account_id: int = 0) -> Refusal | None:
        """The refusal while a ban lasts, else None.  account_id: the account of that name; 0 where it is not known."""
        seconds = self.table.left(address, name, int(self._now()))
        return of_name(banned(seconds), name, account_id) if seconds else None

    async def failed(self, asked: Asked, guess: bytes = b"", trace: str = "") -> None:
        """Count a wrong credential, in the store for all processes; while the store is away, in this process alone.

        guess, trace: what tells this credential from others of its name, here and in the store, so that it counts once.
        """
        limits = self._live.limits
        if limits.failures and (
            not asked.once or self.table.counts(guess, asked.address, self._clock.seconds(), limits.failure_window)
        ):
            await self._record(Failure(asked.address, asked.name, int(self._now()), trace if asked.once else ""))

    def counted(self, asked: Asked, guess: bytes) -> bool:
        return self.table.counted(guess, asked.address, self._clock.seconds(), self._live.limits.failure_window)

    def learned(self, ban: Ban) -> None:
        """Adopt a ban that the store has and this process has not read yet."""
        self.table.add(ban)
        self._spare(ban.address)

    def samples(self) -> Iterable[Sample]:
        """How many addresses are banned, as far as this process knows."""
        yield "auth_banned_addresses", (), float(len(self.table.by_address))

    async def start(self) -> None:
        """Read the bans, now and then once a second; a store that is away does not fail the start."""
        self._readings.start(at_once=True)
        await self._readings.ended()

    async def stop(self) -> None:
        await self._readings.stop(cut=True)
        await self._try_to_publish()

    def _pace(self) -> float:
        """Seconds to the next reading: one more for every thousand addresses, which take milliseconds to read."""
        return EVERY * (1 + len(self.table.by_address) // 1000)

    async def _read(self) -> None:
        await self._settle()
        self.table.reading()
        self.table.replace(*await self._store.run(bans.in_force, int(self._now()), MOST))
        await self._publish()

    def _spare(self, address: str) -> None:
        # A verdict lasts at most twice credential_cache, and its name is noted anew where the verdict is used.
        span = 2.0 * self._live.limits.credential_cache
        self.table.spare(address, self._verified.names(address, self._clock.seconds(), span))

    async def _publish(self) -> None:
        """Write to the store which names are spared a ban of their whole address, for all processes and a restart."""
        for address, _ in self.table.whole():
            self._spare(address)
        spared = self.table.unpublished()
        if spared:
            await self._store.run(bans.spare, spared)
            self.table.published(spared)

    async def _try_to_publish(self) -> None:
        """Publish now, if the store answers; else the next reading publishes."""
        with suppress(StoreError):
            await self._publish()

    async def _settle(self) -> None:
        """Record in the store the failures that happened while it was away.  Raises: StoreError."""
        while (failure := self.table.unsaved()) is not None:
            await self._tell(failure)
            self.table.saved(failure)

    async def _record(self, failure: Failure) -> None:
        try:
            await self._tell(failure)
        except StoreError:
            self.table.failed(failure, **self._bounds())
            self._spare(failure.address)

    async def _tell(self, failure: Failure) -> None:
        ban = await self._store.run(
            bans.failed, failure.address, failure.name, failure.when, failure.trace, **self._bounds()
        )
        if ban is not None:
            self.learned(ban)
            await self._try_to_publish()

    def _bounds(self) -> dict[str, int]:
        limits = self._live.limits
        return {
            "limit": limits.failures,
            "window": limits.failure_window,
            "seconds": limits.ban_seconds,
            # 0 means that no number of names bans an address.
            "names_limit": limits.names_per_address or 2**31,
        }
