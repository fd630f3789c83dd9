"""The one module that knows every other: a daemon is put together here; start, reload and stop are told in order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.logger import Logger

from meshd.config import Config, rows
from meshd.daemon import collector
from meshd.daemon.aside import Aside
from meshd.daemon.core import Core
from meshd.daemon.doors import Behind
from meshd.daemon.draining import drain
from meshd.daemon.fronts import Fronts
from meshd.daemon.hosting import Hosted
from meshd.daemon.inherited import Inherited
from meshd.daemon.listening import Listeners, Plan
from meshd.daemon.notices import Notices
from meshd.daemon.presence import Presence
from meshd.daemon.reloading import Reloads
from meshd.daemon.runfile import Verdict
from meshd.daemon.vault import Vault
from meshd.daemon.whereabouts import Whereabouts
from meshd.daemon.workers.crew import Crew, offered
from meshd.daemon.workers.station import Offer
from meshd.daemon.workers.together import Together
from meshd.exits.client import ExitClient
from meshd.exits.destinations import OwnListeners
from meshd.exits.trial import Trials
from meshd.mail.post import Post
from meshd.store.interface import StoreError
from meshd.store.statements import changes
from meshd.values.samples import Sample
from meshd.web.server.requestlog import RequestLog
from meshd.web.services import Services

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
    ) -> None:
        """reload: reads the settings anew; handed_over: sockets of the service manager's.  StoreError, OSError."""
        self._reactor = reactor
        self._reread = reload
        self.core = core = Core(reactor, config, now, own=self._own, beside=lambda: self._hosted)
        self.plane = core.plane
        parts = core.plane, core.accounts, core.store, core.hasher, core.resolver, config
        self._hosted = Hosted(reactor, *parts, self._own)
        client = ExitClient(reactor, core.plane.poller, core.plane.dialler)
        self._trials = Trials(reactor, client, lambda: core.live.timeouts.connect)
        self._post = Post(reactor, lambda: core.config.mail, now, os.urandom)
        self._aside = Aside(reactor)
        self._requests = RequestLog(str(config.request_log), reactor, now)
        self._fronts = self._served()
        self._begun: Deferred[None] = succeed(None)
        behind = Behind(reactor, core.plane, self._fronts.of, self._hosted)
        self._crew = self._together = None
        if config.workers > 1:
            self._together = together = Together(reactor, core, config.workers, self._share)
            self._crew = Crew(reactor, config.workers, core.ledger.search, together.heard, core.proven)
        self._listeners = Listeners(behind, handed_over, config.workers if self._crew else 0)
        self._presence = Presence(core.store, reactor, now, core.node, lambda: core.config.listeners)
        self._reloads = Reloads(core, self._listeners, self._crew)
        self._notices = Notices(core, self._workers_behind, self._aside.done)

    def _own(self) -> OwnListeners:
        return self._listeners.own

    def _served(self) -> Fronts:
        core = self.core
        whereabouts = Whereabouts(core.plane, core.live)
        services = Services(
            auth=core.auth,
            accounts=core.accounts,
            hash=core.hasher.hash,
            live=core.live,
            countries=whereabouts.countries,
            clock=core.now,
            ready=self.ready,
            post=self._post.post,
            available=lambda: not core.feed.away,
            settings=lambda: rows(core.config),
            aside=self._aside.done,
            try_exit=self._trials.connect,
            places=whereabouts.places,
            seals=Vault(core.config.secrets).seals,
            published=self._hosted.follow,
            unserved=self._hosted.unserved,
        )
        return Fronts(self._reactor, services, self._requests, Vault(core.config.host_secrets).seals)

    async def start(self) -> None:
        """Open the store, bill what a dead process left, then let clients in.  StoreError, ListenError, OSError.

        Where `stop` is called meanwhile it ends without letting anybody in.
        """
        self._begun = Deferred.fromCoroutine(self._start())
        await self._begun

    async def _start(self) -> None:
        core = self.core
        self._requests.open()
        await core.start()
        if self.plane.draining:
            return
        if core.tls is not None:
            self._fronts.accept_tls(core.tls, api=core.config.api_tls)
        await self._hosted.start()
        plan = await self._listeners.prepare(core.config.listeners)
        if not self.plane.draining:
            await self._begin_workers(plan)
        if self.plane.draining:
            await self._listeners.drop(plan)
        else:
            self._listeners.take(plan)
            self._hosted.opened()
            self._reloads.begin()
            self._presence.start()
            self._notices.start()
            collector.quieten()

    async def _begin_workers(self, plan: Plan) -> None:
        """Raises: WorkerFailed."""
        crew, together, core = self._crew, self._together, self.core
        if crew is not None and together is not None:
            doors = [door for door, _ in plan.doors]
            try:
                await crew.start(offered(core.config, crew.count, doors))
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
        return offered(self.core.config, self._crew.count, self._listeners.doors)

    async def stop(self) -> None:
        """Accept no more, let exchanges end for a while, bring the counts home, close the store."""
        core = self.core
        self.plane.draining = True
        await self._start_over()
        patience = core.live.timeouts.drain
        crew = Deferred.fromCoroutine(self._crew.stop(patience)) if self._crew is not None else succeed(None)
        await self._listeners.close()
        await self._hosted.stop()
        self._reloads.stop()
        await core.settle()
        planes = self.plane, self._hosted.plane
        drained = drain(self._reactor, planes, core.ledger, patience), self._fronts.drain(patience)
        await DeferredList([*map(Deferred.fromCoroutine, drained), crew], consumeErrors=True)
        if self._together is not None:
            await self._together.stop()
        self._requests.close()
        await self._notices.stop()
        self._aside.stop()
        await core.accounts.stop()
        await self._post.stop()
        self._hosted.plane.origins.clear()
        await self._presence.stop()
        await core.close()

    async def reload(self) -> Verdict:
        """Take the settings anew, or say why not."""
        if not self._begun.called:
            await self._begun
        if self.plane.draining:
            return Verdict(False, ("meshd is being stopped",))
        self.core.exchanges.reopen()
        self._requests.reopen()
        if self._crew is not None:
            self._crew.reopen()
        try:
            return await self._reloads.take(self._reread)
        finally:
            self._notices.follow()
            if self._crew is not None:
                self._crew.follow(self._offer)

    async def _start_over(self) -> None:
        """Let a start that is under way come to its end; one that hangs is given up after the time for draining."""
        if not self._begun.called:
            late = self._reactor.callLater(self.core.live.timeouts.drain, self._begun.cancel)
            await self._begun
            if late.active():
                late.cancel()

    def samples(self) -> Iterator[Sample]:
        """The numbers of all services at this moment."""
        core = self.core
        own = core.plane, self._hosted, core.auth, core.ledger, core.chronicle, core.resolver, core.feed, self._fronts
        for part in (*own, core.exchanges, self._requests):
            yield from part.samples()

    async def ready(self) -> Mapping[str, bool]:
        """For `/readyz`: by name, whether it is well."""
        try:
            await self.core.store.run(changes.newest)
            store = True
        except StoreError:
            store = False
        listeners = bool(self._listeners) and (self._crew is None or self._crew.complete)
        return {"store": store, "listeners": listeners and not self.plane.draining}
