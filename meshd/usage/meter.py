"""Counting: integers added in mapped memory, and one comparison with what the limits leave.

For the proxy: `Ledger.open` gives a Meter; call `sent_up`/`sent_down` for every byte from and to the client, as soon as
it was moved, and move no more than `room` at a time.  `room` is 0 when the account is over its limit (`stop` is then
called in a later turn of the reactor, never from within these calls), and while the store is asked how much is left:
`resume()` is called once there is room again.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Protocol

from meshd.model import Admission, Refusal
from meshd.sockets.metering import NOT_NOW
from meshd.usage.allowance import QUOTA_PARENT, About, Allowance, Way
from meshd.usage.throttle import Lane
from meshd.values.bounds import OnLimit
from meshd.values.terms import Terms


class Cells(Protocol):
    """What a tally needs of the journal."""

    words: memoryview[int]

    def cell(self, slot: int) -> int: ...


class Nowhere:
    """Cells whose counts nobody reads, for what is sent after a meter was closed."""

    def __init__(self) -> None:
        self.words = memoryview(array("Q", (0, 0, 0)))

    def cell(self, slot: int) -> int:
        return 0


class Renew(Protocol):
    """Lends more to a meter's allowances of which less than least bytes are lent, or has it resumed once there are."""

    def __call__(self, meter: Meter, least: int = 1, /) -> None: ...


class Tally:
    """The counters of one account and token in the journal, while anything of them is open, unbilled or unlogged."""

    __slots__ = (
        "cells",
        "down_at",
        "exchanges_at",
        "family",
        "key",
        "meter",
        "open",
        "own",
        "renew",
        "slot",
        "terms",
        "up_at",
        "visited",
    )

    def __init__(
        self,
        key: tuple[int, int, int | None],
        slot: int,
        cells: Cells,
        *,
        own: Allowance,
        family: Allowance,
        renew: Renew,
        visited: bool = False,
    ) -> None:
        """key: account, token and parent; visited: whether what is counted are visitors to something published, who are
        no clients of the account's.
        """
        self.key = key
        self.slot = slot
        self.cells = cells.words
        self.up_at = at = cells.cell(slot)
        self.down_at = at + 1
        self.exchanges_at = at + 2
        self.own = own
        self.family = family
        self.renew = renew
        self.open = 0
        """How many meters of the tally are open."""
        self.visited = visited
        self.terms: Terms | None = None
        """What its account was held to when it was asked last."""
        self.meter: type[Meter] = Meter
        """The meter that what begins now is counted by."""


class Meter:
    """One exchange's or tunnel's bytes, until it is closed."""

    __slots__ = (
        "about",
        "admission",
        "down",
        "lanes",
        "open",
        "proxy",
        "resume",
        "stop",
        "stopping",
        "tally",
        "up",
        "way",
    )
    lanes: tuple[Lane, Lane]
    """The directions up and down of an exchange that is held to a rate; not set for any other."""

    shaped = False
    """Whether its account is held to a rate."""

    def __init__(self, tally: Tally, admission: Admission, stop: Callable[[Refusal], None]) -> None:
        self.tally = tally
        self.admission = admission
        self.stop = stop
        """Called to end the exchange: a limit is reached, or the account may no longer pass."""
        self.open = True
        self.stopping = False
        """Whether `stop` was called already, or is about to be."""
        self.resume: Callable[[], None] | None = None
        """Called when `room` was 0 and no longer is."""
        self.proxy = ""
        """The named proxy that the exchange came through, and that its account must still be allowed to use."""
        self.about: About | None = None
        """The exchange that is counted, as long as the meter is open."""
        self.way: Way | None = None
        """Where the exchange goes, for rules that change while it goes on."""
        self.up = 0
        self.down = 0

    @property
    def whose(self) -> int:
        """The account's id."""
        return self.tally.key[0]

    def sent_up(self, n: int, /) -> None:
        """Count n bytes from the client."""
        tally = self.tally
        tally.cells[tally.up_at] += n
        self.up += n
        own = tally.own
        family = tally.family
        own.room -= n
        family.room -= n
        if own.room <= 0 or family.room <= 0:
            tally.renew(self)

    def paid(self, n: int, /) -> bool:
        """Count n bytes from the client if there is room for all of them, else none."""
        tally = self.tally
        if tally.own.room < n or tally.family.room < n:
            return False
        self.sent_up(n)
        return True

    def sent_down(self, n: int, /) -> None:
        """Count n bytes to the client."""
        tally = self.tally
        tally.cells[tally.down_at] += n
        self.down += n
        own = tally.own
        family = tally.family
        own.room -= n
        family.room -= n
        if own.room <= 0 or family.room <= 0:
            tally.renew(self)

    @property
    def room(self) -> int:
        """How many bytes may be moved now."""
        tally = self.tally
        own = tally.own.room
        family = tally.family.room
        if own > 0 and family > 0:
            return own if own < family else family
        tally.renew(self)
        return max(0, min(tally.own.room, tally.family.room))

    room_up = room_down = room

    def against(self, size: int, *, upward: bool, on_limit: OnLimit) -> Refusal | None:
        """Why size bytes that cannot be parted, a datagram's, may not be moved now; None where they may.

        NOT_NOW where they may later: the store is asked where it has to say so, and `resume` called once it has.  Else
        the refusal of a limit that leaves fewer, with which the exchange is to end.
        on_limit: what happens at a limit where the account's terms say nothing of it.
        """
        least = size or 1  # one that carries nothing is not counted, but goes no further than the others
        if (self.room_up if upward else self.room_down) >= least:
            return None
        own, family = self.tally.own, self.tally.family
        for allowance, refusal in ((own, own.reason), (family, QUOTA_PARENT)):
            if allowance.ends_before(least, on_limit):
                return refusal
            if allowance.room < least:
                self.tally.renew(self, least)
            if not allowance.lends_whole(least, on_limit):
                return NOT_NOW
        if not self.shaped or (self.room_up if upward else self.room_down) >= least:
            return None
        return NOT_NOW

    def weigh(self, size: int, *, upward: bool) -> None:
        """Take from a rate what a datagram of size bytes takes besides these, which are counted by themselves."""

    def await_up(self, size: int) -> None:
        """Have `resume` called when a rate may leave more from the client than now, which is less than size bytes; not
        from within `resume` itself.
        """
