"""Admits an exchange: who is asking, and whether that account may begin another exchange now or after a wait."""

from __future__ import annotations

from meshd.model import Admission, Refusal
from meshd.proxy.caps import REQUESTS_TOO_FAST
from meshd.proxy.client import Client
from meshd.proxy.plane import DataPlane
from meshd.proxy.record import Record
from meshd.proxy.request import ProxyRequest
from meshd.sockets.ends import Stopped
from meshd.sockets.line import Leaving


async def admit(client: Client, plane: DataPlane, request: ProxyRequest, record: Record) -> Admission | Refusal:
    """Decide who is asking, anew for every request of a kept connection, and wait while the account has too many.
    Raises: ClientGone, Stopped.
    """
    said = request.said
    admission = await client.who(said.proxy_authorization, said.authorization)
    if isinstance(admission, Refusal):
        return admission
    record.note_admission(admission)
    account_id, line = admission.identity.account.id, plane.line
    before, client.place.asked = client.place.asked, record.began
    refusal = line.ahead((account_id, request.is_tunnel)) if line.waiting else None
    if refusal is None:
        open_now = plane.ledger.tunnels(account_id)
        refusal = plane.caps.start(account_id, open_now, plane.wheel.monotonic, tunnel=request.is_tunnel)
    if refusal is not None:
        if refusal is REQUESTS_TOO_FAST and plane.caps.outruns(record.began - before):
            return refusal
        admission = await _turn(client, plane, refusal, request, admission)
        if isinstance(admission, Refusal):
            return admission
    client.place.hold(admission.identity.account.id)
    return admission


async def _turn(
    client: Client, plane: DataPlane, refusal: Refusal, request: ProxyRequest, admission: Admission
) -> Admission | Refusal:
    """Wait in line where the account has too much under way; then decide anew who is asking, for a wait is long."""
    tunnel = request.is_tunnel
    patience = plane.caps.patience(refusal, plane.live.timeouts.turn, tunnel=tunnel)
    _, wish = request.said.wishes()
    client.phase(refusal.reason, min(patience.seconds, wish) if wish else patience.seconds)
    wire = client.wire
    leaving = Leaving(wire, client.task, listens=bool(client.buffer) or not tunnel)
    leaving.check()
    before, wire.watcher = wire.watcher, leaving
    try:
        while await plane.line.turn((admission.identity.account.id, tunnel), refusal, patience.places):
            asked_anew = await client.who(request.said.proxy_authorization, request.said.authorization)
            if isinstance(asked_anew, Refusal):
                return asked_anew
            admission = asked_anew
            account_id = admission.identity.account.id
            open_now = plane.ledger.tunnels(account_id)
            if plane.caps.start(account_id, open_now, plane.wheel.monotonic, tunnel=tunnel) is None:
                return admission
    except Stopped as stop:
        if stop.refusal.reason != refusal.reason:
            raise
    finally:
        wire.watcher = before
    return refusal
