"""A worker: it accepts at the sockets that its daemon has made, and carries what comes there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IProtocolFactory
from twisted.logger import Logger

from meshd.daemon import collector
from meshd.daemon.core import Among, Core
from meshd.daemon.doors import Behind
from meshd.daemon.draining import drain
from meshd.daemon.listening import Listeners
from meshd.daemon.reloading import Reloads
from meshd.daemon.runfile import Verdict
from meshd.daemon.workers.handed import Handed
from meshd.daemon.workers.messages import PROVEN, TOLD, Settings, said
from meshd.daemon.workers.together import Together
from meshd.exits.destinations import OwnListeners
from meshd.metrics.totals import rows_of
from meshd.model import Change
from meshd.running.regularly import Regularly

TELLING = 1.0
"""Seconds between two tellings of numbers: what a worker counts after its last one, no metric has."""
PART = 200
"""How many times as long as a telling takes its worker does something else: with 16,000 accounts it takes 10 ms."""

log = Logger()


class Worker:
    """Put together of the same parts as a daemon, without those that serve anything but the proxies."""

    def __init__(
        self,
        reactor: Any,
        number: int,
        settings: Settings,
        handed: Handed,
        now: Callable[[], float],
        tell: Callable[[bytes], None],
        known: bytes,
    ) -> None:
        """number: from 1; handed: the sockets that came with the settings; known: what the daemon knows of passwords.

        tell: passes on what this process tells the others.

        Raises: StoreError, OSError.
        """
        self._reactor = reactor
        self.core = Core(
            reactor,
            settings.config,
            now,
            Among(settings.part, known, number, settings.workers),
            own=self._own,
            beside=Nothing,
        )
        self.core.proven.told = lambda row: tell(PROVEN + row)
        behind = Behind(reactor, self.core.plane, _no_api, None)
        self._listeners = Listeners(behind, handed, aloud=False)
        self._reloads = Reloads(self.core, self._listeners, aloud=False)
        self._tell = tell
        away = "numbers are not told to the daemon"
        self._took = 0.0
        """Seconds of the last telling."""
        self._numbers = Regularly(reactor, self._tell_numbers, self._pace, log=log, away=away)
        self.together = Together(reactor, self.core, settings.workers, lambda rows: tell(TOLD + rows))

    def _own(self) -> OwnListeners:
        return self._listeners.own

    async def start(self) -> None:
        """Let clients in.  StoreError, ListenError, CertificateError, OSError."""
        await self.core.start()
        self.together.start()
        self._numbers.start()
        self._listeners.take(await self._listeners.prepare(self.core.config.listeners))
        collector.quieten()

    async def take(self, config: Any) -> Verdict:
        """Go by other settings, or say why not."""
        return await self._reloads.take(lambda: config)

    async def stop(self, patience: float | None = None, *, succeeded: bool = False) -> None:
        """Accept no more, let exchanges end for so many seconds, by default `timeouts.drain`, and bring counts home.

        succeeded: whether another process accepts meanwhile, as `drain` has it.
        """
        core = self.core
        core.plane.draining = True
        await self._listeners.close()
        await core.settle()
        seconds = core.live.timeouts.drain if patience is None else patience
        await drain(self._reactor, (core.plane,), core.ledger, seconds, succeeded=succeeded)
        await self._numbers.stop()
        await self.together.stop()
        await core.close()

    def _pace(self) -> float:
        return max(TELLING, self._took * PART)

    def _tell_numbers(self) -> None:
        """Tell the daemon, where that is asked for metrics at all."""
        if self.core.live.topology.metrics.daemons:
            began = self._reactor.seconds()
            self._tell(said("numbers", rows=rows_of(self.core.samples())))
            self._took = self._reactor.seconds() - began


class Nothing:
    """What a worker serves beside the proxies."""

    async def changed(self, change: Change) -> None:
        """Nothing is to be done."""

    def swapped(self) -> None:
        """Nothing is to be done."""


def _no_api(kind: str) -> IProtocolFactory:
    raise LookupError(f"a worker has no API: {kind}")
