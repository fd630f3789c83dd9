"""Names that are being looked up, for whom: no account takes all that may be under way at a time."""

from __future__ import annotations

from collections.abc import Awaitable
from operator import attrgetter

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from meshd.dns.resolver import Resolved, ResolveError, Resolver
from meshd.model import Refusal
from meshd.sockets.ends import Stopped
from meshd.sockets.line import Line
from meshd.sockets.race import TIMEOUT, DialError

EVERYBODY = 2**62
"""Places in the line for look-ups, which needs no bound of its own: exchanges wait there, and those are bounded."""

TOO_MANY = Refusal("rate-requests", "too many names at once", retry_after=1)


class LookUps:
    """Those of all accounts."""

    def __init__(self, resolver: Resolver, clock: IReactorTime) -> None:
        self._resolver = resolver
        self._asking: dict[int, dict[str, int]] = {}
        """For each account the names that are being looked up, and for how many exchanges each."""
        self._line = Line(clock, self._may_ask)

    def addresses(self, host: str, account_id: int) -> Awaitable[tuple[str, ...]]:
        """What a name resolves to; wait while its account has too many under way.  Raises: DialError, Stopped."""
        if self._line.ahead(account_id) is None and self._may_ask(account_id):
            return self._asked(host, account_id)
        return self._in_turn(host, account_id)

    async def _in_turn(self, host: str, account_id: int) -> tuple[str, ...]:
        """The same, where others of the account wait, or it has too many under way."""
        behind = self._line.ahead(account_id) is not None
        while (behind or not self._may_ask(account_id)) and self._would_ask(host, account_id):
            try:
                await self._line.turn(account_id, TOO_MANY, EVERYBODY)
            except Stopped as stop:
                raise DialError(TOO_MANY) if stop.refusal.reason == TIMEOUT else stop from None
            behind = False
        return await self._asked(host, account_id)

    def _asked(self, host: str, account_id: int) -> Deferred[tuple[str, ...]]:
        """What a name resolves to.  The look-up counts until it is answered, even where the exchange has ended."""
        asking = self._asking.get(account_id)
        if asking is None:
            asking = self._asking[account_id] = {}
        asking[host] = asking.get(host, 0) + 1
        return resolved(self._resolver.look_up(host)).addBoth(self._answered, host, account_id)

    def _may_ask(self, account_id: int) -> bool:
        """Whether one more name may be looked up for the account, or one silent name server could stop all look-ups."""
        return self._resolver.may_ask(len(self._asking.get(account_id, ())))

    def _would_ask(self, host: str, account_id: int) -> bool:
        """Whether a look-up of host would add one to those under way for the account."""
        return host not in self._asking.get(account_id, ()) and self._resolver.asks(host)

    def _answered(self, outcome: tuple[str, ...] | Failure, host: str, account_id: int) -> tuple[str, ...] | Failure:
        """Count one look-up less, whatever came of it."""
        asking = self._asking[account_id]
        left = asking[host] - 1
        if left:
            asking[host] = left
        else:
            del asking[host]
            if not asking:
                del self._asking[account_id]
        self._line.freed(account_id)
        return outcome


def resolved(looked_up: Deferred[Resolved]) -> Deferred[tuple[str, ...]]:
    """The addresses that a look-up gives; it fails with DialError where there are none."""
    return looked_up.addCallbacks(attrgetter("addresses"), _refused)


def _refused(failure: Failure) -> Failure:
    """What whoever asked hears of a failure."""
    error = failure.value
    if not isinstance(error, ResolveError):
        return failure
    return Failure(DialError(Refusal("dns-timeout" if error.kind == "dns_timeout" else "dns-error")))
