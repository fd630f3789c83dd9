"""How an association begins: an exit that carries datagrams, and a socket for those of the client."""

from __future__ import annotations

from typing import Protocol

from meshd.exits.departure import Departure
from meshd.model import Refusal
from meshd.passing.record import Record
from meshd.proxy import socksreplies
from meshd.proxy.association import Association, Host
from meshd.proxy.mouth import Mouth, bound, local_address
from meshd.proxy.plane import DataPlane
from meshd.sockets.ends import Stopped
from meshd.sockets.wire import Wire
from meshd.usage.meter import Meter

FULL = Refusal("overloaded", "no port for datagrams is free")


class Client(Host, Protocol):
    """The client's connection."""

    @property
    def wire(self) -> Wire: ...

    @property
    def buffer(self) -> bytes: ...

    def phase(self, reason: str, seconds: float, /) -> None: ...

    def begin_answer(self, status: int, /) -> None: ...

    async def deliver(self, data: bytes, /) -> None: ...

    def cut_off(self, refusal: Refusal, /) -> None:
        """End the exchange with that refusal."""


async def serve(client: Client, plane: DataPlane, port: int, departure: Departure, record: Record, meter: Meter) -> str:
    """Serve a UDP ASSOCIATE, as long as the client's connection stands and says nothing more; the reason of its end.

    port: as in `associate`.  Raises: ClientGone, DialError, Stopped.
    """
    association = await associate(client, plane, port, departure, record, meter)
    try:
        client.begin_answer(200)
        await client.deliver(socksreplies.associated(*association.told))
        client.phase("idle-timeout", plane.live.timeouts.idle)
        association.listen()
        said = client.buffer or await client.wire.receive()
    except OSError:
        said = b""
    finally:
        association.close()
    return "bad-request" if said else association.reason


async def associate(
    client: Client, plane: DataPlane, port: int, departure: Departure, record: Record, meter: Meter
) -> Association:
    """Choose the exit for all datagrams of a client, and open a socket for them.  Raises: DialError, Stopped.

    port: from which the client says that it will send, 0 where it does not know yet.
    """
    departure.target = None  # each destination is judged when it is sent to
    departure.by_datagrams()
    refusal = departure.choose()
    if refusal is not None:
        raise Stopped(refusal)
    choice = departure.choice
    record.exit = choice.label(departure.selection, choice.source or choice.exit.name)
    if not plane.has_room(2):
        raise Stopped(FULL)
    carrier = await departure.carrier(client.phase, lambda reason: client.cut_off(Refusal(reason)))
    try:
        address, udp = local_address(client.wire.fd), plane.live.topology.udp
        try:
            sock = bound(address, udp.ports, plane.chance)
        except OSError:
            sock = None
        if sock is None:
            raise Stopped(FULL)
        mouth = Mouth(sock, client.wire.peer, port)
        behind_nat = udp.address and (":" in udp.address) == (":" in address)
        told = udp.address if behind_nat else address, mouth.place[1]
        return Association(plane, client, mouth, carrier, departure, record, meter, told)
    except BaseException:
        carrier.close()
        raise
