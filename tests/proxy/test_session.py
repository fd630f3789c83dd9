"""What a session of HTTP/2 makes of what comes at once."""

from __future__ import annotations

import gc
import os
import weakref
from types import SimpleNamespace
from typing import Any
from unittest import mock

from hpack import Encoder
from twisted.trial.unittest import SynchronousTestCase

from meshd.http2.restraint import SHARE
from meshd.proxy.offenders import Offenders
from meshd.proxy.session import Session
from meshd.sockets.task import READING, Pause, Task, parked
from meshd.sockets.wire import Wire
from tests.passing.hand import Hand
from tests.support.frames import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    frame,
    setting,
    window,
)
from tests.support.http2 import get


class SessionTests(SynchronousTestCase):
    def setUp(self) -> None:
        plane, client = mock.MagicMock(), mock.MagicMock()
        plane.live.limits.head_bytes, plane.wheel.monotonic = 32_768, 0.0
        plane.offenders.offends.return_value = False
        self.session: Any = Session(client, plane, "192.0.2.1")
        self.addCleanup(self.session._writer._coroutine.close)
        self.session._took(PREFACE + frame(SETTINGS, 0, 0))

    def test_data_of_a_stream_that_is_reset_with_it(self) -> None:
        """Is not acted on, and the window of the session is given back for it all the same."""
        head = frame(HEADERS, END_HEADERS, 1, Encoder().encode(get("a.test", "/", method="POST")))
        self.session._took(head + frame(DATA, 0, 1, bytes(1000)) * 3 + frame(RST_STREAM, 0, 1, b"\0\0\0\x08"))
        self.assertEqual((self.session.sending._came, self.session._streams), (3000, {}))

    def test_room_for_nothing(self) -> None:
        """Is borne so often and no more, by the session or by a stream that is reset with it."""
        head = frame(HEADERS, END_HEADERS, 1, Encoder().encode(get("a.test", "/", method="POST")))
        reset = frame(RST_STREAM, 0, 1, b"\0\0\0\x08")
        for flood in (window(0, 1), head + window(1, 1) * SHARE + reset):
            with self.subTest(flood=flood[:20]):
                self.setUp()
                for _ in range(SHARE):
                    if not self.session.sending.over:
                        self.session._took(flood)
                self.assertTrue(self.session.sending.over)

    def test_room_for_what_was_sent(self) -> None:
        """Is given for nothing, by each of those clients who give it most often."""
        for size, updates in ((1, 2), (100, 2), (16_000, 8), (16_000, 17)):
            self.setUp()
            for _ in range(2 * SHARE):
                self.session._restraint.sent(size)
                self.session._took(window(0, size) * updates)
            self.assertFalse(self.session.sending.over, (size, updates))

    def test_answers_that_nobody_reads(self) -> None:
        """End the session where too many of them wait."""
        with mock.patch("meshd.proxy.sending.UNSENT", 10):
            self.session._took(frame(SETTINGS, 0, 0))
        self.assertTrue(self.session.sending.over)


ROOM = 10
"""Bytes for which the client has room by a stream."""


class Stalled:
    """A client who takes the beginning of an answer, and leaves."""

    def __init__(self) -> None:
        request = frame(HEADERS, END_HEADERS | END_STREAM, 1, Encoder().encode(get("a.test", "/")))
        self.buffer = PREFACE + setting(4, ROOM) + request
        self.place = SimpleNamespace(known=True)
        self.peer = "192.0.2.1"
        self.wire = self
        self.sent = b""
        self.served: list[Wire] = []
        self._here = Pause()

    def leave(self) -> None:
        self._here.over()

    def alive(self) -> None:
        """Nothing is timed here."""

    def phase(self, reason: str, seconds: float) -> None:
        """Likewise."""

    def takes_stream(self, under_way: int, most: int) -> bool:
        return True

    def serve_stream(self, wire: Wire) -> None:
        self.served.append(wire)

    async def worked(self, cost: int) -> None:
        """Nobody else waits."""

    async def receive(self) -> bytes:
        await parked(self._here, READING)
        return b""

    async def send(self, data: bytes) -> None:
        self.sent += data


class Weak(Session):
    __slots__ = ("__weakref__",)


class LetGoTests(SynchronousTestCase):
    def test_one_that_ends_with_a_stalled_answer(self) -> None:
        """Goes at once, with its streams and all that came, and without a collection."""
        gc.disable()
        self.addCleanup(gc.enable)
        hand, client = Hand(self), Stalled()
        live = SimpleNamespace(
            limits=SimpleNamespace(head_bytes=4096),
            timeouts=SimpleNamespace(idle=60.0, first_byte=60.0, keep_alive=60.0),
            topology=SimpleNamespace(udp=SimpleNamespace(on=False)),
        )
        plane: Any = SimpleNamespace(
            draining=False,
            live=live,
            poller=hand.poller,
            relay=SimpleNamespace(again=hand.later.append),
            offenders=Offenders(lambda: 0.0),
            resting=None,
            seldom=None,
            wheel=SimpleNamespace(monotonic=0.0),
        )
        owner: Any = client
        session = Weak(owner, plane, "192.0.2.1")
        reading: Any = session.read()
        owner.task = Task(reading, lambda error: None)
        owner.task.resume()
        (wire,) = client.served
        os.write(wire.fd, b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n" + bytes(1000))
        hand.until(lambda: frame(DATA, 0, 1, bytes(ROOM)) in client.sent)
        self.assertEqual(len(session.sending._waiting), 1)
        gone = weakref.ref(session)
        client.leave()
        hand.settle()
        wire.close()
        self.assertTrue(owner.task.over)
        del session, reading, owner.task
        self.assertIsNone(gone())
