"""Exchanges that wait for their turn: a row for each account and each thing it has too much of, in order of arrival.

A browser opens a hundred connections at once and shows an error for each that is refused; none of them reads
`Retry-After`.  So an exchange too many waits a moment before it is refused.  While none waits, nothing is done here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from typing import Any

from twisted.internet.interfaces import IReactorTime

from meshd.model import Refusal
from meshd.sockets.ends import ClientGone
from meshd.sockets.task import READING, Task, parked
from meshd.sockets.wire import Watcher, Wire

BEAT = 0.1
"""Seconds between two looks at every row: room under a rate comes as time passes, and nobody announces it."""

TOGETHER = 8
"""Exchanges that go on in one turn of the reactor: each may dial, for which all others have to wait."""

LOOKS = 64
"""Rows that are looked at in one turn of the reactor."""


class Row:
    """The exchanges that wait for one thing, in order of arrival."""

    __slots__ = ("refusal", "waiting")

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        """Why these exchanges wait, and the answer to one for which there is no place."""
        self.waiting: dict[Place, None] = {}

    def __len__(self) -> int:
        return len(self.waiting)


class Place:
    """The place in a row where one task waits."""

    __slots__ = ("granted", "reader", "writer")

    def __init__(self) -> None:
        self.reader: Task | None = None
        self.writer: Task | None = None
        self.granted = True
        """Whether the wait ends because the turn has come; False where this place was taken away."""

    def leave(self) -> None:
        """Resume the task that waits here, if it has not left already."""
        task, self.reader = self.reader, None
        if task is not None:
            task.resume()


class Line:
    """All rows.  Whether there is room is asked each time and never remembered: whoever counts keeps the counts."""

    def __init__(
        self, clock: IReactorTime, may: Callable[[Any], bool], most: Callable[[], int] = lambda: 2**62
    ) -> None:
        """may: whether the first exchange of the row with this key may go on now; most: how many may wait in all."""
        self._clock = clock
        self._may = may
        self._most = most
        self._rows: dict[Hashable, Row] = {}
        self._ready: dict[Hashable, None] = {}
        """Keys of the rows to look at, in turn."""
        self._giving_way: deque[Place] = deque()
        """Places that were taken from their rows, and whose tasks are still to be resumed."""
        self._beating: Any = None
        self._turning: Any = None
        self.waiting = 0

    def ahead(self, key: Hashable) -> Refusal | None:
        """Why the exchanges of this row wait, whom a new one may not overtake; None where nobody waits there."""
        row = self._rows.get(key)
        return row.refusal if row is not None else None

    async def turn(self, key: Hashable, refusal: Refusal, places: float) -> bool:
        """Wait for this exchange's turn; False where there is no place for it, or its place was taken away.

        places: how many may wait in the row.  Runs in a Task, and an exception thrown into that ends the wait.
        """
        if not self._has_place(key, places):
            return False
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = Row(refusal)
        place = Place()
        row.waiting[place] = None
        self.waiting += 1
        if self._beating is None:
            self._beating = self._clock.callLater(BEAT, self._beat)
        try:
            await parked(place, READING)
        finally:
            self._left(key, row, place)
        return place.granted

    def freed(self, key: Hashable) -> None:
        """Have this row looked at in a later turn of the reactor, since there may be room for its next exchange."""
        if key in self._rows:
            self._ready[key] = None
            self._soon()

    # Rows

    def _has_place(self, key: Hashable, places: float) -> bool:
        """Whether there is a place in this row and among all; if all are full, the longest row may lose its last."""
        row = self._rows.get(key)
        size = len(row) if row is not None else 0
        if size >= places:
            return False
        if self.waiting < self._most():
            return True
        longest = max(self._rows.values(), key=len, default=None)
        if longest is None or len(longest) <= size + 1:
            return False
        place, _ = longest.waiting.popitem()
        self.waiting -= 1
        place.granted = False
        self._giving_way.append(place)
        self._soon()
        return True

    def _left(self, key: Hashable, row: Row, place: Place) -> None:
        if place in row.waiting:
            del row.waiting[place]
            self.waiting -= 1
        if not row.waiting and self._rows.get(key) is row:
            del self._rows[key]

    # Turns

    def _beat(self) -> None:
        self._beating = None
        if self._rows:
            self._ready.update(dict.fromkeys(self._rows))
            self._beating = self._clock.callLater(BEAT, self._beat)
            self._soon()

    def _soon(self) -> None:
        if self._turning is None:
            self._turning = self._clock.callLater(0, self._turns)

    def _turns(self) -> None:
        """Let the first of each row go on, row by row, while there is room; the rest in the reactor's next turns."""
        self._turning = None
        looks, going = LOOKS, TOGETHER
        while self._giving_way and going:
            self._giving_way.popleft().leave()
            going -= 1
        while self._ready and looks and going:
            key = next(iter(self._ready))
            del self._ready[key]
            looks -= 1
            going -= self._next_of(key)
        if self._ready or self._giving_way:
            self._soon()

    def _next_of(self, key: Hashable) -> bool:
        """Let the first exchange of that row go on if there is room; whether it has gone on."""
        row = self._rows.get(key)
        if row is None or not self._may(key):
            return False
        next(iter(row.waiting)).leave()
        if key in self._rows:
            self._ready[key] = None
        return True


class Leaving(Watcher):
    """Throws ClientGone into a request's task when the client leaves while the request waits."""

    __slots__ = ("_listens", "_task", "_wire")

    def __init__(self, wire: Wire, task: Task, *, listens: bool) -> None:
        """listens: whether a client that has ended its sending side may still want the answer."""
        self._wire = wire
        self._task = task
        self._listens = listens

    def check(self) -> None:
        """Make sure that the client has not left already.  Raises: ClientGone."""
        if self._left():
            raise ClientGone

    def stirred(self, wire: Wire) -> None:
        """End the wait if what came is the client's end."""
        if self._left():
            self._task.throw(ClientGone())

    def _left(self) -> bool:
        wire = self._wire
        return wire.gone or (wire.ending and not self._listens and wire.spent())
