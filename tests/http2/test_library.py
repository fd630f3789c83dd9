"""The library's state of a session, as it is made to be here."""

from __future__ import annotations

import gc
import struct
import weakref

from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import Event, RemoteSettingsChanged, RequestReceived
from h2.exceptions import ProtocolError
from hpack import Encoder
from twisted.trial.unittest import SynchronousTestCase

from meshd.http2.library import MOST_SETTINGS, Ignored, opened
from tests.support.frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PREFACE,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    frame,
    window,
)
from tests.support.http2 import get

HEAD = 32 * 1024
ALTSVC = 0xA
SIZE_OF_THE_TABLE = b"\x20"

RESET = frame(RST_STREAM, 0, 1, bytes(4))
KINDS = {
    "DATA of a closed stream": frame(DATA, 0, 1),
    "DATA of a closed stream that is padding": frame(DATA, PADDED, 1, b"\x02\0\0"),
    "the end of a closed stream": frame(DATA, END_STREAM, 1),
    "HEADERS of a closed stream": frame(HEADERS, END_HEADERS, 1, b"\x82"),
    "WINDOW_UPDATE of a closed stream": window(1, 1),
    "WINDOW_UPDATE of the session": window(0, 1),
    "RST_STREAM of a closed stream": RESET,
    "RST_STREAM of a stream that has not begun": frame(RST_STREAM, 0, 99, bytes(4)),
    "PRIORITY of a closed stream": frame(PRIORITY, 0, 1, bytes(4) + b"\1"),
    "SETTINGS of nothing": frame(SETTINGS, 0, 0),
    "SETTINGS that answers nothing": frame(SETTINGS, ACK, 0),
    "PING": frame(PING, 0, 0, bytes(8)),
    "PING that answers nothing": frame(PING, ACK, 0, bytes(8)),
    "GOAWAY": frame(GOAWAY, 0, 0, bytes(8)),
    "ALTSVC of the session": frame(ALTSVC, 0, 0, bytes(2)),
    "ALTSVC of a closed stream": frame(ALTSVC, 0, 1, bytes(2)),
    "an unknown frame": frame(0x42, 0, 1),
}


def block(stream: int, data: bytes) -> bytes:
    """A header block in as many frames as it takes."""
    parts = [data[at : at + 16_384] for at in range(0, len(data), 16_384)]
    kinds = [HEADERS, *[CONTINUATION] * (len(parts) - 1)]
    ends = [0] * (len(parts) - 1) + [END_HEADERS]
    return b"".join(frame(kind, end, stream, part) for kind, end, part in zip(kinds, ends, parts, strict=True))


def settings(*codes: int) -> bytes:
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", code, 1) for code in codes))


class LibraryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.session = self.begun()

    def begun(self) -> H2Connection:
        session = opened(streams=100, window=65_535, head=HEAD)
        session.receive_data(PREFACE + frame(SETTINGS, 0, 0))
        return session

    def says(self, data: bytes) -> list[Event]:
        return self.session.receive_data(data)

    def over(self, data: bytes, code: ErrorCodes) -> None:
        error = self.assertRaises(ProtocolError, self.begun().receive_data, data)
        self.assertEqual(error.error_code, code)

    def test_a_session_that_is_over_goes_at_once(self) -> None:
        """With what its client sent, and without a collection."""
        gc.disable()
        self.addCleanup(gc.enable)
        connection = opened(streams=3, window=65_536, head=HEAD)
        connection.receive_data(PREFACE + frame(SETTINGS, 0, 0) + frame(PING, 0, 0, bytes(8)) + window(0, 1))
        connection.receive_data(frame(HEADERS, 0, 1, bytes(16_384)) + frame(CONTINUATION, 0, 1, bytes(16_384)))
        gone = weakref.ref(connection)
        del connection
        self.assertIsNone(gone())

    def test_no_frame_is_free(self) -> None:
        """Whatever it is: of each there is an event, by which it can be counted."""
        for name, raw in KINDS.items():
            self.session = self.begun()
            self.says(block(1, Encoder().encode(get("a.test", "/"))) + RESET)
            for count in (1, 3):
                with self.subTest(name):
                    self.assertEqual(len(self.says(raw * count)), count)

    def test_data_that_is_ignored(self) -> None:
        """Tells how much of the session's window it fills."""
        self.says(block(1, Encoder().encode(get("a.test", "/"))) + RESET)
        (found,) = self.says(frame(DATA, PADDED, 1, b"\x02abc\0\0"))
        assert isinstance(found, Ignored)
        self.assertEqual(found.size, 6)

    def test_settings_that_nobody_knows(self) -> None:
        """Are not kept, and those beside them count."""
        (found,) = self.says(settings(0xFFFF, 4, 0x1A1A))
        assert isinstance(found, RemoteSettingsChanged)
        self.assertEqual(set(found.changed_settings), {4})
        self.assertLess(max(self.session.remote_settings), 0x1A1A)

    def test_settings_without_number(self) -> None:
        self.says(settings(*range(100, 100 + MOST_SETTINGS)))
        self.over(settings(*range(100, 101 + MOST_SETTINGS)), ErrorCodes.ENHANCE_YOUR_CALM)

    def test_a_block_that_says_little(self) -> None:
        """Two sizes of the table may come before its fields; and it is no longer than the fields may be."""
        fields = Encoder().encode(get("a.test", "/"))
        (found,) = self.says(block(1, SIZE_OF_THE_TABLE * 2 + fields))
        self.assertIsInstance(found, RequestReceived)
        for data in (SIZE_OF_THE_TABLE * 3 + fields, b"\x3f\x80\x00" * 3 + fields, fields + b"\x00\x01a" * HEAD):
            self.over(block(1, data), ErrorCodes.ENHANCE_YOUR_CALM)

    def test_a_block_of_the_largest_size(self) -> None:
        """Is read, though none of it is compressed."""
        pairs = [*get("a.test", "/"), *[(b"a", b"b")] * ((HEAD - 300) // 34)]
        (found,) = self.says(block(1, Encoder().encode(pairs, huffman=False)))
        self.assertIsInstance(found, RequestReceived)
        values = [*get("a.test", "/"), (b"a", b"~" * (HEAD - 300))]
        (found,) = self.says(block(3, Encoder().encode(values, huffman=False)))
        self.assertIsInstance(found, RequestReceived)
