"""Frames that no honest client sends: a stream pays for what is its own, the session for the rest, and nobody else."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable
from itertools import count

from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from twisted.trial.unittest import SynchronousTestCase

from meshd.http2.restraint import SHARE, UNKNOWN
from meshd.proxy.offenders import MOST
from meshd.proxy.session import STREAMS
from meshd.proxy.stream import WINDOW
from tests.support.daemon import LiveDaemon
from tests.support.echoes import Echoes
from tests.support.frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PING,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Frames,
    frame,
    window,
)
from tests.support.http2 import Header, Session, basic, connect, get
from tests.support.succession import resident

HELD = 512 * 1024
"""Bytes that a stream may hold at most: what was read of an origin and not sent yet, and objects."""

daemon: LiveDaemon
origin: Echoes
addresses = count(1)


def setUpModule() -> None:
    global daemon, origin  # noqa: PLW0603
    daemon = LiveDaemon()
    origin = Echoes()


def tearDownModule() -> None:
    daemon.close()
    origin.close()


# What the session is over for, by the code that it is told (RFC 9113, 5 and 6).
OF_THE_SESSION: dict[str, tuple[bytes, ErrorCodes]] = {
    "DATA on no stream": (frame(DATA, 0, 0, b"x"), ErrorCodes.PROTOCOL_ERROR),
    "DATA on a stream that has not begun": (frame(DATA, 0, 99, b"x"), ErrorCodes.PROTOCOL_ERROR),
    "HEADERS on no stream": (frame(HEADERS, END_HEADERS, 0, b"\x82"), ErrorCodes.PROTOCOL_ERROR),
    "a stream of an even number": (frame(HEADERS, END_HEADERS | END_STREAM, 2, b"\x82"), ErrorCodes.PROTOCOL_ERROR),
    "a header block that is none": (frame(HEADERS, END_HEADERS, 99, b"\xff\xff\xff\xff"), ErrorCodes.COMPRESSION_ERROR),
    "CONTINUATION of nothing": (frame(CONTINUATION, END_HEADERS, 99, b"\x82"), ErrorCodes.PROTOCOL_ERROR),
    "another frame amid a header block": (
        frame(HEADERS, 0, 99, b"\x82") + frame(PING, 0, 0, bytes(8)),
        ErrorCodes.PROTOCOL_ERROR,
    ),
    "RST_STREAM of no stream": (frame(RST_STREAM, 0, 0, bytes(4)), ErrorCodes.PROTOCOL_ERROR),
    "SETTINGS of a stream": (frame(SETTINGS, 0, 1, b""), ErrorCodes.PROTOCOL_ERROR),
    "SETTINGS of an odd length": (frame(SETTINGS, 0, 0, b"abc"), ErrorCodes.FRAME_SIZE_ERROR),
    "a push that is neither on nor off": (frame(SETTINGS, 0, 0, b"\0\2\0\0\0\2"), ErrorCodes.PROTOCOL_ERROR),
    "a window that is too large": (frame(SETTINGS, 0, 0, b"\0\4\xff\xff\xff\xff"), ErrorCodes.FLOW_CONTROL_ERROR),
    "a push": (frame(PUSH_PROMISE, END_HEADERS, 1, bytes(4) + b"\x82"), ErrorCodes.PROTOCOL_ERROR),
    "PING of a stream": (frame(PING, 0, 1, bytes(8)), ErrorCodes.PROTOCOL_ERROR),
    "PING of a wrong length": (frame(PING, 0, 0, bytes(7)), ErrorCodes.FRAME_SIZE_ERROR),
    "a window that grows by nothing": (frame(WINDOW_UPDATE, 0, 0, bytes(4)), ErrorCodes.PROTOCOL_ERROR),
    "a window that grows too far": (frame(WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff"), ErrorCodes.FLOW_CONTROL_ERROR),
    "settings without number": (
        frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", code, 1) for code in range(100, 1000))),
        ErrorCodes.ENHANCE_YOUR_CALM,
    ),
    "a header block of nothing but sizes of the table": (
        frame(HEADERS, END_HEADERS | END_STREAM, 99, b"\x20" * 16_000),
        ErrorCodes.ENHANCE_YOUR_CALM,
    ),
    "a frame larger than any": (frame(DATA, 0, 99, bytes(16_385)), ErrorCodes.FRAME_SIZE_ERROR),
}


class HostileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.anna = self.credential()
        self.beside = self.session()

    def credential(self) -> Header:
        name = f"u{len(daemon.totals())}"
        return basic(name, daemon.account(name))

    def session(self, *, preface: bool = True) -> Session:
        """At an address of its own: where sessions are ended, others would be held to less."""
        session = Session(daemon, preface=preface, source=f"127.0.1.{next(addresses)}")
        self.addCleanup(session.close)
        return session

    def serves(self, session: Session) -> None:
        found = session.ask(get(f"127.0.0.1:{origin.http}", "/n/5/m", self.anna))
        self.assertEqual((found.status, found.ended), (200, True))

    def test_a_session_ends(self) -> None:
        """With the code that RFC 9113 has for it, or one as general; those of others do not."""
        for name, (raw, code) in OF_THE_SESSION.items():
            session = self.session()
            self.serves(session)
            session.raw(raw)
            with self.subTest(name):
                self.assertIn(session.until_gone(), {code, ErrorCodes.PROTOCOL_ERROR})
        self.serves(self.beside)

    def test_a_stream_ends(self) -> None:
        """A malformed request is its stream's alone: a tunnel beside it goes on."""
        session = self.session()
        number = session.begin(connect(f"127.0.0.1:{origin.raw}", self.anna), None)
        session.head(number)
        session.send(number, b"E")
        good = get(f"127.0.0.1:{origin.http}", "/n/5/m", self.anna)
        for headers in (
            [*good, (b"Accept", b"x")],
            [*good, (b"proxy-connection", b"keep-alive")],
            [*good, (b"connection", b"close")],
            [*good, (b"host", b"other.test")],
            [*good, (b"content-length", b"abc")],
            [*good, (b"a", b"b\r\nc: d")],
            [*connect("a.test:443", self.anna), (b":scheme", b"https")],
            good[1:],
        ):
            found = session.ask(headers)
            self.assertEqual((found.status, found.reset), (0, ErrorCodes.PROTOCOL_ERROR), headers)
            session.send(number, b"on")
            self.assertEqual(session.until_body(number, 2), b"on")

    def test_a_header_block_without_end(self) -> None:
        """Is given up, in one frame after the other or in one that grows as it is read."""
        for grows in (False, True):
            session = self.session()
            self.serves(session)
            if grows:
                block = b"\x40\x01a\x7f\x81\x1f" + b"b" * 4_000 + b"\xbe" * 10_000
                session.raw(frame(HEADERS, END_HEADERS | END_STREAM, 99, block))
            else:
                session.raw(frame(HEADERS, 0, 99, b"\x82"))
                for _ in range(1000):
                    session.raw(frame(CONTINUATION, 0, 99, b"\x00\x01a\x01b"))
            self.assertIsNot(session.until_gone(), ErrorCodes.NO_ERROR)
        self.serves(self.beside)

    def test_floods(self) -> None:
        """Of frames that cost the other side more than their sender end the session, and not the other clients'."""
        floods: dict[str, Callable[[Session], None]] = {
            "PING": lambda session: session.raw(frame(PING, 0, 0, bytes(8)) * 10),
            "SETTINGS": lambda session: session.raw(frame(SETTINGS, 0, 0, b"\0\4\0\1\0\0") * 10),
            "PRIORITY": lambda session: session.raw(frame(PRIORITY, 0, 1, bytes(4) + b"\1") * 10),
            "SETTINGS that answers nothing": lambda session: session.raw(frame(SETTINGS, ACK, 0) * 10),
            "DATA of a closed stream": lambda session: session.raw(frame(DATA, 0, 1) * 10),
            "WINDOW_UPDATE of a closed stream": lambda session: session.raw(window(1, 1) * 10),
            "WINDOW_UPDATE of the session": lambda session: session.raw(window(0, 1) * 10),
            "WINDOW_UPDATE of a download": self.open_by_bytes,
            "RST_STREAM of a closed stream": lambda session: session.raw(frame(RST_STREAM, 0, 1, bytes(4)) * 10),
            "RST_STREAM of none": lambda session: session.raw(frame(RST_STREAM, 0, 99, bytes(4)) * 10),
            "unknown frames": lambda session: session.raw(frame(0x42, 0, 0, b"x") * 10),
            "resets": self.ask_and_reset,
        }
        for name, flood in floods.items():
            session = self.session()
            self.serves(session)
            for _ in range(SHARE):
                flood(session)
                if session.gone:
                    break
            with self.subTest(name):
                self.assertIn(session.until_gone(), {ErrorCodes.ENHANCE_YOUR_CALM, None})
                self.assertTrue(session.gone)
        self.serves(self.beside)

    def open_by_bytes(self, session: Session) -> None:
        """Room for a byte a time, for no byte that came; the client's library knows of it, or would call the body too
        long.
        """
        if session.http.open_outbound_streams == 0:
            session.takes = False
            session.http.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 0})
            session.begin(get(f"127.0.0.1:{origin.http}", "/n/10000000/m", self.anna))
        for _ in range(100):
            session.http.increment_flow_control_window(1, 3)
        session.flush()

    def ask_and_reset(self, session: Session) -> None:
        for _ in range(10):
            number = session.http.get_next_available_stream_id()
            session.http.send_headers(number, connect(f"127.0.0.1:{origin.raw}", self.anna))
            session.http.reset_stream(number, ErrorCodes.CANCEL)
        session.flush()

    def test_what_is_underway(self) -> None:
        """When streams end is no flood: a window of DATA for each, though nobody takes it, and room for what came."""
        peer = Frames(daemon, source="127.0.0.2")  # of which nobody was sent away
        self.addCleanup(peer.close)
        good = get(f"127.0.0.1:{origin.http}", "/n/5/m", self.anna)
        refused = get(f"127.0.0.1:{origin.http}", "/p/m", method="POST")
        allowed = connect(f"127.0.0.1:{origin.raw}", self.anna)
        peer.send(peer.request(1, good))
        self.assertEqual(peer.told(1).status, 200)
        numbers = iter(range(3, 2**30, 2))
        for number in [next(numbers) for _ in range(STREAMS)]:
            peer.send(peer.request(number, refused, END_HEADERS))
            self.assertTrue(peer.told(number).over)
            peer.send(frame(DATA, 0, number, bytes(16_384)) * (WINDOW // 16_384))
        for number in [next(numbers) for _ in range(150)]:  # more than the window of the session
            window_of_data = frame(DATA, 0, number, bytes(16_384)) * (WINDOW // 16_384)
            cancelled = frame(RST_STREAM, 0, number, struct.pack(">I", ErrorCodes.CANCEL))
            peer.send(peer.request(number, allowed, END_HEADERS), window_of_data, cancelled)
        for _ in range(SHARE):
            number = next(numbers)
            peer.send(peer.request(number, good))
            told = peer.told(number)
            self.assertEqual(told.status, 200, (number, told))
            peer.send(window(number, 100), window(number, 100))
        self.assertFalse(peer.until_ping(b"still on").gone)

    def test_one_that_comes_again(self) -> None:
        """Is held to less, once so many of its sessions were ended, and others are not; neighbours are served still."""
        pings = frame(PING, 0, 0, bytes(8)) * (SHARE - 10)
        for source in ("127.0.0.3", "127.0.0.4"):
            for _ in range(MOST if source == "127.0.0.3" else 0):
                with contextlib.closing(Frames(daemon, source=source)) as peer:
                    peer.send(pings, pings)
                    self.assertTrue(peer.until_ping(b"finished").gone)
            with contextlib.closing(Frames(daemon, source=source)) as peer:
                peer.send(peer.request(1, get(f"127.0.0.1:{origin.http}", "/n/5/m", self.anna)))
                self.assertEqual(peer.told(1).status, 200)
                peer.send(pings)
                self.assertEqual(peer.until_ping(b"finished").gone, source == "127.0.0.3")

    def test_windows_that_never_open(self) -> None:
        """A hundred downloads of which nothing is taken hold so much memory and no more, however large they are."""
        session = self.session()
        session.http.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 0})
        self.serves(self.beside)
        before = resident(daemon.pid)
        headers = get(f"127.0.0.1:{origin.http}", "/n/10000000/m", self.anna)
        for number in [session.begin(headers) for _ in range(STREAMS)]:
            self.assertEqual(session.head(number).status, 200)
        self.serves(self.beside)
        self.assertLess(resident(daemon.pid) - before, STREAMS * HELD)

    def test_a_window_that_opens_by_bytes(self) -> None:
        """Is filled by bytes, as long as its client gives room for each that came; others are served meanwhile."""
        session = self.session()
        session.takes = False
        session.http.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 1})
        number = session.begin(get(f"127.0.0.1:{origin.http}", "/n/10000000/m", self.anna))
        for _ in range(5 * SHARE):
            self.assertEqual(len(session.until_body(number, 1)), 1)
            session.http.increment_flow_control_window(1)
            session.http.increment_flow_control_window(1, number)
            session.flush()
        self.serves(self.beside)

    def test_an_unknown_client(self) -> None:
        """May send so much, whatever it is, until one of its streams is admitted."""
        session = self.session()
        for _ in range(2 * UNKNOWN // 130_000):
            session.raw(frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1") * 10_000)
        self.assertIn(session.until_gone(), {ErrorCodes.ENHANCE_YOUR_CALM, None})
        self.serves(self.beside)

    def test_no_preface(self) -> None:
        """A client that chose HTTP/2 and speaks HTTP/1.1 is served by that, however slowly; one that speaks neither is
        not.
        """
        plain = b"PUT http://a.test/ HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n"
        for size in (len(plain), 1):
            session = self.session(preface=False)
            for at in range(0, len(plain), size):
                session.sock.sendall(plain[at : at + size])
            self.assertTrue(session.sock.recv(4096).startswith(b"HTTP/1.1 407 "))
        other = self.session(preface=False)
        other.raw(b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n")
        other.until_gone()
        self.assertEqual([came.heads for came in other.came.values() if came.heads], [])
