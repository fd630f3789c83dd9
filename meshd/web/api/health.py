"""`GET /healthz` (alive) and `GET /readyz` (can serve), for load balancers: no credentials, nothing internal."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from twisted.internet.defer import ensureDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from meshd.running.flights import Flights
from meshd.seldom import Seldom
from meshd.web.reply import Reply
from meshd.web.room import Room

Ready = Callable[[], Coroutine[Any, Any, Mapping[str, bool]]]

log = Logger()

PATIENCE = 5.0
"""Seconds that the readiness checks may take; a balancer has given up by then."""

REMEMBERED = 1.0
"""Seconds that an answer of `/readyz` is repeated without new checks, since anybody may ask, as often as they like."""


class HealthRoutes:
    """The routes of the health checks.

    ready: gives the name of each readiness check and whether it passed; where ready raises, all checks have failed.
    """

    def __init__(self, clock: IReactorTime, ready: Ready, seldom: Seldom) -> None:
        self._clock = clock
        self._seldom = seldom
        self._ready = ready
        self._told: tuple[float, Reply] | None = None
        self._runs: Flights[Reply] = Flights(1)

    def mount(self, room: Room) -> None:
        room.open("/healthz", self.alive)
        room.open("/readyz", self.ready)

    async def alive(self) -> Reply:
        return _OK

    async def ready(self) -> Reply:
        """Answer whether all checks pass; callers at the same time, and for a moment after, share one run of them."""
        if self._told is not None and self._clock.seconds() - self._told[0] < REMEMBERED:
            return self._told[1]
        return (await self._runs.join("ready", self._run)).result

    async def _run(self) -> Reply:
        reply = await self._check()
        self._told = self._clock.seconds(), reply
        return reply

    async def _check(self) -> Reply:
        try:
            checks = await ensureDeferred(self._ready()).addTimeout(PATIENCE, self._clock)
        except Exception:
            self._seldom.failure(log, "the readiness checks failed")
            return Reply({"status": "unavailable", "checks": {}}, 503)
        if all(checks.values()):
            return _OK
        return Reply({"status": "unavailable", "checks": dict(checks)}, 503)


_OK = Reply({"status": "ok"})
