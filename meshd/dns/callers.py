"""Who waits for the names that are being looked up: each hears what came of it once, and in time.

A Deferred for each would cost as much as the look-up's messages do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from twisted.logger import Logger

from meshd.dns.deadlines import Deadlines
from meshd.dns.system import ResolveError
from meshd.running.flights import Crowded

_log = Logger()


class Resolved(NamedTuple):
    """The addresses of a name in the order in which to try them; at least one, at most 16."""

    addresses: tuple[str, ...]
    expires: float
    """By the clock that the resolver was given."""


Told = Callable[[Resolved | ResolveError], None]
"""Hears what came of a look-up, and raises nothing."""

Entry = tuple[float, tuple[str, ...] | None, ResolveError | None]
"""What came of a look-up: expiry, and addresses or else an error.  A bare tuple, as one is read at every request."""


def outcome_of(entry: Entry) -> Resolved | ResolveError:
    """As one caller hears it: an error of his own, as one that many raise would gather the tracebacks of all."""
    expires, addresses, error = entry
    if addresses is None:
        assert error is not None
        return ResolveError(error.kind, error.detail)
    return Resolved(addresses, expires)


class Callers:
    """Those who wait, by name; the first one's look-up is everybody's."""

    def __init__(self, bound: int, deadlines: Deadlines, timeout: Callable[[], float]) -> None:
        """bound: names under way; timeout: seconds that a caller waits at most."""
        self._bound = bound
        self._deadlines = deadlines
        self._timeout = timeout
        self._waiting: dict[str, dict[Caller, None]] = {}
        """As many as there are exchanges that wait."""

    def __len__(self) -> int:
        """How many names are under way."""
        return len(self._waiting)

    def enter(self, host: str, told: Told) -> bool:
        """Wait for a name; whether its look-up is still to be begun, by the caller, who says what came of it (`land`).
        Raises: Crowded.
        """
        waiting = self._waiting.get(host)
        leads, limit = waiting is None, self._timeout()
        if waiting is None:
            if len(self._waiting) >= self._bound:
                raise Crowded
            waiting = self._waiting[host] = {}
        caller = Caller(waiting, told, limit)
        waiting[caller] = None
        self._deadlines.arm(caller, limit)
        return leads

    def land(self, host: str, entry: Entry) -> None:
        """Tell all who wait for a name what came of it."""
        waiting = self._waiting.pop(host, {})
        callers = list(waiting)
        waiting.clear()  # or it and they would keep each other alive until a collection
        for caller in callers:
            self._deadlines.disarm(caller, caller.limit)
            try:
                caller.told(outcome_of(entry))
            except Exception:  # one caller's fault, for which the others would wait in vain
                _log.failure("who waited for a name has failed")

    def abandon(self, error: ResolveError) -> None:
        """Fail all who wait now; what comes of their look-ups is dropped."""
        for host in list(self._waiting):
            self.land(host, (0.0, None, error))


class Caller:
    """Who waits for a name, among others who do; called when he has waited for too long."""

    __slots__ = ("_waiting", "limit", "told")

    def __init__(self, waiting: dict[Caller, None], told: Told, limit: float) -> None:
        self._waiting = waiting
        self.told = told
        self.limit = limit

    def __call__(self) -> None:
        self._waiting.pop(self, None)
        self.told(ResolveError("dns_timeout", f"no answer within {self.limit:g} s"))
