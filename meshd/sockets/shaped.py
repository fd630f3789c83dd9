"""A tunnel of an account that is held to a rate: it asks for its room in the direction in which it moves bytes."""

from __future__ import annotations

from meshd.sockets.flow import Flow
from meshd.sockets.relay import Tunnel


class ShapedTunnel(Tunnel):
    """Moves bytes as its meter has room in each direction; a direction that has none is resumed by the meter.

    A Tunnel that is open when its account gets its first rate becomes one: both have the same slots.
    """

    __slots__ = ()

    def _pump(self, flow: Flow) -> None:
        self._moving = flow
        super()._pump(flow)
        if flow.pipe is not None and not flow.pipe.fill:
            self._return_pipe(flow)  # who waits for its turn holds none of the few pipes

    def _room(self) -> int:
        room = self._meter.room_up if self._moving.upward else self._meter.room_down
        if room <= 0:
            raise BlockingIOError
        return room
