"""Admits an exchange: who is asking, and whether that account may begin another exchange now or after a wait."""

from __future__ import annotations

from meshd.model import Admission, Refusal
from meshd.passing.caps import REQUESTS_TOO_FAST, Patience
from meshd.passing.record import Record
from meshd.proxy.client import Client
from meshd.proxy.plane import DataPlane
from meshd.proxy.request import ProxyRequest
from meshd.sockets.ends import Stopped
from meshd.sockets.line import Leaving
from meshd.values.terms import Terms


async def admit(client: Client, plane: DataPlane, request: ProxyRequest, record: Record) -> Admission | Refusal:
    """Decide who is asking, anew for every request of a kept connection, and wait while the account has too many.
    Raises: ClientGone, Stopped.
    """
    said = request.said
    admission = await client.who(said.proxy_authorization, said.authorization)
    if isinstance(admission, Refusal):
        return admission
    record.note_admission(admission)
    account_id, line, terms = admission.identity.account.id, plane.line, admission.terms
    before, client.place.asked = client.place.asked, record.began
    refusal = line.ahead((account_id, request.is_tunnel)) if line.waiting else None
    if refusal is None:
        if terms is None:
            open_now = plane.ledger.tunnels(account_id)
            refusal = plane.caps.start(account_id, open_now, plane.wheel.monotonic, tunnel=request.is_tunnel)
        else:
            refusal = plane.shares.start(terms, account_id, plane.wheel.seconds(), tunnel=request.is_tunnel)
    if refusal is not None:
        if refusal is REQUESTS_TOO_FAST and _outruns(plane, terms, record.began - before):
            return refusal
        admission = await _turn(client, plane, refusal, request, admission, record)
        if isinstance(admission, Refusal):
            return admission
        terms = admission.terms
    if terms is not None:
        seat = plane.shares.seat(terms, client.wire.peer)
        if isinstance(seat, Refusal):
            return seat
        record.seat = seat
    client.place.hold(admission.identity.account.id)
    return admission


def _outruns(plane: DataPlane, terms: Terms | None, seconds: float) -> bool:
    """Whether a client that asks again after so many seconds alone exceeds its account's rate of requests."""
    return plane.caps.outruns(seconds) if terms is None else plane.shares.outruns(terms, seconds)


def _patience(plane: DataPlane, terms: Terms | None, refusal: Refusal, *, tunnel: bool) -> Patience:
    turn = plane.live.timeouts.turn
    if terms is None:
        return plane.caps.patience(refusal, turn, tunnel=tunnel)
    return plane.shares.patience(terms, refusal, turn, tunnel=tunnel)


def _starts(plane: DataPlane, admission: Admission, *, tunnel: bool) -> bool:
    """Whether the account may begin now, at the first place of its row; notes by what the row is judged."""
    account_id, terms, monotonic = admission.account.id, admission.terms, plane.wheel.seconds()
    plane.shares.waits(account_id, terms)
    if terms is not None:
        return plane.shares.start(terms, account_id, monotonic, tunnel=tunnel) is None
    return plane.caps.start(account_id, plane.ledger.tunnels(account_id), monotonic, tunnel=tunnel) is None


async def _turn(
    client: Client, plane: DataPlane, refusal: Refusal, request: ProxyRequest, admission: Admission, record: Record
) -> Admission | Refusal:
    """Wait in line where the account has too much under way; then decide anew who is asking, for a wait is long."""
    tunnel = request.is_tunnel
    patience = _patience(plane, admission.terms, refusal, tunnel=tunnel)
    plane.shares.waits(admission.account.id, admission.terms)
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
            record.note_admission(admission)  # who is asking may be another by now, as whose the client's address is
            if _starts(plane, admission, tunnel=tunnel):
                return admission
    except Stopped as stop:
        if stop.refusal.reason != refusal.reason:
            raise
    finally:
        wire.watcher = before
    return refusal
