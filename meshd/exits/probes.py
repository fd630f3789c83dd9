"""Probes: the URL in the settings is requested through each exit once an interval, without a customer.

A probe's result counts for an exit like a request's, and how long it took is the exit's latency.  The URL itself may
be down, which must not put every exit out of use: a failure that may be the URL's counts only where the URL has
answered through another exit a moment ago.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList, TimeoutError
from twisted.logger import Logger

from meshd.exits.choosing import Choice
from meshd.exits.outlets import REST, Outlet
from meshd.exits.plane import ExitPlane
from meshd.exits.pools import Pools, addressed
from meshd.running.regularly import Regularly
from meshd.sockets.race import DialError
from meshd.values.probing import Probing

SECONDS = 1.0
"""Seconds between two looks at which exits are due."""

SERVER_ERROR = 500

SAYS_NOTHING = frozenset({"exit-refused", "dns-error", "dns-timeout", "overloaded"})
"""Causes of a failed dial that say nothing of an exit: its proxy refuses this URL, or the fault is meshd's own."""

Ask = Callable[[str, Choice], Awaitable[int]]
"""Gives the status with which a URL answers through an exit; raises an exception where the URL does not answer."""

log = Logger()


class Probes:
    """Probes exits, at most `at_once` of them at a time; exits that are due while as many are under way wait."""

    def __init__(self, clock: Any, plane: ExitPlane, ask: Ask) -> None:
        self._clock = clock
        self._plane = plane
        self._ask = ask
        self._pools: Pools | None = None
        self._round: deque[Outlet] = deque()
        """All exits; the first one is probed next."""
        self._owed = 0.0
        """How many exits of the round are due; a part of one is carried on to the next look."""
        self._rested: deque[Outlet] = deque()
        """The exits whose rest is over and that are to be tried now, before those of the round."""
        self._tried: dict[Outlet, float] = {}
        """When each resting exit was tried last (monotonic)."""
        self._running: dict[Outlet, Deferred[None]] = {}
        self._answered: dict[Outlet, float] = {}
        """The last two exits through which the URL has answered, and when (monotonic)."""
        self._more: Any = None
        self._looks = Regularly(clock, self.look, lambda: SECONDS, log=log, away="exits cannot be probed")

    @property
    def _rules(self) -> Probing:
        return self._plane.live.topology.probes

    def start(self) -> None:
        self._looks.start()

    async def stop(self) -> None:
        """Cancel the probes that are under way; a cancelled probe does not count for its exit."""
        self._looks.stop()
        if self._more is not None:
            self._more.cancel()
            self._more = None
        running = list(self._running.values())
        for probe in running:
            probe.cancel()
        await DeferredList(running, consumeErrors=True)

    def look(self) -> None:
        """Note which exits are due, and begin their probes: once a second."""
        rules = self._rules
        if not rules.url:
            return
        if self._plane.pools is not self._pools:
            self._arrange(self._plane.pools)
        self._owed = min(self._owed + len(self._round) * SECONDS / rules.every, len(self._round))
        monotonic = self._plane.wheel.monotonic
        self._rested = deque(each for each in self._round if each.resting and self._due(each, monotonic))
        self._go_on()

    def _arrange(self, pools: Pools) -> None:
        """Adopt new pools, in random order, so that several processes do not all probe the same exit at once."""
        self._pools = pools
        outlets = list(pools.outlets.values())
        self._plane.chance.shuffle(outlets)
        self._round = deque(outlets)
        self._tried.clear()

    def _due(self, outlet: Outlet, monotonic: float) -> bool:
        """Whether a resting exit is to be tried: its rest is over, and its last try at least REST seconds ago."""
        return outlet.usable(monotonic) and monotonic - self._tried.get(outlet, -REST) >= REST

    def _go_on(self) -> None:
        """Begin as many probes as `at_once` allows; what follows those that end at once begins in a later turn."""
        self._more = None
        for _ in range(self._rules.at_once - len(self._running)):
            outlet = self._next()
            if outlet is None:
                return
            self._begin(outlet)

    def _next(self) -> Outlet | None:
        while self._rested:
            outlet = self._rested.popleft()
            if outlet.resting and self._may(outlet):
                return outlet
        while self._owed >= 1:
            self._owed -= 1
            outlet = self._round[0]
            self._round.rotate(-1)
            if not outlet.resting and self._may(outlet):
                return outlet
        return None

    def _may(self, outlet: Outlet) -> bool:
        return outlet.usable(self._plane.wheel.monotonic) and outlet not in self._running

    def _begin(self, outlet: Outlet) -> None:
        probe = Deferred.fromCoroutine(self._probe(outlet, self._rules))
        if not probe.called:
            self._running[outlet] = probe
        probe.addErrback(self._hurt).addBoth(lambda _: self._over(outlet))

    def _hurt(self, failure: Any) -> None:
        if not failure.check(CancelledError):
            log.failure("a probe was hurt", failure)

    def _over(self, outlet: Outlet) -> None:
        self._running.pop(outlet, None)
        if self._more is None and self._looks.running:
            self._more = self._clock.callLater(0, self._go_on)

    async def _probe(self, outlet: Outlet, rules: Probing) -> None:
        """Probe one exit and judge it by the result.  Raises: CancelledError after stop()."""
        plane = self._plane
        source = addressed(outlet.exit, "", (), lambda _: plane.chance.getrandbits(64))
        trial = outlet.take()
        if trial:
            self._tried[outlet] = plane.wheel.monotonic
        begun = self._clock.seconds()
        try:
            asked = Deferred.fromCoroutine(_coroutine(self._ask(rules.url, Choice(outlet, source))))
            status = await asked.addTimeout(rules.timeout, self._clock)
        except CancelledError:
            raise
        except DialError as error:
            self._not_dialled(outlet, error)
        except TimeoutError:
            self._failed(outlet, "probe-timeout")
        except Exception:  # many kinds, of the connection, TLS and HTTP, which all mean the same
            self._failed(outlet, "probe-unanswered")
        else:
            self._came(outlet, status, self._clock.seconds() - begun)
        finally:
            outlet.release(trial)

    def _came(self, outlet: Outlet, status: int, seconds: float) -> None:
        if status >= SERVER_ERROR:
            self._failed(outlet, f"probe-status-{status}")
            return
        outlet.measured(seconds, self._plane.wheel.monotonic)
        self._answered.pop(outlet, None)
        self._answered[outlet] = self._plane.wheel.monotonic
        if len(self._answered) > 2:
            del self._answered[next(iter(self._answered))]
        self._tried.pop(outlet, None)
        if outlet.succeeded():
            self._plane.note_exit(outlet)

    def _not_dialled(self, outlet: Outlet, error: DialError) -> None:
        if error.blame != "family" and error.cause not in SAYS_NOTHING:
            self._failed(outlet, error.cause, sure=error.blame == "exit")

    def _failed(self, outlet: Outlet, cause: str, *, sure: bool = False) -> None:
        """Count a failure against the exit.  sure: the fault is the exit's, even if the URL may be down."""
        monotonic = self._plane.wheel.monotonic
        if (sure or self._vouched(outlet, monotonic)) and outlet.failed(monotonic, cause):
            self._plane.note_exit(outlet)

    def _vouched(self, outlet: Outlet, monotonic: float) -> bool:
        """Whether the URL has answered through another exit within the last two intervals."""
        since = monotonic - 2 * self._rules.every
        return any(at >= since for other, at in self._answered.items() if other is not outlet)


async def _coroutine(awaited: Awaitable[int]) -> int:
    return await awaited
