"""All workers of a daemon, each at its station."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred, DeferredList, gatherResults
from twisted.logger import Logger
from twisted.python.failure import Failure

from meshd.auth.proven import Proven
from meshd.config import Config
from meshd.daemon.doors import Door
from meshd.daemon.faults import WorkerFailed
from meshd.daemon.listening import own_listeners
from meshd.daemon.sharing import SharedDoor
from meshd.daemon.workers.forks import Forks
from meshd.daemon.workers.messages import LEAVE, LOOK, PROVEN, REOPEN, STOP, TOLD, Settings, packed, pickled
from meshd.daemon.workers.portion import portion
from meshd.daemon.workers.station import Offer, Station
from meshd.exits.destinations import OwnListeners
from meshd.metrics.totals import Totals
from meshd.values.samples import Sample

GRACE = 15.0
"""Seconds beyond the time for draining in which a worker brings its counts home and ends."""

log = Logger()


class _Written(NamedTuple):
    """What was written last, and of what."""

    config: Config
    portion: Config
    pickled: bytes


class Crew:
    """Begins the workers, has all of them take what the daemon takes, and ends them."""

    def __init__(
        self,
        reactor: Any,
        count: int,
        died: Callable[[], None],
        told: Callable[[int, bytes], None],
        proven: Proven,
        totals: Totals,
    ) -> None:
        """totals: hears what workers tell in numbers.

        died: called when a process has ended unasked; told: called with what a worker tells of accounts' bounds."""
        self.count = count
        self._told = told
        self._proven = proven
        proven.told = lambda row: self._tell(PROVEN + row)
        self._offer: Callable[[], Offer] = _nothing
        self._written: _Written | None = None
        self._forks = Forks(reactor, self._ended)
        self._stations = [
            Station(reactor, number, self._forks, lambda: self._offer(), died, self._pass_on, proven.state, totals)  # noqa: PLW0108 (it changes)
            for number in range(1, count + 1)
        ]

    @property
    def complete(self) -> bool:
        """Whether every worker lets clients in."""
        return all(station.serves for station in self._stations)

    def samples(self) -> Iterator[Sample]:
        """Of each worker, whether it serves and how often it ended unasked."""
        for station in self._stations:
            labels = (("worker", str(station.number)),)
            yield "worker_up", labels, float(station.serves)
            yield "worker_restarts_total", labels, float(station.ended)

    def offered(self, config: Config, doors: Iterable[Door], beyond: OwnListeners | None = None, *, part: str) -> Offer:
        """What workers are to go by.  doors: the daemon's listeners; beyond: such as it has at this moment besides.

        part: tells the daemon apart in the store from the one before or after it.  Settings with a million exits take
        seconds to write: what was written last is kept, and sent again with the listeners that there are by then.
        """
        doors = tuple(doors)
        shared = tuple(door for door in doors if isinstance(door, SharedDoor))
        places = tuple(door.wish.place for door in shared for _ in range(len(door.sockets) // self.count))
        written = self._written
        if written is None or written.config is not config:
            own = portion(config, self.count)
            written = self._written = _Written(config, own, pickled(own))
        listeners = own_listeners(doors, beyond or OwnListeners())
        settings = Settings(written.portion, self.count, part, listeners, places)  # type: ignore[arg-type]
        return Offer(packed(settings, written.pickled), shared, self.count)

    async def start(self, offer: Offer) -> None:
        """Begin all workers, and wait until they let clients in.  Raises: WorkerFailed where one ends before."""
        self._offer = lambda: offer
        begun = DeferredList([station.begin() for station in self._stations], consumeErrors=True)
        for fine, outcome in await begun:
            if not fine:
                assert isinstance(outcome, Failure)
                outcome.raiseException()

    async def take(self, offer: Offer) -> list[str]:
        """Have all workers take these settings, and those that begin; a line for each that has not, and is replaced."""
        self._offer = lambda: offer
        whys = await gatherResults([station.take(offer) for station in self._stations])
        return [f"worker {number} is replaced: {why}" for number, why in enumerate(whys, 1) if why]

    def follow(self, offer: Callable[[], Offer]) -> None:
        """Have workers that begin from now on go by this."""
        self._offer = offer

    def reopen(self) -> None:
        """Have all workers begin new files of lines."""
        self._tell(REOPEN)

    def look(self) -> None:
        """Have all workers look at the change feed now."""
        self._tell(LOOK)

    def answers(self) -> bool:
        """Whether all workers have answered since this was last asked; they are asked again."""
        answered = all(station.answers for station in self._stations)
        for station in self._stations:
            station.ask()
        return answered

    async def stop(self, seconds: float, *, succeeded: bool = False) -> None:
        """End all workers, whose exchanges have so many seconds to end.  succeeded: as `drain` has it."""
        order = LEAVE if succeeded else STOP
        ending = [Deferred.fromCoroutine(station.stop(seconds + GRACE, order)) for station in self._stations]
        await DeferredList(ending, consumeErrors=True)
        await self._forks.stop()

    def share(self, rows: bytes) -> None:
        """Tell all workers what the daemon's own process has to say of accounts' bounds."""
        self._tell(TOLD + b"\0" + rows)

    def _pass_on(self, number: int, content: bytes) -> None:
        """Tell the others what one worker says of accounts' bounds, or of a password."""
        if content.startswith(PROVEN):
            self._proven.learn(content[len(PROVEN) :])
        else:
            self._told(number, content[len(TOLD) :])
            content = TOLD + bytes([number]) + content[len(TOLD) :]
        for station in self._stations:
            if station.number != number:
                station.tell(content)

    def _tell(self, order: bytes) -> None:
        for station in self._stations:
            station.tell(order)

    def _ended(self, pid: int, status: int) -> None:
        if status:
            log.warn("process {pid} of a worker has ended with status {status}", pid=pid, status=status)


def _nothing() -> Offer:
    raise WorkerFailed("there are no settings yet")
