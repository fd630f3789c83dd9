"""A tunnel: two sockets, each byte of one to the other, counted, half-closed, with back-pressure.

Small pieces are copied; a direction whose read comes back full changes to `splice` through a lent pipe, and the kernel
moves its bytes without this process seeing them.  An idle tunnel holds no pipe, no buffer, no coroutine and no timer.
No more is read than the meter has room for, so a limit is met to the byte.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from meshd.sockets.delivering import Deliveries
from meshd.sockets.flow import Flow
from meshd.sockets.poll import OUT, UNSURE, Poller
from meshd.sockets.secure import Securing
from meshd.sockets.task import Again
from meshd.sockets.windows import trust_reader
from meshd.sockets.wire import linger_none, shutdown

if TYPE_CHECKING:
    from meshd.model import Refusal
    from meshd.sockets.metering import TunnelMeter
    from meshd.sockets.pipes import Pipe, Pipes
    from meshd.sockets.wheel import Wheel
    from meshd.topology import Live

SMALL = 16 * 1024
"""Bytes of a read that copies; a direction that has so many ready changes to `splice`."""

TURN = 4 * 1024 * 1024
"""Bytes that one direction moves before others get their turn: about a millisecond with `splice`, which copies none."""

SPLICE_FLAGS = getattr(os, "SPLICE_F_NONBLOCK", 2) | getattr(os, "SPLICE_F_MOVE", 1)


class Relay:
    """What all tunnels share."""

    __slots__ = ("again", "deliveries", "live", "pipes", "poller", "securing", "wheel")

    def __init__(self, poller: Poller, wheel: Wheel, pipes: Pipes, again: Again, live: Live) -> None:
        self.poller, self.wheel = poller, wheel
        self.pipes = pipes
        self.again, self.live = again, live
        self.deliveries = Deliveries(poller, wheel)
        self.securing = Securing(self.deliveries, again, lambda: live.timeouts.half_closed)
        """What wires of peers that speak TLS share."""


class Tunnel:
    """Owns both descriptors until both directions have ended, or one of them failed."""

    __slots__ = ("_down", "_ended", "_meter", "_moving", "_relay", "_up", "deadline", "slot")
    turn = TURN
    """Bytes that one direction of such a tunnel moves before others get their turn."""
    _moving: Flow
    """Of a tunnel that is held to a rate: the direction that moves bytes at this moment."""

    def __init__(self, relay: Relay, meter: TunnelMeter, up: Flow, down: Flow, ended: Callable[[str], None]) -> None:
        """up, down: the directions between two descriptors that are registered with the poller.

        ended: called once, with "" after both directions have ended, else with the reason.
        """
        self._relay = relay
        self._meter = meter
        self._up = up
        self._down = down
        self._ended: Callable[[str], None] | None = ended
        self.deadline = 0.0
        self.slot = 0

    def start(self, client_readable: bool, origin_readable: bool, /) -> None:
        """Take both descriptors over, and move the bytes that were handed over, and what came into the sockets before
        the tunnel owned them.
        """
        relay = self._relay
        for flow in (self._up, self._down):
            relay.poller.hand_over(flow.source, self)
        relay.wheel.arm(self, relay.live.timeouts.idle)
        for flow, readable in ((self._down, origin_readable), (self._up, client_readable)):
            flow.unsure = readable  # the poller may have announced the source's end to the owner before
            if (flow.early or flow.held or readable) and self._ended is not None:
                self._pump(flow)

    def ready(self, fd: int, events: int, /) -> None:
        """Move all that can be moved, since an edge-triggered event does not come a second time."""
        up, down = self._up, self._down
        reads, writes = (up, down) if fd == up.source else (down, up)
        if events & ~OUT:
            if events & UNSURE:
                reads.unsure = True
            if not reads.blocked:
                self._pump(reads)
        if events & OUT and writes.blocked and self._ended is not None:
            self._pump(writes)

    def expired(self) -> None:
        self.close("idle-timeout")

    def resume(self) -> None:
        """Go on, since the meter has room again."""
        for flow in (self._up, self._down):
            if self._ended is not None:
                self._pump(flow)

    def stopped(self, refusal: Refusal) -> None:
        """End the tunnel, whose account may go no further; may be called from within `sent_up` and `sent_down`."""
        self._end(refusal.reason, self._leave_client)

    def close(self, reason: str, /) -> None:
        """End both directions now; calling it again changes nothing."""
        self._end(reason, self._close_side)

    def _end(self, reason: str, close_client: Callable[[int], None]) -> None:
        ended = self._ended
        if ended is None:
            return
        self._ended = None
        relay = self._relay
        relay.wheel.disarm(self)
        for flow, close in ((self._up, close_client), (self._down, self._close_side)):
            self._return_pipe(flow)
            close(flow.source)
            flow.source = flow.sink = -1  # the kernel may give the number to another account's socket at once
        # Or tunnel and meter would keep each other alive until the garbage collector runs.
        self._meter.stop = over
        self._meter.resume = None
        ended(reason)

    def _close_side(self, fd: int) -> None:
        self._relay.poller.close(fd)

    def _leave_client(self, fd: int) -> None:
        self._relay.deliveries.deliver(fd, whose=self._meter.whose)

    def _pump(self, flow: Flow, /) -> None:
        """Move what can be moved in one direction; a failure on either side ends the tunnel."""
        try:
            self._move(flow)
        except BlockingIOError:
            pass
        except OSError:
            self._fail(flow)
            return
        if self._ended is not None:
            relay = self._relay
            half = self._up.ended or self._down.ended
            timeouts = relay.live.timeouts
            self.deadline = relay.wheel.monotonic + (timeouts.half_closed if half else timeouts.idle)

    def _move(self, flow: Flow) -> None:
        """Move bytes until the source ends, or others are next.  Raises: BlockingIOError; OSError from a lost side."""
        budget = self.turn
        while budget > 0 and self._ended is not None:
            if flow.held:
                self._write_held(flow)
            if flow.pipe is not None and flow.pipe.fill:
                self._drain(flow, flow.pipe)
            if self._ended is None or flow.ended:
                return
            room = self._room()
            moved = self._splice_in(flow, room) if flow.fast else self._read(flow, room)
            if moved == 0:
                self._pass_end(flow)
                return
            budget -= moved
            if flow.held and moved < SMALL and moved < room and not flow.unsure:
                # A read that got less than it asked for has emptied the socket: the poller announces what comes later.
                self._write_held(flow)
                return
        if self._ended is not None:
            self._relay.again(lambda: self._go_on(flow))

    def _go_on(self, flow: Flow) -> None:
        if self._ended is not None and not flow.blocked:
            self._pump(flow)

    def _read(self, flow: Flow, room: int) -> int:
        if flow.early:
            data, flow.early = flow.early[:room], flow.early[room:]
        else:
            try:
                data = os.read(flow.source, SMALL if room > SMALL else room)
            except BlockingIOError:
                flow.unsure = False
                raise
        count = len(data)
        flow.held = data
        flow.fast = count == SMALL
        if flow.upward and count:
            self._meter.sent_up(count)
        return count

    def _splice_in(self, flow: Flow, room: int) -> int:
        """Fill a pipe from the source; copy where no pipe is to be had.  Raises: BlockingIOError, OSError."""
        pipe = flow.pipe or self._relay.pipes.take()
        if pipe is None:
            return self._read(flow, room)
        flow.pipe = pipe
        size = flow.reach
        try:
            count = os.splice(flow.source, pipe.write_end, size if room > size else room, flags=SPLICE_FLAGS)
        except BlockingIOError:
            self._return_pipe(flow)
            if not flow.unsure:
                raise
            return self._read(flow, room)
        if not count:  # the source's end, or urgent data and that end behind it
            self._return_pipe(flow)
            return self._read(flow, room)
        pipe.fill = count
        flow.fast = count >= SMALL
        if flow.upward and count:
            self._meter.sent_up(count)
        return count

    def _write_held(self, flow: Flow) -> None:
        """Write the bytes that were copied.  Raises: BlockingIOError while any are left."""
        flow.blocked = True
        held = flow.held
        if flow.upward:
            sent = os.write(flow.sink, held)
            flow.held = held[sent:]
        else:
            sent = os.write(flow.sink, held[: self._room()])
            flow.held = held[sent:]
            self._meter.sent_down(sent)
        if flow.held:
            raise BlockingIOError
        flow.blocked = False

    def _drain(self, flow: Flow, pipe: Pipe) -> None:
        """Empty the pipe into the sink.  Raises: BlockingIOError while anything is left in the pipe."""
        flow.blocked = True
        while pipe.fill and self._ended is not None:
            if flow.upward:
                pipe.fill -= os.splice(pipe.read_end, flow.sink, pipe.fill, flags=SPLICE_FLAGS)
            else:
                sent = os.splice(pipe.read_end, flow.sink, min(pipe.fill, self._room()), flags=SPLICE_FLAGS)
                pipe.fill -= sent
                self._meter.sent_down(sent)
                if flow.unproven > 0:
                    self._prove(flow, sent)
        flow.blocked = False
        if flow.reach < self._relay.pipes.size:
            flow.reach *= 2
        if not flow.fast:
            self._return_pipe(flow)

    def _prove(self, flow: Flow, taken: int) -> None:
        flow.unproven -= taken
        if flow.unproven <= 0:
            trust_reader(flow.sink)

    def _room(self) -> int:
        """Bytes that may be moved now.  Raises: BlockingIOError where there are none: `resume` or `stopped` follows."""
        room = self._meter.room
        if room <= 0:
            raise BlockingIOError
        return room

    def _pass_end(self, flow: Flow) -> None:
        """Shut down the sink's writing side, since the source has ended; with the second direction the tunnel ends."""
        flow.ended = True
        self._return_pipe(flow)
        if self._up.ended and self._down.ended:
            self.close("")
        else:
            self._end_sink(flow)
            self._relay.wheel.arm(self, self._relay.live.timeouts.half_closed)  # sooner than the idle timeout

    def _end_sink(self, flow: Flow) -> None:
        shutdown(flow.sink, socket.SHUT_WR)

    def _return_pipe(self, flow: Flow) -> None:
        if flow.pipe is not None:
            self._relay.pipes.give_back(flow.pipe)
            flow.pipe = None

    def _fail(self, flow: Flow) -> None:
        """Reset both sides, since one has failed; close both properly where the origin had already said all."""
        if self._ended is None:
            return
        if self._down.ended:
            self.close("")
            return
        for fd in (flow.source, flow.sink):
            linger_none(fd)
            self._relay.poller.reset(fd)
        self.close("reset")


def over(refusal: Refusal) -> None:
    """Do nothing: the tunnel has ended already."""
