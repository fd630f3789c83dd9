"""The one module that knows every other: a daemon is put together here; start, reload and stop are told in order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.internet.interfaces import IProtocolFactory
from twisted.logger import Logger

from meshd.config import Config
from meshd.daemon import collector, figures
from meshd.daemon.aside import Aside
from meshd.daemon.changelog import ChangeLog
from meshd.daemon.chores import Chores
from meshd.daemon.core import Core
from meshd.daemon.doors import Behind
from meshd.daemon.draining import drain
from meshd.daemon.fronts import Fronts
from meshd.daemon.handover import Handover
from meshd.daemon.hosting import Hosted
from meshd.daemon.inherited import Inherited
from meshd.daemon.keeping import Kept
from meshd.daemon.listening import Listeners, Plan
from meshd.daemon.notices import Notices
from meshd.daemon.reloading import Reloads
from meshd.daemon.runfile import Verdict
from meshd.daemon.scraping import Scraped
from meshd.daemon.services import services
from meshd.daemon.succession import Estate, NotSucceeded
from meshd.daemon.successor import Successor
from meshd.daemon.supervision import Supervision
from meshd.daemon.vault import Vault
from meshd.daemon.workers.crew import Crew
from meshd.daemon.workers.station import Offer
from meshd.daemon.workers.together import Together
from meshd.exits.destinations import OwnListeners
from meshd.mail.post import Post
from meshd.metrics.totals import Totals
from meshd.store.interface import StoreError
from meshd.store.statements import changes
from meshd.values.metrics import METRICS
from meshd.values.samples import Sample
from meshd.web.server.requestlog import RequestLog

log = Logger()


class Daemon:
    """The process of meshd that serves everything; or, where it has workers, all that these do not.

    Everything it needs is built by its constructor, which opens what needs neither a client nor the store, such as the
    epoll and the journal; `start` opens the rest.
    """

    def __init__(
        self,
        reactor: Any,
        config: Config,
        reload: Callable[[], Config],
        now: Callable[[], float],
        handed_over: Inherited,
        notices: Notices,
        watchdog: float,
        handover: Handover,
    ) -> None:
        """reload: reads the settings anew; handed_over: sockets that the process was started with; watchdog: as
        Supervision takes it.  Raises: StoreError, OSError.
        """
        self._reactor, self._reread = reactor, reload
        self._started_at = now()
        self._handed_over, self._handover = handed_over, handover
        self.core = core = Core(reactor, config, now, handover.among, own=self._own, beside=lambda: self._hosted)
        self.plane = core.plane
        parts = core.plane, core.accounts, core.store, core.hasher, core.resolver, config
        self._hosted = Hosted(reactor, *parts, self._own, core.node, handed_over)
        self._post = Post(reactor, lambda: core.config.mail, now, os.urandom)
        self._aside = Aside(reactor)
        self._requests = RequestLog(str(config.request_log), reactor, now)
        self._changes = ChangeLog(str(config.change_log), core.store, reactor, now)
        core.store.on_change(self._changes.wake)
        given = services(reactor, core, self._hosted, self._aside, self._post, self.ready)
        self._fronts = Fronts(reactor, given, self._requests, Vault(config.host_secrets).seals)
        self._begun: Deferred[None] = succeed(None)
        self._totals = Totals(reactor.seconds)
        self._scraped = Scraped(reactor, core.live, lambda: self._totals.together(self.samples()))
        behind = Behind(reactor, core.plane, self._site_of, self._hosted)
        self._crew = self._together = None
        if config.workers > 1:
            self._together = together = Together(reactor, core, config.workers, self._share)
            self._crew = Crew(reactor, config.workers, core.ledger.search, together.heard, core.proven, self._totals)
        self._listeners = Listeners(behind, handed_over, config.workers if self._crew else 0)
        self._reloads = Reloads(core, self._listeners, self._crew)
        self._supervision = Supervision(notices, reactor, watchdog, names=handed_over.came, kept=self._kept)
        self._chores = Chores(reactor, core, self._aside, self._workers_behind, handover.busy)

    def _own(self) -> OwnListeners:
        return self._listeners.own

    def _site_of(self, kind: str) -> IProtocolFactory:
        return self._scraped.site if kind == METRICS else self._fronts.of(kind)

    async def start(self, taken_over: Callable[[], None] = lambda: None) -> None:
        """Open the store, bill what a dead process left, then let clients in.  StoreError, ListenError, OSError.

        taken_over: called when a process before this one lets nobody in any more.  NotSucceeded where it goes on.
        Where `stop` is called meanwhile it ends without letting anybody in.
        """
        self._begun = Deferred.fromCoroutine(self._start(taken_over))
        await self._begun

    async def _start(self, taken_over: Callable[[], None]) -> None:
        core = self.core
        self._requests.open()
        self._changes.open()
        await core.start()
        await self._changes.prepare()
        if self.plane.draining:
            return
        if core.tls is not None:
            self._fronts.accept_tls(core.tls, core, api=core.config.api_tls)
        await self._hosted.start()
        plan = await self._listeners.prepare(core.config.listeners)
        if not self.plane.draining:
            await self._begin_workers(plan)
            if await self._handover.yielded(self._reactor, core.ledger.search):
                taken_over()
        if self.plane.draining:
            await self._listeners.drop(plan)
        else:
            self._serve(plan)

    def _serve(self, plan: Plan) -> None:
        self._listeners.take(plan)
        self._changes.start()
        self._hosted.opened()
        self._hosted.ports_changed = self._keep
        self._handed_over.settle()
        self._reloads.begin()
        self._chores.begin()
        self._supervision.begin(lambda: self._crew is None or self._crew.answers(), self._status)
        collector.quieten()

    def _keep(self) -> None:
        """Have the service manager keep what is open now."""
        if not self.plane.draining:
            self._supervision.keep()

    def _kept(self) -> list[Kept]:
        return [*self._listeners.kept(), *self._hosted.kept()]

    async def _begin_workers(self, plan: Plan) -> None:
        """Raises: WorkerFailed."""
        crew, together, core = self._crew, self._together, self.core
        if crew is not None and together is not None:
            doors = [door for door, _ in plan.doors]
            try:
                await crew.start(crew.offered(core.config, doors, part=core.part))
            except BaseException:
                await self._listeners.drop(plan)
                raise
            crew.follow(self._offer)
            together.start()
            core.store.on_change(crew.look)

    def _workers_behind(self) -> float:
        return self._together.behind if self._together is not None else 0

    def _share(self, rows: bytes) -> None:
        assert self._crew is not None
        self._crew.share(rows)

    def _offer(self) -> Offer:
        """What a worker that begins now is to go by."""
        assert self._crew is not None
        return self._crew.offered(self.core.config, self._listeners.doors, part=self.core.part)

    async def hand_on(self, successor: Successor, lock: int) -> int:
        """Have another process serve in this one's place, whose number it gives; `stop` then ends what is open here.

        lock: the descriptor of the data folder's locked file.
        Raises: NotSucceeded, and then this process goes on as before.
        """
        if not self._begun.called:
            await self._begun
        alone = self.core.exit_watch.lock  # no reload changes meanwhile what is handed on
        return await alone.run(lambda: Deferred.fromCoroutine(self._hand_on(successor, lock)))

    async def _hand_on(self, successor: Successor, lock: int) -> int:
        core = self.core
        if self.plane.draining:
            raise NotSucceeded("meshd is being stopped")
        self._handover.check(self._listeners.foreign())
        kept = [(sock.fileno(), name) for name, sock in self._kept()]
        estate = Estate(lock, (*self._handed_over.activated, *kept), core.proven.state(), core.part)
        pid = await self._handover.ready(successor, estate, self._chores.moves)
        self._listeners.leave()
        self._hosted.leave()
        self.plane.draining = True
        self._changes.leave()
        core.proven.leave()
        return pid

    async def stop(self) -> None:
        """Accept no more, let exchanges end for a while, bring the counts home, close the store."""
        core = self.core
        self.plane.draining = True
        over = self._handover.stop()
        await self._chores.settle()
        await self._start_over()
        patience = core.live.timeouts.drain
        crew = succeed(None)
        if self._crew is not None:
            crew = Deferred.fromCoroutine(self._crew.stop(patience, succeeded=over))
        if self._supervision:
            self._listeners.leave()  # the service manager may keep the sockets for the next process
        await self._listeners.close()
        await self._hosted.stop()
        self._reloads.stop()
        await core.settle()
        planes = self.plane, self._hosted.plane
        carried = Deferred.fromCoroutine(drain(self._reactor, planes, core.ledger, patience, succeeded=over))
        drained = self._fronts.drain(patience, carried), self._scraped.site.drain(patience)
        await DeferredList([carried, *map(Deferred.fromCoroutine, drained), crew], consumeErrors=True)
        await self._supervision.stop()
        if self._together is not None:
            await self._together.stop()
        self._requests.close()
        await self._chores.close()
        self._aside.stop()
        await core.accounts.stop()
        await self._post.stop()
        self._hosted.plane.origins.clear()
        await self._changes.stop()
        await core.close()

    async def reload(self) -> Verdict:
        """Take the settings anew, or say why not."""
        if not self._begun.called:
            await self._begun
        if self.plane.draining:
            return Verdict(False, ("meshd is being stopped",))
        if await self._chores.follow_move():
            return Verdict(True, ("a move of the store is followed: the settings were not read",))
        for log in (self.core.exchanges, self._requests, self._changes):
            log.reopen()
        before = self.core.config
        try:
            if self._crew is not None:
                self._crew.reopen()
            verdict = await self._reloads.take(self._reread)
        finally:
            self._chores.follow()
            if self._crew is not None:
                self._crew.follow(self._offer)
            self._keep()
        if verdict.taken:
            self._changes.reloaded(before, self.core.config)
        return verdict

    async def _start_over(self) -> None:
        """Let a start that is under way come to its end; one that hangs is given up after the time for draining."""
        if not self._begun.called:
            late = self._reactor.callLater(self.core.live.timeouts.drain, self._begun.cancel)
            await self._begun
            if late.active():
                late.cancel()

    def _status(self) -> str:
        """What the service manager shows of this process."""
        listeners, workers = len(self._listeners), f", {self._crew.count} workers" if self._crew is not None else ""
        listening = "takes nobody any more" if self.plane.draining else f"{listeners} listeners{workers}"
        return f"{len(self.core.ledger.open_of(0))} exchanges open; {listening}"

    def samples(self) -> Iterator[Sample]:
        """The numbers of all services at this moment."""
        core = self.core
        logs = self._requests, self._changes
        for part in (core, self._hosted, self._fronts, *logs, self._reloads, self._scraped, self._crew):
            yield from part.samples() if part is not None else ()
        yield from figures.build(self._started_at)
        yield from figures.certificates(core.config, core.tls, self._hosted.book.published.certificates, core.now())

    async def ready(self) -> Mapping[str, bool]:
        """For `/readyz`: by name, whether it is well."""
        try:
            await self.core.store.run(changes.newest)
            store = True
        except StoreError:
            store = False
        listeners = bool(self._listeners) and (self._crew is None or self._crew.complete)
        return {"store": store, "listeners": listeners and not self.plane.draining}
