"""A tunnel with TLS on one side or on both: plain bytes are counted, sealed ones are what its sockets carry."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any

from meshd.sockets.flow import Flow
from meshd.sockets.poll import OUT
from meshd.sockets.relay import Tunnel
from meshd.sockets.sealed import PIECE, Sealed
from meshd.sockets.shaped import ShapedTunnel
from meshd.sockets.wire import READ_SIZE, shutdown

TURN = 1024 * 1024
"""Bytes that one direction moves before others get their turn: a millisecond's work for a cipher."""


class SealedTunnel(Tunnel):
    """Copies all bytes: the kernel cannot move what has to be sealed or opened on the way."""

    __slots__ = ("_broken", "_sealed")

    turn = TURN

    def __init__(self, *parts: Any, sealed: Mapping[int, Sealed]) -> None:
        """sealed: by descriptor, the TLS of a side that speaks it; parts: as in Tunnel."""
        super().__init__(*parts)
        self._sealed = sealed
        self._broken = False
        """Whether a side has failed, so that nobody is told of a proper end."""

    def start(self, client_readable: bool, origin_readable: bool, /) -> None:
        """As of any tunnel; a side that speaks TLS may have given bytes that were not opened yet."""
        sealed = self._sealed
        super().start(client_readable or self._up.source in sealed, origin_readable or self._down.source in sealed)

    def ready(self, fd: int, events: int) -> None:
        """As of any tunnel, once what is sealed for fd is sent."""
        sealed = self._sealed.get(fd)
        if sealed is not None and events & OUT and sealed.unsent:
            self._flush(fd, sealed)
        super().ready(fd, events)

    def _move(self, flow: Flow) -> None:
        """As of any tunnel; what is sealed has to be sent before more is read.  Raises: BlockingIOError, OSError."""
        if flow.blocked and not flow.held:
            if self._sealed[flow.sink].unsent:
                raise BlockingIOError
            flow.blocked = False
        super()._move(flow)

    def _read(self, flow: Flow, room: int) -> int:
        """Read plain bytes, never so many that `splice` would be worth it.  Raises: BlockingIOError, OSError."""
        if flow.early:
            data, flow.early = flow.early[:room], flow.early[room:]
        elif (sealed := self._sealed.get(flow.source)) is not None:
            flow.unsure = True  # a short read says nothing: a record that is incomplete may be in the socket
            data = _opened(flow.source, sealed, min(room, PIECE))
        else:
            data = os.read(flow.source, min(room, PIECE))
        flow.held = data
        if flow.upward and data:
            self._meter.sent_up(len(data))
        return len(data)

    def _write_held(self, flow: Flow) -> None:
        """Seal and send the bytes that were copied.  Raises: BlockingIOError while any are left, OSError."""
        sealed = self._sealed.get(flow.sink)
        if sealed is None:
            super()._write_held(flow)
            return
        flow.blocked = True
        while sealed.flush(flow.sink):
            if not flow.held:
                flow.blocked = False
                return
            if flow.upward:
                flow.held = flow.held[sealed.seal(flow.held) :]
                continue
            count = sealed.seal(flow.held[: self._room()])
            flow.held = flow.held[count:]
            self._meter.sent_down(count)
            if self._ended is None:
                return
        raise BlockingIOError

    def _end_sink(self, flow: Flow) -> None:
        sealed = self._sealed.get(flow.sink)
        if sealed is None:
            super()._end_sink(flow)
        else:
            sealed.part()
            self._flush(flow.sink, sealed)

    def _flush(self, fd: int, sealed: Sealed) -> None:
        """Send what is sealed, and shut down behind the notice that nothing more comes."""
        try:
            if sealed.flush(fd) and sealed.parted:
                shutdown(fd, socket.SHUT_WR)
        except OSError:
            pass  # the next read or write fails likewise

    def _fail(self, flow: Flow) -> None:
        self._broken = True
        super()._fail(flow)

    def _close_side(self, fd: int) -> None:
        sealed = self._sealed.get(fd)
        if sealed is None or self._broken:
            super()._close_side(fd)
        else:
            self._relay.securing.leave(fd, sealed, self._meter.whose)

    def _leave_client(self, fd: int) -> None:
        self._relay.deliveries.deliver(fd, self._sealed.get(fd), whose=self._meter.whose)


class ShapedSealedTunnel(ShapedTunnel, SealedTunnel):
    """A tunnel with TLS whose account is held to a rate."""

    __slots__ = ()


def _opened(fd: int, sealed: Sealed, most: int) -> bytes:
    """Read plain bytes; b"" where the peer has ended.  Raises: BlockingIOError, OSError."""
    while (data := sealed.open(most)) is None:
        sealed.take(os.read(fd, READ_SIZE))
    if sealed.unsent:
        sealed.flush(fd)
    return data
