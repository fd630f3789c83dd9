"""Names that are being looked up, for whom: no account takes all that may be under way at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Generator

from twisted.internet.interfaces import IReactorTime

from meshd.dns.resolver import Resolved, ResolveError, Resolver
from meshd.model import Refusal
from meshd.sockets.ends import Stopped
from meshd.sockets.line import Line
from meshd.sockets.race import TIMEOUT, DialError
from meshd.sockets.task import READING, Task

EVERYBODY = 2**62
"""Places in the line for look-ups, which needs no bound of its own: exchanges wait there, and those are bounded."""

NOBODY = -1
"""In the place of an account's id."""

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

    def of_nobody(self, host: str) -> Awaitable[tuple[str, ...]]:
        """What a name resolves to that no account has named.  Raises: DialError, Stopped."""
        return self._asked(host, NOBODY)

    def _asked(self, host: str, account_id: int) -> Asked:
        """What a name resolves to.  The look-up counts until it is answered, even where the exchange has ended."""
        asking = self._asking.get(account_id)
        if asking is None:
            asking = self._asking[account_id] = {}
        asking[host] = asking.get(host, 0) + 1
        asked = Asked(self, host, account_id)
        self._resolver.tell(host, asked.told)
        return asked

    def _may_ask(self, account_id: int) -> bool:
        """Whether one more name may be looked up for the account, or one silent name server could stop all look-ups."""
        return self._resolver.may_ask(len(self._asking.get(account_id, ())))

    def _would_ask(self, host: str, account_id: int) -> bool:
        """Whether a look-up of host would add one to those under way for the account."""
        return host not in self._asking.get(account_id, ()) and self._resolver.asks(host)

    def answered(self, host: str, account_id: int) -> None:
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


class Asked:
    """A look-up that one task waits for, if it is not answered at once."""

    __slots__ = ("_account_id", "_host", "_lookups", "_outcome", "reader", "writer")

    def __init__(self, lookups: LookUps, host: str, account_id: int) -> None:
        self._lookups = lookups
        self._host = host
        self._account_id = account_id
        self._outcome: Resolved | ResolveError | None = None
        self.reader: Task | None = None
        self.writer: Task | None = None

    def told(self, outcome: Resolved | ResolveError) -> None:
        """Hear what came of it."""
        self._outcome = outcome
        self._lookups.answered(self._host, self._account_id)
        task, self.reader = self.reader, None
        if task is not None:  # or it waits for nothing any more
            task.resume()

    def __await__(self) -> Generator[tuple[Asked, int], None, tuple[str, ...]]:
        """The addresses.  Raises: DialError."""
        if self._outcome is None:
            yield self, READING
        outcome = self._outcome
        if isinstance(outcome, Resolved):
            return outcome.addresses
        assert outcome is not None
        raise DialError(Refusal("dns-timeout" if outcome.kind == "dns_timeout" else "dns-error"))
