"""What streams of both kinds, by connection and by datagram, share in one process."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from meshd.hosts.balance import Balance, InOrder
from meshd.hosts.callers import Callers
from meshd.hosts.services import Service
from meshd.hosts.upstreams import Upstreams
from meshd.model import Admission, Refusal
from meshd.passing.plane import Plane
from meshd.passing.record import Record
from meshd.usage.meter import Meter
from meshd.values.published import Upstream

GONE = Refusal("ended-by-operator", "it was switched off or deleted")
CROWD = Refusal("rate-tunnels", "too many at a time")


class Asked(NamedTuple):
    """What a client asked for, as far as the log tells it."""

    method: bytes
    """What came: TCP, TLS or UDP."""
    target: Upstream


class Roll:
    """What is open of each resource, so that it can be counted, and ended where the resource is gone."""

    def __init__(self) -> None:
        self._open: dict[int, set[Meter]] = {}
        self._all = 0
        self._served: Collection[int] | None = None
        """The resources that are there; None before that is told."""

    def serves(self, id_: int) -> bool:
        """Whether the resource is still there: a client may have come, and asked for it only now."""
        return self._served is None or id_ in self._served

    def enter(self, id_: int, meter: Meter) -> None:
        """Count a meter, which was not counted yet."""
        self._open.setdefault(id_, set()).add(meter)
        self._all += 1

    def leave(self, id_: int, meter: Meter) -> None:
        """Count it no longer; one that was not counted is no error."""
        meters = self._open.get(id_)
        if meters is not None and meter in meters:
            meters.remove(meter)
            self._all -= 1
            if not meters:
                del self._open[id_]

    def __len__(self) -> int:
        return self._all

    def count(self, id_: int) -> int:
        return len(self._open.get(id_, ()))

    def end_all_but(self, ids: Collection[int]) -> None:
        """End what is open of the resources that are not among these, and let nothing of them begin."""
        self._served = ids
        for id_ in [each for each in self._open if each not in ids]:
            for meter in list(self._open.get(id_, ())):
                meter.stop(GONE)


@dataclass(slots=True, eq=False)
class Common:
    """Built once for the process."""

    reactor: Any
    plane: Plane
    upstreams: Upstreams
    admit: Callable[[int, int], Awaitable[Admission | Refusal]]
    """Takes an owner's account id and a resource's token id; whether the owner may use anything now."""
    contexts: Callable[[int], ssl.SSLContext | None]
    """By a certificate's id how it is served; None where it is not."""
    balance: Balance = field(default_factory=InOrder)
    roll: Roll = field(default_factory=Roll)
    callers: Callers = field(default_factory=Callers)
    """Whose connections are open, by their addresses."""
    flows: int = 0
    """Clients that are served by datagram now."""

    async def meter(self, service: Service, record: Record, stop: Callable[[Refusal], None]) -> Meter | Refusal:
        """Begin to count for the service's owner; a Refusal where that may not be."""
        admission = await self.admit(service.owner, service.token)
        if isinstance(admission, Refusal):
            return admission
        record.note_admission(admission)
        if not self.roll.serves(service.id):
            return GONE
        most = self.plane.live.limits.tunnels_per_account
        if most and self.roll.count(service.id) >= most:
            return CROWD
        meter = self.plane.ledger.open(admission, stop)
        if not isinstance(meter, Refusal):
            record.meter, meter.about = meter, record
            self.roll.enter(service.id, meter)
        return meter

    def close(self, service: Service, record: Record, reason: str) -> None:
        """Write the line of an exchange and end its metering; calling again changes nothing.  reason: "" for none."""
        meter = record.meter
        if meter is not None:
            self.roll.leave(service.id, meter)
            # Or meter and exchange would keep each other alive until a collection.
            meter.stop, meter.resume = _over, None
        record.close(reason)


def _over(refusal: Refusal) -> None:
    """Do nothing: the exchange has ended already."""
