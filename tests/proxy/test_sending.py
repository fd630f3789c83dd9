"""What a session of HTTP/2 sends: a piece of each stream in turn, as far as its client has room."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, DataReceived, RequestReceived, SettingsAcknowledged
from h2.settings import SettingCodes
from twisted.trial.unittest import SynchronousTestCase

from meshd.http2.library import opened
from meshd.proxy.sending import FRAME, GATHERED, UNSENT, Sending
from tests.support.frames import GOAWAY, PING, SETTINGS, WINDOW_UPDATE, frame
from tests.support.http2 import get

PIECE = FRAME
LARGE = 2**24
HEAD = 1000


class Poured:
    """A stream that has more to send whenever it is asked."""

    def __init__(self, sending: Sending, number: int) -> None:
        self.id = number
        self.queued = False
        self.can_send = True
        self.asked = 0
        self._sending = sending

    def send(self) -> int:
        self.asked += 1
        size = min(PIECE, self._sending.room(self.id))
        if size:
            self._sending.body(self.id, bytes(size), last=False)
        self._sending.wait_for_room(self)
        return size

    def give_up(self) -> None:
        raise AssertionError("it could send")


class Wire:
    """Takes so many writes; then the client is gone."""

    def __init__(self, writes: int) -> None:
        self.sent: list[bytes] = []
        self._writes = writes

    async def send(self, data: bytes) -> None:
        if len(self.sent) == self._writes:
            raise ConnectionResetError
        self.sent.append(data)


class SendingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.client = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self.server = opened(streams=10, window=2**17, head=HEAD)
        self.frames: list[int] = []
        self.sending = Sending(self.server, 2**17, lambda call: call(), lambda: None, self.frames.append)

    def begin(self, *windows: int) -> list[Poured]:
        """Streams of which each client's window is that large; the session's is larger than all of them."""
        self.client.initiate_connection()
        self.client.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 0})
        self.client.increment_flow_control_window(2 * LARGE)
        numbers = [1 + 2 * at for at in range(len(windows))]
        for number in numbers:
            self.client.send_headers(number, get("a.test", "/"), end_stream=True)
        events = self.server.receive_data(self.client.data_to_send())
        self.assertEqual([each.stream_id for each in events if isinstance(each, RequestReceived)], numbers)
        self.told = self.client.receive_data(self.server.data_to_send())
        self.server.receive_data(self.client.data_to_send())
        for number, window in zip(numbers, windows, strict=True):
            self.server.send_headers(number, [(b":status", b"200")])
            if window:
                self.client.increment_flow_control_window(window, number)
        self.server.receive_data(self.client.data_to_send())
        return [Poured(self.sending, number) for number in numbers]

    def written(self, writes: int) -> list[list[int]]:
        """Of each write, the streams whose pieces it has, in order."""
        wire = Wire(writes)
        running = cast(Any, self.sending.run(cast(Any, wire)))
        with self.assertRaises(ConnectionResetError):
            running.send(None)
        found = []
        for data in wire.sent:
            events = self.client.receive_data(data)
            found.append([each.stream_id or 0 for each in events if isinstance(each, DataReceived)])
        return found

    def test_frames_are_told_of(self) -> None:
        """Each of DATA, with its bytes."""
        (stream,) = self.begin(LARGE)
        self.sending.body(stream.id, bytes(2 * FRAME + 1), last=False)
        self.sending.body(stream.id, b"", last=True)
        self.assertEqual(self.frames, [FRAME, FRAME, 1, 0])
        sent = self.client.receive_data(self.server.data_to_send())
        self.assertEqual([len(each.data or b"") for each in sent if isinstance(each, DataReceived)], self.frames)

    def test_a_piece_of_each(self) -> None:
        """However much each has: no stream is ever more than one piece ahead of another."""
        for stream in self.begin(LARGE, LARGE, LARGE):
            self.sending.stirred(stream)
        moved: Counter[int] = Counter({1: 0, 3: 0, 5: 0})
        for pieces in self.written(10):
            self.assertLessEqual(len(pieces) * PIECE, GATHERED)
            for number in pieces:
                moved[number] += 1
                self.assertLessEqual(max(moved.values()) - min(moved.values()), 1)
        self.assertGreater(min(moved.values()), 10)

    def test_one_that_stalls(self) -> None:
        """Is asked once, and holds up none of the others; it goes on when it has room."""
        stalled, poured = self.begin(0, LARGE)
        for stream in (stalled, poured):
            self.sending.stirred(stream)
        self.assertEqual({number for pieces in self.written(8) for number in pieces}, {poured.id})
        self.assertEqual(stalled.asked, 1)
        self.client.increment_flow_control_window(PIECE, stalled.id)
        self.server.receive_data(self.client.data_to_send())
        self.sending.room_given(stalled.id)
        self.assertIn(stalled.id, {number for pieces in self.written(4) for number in pieces})

    def test_room_for_all(self) -> None:
        """Has all go on that stalled, and have room by themselves too, once more is sent."""
        stalled, poured, shut = self.begin(0, LARGE, 0)
        for stream in (stalled, poured, shut):
            self.sending.stirred(stream)
        self.written(8)
        self.client.increment_flow_control_window(PIECE, stalled.id)
        self.server.receive_data(self.client.data_to_send())
        self.sending.room_given(0)
        self.assertEqual({number for pieces in self.written(8) for number in pieces}, {stalled.id, poured.id})
        self.assertEqual(shut.asked, 1)

    def test_what_a_client_is_told(self) -> None:
        """How many streams, how much of each, and how large a header list may be."""
        self.begin(LARGE)
        settings = self.client.remote_settings
        self.assertEqual(
            (settings.max_concurrent_streams, settings.initial_window_size, settings.max_header_list_size),
            (10, 2**17, HEAD),
        )
        self.assertEqual(settings.enable_push, 0)
        self.assertTrue(any(isinstance(each, SettingsAcknowledged) for each in self.told))

    def test_a_client_that_does_not_read(self) -> None:
        """Has no more answers than so many bytes wait for it: then they count as unread."""
        self.begin(LARGE)
        pong = len(frame(PING, 0, 0, bytes(8)))
        for _ in range(UNSENT // pong - 10):
            self.server.receive_data(frame(PING, 0, 0, bytes(8)))
        self.assertFalse(self.sending.is_unread)
        wire = Wire(2)
        running = cast(Any, self.sending.run(cast(Any, wire)))
        running.send(None)
        for _ in range(UNSENT // pong + 1):
            self.assertFalse(self.sending.is_unread)
            self.server.receive_data(frame(PING, 0, 0, bytes(8)))
        self.assertTrue(self.sending.is_unread)
        self.sending.end(ErrorCodes.ENHANCE_YOUR_CALM)
        self.assertRaises(StopIteration, running.send, None)
        last = self.client.receive_data(b"".join(wire.sent))[-1]
        assert isinstance(last, ConnectionTerminated)
        self.assertEqual(last.error_code, ErrorCodes.ENHANCE_YOUR_CALM)

    def test_a_goodbye_before_anything_else(self) -> None:
        """Comes behind the settings, as RFC 9113 (3.4) has them come first."""
        self.sending.say_farewell()
        wire = Wire(1)
        with self.assertRaises(ConnectionResetError):
            running = cast(Any, self.sending.run(cast(Any, wire)))
            running.send(None)
            self.sending.wake()
            self.sending.end(ErrorCodes.NO_ERROR)
            running.send(None)
        kinds, data = [], wire.sent[0]
        while data:
            kinds.append(data[3])
            data = data[9 + int.from_bytes(data[:3], "big") :]
        self.assertEqual(kinds, [SETTINGS, WINDOW_UPDATE, GOAWAY, PING])
