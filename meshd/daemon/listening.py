"""The listeners of a daemon.  A reload opens new ones and redirects old ones before it closes unwanted ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import combinations
from operator import attrgetter
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.logger import Logger

from meshd.config.endpoints import TCP, Endpoint, Foreign, Inherited, Unix, overlap, parsed
from meshd.daemon.doors import Behind, Door, ForeignDoor, SocketDoor, Wish, place_text
from meshd.daemon.inherited import Inherited as HandedOver
from meshd.daemon.keeping import Kept, name_of
from meshd.daemon.opening import ListenError, ListeningSocket, cannot_listen, giving_way, open_sockets
from meshd.daemon.sharing import SharedDoor, open_shared, shareable
from meshd.exits.destinations import OwnListeners

Pair = tuple[str, str]
"""A proxy's name ("" for the API) and the text of an endpoint."""

_ALIKE = (attrgetter("proxy", "endpoint", "place"), attrgetter("proxy", "place"), attrgetter("place"))
"""What an open door and a wish may have in common, the most first."""


def wishes(pairs: Iterable[Pair], handed_over: HandedOver) -> list[Wish]:
    """The wishes of the settings.  Raises: ListenError, also where two name one socket that was handed over."""
    found = [_wish(proxy, parsed(text), handed_over) for proxy, text in pairs]
    for one, other in combinations(found, 2):
        if isinstance(one.place, int) and one.place == other.place:
            raise ListenError(f"{one.endpoint.text} and {other.endpoint.text} are the same socket")
    return found


def _wish(proxy: str, endpoint: Endpoint, handed_over: HandedOver) -> Wish:
    place = endpoint.place
    try:
        return Wish(proxy, endpoint, handed_over.number(place) if isinstance(place, Inherited) else place)
    except ValueError as error:
        raise cannot_listen(endpoint.text, error) from error


def probe(pairs: Iterable[Pair], handed_over: HandedOver) -> None:
    """Try whether all sockets can be open at a time, and close them again.  Raises: ListenError."""
    with ExitStack() as held:
        for wish in wishes(pairs, handed_over):
            if not isinstance(wish.place, Foreign) and not _is_kept(wish, handed_over):
                for sock in open_sockets(wish.endpoint, handed_over):
                    held.callback(sock.close)
                    _listen(sock, wish.endpoint)


def _is_kept(wish: Wish, handed_over: HandedOver) -> bool:
    """Whether an earlier process has left a socket for it."""
    return isinstance(wish.place, TCP | Unix) and name_of(wish.place) in handed_over.kept


def matched(have: Sequence[Wish], wanted: Sequence[Wish]) -> list[int | None]:
    """For each wanted wish the position of one in `have` with the same place, preferring more in common; or None."""
    free = set(range(len(have)))
    found: list[int | None] = [None] * len(wanted)
    for same in _ALIKE:
        for at, wish in enumerate(wanted):
            if found[at] is None:
                found[at] = next((one for one in sorted(free) if same(have[one]) == same(wish)), None)
                free.discard(-1 if (taken := found[at]) is None else taken)
    return found


def renamed(moves: Iterable[Pair], names: Collection[str]) -> dict[str, str]:
    """New names of proxies by their old ones: a proxy that is gone was renamed if all its doors lead to one other now.

    moves: the old and the new proxy of each door that is kept; names: the proxies that there are now.
    """
    heirs: dict[str, set[str]] = {}
    for old, new in moves:
        if old and old not in names:
            heirs.setdefault(old, set()).add(new)
    return {old: min(new) for old, new in heirs.items() if len(new) == 1 and "" not in new}


@dataclass(frozen=True, slots=True)
class Plan:
    """Where each door is to lead.  Only the new doors are open already; nobody is let in by them."""

    doors: Sequence[tuple[Door, Wish]]
    new: Sequence[Door]


class Listeners:
    """The doors that are open, and their changes at a reload."""

    log = Logger()

    def __init__(self, behind: Behind, handed_over: HandedOver, workers: int = 0, *, aloud: bool = True) -> None:
        """workers: how many accept at the listeners that they can share; 0 where this process accepts at all.

        aloud: whether the log tells what listens.
        """
        self.own = OwnListeners()
        """The addresses of meshd itself, which customers must not reach through the proxy."""
        self._behind = behind
        self._handed_over = handed_over
        self._workers = workers
        self._aloud = aloud
        self._open: list[Door] = []
        self._closing: Deferred[Any] = succeed(None)
        """Fires when the doors that earlier plans had no use for are closed."""

    def __len__(self) -> int:
        return len(self._open)

    async def prepare(self, pairs: Iterable[Pair]) -> Plan:
        """Open new doors, all or none, and let nobody in yet; then `take` or `drop` the plan.  Raises: ListenError."""
        wanted = wishes(pairs, self._handed_over)
        found = matched([door.wish for door in self._open], wanted)
        kept = [self._kept(at, wish) for at, wish in zip(found, wanted, strict=True)]
        missing = [wish for wish, door in zip(wanted, kept, strict=True) if door is None]
        new: list[Door] = []
        try:
            self._open_sockets(missing, [door for door in self._open if door not in kept], new)
            for wish in missing:
                if isinstance(wish.place, Foreign):
                    new.append(await ForeignDoor.open(self._behind, wish))
        except BaseException:
            await _close_all(new)
            raise
        made = {id(door.wish): door for door in new}
        return Plan([(door or made[id(wish)], wish) for wish, door in zip(wanted, kept, strict=True)], new)

    def _kept(self, at: int | None, wish: Wish) -> Door | None:
        """The open door at that position, if the wish can have it."""
        door = None if at is None else self._open[at]
        return door if isinstance(door, SharedDoor) == self._shares(wish) else None

    def _shares(self, wish: Wish) -> bool:
        return bool(self._workers) and shareable(wish)

    def _open_sockets(self, wanted: Iterable[Wish], gone: Iterable[Door], new: list[Door]) -> None:
        """Bind all sockets before one listens: a client that connects must be let in, whatever becomes of the others.
        Raises: ListenError.
        """
        yielding = [door for door in gone if isinstance(door.wish.place, TCP)]
        made: list[SocketDoor | SharedDoor] = []
        with giving_way(each for door in yielding if isinstance(door, SocketDoor) for each in door.sockets):
            for wish in wanted:
                if not isinstance(wish.place, Foreign):
                    beside = any(_meet(wish, door.wish) for door in yielding)
                    made.append(self._opened(wish, beside))
                    new.append(made[-1])
            for door in made:
                for sock in door.sockets:
                    _listen(sock, door.wish.endpoint)

    def _opened(self, wish: Wish, beside: bool) -> SocketDoor | SharedDoor:
        if self._shares(wish):
            return SharedDoor(wish, open_shared(wish.endpoint, self._workers, self._handed_over, beside=beside))
        return SocketDoor(self._behind, wish, open_sockets(wish.endpoint, self._handed_over, beside=beside))

    async def drop(self, plan: Plan) -> None:
        await _close_all(plan.new)

    @property
    def doors(self) -> Sequence[Door]:
        """Those that are open."""
        return self._open

    def take(self, plan: Plan) -> Mapping[str, str]:
        """Put a plan in force, and close the doors it has no use for; new names of proxies by their old ones."""
        doors = [door for door, _ in plan.doors]
        gone = [door for door in self._open if door not in doors]
        heirs = [(door, wish) for door in gone for _, wish in plan.doors if _meet(door.wish, wish)]
        moves = [(door.wish.proxy, wish.proxy) for door, wish in (*plan.doors, *heirs) if door not in plan.new]
        self.own = own_listeners(doors, self._handed_over.beyond)
        self._open = doors
        for door, wish in plan.doors:
            door.serve(wish)
        for door, wish in heirs:
            _bequeath(door, wish)
        for door in doors:  # the API's is last: whoever waits for its line in the log waits for all
            self._tell("{listener} listens", door)
        closing = self._close(gone)
        self._closing = closing if self._closing.called else DeferredList([self._closing, closing])
        return renamed(moves, {wish.proxy for _, wish in plan.doors})

    def kept(self) -> list[Kept]:
        """The sockets that meshd opened for itself, by the names under which another process finds them."""
        doors = (door for door in self._open if isinstance(door, SocketDoor | SharedDoor))
        places = ((place, door) for door in doors if isinstance(place := door.wish.place, TCP | Unix))
        return [(name_of(place), each.sock) for place, door in places for each in door.sockets]

    def foreign(self) -> list[str]:
        """The endpoints of plugins, whose sockets are not meshd's to hand on."""
        return [door.wish.endpoint.text for door in self._open if isinstance(door, ForeignDoor)]

    def leave(self) -> None:
        """Close all doors as far as this process is concerned: another one listens at their sockets."""
        for door in self._open:
            if isinstance(door, SocketDoor | SharedDoor):
                for each in door.sockets:
                    each.leave()
        gone, self._open = self._open, []
        self._closing = DeferredList([self._closing, _close_all(gone)])

    async def close(self) -> None:
        """Close all doors."""
        await DeferredList([self._closing, self._close(self._open)])

    def _close(self, doors: Sequence[Door]) -> Deferred[Any]:
        for door in doors:
            self._tell("{listener} closes", door)
        return _close_all(doors)

    def _tell(self, text: str, door: Door) -> None:
        if self._aloud:
            self.log.info(text, listener=place_text(door))


def _listen(sock: ListeningSocket, endpoint: Endpoint) -> None:
    try:
        sock.listen(endpoint.backlog)
    except OSError as error:
        raise cannot_listen(endpoint.text, error) from error


def _meet(one: Wish, other: Wish) -> bool:
    """Whether a client of the one place may come to the other."""
    return isinstance(one.place, TCP) and isinstance(other.place, TCP) and overlap(one.place, other.place)


def _bequeath(door: Door, heir: Wish) -> None:
    """Let in whoever waits at a door that is about to close, to where its heir leads."""
    if isinstance(door, SocketDoor):
        door.serve(
            replace(door.wish, proxy=heir.proxy, endpoint=replace(door.wish.endpoint, haproxy=heir.endpoint.haproxy))
        )
        door.empty()


def _close_all(doors: Iterable[Door]) -> Deferred[Any]:
    return DeferredList([door.close() for door in doors], consumeErrors=True)


def own_listeners(doors: Iterable[Door], beyond: OwnListeners = OwnListeners()) -> OwnListeners:  # noqa: B008 (frozen)
    """The TCP addresses of the doors, and those beyond."""
    addresses = [address for door in doors if isinstance(address := door.address(), tuple)]
    return OwnListeners(
        ports=beyond.ports.union(port for _, port in addresses),
        addresses=beyond.addresses.union(host for host, _ in addresses),
    )
