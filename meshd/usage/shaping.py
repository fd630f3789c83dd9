"""Accounts whose bytes are held to a rate: what their exchanges share, and the meter that heeds it.

An account without a rate has a plain Meter, which knows nothing of this.
"""

from __future__ import annotations

from collections.abc import Callable

from meshd.model import Admission, Refusal
from meshd.running.ticks import Ticks
from meshd.sockets.relay import Tunnel
from meshd.sockets.tunnels import shape as shape_tunnel
from meshd.usage.allowance import Allowance
from meshd.usage.meter import Meter, Tally
from meshd.usage.throttle import Lane, Pace
from meshd.values.terms import Terms

KBIT = 125
"""Bytes in a kilobit."""

UP, DOWN = 0, 1

HEADS, SMALLEST = 28, 64
"""Bytes of a datagram's heads, of UDP and IP, and with them what one takes of a rate at least: a frame of Ethernet.
They are not billed; but to move a datagram is work, and without them an empty one would be none.
"""


class ShapedMeter(Meter):
    """A meter whose room in each direction is also what the rates leave.

    A Meter that is open when its account gets its first rate becomes one: both have the same slots.
    """

    __slots__ = ()

    shaped = True

    def __init__(self, tally: Tally, admission: Admission, stop: Callable[[Refusal], None]) -> None:
        super().__init__(tally, admission, stop)
        self.lanes = Lane(), Lane()

    @property
    def room_up(self) -> int:
        """How many bytes may be moved from the client now; where there are none, `resume` is called later."""
        room, tally = self.room, self.tally
        for pace in (tally.own.pace, tally.family.pace):
            if pace is not None and room:
                room = min(room, pace.up.allow(self.lanes[UP], self._go_on))
        return room

    @property
    def room_down(self) -> int:
        """How many bytes may be moved to the client now; where there are none, `resume` is called later."""
        room, tally = self.room, self.tally
        for pace in (tally.own.pace, tally.family.pace):
            if pace is not None and room:
                room = min(room, pace.down.allow(self.lanes[DOWN], self._go_on))
        return room

    def weigh(self, size: int, *, upward: bool) -> None:
        n, tally = max(HEADS, SMALLEST - size), self.tally
        for pace in (tally.own.pace, tally.family.pace):
            if pace is None:
                continue
            if upward:
                pace.up.tokens -= n
                pace.moved_up += n
            else:
                pace.down.tokens -= n
                pace.moved_down += n
        self.lanes[UP if upward else DOWN].spend(n)

    def await_up(self, size: int) -> None:
        tally = self.tally
        for pace in (tally.own.pace, tally.family.pace):
            if pace is not None and pace.up.rate and pace.up.allow(self.lanes[UP], self._go_on) < size:
                pace.up.want(self.lanes[UP], self._go_on)
                return

    def sent_up(self, n: int) -> None:
        """Count n bytes from the client."""
        tally = self.tally
        for pace in (tally.own.pace, tally.family.pace):
            if pace is not None:
                pace.up.tokens -= n
                pace.moved_up += n
        self.lanes[UP].spend(n)
        super().sent_up(n)

    def sent_down(self, n: int) -> None:
        """Count n bytes to the client."""
        tally = self.tally
        for pace in (tally.own.pace, tally.family.pace):
            if pace is not None:
                pace.down.tokens -= n
                pace.moved_down += n
        self.lanes[DOWN].spend(n)
        super().sent_down(n)

    def _go_on(self) -> None:
        if self.open and self.resume is not None:
            self.resume()


def shape(meter: Meter) -> None:
    """Let an open exchange, a tunnel too, heed its account's rates from now on."""
    if not meter.shaped:
        meter.lanes = Lane(), Lane()
        meter.__class__ = ShapedMeter
        owner = getattr(meter.resume, "__self__", None)
        if isinstance(owner, Tunnel):
            shape_tunnel(owner)


class Shaping:
    """Gives accounts the paces that their terms ask for."""

    def __init__(self, ticks: Ticks) -> None:
        self._ticks = ticks

    def adopt(self, tally: Tally, terms: Terms | None) -> None:
        """Hold the tally's account and its family to these terms, and let what begins have the meter for it."""
        tally.terms = terms
        tally.own.bounded = tally.family.bounded = terms is not None
        shaped = [self._paced(each, terms) for each in (tally.own, tally.family)]
        tally.meter = ShapedMeter if any(shaped) else Meter

    def _paced(self, allowance: Allowance, terms: Terms | None) -> bool:
        """Give the allowance its pace; whether it has one.  What is open then heeds its first one."""
        group = allowance.standing.account_id
        up, down = (terms.rate(group, "kbit_up"), terms.rate(group, "kbit_down")) if terms is not None else (0, 0)
        if allowance.pace is None and (up or down):
            allowance.pace = Pace(self._ticks)
            for meter in tuple(allowance.counted_by()):
                assert isinstance(meter, Meter)
                shape(meter)
        if allowance.pace is not None:
            allowance.pace.set(up * KBIT, down * KBIT)
        return bool(up or down)
