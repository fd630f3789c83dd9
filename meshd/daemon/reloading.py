"""Reloads: everything is made ready first, and put in force in one turn of the event loop.

Wrong settings change nothing.  Open tunnels go on, and no client that connects meanwhile is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from twisted.internet.defer import Deferred, TimeoutError
from twisted.logger import Logger

from meshd.config import Config, needs_restart
from meshd.daemon import doubts
from meshd.daemon.core import Core
from meshd.daemon.examination import examine
from meshd.daemon.exitwatch import tell
from meshd.daemon.faults import FAULTS, one_line
from meshd.daemon.listening import Listeners, Plan
from meshd.daemon.runfile import Verdict
from meshd.daemon.workers.crew import Crew
from meshd.values.samples import Sample

TOLD = 20
"""Most lines of a verdict."""

PATIENCE = 5.0
"""Seconds that the store has to answer what settings mean for accounts."""

log = Logger()


class Reloads:
    """The reloads of one daemon, one at a time."""

    def __init__(self, core: Core, listeners: Listeners, crew: Crew | None = None, *, aloud: bool = True) -> None:
        """crew: the workers, which take what the daemon takes.

        aloud: whether people are told here what became of a reload, and what of its settings they may not mean."""
        self._core = core
        self._aloud = aloud
        self._started = core.config
        """The settings that the daemon was started with."""
        self._listeners = listeners
        self._crew = crew
        self._telling: Deferred[None] | None = None
        self._outcomes = {True: 0, False: 0}
        """How many reloads were taken, and how many refused."""
        self._last: tuple[float, bool] = (0.0, True)
        """When the last one ended, in seconds since the epoch, and whether it was taken."""

    def begin(self) -> None:
        """Log doubts about the first settings, in the background."""
        self._telling = Deferred.fromCoroutine(self._tell_doubts())
        self._telling.addErrback(lambda failure: None)  # that it was stopped

    def stop(self) -> None:
        if self._telling is not None:
            self._telling.cancel()

    async def take(self, read: Callable[[], Config]) -> Verdict:
        """Reload.  read: reads the settings that the operator has written by now; called in a thread."""
        verdict: Verdict = await self._core.exit_watch.lock.run(lambda: Deferred.fromCoroutine(self._take(read)))
        self._outcomes[verdict.taken] += 1
        self._last = self._core.now(), verdict.taken
        return verdict

    def samples(self) -> Iterable[Sample]:
        """How many there were, and what became of the last."""
        for taken, outcome in ((True, "taken"), (False, "refused")):
            yield "reloads_total", (("outcome", outcome),), float(self._outcomes[taken])
        yield "reload_timestamp_seconds", (), self._last[0]
        yield "reload_successful", (), float(self._last[1])

    async def _take(self, read: Callable[[], Config]) -> Verdict:
        core = self._core
        if core.plane.draining:
            return Verdict(False, ("meshd is being stopped",))
        try:
            fresh = await core.exit_watch.build(lambda: examine(read()))
            config = fresh.config
            renew = core.tls.prepared(config.certificate, config.key) if core.tls is not None else None
            doubtful = await self._doubts(config) if self._aloud else ()
            await core.feed.look()  # whoever was given a proxy before it is there must not be refused by it
            plan = await self._listeners.prepare(config.listeners)
        except FAULTS as error:
            log.error("settings were not reloaded: {error}", error=one_line(error))
            return Verdict(False, (one_line(error),))
        late = await self._handed_on(config, plan)
        if core.plane.draining:
            await self._listeners.drop(plan)
            return Verdict(False, ("meshd is being stopped",))
        if renew is not None:
            renew()
        core.swap(fresh)
        self._rename(self._listeners.take(plan))
        return self._told(config, (*late, *doubtful)) if self._aloud else Verdict(True)

    async def _handed_on(self, config: Config, plan: Plan) -> list[str]:
        """Have the workers take the settings first, who must know of every listener before anybody gets in there."""
        if self._crew is None or self._core.plane.draining:
            return []
        doors = tuple(door for door, _ in plan.doors)
        # Settings with a million exits take seconds to write.
        written = partial(self._crew.offered, config, doors, self._listeners.own, part=self._core.part)
        offer = await self._core.exit_watch.in_thread(written)
        # A stop may have begun meanwhile: the workers then finish what is open, and their listeners are closed.
        return [] if self._core.plane.draining else await self._crew.take(offer)

    async def _doubts(self, config: Config) -> tuple[str, ...]:
        """Doubts about the settings; none where the store does not answer in time, as the reload must go on."""
        asking = Deferred.fromCoroutine(doubts.ask(self._core.store, config.topology))
        try:
            return await asking.addTimeout(PATIENCE, self._core.reactor)
        except TimeoutError:
            return ()

    def _rename(self, names: Mapping[str, str]) -> None:
        """Move connections of a renamed proxy to its new name, and drain those of a proxy that is gone."""
        plane = self._core.plane
        for connection in list(plane.connections):
            connection.proxy = names.get(connection.proxy, connection.proxy)
            if connection.proxy not in plane.live.topology.proxies:
                connection.drain()
        for meter in self._core.ledger.open_of(0):
            meter.proxy = names.get(meter.proxy, meter.proxy)

    def _told(self, config: Config, doubtful: tuple[str, ...]) -> Verdict:
        restarts = needs_restart(self._started, config)  # whatever was reloaded since
        for key in restarts:
            log.warn("{key} takes a restart to change", key=key)
        _warn(doubtful)
        tell(config)
        log.info("settings reloaded")
        notes = [*(f"{key} takes a restart to change" for key in restarts), *doubtful, *config.problems]
        more = len(notes) - TOLD
        return Verdict(True, (*notes[:TOLD], *([f"and {more} more"] if more > 0 else [])))

    async def _tell_doubts(self) -> None:
        _warn(await doubts.ask(self._core.store, self._started.topology))


def _warn(doubtful: Iterable[str]) -> None:
    for doubt in doubtful:
        log.warn("accounts and settings: {doubt}", doubt=doubt)
