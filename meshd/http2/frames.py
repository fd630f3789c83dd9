"""The frames that a session mostly consists of, taken and written without the `h2` library's objects for each.

Their meaning is the library's, and so is the state that they change.  What is out of the ordinary in any way (padding,
the end of a body, a window that is exceeded, a stream that is closed) is left to the library, frame by frame.
"""

from __future__ import annotations

import struct
from typing import Any

from h2.config import H2Configuration
from h2.connection import AllowedStreamIDs, ConnectionState, H2Connection, _decode_headers
from h2.errors import ErrorCodes
from h2.events import DataReceived, Event, RequestReceived, StreamEnded, WindowUpdated
from h2.exceptions import ProtocolError
from h2.frame_buffer import FrameBuffer
from h2.stream import H2Stream, StreamClosedBy, StreamState
from hyperframe.exceptions import InvalidPaddingError
from hyperframe.frame import Frame

from meshd.http2.fields import Field, FieldEncoder

HEADER = struct.Struct(">HBBBL")
"""Before the payload of a frame: its length in two parts, type, flags and stream."""

DATA, HEADERS, WINDOW_UPDATE, CONTINUATION = 0x0, 0x1, 0x8, 0x9
END_STREAM, END_HEADERS, PADDED, PRIORITY = 0x1, 0x4, 0x8, 0x20
NUMBER = 2**31 - 1
"""The bits of a stream's number, and of a window; the highest bit is nobody's."""

A_PRIORITY = 5
"""Bytes of a dependency and a weight."""

_GOES_ON = (StreamState.OPEN, StreamState.HALF_CLOSED_LOCAL, StreamState.HALF_CLOSED_REMOTE)
_IS_HEARD = (StreamState.OPEN, StreamState.HALF_CLOSED_LOCAL)
_IS_ANSWERED = (StreamState.OPEN, StreamState.HALF_CLOSED_REMOTE)


class QuickConnection(H2Connection):
    """A server's session."""

    def __init__(self, config: H2Configuration) -> None:
        super().__init__(config)
        self.encoder = FieldEncoder()
        self.streams_at_once = 0
        """Streams below which one more is none too many; above it the library counts those that are open."""
        self._said: list[bytes] = []

    # What comes in

    def receive_data(self, data: Any) -> list[Event]:
        """As the library does.  Raises: ProtocolError."""
        buffer, events = self.incoming_buffer, list[Event]()
        buffer.add_data(data)
        buffer.max_frame_size = self.max_inbound_frame_size
        try:
            self._taken(buffer, events)
            for frame in buffer:
                events += self._receive_frame(frame)
                self._tidy(frame.stream_id)
                self._taken(buffer, events)
        except InvalidPaddingError as error:
            self._terminate_connection(ProtocolError.error_code)
            raise ProtocolError("a frame with more padding than it has bytes") from error
        except ProtocolError as error:
            self._terminate_connection(error.error_code)
            raise
        return events

    def _taken(self, buffer: FrameBuffer, events: list[Event]) -> None:
        """Take the frames with which the buffer begins, as far as they are whole and ordinary."""
        raw, at = buffer._data, 0
        if buffer._headers_buffer or self.state_machine.state is not ConnectionState.SERVER_OPEN:
            return
        while len(raw) - at >= HEADER.size:
            high, low, kind, flags, number = HEADER.unpack_from(raw, at)
            begin = at + HEADER.size
            end = begin + (high << 8 | low)
            if end > len(raw) or end - begin > self.max_inbound_frame_size:
                break
            with memoryview(raw) as view:
                event = self._event(kind, flags, number & NUMBER, view[begin:end])
            if event is None:
                break
            events.append(event)
            at = end
        del raw[:at]

    def _event(self, kind: int, flags: int, number: int, payload: memoryview) -> Event | None:
        """What an ordinary frame says; None for any other, of which nothing is taken then."""
        if kind == DATA and not flags & (END_STREAM | PADDED):
            return self._data(number, payload)
        if kind == HEADERS and flags & END_HEADERS and not flags & PADDED:
            return self._request(flags, number, payload)
        if kind == WINDOW_UPDATE and len(payload) == 4:
            return self._room(number, int.from_bytes(payload, "big") & NUMBER)
        return None

    def _data(self, number: int, payload: memoryview) -> Event | None:
        stream, size, windows = self.streams.get(number), len(payload), self._inbound_flow_control_window_manager
        if stream is None or stream.state_machine.state not in _IS_HEARD:
            return None
        own = stream._inbound_window_manager
        if size > windows.current_window_size or size > own.current_window_size:
            return None
        windows.current_window_size -= size
        own.current_window_size -= size
        return DataReceived(stream_id=number, data=bytes(payload), flow_controlled_length=size)

    def _request(self, flags: int, number: int, payload: memoryview) -> Event | None:
        if number <= self.highest_inbound_stream_id or not number & 1 or len(self.streams) >= self.streams_at_once:
            return None
        if flags & PRIORITY:
            if len(payload) < A_PRIORITY or int.from_bytes(payload[:4], "big") & NUMBER == number:
                return None
            payload = payload[A_PRIORITY:]
        fields = _decode_headers(self.decoder, bytes(payload))
        stream = self._begin_new_stream(number, AllowedStreamIDs.ODD)
        state, ended = stream.state_machine, None
        state.client, state.headers_received, state.state = False, True, StreamState.OPEN
        if flags & END_STREAM:
            state.state, ended = StreamState.HALF_CLOSED_REMOTE, StreamEnded(stream_id=number)
        return RequestReceived(stream_id=number, headers=list(fields), stream_ended=ended)

    def _room(self, number: int, size: int) -> Event | None:
        stream = self.streams.get(number) if number else None
        if not size or (number and (stream is None or stream.state_machine.state not in _GOES_ON)):
            return None
        place = self if stream is None else stream
        if place.outbound_flow_control_window + size > NUMBER:
            return None
        place.outbound_flow_control_window += size
        return WindowUpdated(stream_id=number, delta=size)

    # What goes out

    def room(self, number: int) -> int:
        """How many bytes the client takes of that stream now.  Raises: ProtocolError, if it is closed."""
        stream = self._get_stream_by_id(number)
        return max(0, min(self.outbound_flow_control_window, stream.outbound_flow_control_window))

    def send_headers(self, stream_id: int, headers: Any, end_stream: bool = False, *others: Any, **more: Any) -> None:
        """As the library does; headers: a list of names and values.  Raises: ProtocolError."""
        stream = self._answered(stream_id)
        if stream is None or stream.state_machine.headers_sent or not _is_final(headers):
            super().send_headers(stream_id, headers, end_stream, *others, **more)
            return
        stream.state_machine.headers_sent = True
        block, most = self.encoder.encode(headers), self.max_outbound_frame_size
        kind, flags = HEADERS, END_STREAM if end_stream else 0
        while len(block) > most:
            self._write(kind, flags, stream_id, block[:most])
            kind, flags, block = CONTINUATION, 0, block[most:]
        self._write(kind, flags | END_HEADERS, stream_id, block)
        if end_stream:
            self._end(stream)

    def send_data(self, stream_id: int, data: Any, end_stream: bool = False, pad_length: Any = None) -> None:
        """As the library does.  Raises: ProtocolError."""
        stream, size = self._answered(stream_id), len(data)
        fits = pad_length is None and size <= min(self.room(stream_id), self.max_outbound_frame_size)
        if stream is None or not stream.state_machine.headers_sent or not fits:
            super().send_data(stream_id, data, end_stream, pad_length)
            return
        self.outbound_flow_control_window -= size
        stream.outbound_flow_control_window -= size
        self._write(DATA, END_STREAM if end_stream else 0, stream_id, data)
        if end_stream:
            self._end(stream)

    def _answered(self, number: int) -> H2Stream | None:
        """A stream that may be answered; None for any other that is there.  Raises: ProtocolError."""
        stream = self._get_stream_by_id(number)
        if stream.state_machine.state not in _IS_ANSWERED:
            return None
        return stream if self.state_machine.state is ConnectionState.SERVER_OPEN else None

    def _end(self, stream: H2Stream) -> None:
        """Note that a stream's answer has ended, and forget it at once where nothing more comes either."""
        state = stream.state_machine
        if state.state is StreamState.OPEN:
            state.state = StreamState.HALF_CLOSED_LOCAL
            return
        state.state, state.stream_closed_by = StreamState.CLOSED, StreamClosedBy.SEND_END_STREAM
        self._tidy(stream.stream_id)

    def reset_stream(self, stream_id: int, error_code: ErrorCodes | int = 0) -> None:
        """As the library does.  Raises: ProtocolError."""
        super().reset_stream(stream_id, error_code)
        self._tidy(stream_id)

    def _tidy(self, number: int) -> None:
        """Forget a stream that has ended, where the library would only when it next counts those that are open."""
        stream = self.streams.get(number)
        if stream is not None and stream.closed:
            self._closed_streams[number] = stream.closed_by
            del self.streams[number]

    # What waits to be sent

    def _write(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        size = len(payload)
        self._said += (HEADER.pack(size >> 8, size & 0xFF, kind, flags, number), payload)

    def say(self, frames: bytes) -> None:
        """Send frames that the library does not know of, behind what it has said."""
        self._said.append(frames)

    def _prepare_for_sending(self, frames: list[Frame]) -> None:
        self._said += [frame.serialize() for frame in frames]

    @property
    def unsent(self) -> int:
        """Bytes that wait."""
        return sum(map(len, self._said))

    def data_to_send(self, amount: int | None = None) -> bytes:
        """All that waits, of whatever amount."""
        said, self._said = self._said, []
        if self._data_to_send:  # the beginning of a session, which the library itself puts there
            said.insert(0, bytes(self._data_to_send))
            self._data_to_send.clear()
        return b"".join(said)


def _is_final(headers: list[Field]) -> bool:
    """Whether that is the head of an answer, and of no interim one."""
    name, status = headers[0]
    return name == b":status" and status[:1] != b"1"
