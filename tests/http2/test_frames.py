"""Ordinary frames, taken and written in fewer steps: what they mean is what the library makes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import Event, PriorityUpdated, StreamEnded
from h2.exceptions import ProtocolError
from h2.stream import StreamClosedBy
from hpack import Encoder
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meshd.http2.frames import QuickConnection
from meshd.http2.library import opened, shown
from tests.support.frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PADDED,
    PING,
    PREFACE,
    PRIORITISED,
    RST_STREAM,
    SETTINGS,
    frame,
    setting,
    window,
)
from tests.support.http2 import Header, get

WINDOW = 30_000
STREAMS = 3
OK = [(b":status", b"200"), (b"server", b"s"), (b"x-of-each", b"1")]
INTERIM = [(b":status", b"103")]
TRAILERS = [(b"x-sum", b"2")]

Step = Callable[["Side"], None]


class Side:
    """One of two sessions that are told the same: what it has heard, and what it would send."""

    def __init__(self, *, quick: bool) -> None:
        self.session: Any = opened(streams=STREAMS, window=WINDOW, head=4096)
        if not quick:
            self.session._event = self.session._tidy = lambda *_: None
            self.session.send_headers = lambda *given: H2Connection.send_headers(self.session, *given)
            self.session.send_data = lambda *given: H2Connection.send_data(self.session, *given)
        self.encoder = Encoder()
        self.told: list[object] = []
        self.over = False
        self.hear(PREFACE + frame(SETTINGS, 0, 0))

    def hear(self, data: bytes) -> None:
        self._try(lambda: self.told.extend(seen(event) for event in self.session.receive_data(data)), fatal=True)

    def say(self, what: Callable[[], None]) -> None:
        self._try(what, fatal=False)

    def _try(self, what: Callable[[], None], *, fatal: bool) -> None:
        try:
            what()
        except (ProtocolError, KeyError) as error:
            self.told.append(getattr(error, "error_code", None) if fatal else "refused")
            self.over = self.over or fatal


def seen(event: Event) -> object:
    """An event as a session acts on it; the end that comes with a request stands in the request."""
    said = {name: value for name, value in vars(event).items() if name not in {"priority_updated", "headers"}}
    said = {name: value is not None if name == "stream_ended" else repr(value) for name, value in said.items()}
    return type(event).__name__, said, shown(getattr(event, "headers", None))


IGNORED = (StreamEnded.__name__, PriorityUpdated.__name__)


def heard(side: Side) -> list[object]:
    return [told for told in side.told if not isinstance(told, tuple) or told[0] not in IGNORED]


def begins(number: int, flags: int, fields: list[Header]) -> Step:
    def step(side: Side) -> None:
        before = b"\x01" if flags & PADDED else b""
        before += bytes(4) + b"\x07" if flags & PRIORITISED else b""
        padding = b"\0" if flags & PADDED else b""
        block = side.encoder.encode(fields)
        side.hear(frame(HEADERS, flags | END_HEADERS, number, before + block + padding))

    return step


def begins_in_pieces(number: int, goes_on: int, between: bytes) -> Step:
    """A request in two frames; goes_on: the stream of the second; between: what comes before it."""

    def step(side: Side) -> None:
        block = side.encoder.encode(get("a.test", "/"))
        side.hear(frame(HEADERS, END_STREAM, number, block[:3]) + between)
        if not side.over:
            side.hear(frame(CONTINUATION, END_HEADERS, goes_on, block[3:]))

    return step


def hears(data: bytes) -> Step:
    return lambda side: side.hear(data)


def answers(number: int, head: list[Header], ended: bool) -> Step:
    def step(side: Side) -> None:
        side.say(lambda: side.session.send_headers(number, head, ended))
        side.over = side.told[-1:] == [
            "refused"
        ]  # no session answers a stream that it may not: how it goes on is nothing

    return step


def sends(number: int, size: int, ended: bool) -> Step:
    return lambda side: side.say(lambda: side.session.send_data(number, bytes(size), ended))


def gives(number: int | None, size: int) -> Step:
    return lambda side: side.say(lambda: side.session.increment_flow_control_window(size, number))


def resets(number: int) -> Step:
    return lambda side: side.say(lambda: side.session.reset_stream(number, ErrorCodes.CANCEL))


NUMBERS = st.sampled_from([0, 1, 1, 1, 2, 3, 3, 5, 7, 99])
OURS = st.sampled_from([1, 1, 3, 3, 5, 7])
FLAGS = st.sampled_from([0, 0, END_STREAM, END_STREAM | PRIORITISED, PADDED, PRIORITISED, END_STREAM | PADDED])
PATHS = st.sampled_from([get("a.test", "/"), get("a.test", "/"), get("b.test", "/other", (b"content-length", b"5"))])
SIZES = st.sampled_from([0, 1, 5, 700, 700, 16_000, 16_000, 17_000])
STEPS = st.one_of(
    st.builds(begins, NUMBERS, FLAGS, PATHS),
    st.builds(begins, NUMBERS, FLAGS, PATHS),
    st.builds(begins_in_pieces, OURS, OURS, st.sampled_from([b"", b"", window(0, 1), frame(DATA, 0, 1, b"a")])),
    st.builds(lambda number, flags, size: hears(frame(DATA, flags, number, bytes(size))), NUMBERS, FLAGS, SIZES),
    st.builds(lambda number, more: hears(window(number, more)), NUMBERS, st.sampled_from([0, 1, 900, 2**31 - 1])),
    st.builds(lambda number: hears(frame(RST_STREAM, 0, number, bytes(4))), NUMBERS),
    st.builds(lambda size: hears(setting(4, size)), SIZES),
    st.just(hears(frame(PING, 0, 0, bytes(8)))),
    st.builds(answers, OURS, st.sampled_from([OK, OK, INTERIM, TRAILERS]), st.booleans()),
    st.builds(sends, OURS, SIZES, st.booleans()),
    st.builds(sends, OURS, SIZES, st.booleans()),
    st.builds(gives, st.one_of(st.none(), OURS), st.sampled_from([1, 700])),
    st.builds(resets, OURS),
)


class FramesTests(SynchronousTestCase):
    @settings(max_examples=300)
    @given(st.lists(STEPS, max_size=25))
    def test_as_the_library(self, steps: list[Step]) -> None:
        """Whatever comes and goes: the same is heard, and the same is sent, to the byte."""
        quick, slow = Side(quick=True), Side(quick=False)
        for step in [begins(1, 0, get("a.test", "/")), *steps]:  # nothing is answered before a request
            if slow.over:
                break
            for side in (quick, slow):
                step(side)
            self.assertEqual(heard(quick), heard(slow))
            self.assertEqual(quick.session.data_to_send(), slow.session.data_to_send())

    def test_frames_in_pieces(self) -> None:
        """Are taken once they are whole, wherever they were cut."""
        block = Encoder().encode(get("a.test", "/"))
        raw = frame(HEADERS, END_HEADERS, 1, block) + frame(DATA, 0, 1, b"abc") + window(0, 5) + frame(DATA, 1, 1)
        whole = Side(quick=True)
        whole.hear(raw)
        for size in (1, 4, 9, 13):
            with self.subTest(size):
                pieces = Side(quick=True)
                for at in range(0, len(raw), size):
                    pieces.hear(raw[at : at + size])
                self.assertEqual(pieces.told, whole.told)

    def test_a_frame_that_is_too_long(self) -> None:
        side = Side(quick=True)
        side.hear(frame(HEADERS, END_HEADERS, 1, Encoder().encode(get("a.test", "/"))))
        side.hear(frame(DATA, 0, 1, bytes(16_385)))
        self.assertEqual(side.told[-1], ErrorCodes.FRAME_SIZE_ERROR)

    def test_windows_that_are_exceeded(self) -> None:
        """A stream's, and that of all together, though each stream was given room again."""
        for streams, room in (([1, 1, 1], 0), ([1, 3] * 7, 16_000)):
            side = Side(quick=True)
            for number in (1, 3):
                begins(number, 0, get("a.test", "/", method="POST"))(side)
            for number in streams:
                if not side.over:
                    side.hear(frame(DATA, 0, number, bytes(15_000)))
                if room and not side.over:
                    side.session.increment_flow_control_window(room, number)
            with self.subTest(room=room):
                self.assertIn(ErrorCodes.FLOW_CONTROL_ERROR, side.told)
                data = sum(1 for told in side.told if isinstance(told, tuple) and told[0] == "DataReceived")
                self.assertEqual(data, 6 if room else 2)

    def test_what_comes_within_a_head(self) -> None:
        """Ends the session, whatever it is: a head that was begun is ended first (RFC 9113, 6.10)."""
        for between in (window(0, 5), window(1, 5), frame(DATA, 0, 1, b"abc")):
            for pieces in (True, False):
                side = Side(quick=True)
                begins(1, 0, get("a.test", "/"))(side)
                head = frame(HEADERS, END_STREAM, 3, side.encoder.encode(get("a.test", "/"))[:3])
                for data in (head, between) if pieces else (head + between,):
                    side.hear(data)
                self.assertEqual((side.over, side.told[-1]), (True, ErrorCodes.PROTOCOL_ERROR))

    def test_more_streams_than_there_may_be(self) -> None:
        """End the session, if a client goes on far beyond what it was told; the same for both."""
        told = []
        for quick in (True, False):
            side = Side(quick=quick)
            for number in range(1, 2 * side.session.streams_at_once + 3, 2):
                self.assertFalse(side.over)
                begins(number, 0, get("a.test", "/"))(side)
            self.assertTrue(side.over)
            told.append((heard(side)[-1], len(side.session.streams)))
        self.assertEqual(told[0], told[1])

    def test_who_has_ended_a_stream(self) -> None:
        """Is remembered as the library does, by which it judges what still comes for the stream."""
        told = []
        for quick in (True, False):
            side = Side(quick=quick)
            begins(1, END_STREAM, get("a.test", "/"))(side)
            side.session.send_headers(1, OK)
            side.session.send_data(1, b"abc", True)
            begins(3, END_STREAM, get("a.test", "/"))(side)
            side.session.send_headers(3, OK, True)
            side.session._open_streams(1)  # where the library forgets those that have ended
            told.append(dict(side.session._closed_streams))
        self.assertEqual(told[0], told[1])
        self.assertEqual(set(told[0].values()), {StreamClosedBy.SEND_END_STREAM})

    def test_streams_that_have_ended(self) -> None:
        """Are forgotten at once, however they did; so one more never has to look at all others."""
        side = Side(quick=True)
        session: QuickConnection = side.session
        ends = (
            lambda number: session.send_data(number, b"abc", True),
            lambda number: side.hear(frame(RST_STREAM, 0, number, bytes(4))),
            session.reset_stream,
        )
        for number in range(1, 41, 2):
            begins(number, END_STREAM, get("a.test", "/"))(side)
            session.send_headers(number, OK)
            ends[number % 3](number)
            self.assertEqual(session.streams, {})
        begins(41, 0, get("a.test", "/"))(side)
        session.send_headers(41, OK, True)
        side.hear(frame(DATA, END_STREAM, 41))
        self.assertEqual((session.streams, side.over), ({}, False))

    def test_a_large_head(self) -> None:
        """Goes out in as many frames as it takes."""
        sent = []
        for quick in (True, False):
            side = Side(quick=quick)
            begins(1, END_STREAM, get("a.test", "/"))(side)
            side.session.data_to_send()
            side.session.send_headers(1, [*OK, (b"x-large", b"x" * 40_000)], True)
            sent.append(side.session.data_to_send())
        self.assertEqual(sent[0], sent[1])
        self.assertEqual((sent[0][3], int.from_bytes(sent[0][:3], "big")), (HEADERS, 16_384))
