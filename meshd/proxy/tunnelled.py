"""Both sides of a carrier: the client's line, which somebody else serves, and the connection at the other end."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from meshd.auth.policy import REQUIRED
from meshd.http2.answers import AnswerReader
from meshd.model import Admission, Refusal
from meshd.passing.handed import AskedLine
from meshd.passing.record import Record
from meshd.proxy import replies, resource
from meshd.proxy.connection import ClientConnection
from meshd.proxy.plane import DataPlane
from meshd.sockets.ends import Stopped
from meshd.sockets.tunnels import fail, join
from meshd.sockets.wire import Wire
from meshd.usage.meter import Meter

FULL = Refusal("overloaded", retry_after=1)


class Carried(Protocol):
    """What carries such a tunnel's bytes."""

    account_id: int
    """Whose the client is; 0 until that is known."""

    def stands(self, reset: Callable[[], None]) -> None:
        """Hear that the tunnel stands.  reset: ends it with a reset of its origin, unless that has said all."""

    def over(self, reason: str) -> None:
        """Hear why the tunnel has ended; "" where both directions have."""


class ResourceConnection(ClientConnection):
    """Of a client who asks for one tunnel, as a resource."""

    __slots__ = ("_by_address", "_carrier")

    def __init__(self, plane: DataPlane, proxy: str, wire: Wire, carrier: Carried, *, by_address: bool) -> None:
        """by_address: whether a listed address lets its client in."""
        super().__init__(plane, proxy, wire)
        self._carrier = carrier
        self._by_address = by_address
        self._met = True

    async def who(self, proxy_authorization: bytes | None, authorization: bytes | None) -> Admission | Refusal:
        """As of any connection, where there is a credential: the API's peer may be a balancer, and so everybody."""
        if proxy_authorization is None and not self._by_address:
            return REQUIRED
        admission = await super().who(proxy_authorization, authorization)
        if not isinstance(admission, Refusal):
            self._carrier.account_id = admission.account.id
        return admission

    def _become_tunnel(
        self, record: Record, meter: Meter, origin: Wire, late: bytes, ended: Callable[[str], None] | None = None
    ) -> bool:
        """As of any connection; the carrier hears why the tunnel ends, and may end it."""
        if self.cut is not None:
            raise Stopped(self.cut)
        early, self.buffer = self.buffer, b""
        carrier, close = self._carrier, ended or record.close

        def over(reason: str) -> None:
            close(reason)
            carrier.over(reason)

        client, self.record = self.wire, None
        tunnel = join(self._plane.relay, client, origin, meter, early=early, late=late, ended=over)
        carrier.stands(partial(fail, tunnel))
        return False


def full(plane: DataPlane, line: AskedLine) -> None:
    """Refuse a request, as there is no room for more clients."""
    reader = AnswerReader(b"CONNECT")
    part = reader.feed(replies.refusal(FULL, plane.request_id(), keep=False))
    line.decline(resource.status_of(part.heads[0]), resource.refused(part.heads[0], part.body))
