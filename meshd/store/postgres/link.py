"""One connection to PostgreSQL on the reactor, with what txpostgres lacks.

- The loss of an idle connection is reported once, to its owner, instead of as a traceback.
- A socket that libpq closes while it connects is not left with the reactor.
- No Deferred of txpostgres is ever cancelled: cancelling raises, and sends the server a request to cancel that blocks
  and may hit the next unit.  Deadlines close the connection instead.
- libpq resolves host names in the calling thread, so it is given addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import psycopg2
from psycopg2 import extensions
from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.interfaces import IAddress, IHostResolution, IResolutionReceiver
from twisted.python.failure import Failure
from txpostgres import txpostgres
from zope.interface import implementer

from meshd.store.interface import StoreError, StoreUnavailable
from meshd.store.postgres.driver import BYTES, NETWORK, SET_UP
from meshd.store.postgres.errors import is_lost, translate, why
from meshd.store.unit import Params, Row
from meshd.values.addresses import parse_ip

CONNECT_SECONDS = 5.0


class Link(txpostgres.Connection):
    """A connection for one user at a time.  `lost` fires once, with the reason, when the connection is lost."""

    def __init__(self, reactor: Any, heard: Callable[[], None] = lambda: None) -> None:
        super().__init__(reactor)
        self.lost: Deferred[str] = Deferred()
        self.asked: float | None = None
        """When the running statement was sent, by the reactor's clock; None while no statement runs."""
        self._heard = heard

    @property
    def usable(self) -> bool:
        return self._connection is not None and not self._connection.closed and not self.lost.called

    async def execute(self, sql: str, params: Params | None = None) -> list[Row]:
        """Execute the text; all rows of its last statement.  Raises: StoreError; StoreUnavailable for a lost link."""
        self.asked = self.reactor.seconds()
        try:
            cursor = self.cursor()
            await cursor.execute(sql, params)
            return cursor.fetchall() if cursor.description else []
        except CancelledError as error:
            raise StoreUnavailable("the database took too long") from error
        except psycopg2.Error as error:
            if is_lost(error):
                self.lose(why(error))
            raise translate(error) from error
        except (OverflowError, ValueError) as error:
            raise translate(error) from error
        except Exception as error:
            if self.usable:
                raise
            raise StoreUnavailable("the connection to the database was lost") from error
        finally:
            self.asked = None

    def lose(self, reason: str) -> None:
        """Close the connection and fire `lost`, unless that was done."""
        if self._connection is not None:
            self.close()
        if not self.lost.called:
            self.lost.callback(reason)

    def doRead(self) -> None:
        """As txpostgres does it once the connection is open.

        While it is being opened, the reactor is told to watch for what libpq waits for and nothing else: libpq may
        close its socket at each poll, to give up or to open another one, and a descriptor that it has closed must not
        be watched, since the next socket of this process will have its number.
        """
        opening = self._pollingD is not None
        try:
            if opening:
                txpostgres._PollingMixin.doRead(self)
            else:
                super().doRead()
        except psycopg2.Error as error:
            self.lose(why(error))

    def checkForNotifies(self) -> None:
        if self._connection.notifies:
            del self._connection.notifies[:]
            self._heard()


async def open_link(
    reactor: Any, settings: Mapping[str, str], *, heard: Callable[[], None] = lambda: None, then: str = ""
) -> Link:
    """Open a connection and prepare it.  then: text appended to its first statement.  Raises: StoreUnavailable."""
    reason = "its name has no address"
    for address in await _addresses(reactor, settings):
        link = Link(reactor, heard)
        try:
            await _within(reactor, link, _prepare(link, {**settings, **address}, then))
        except (StoreError, psycopg2.Error) as error:
            link.lose("")
            reason = why(error)
        else:
            return link
    raise StoreUnavailable(f"PostgreSQL cannot be reached: {reason}")


async def _prepare(link: Link, settings: Mapping[str, str], then: str) -> None:
    try:
        await link.connect(**NETWORK, **settings, client_encoding="utf8")
    except psycopg2.Error:
        raise
    except Exception as error:  # closed by the deadline
        raise StoreUnavailable("no answer in time") from error
    extensions.register_type(BYTES, link._connection)
    await link.execute(SET_UP + then)
    # A pooler in statement mode refuses transactions: found here, with the reason, instead of by the first unit.
    for statement in ("begin", "commit"):
        await link.execute(statement)


def _within(reactor: Any, link: Link, work: Any) -> Deferred[None]:
    """Run the work for at most CONNECT_SECONDS; cancelling, like the deadline, closes the link."""

    def give_up(outer: Deferred[None]) -> None:
        outer.errback(CancelledError())  # first, so that nobody goes on to the next address
        link.lose("given up")

    outer: Deferred[None] = Deferred(give_up)
    late = reactor.callLater(CONNECT_SECONDS, link.lose, "no answer in time")
    inner = Deferred.fromCoroutine(work)

    def done(result: Failure | None) -> None:
        if late.active():
            late.cancel()
        if not outer.called:
            outer.callback(result)

    inner.addBoth(done)
    return outer


async def _addresses(reactor: Any, settings: Mapping[str, str]) -> list[dict[str, str]]:
    """The additions to the settings, one for each address of the host; one empty where there is no name to resolve."""
    host = settings.get("host", "")
    if not host or host.startswith(("/", "@")) or parse_ip(host):
        return [{}]
    try:
        return [{"hostaddr": address} for address in await _resolve(reactor, host)]
    except TimeoutError:
        raise StoreUnavailable(f"PostgreSQL cannot be reached: {host} was not resolved in time") from None


def _resolve(reactor: Any, host: str) -> Deferred[list[str]]:
    """The addresses of a host name.  Raises: TimeoutError."""
    receiver = _Addresses()
    reactor.nameResolver.resolveHostName(receiver, host)
    return receiver.result.addTimeout(CONNECT_SECONDS, reactor)


@implementer(IResolutionReceiver)
class _Addresses:
    """Collects the addresses of one name, in the resolver's order."""

    def __init__(self) -> None:
        self.result: Deferred[list[str]] = Deferred()
        self._found: list[str] = []

    def resolutionBegan(self, resolution: IHostResolution) -> None:
        pass

    def addressResolved(self, address: IAddress) -> None:
        self._found.append(address.host)  # type: ignore[attr-defined]  # IPv4Address or IPv6Address

    def resolutionComplete(self) -> None:
        if not self.result.called:
            self.result.callback(list(dict.fromkeys(self._found)))
