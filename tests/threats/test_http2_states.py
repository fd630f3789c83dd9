"""What RFC 9113 and RFC 7541 ask of a server, case by case, at the daemon itself: states, sizes, windows, messages.

The list is that of h2spec, a program that checks servers; the cases are written here, as no package has it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from h2.errors import ErrorCodes
from twisted.trial.unittest import SynchronousTestCase

from tests.support.daemon import LiveDaemon
from tests.support.echoes import Echoes, body_of
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
    PRIORITISED,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Frames,
    Header,
    Told,
    frame,
    setting,
    window,
)
from tests.support.http2 import basic, connect, get

BAD, CLOSED = ErrorCodes.PROTOCOL_ERROR, ErrorCodes.STREAM_CLOSED
SIZE, FLOW = ErrorCodes.FRAME_SIZE_ERROR, ErrorCodes.FLOW_CONTROL_ERROR
COMPRESSION = ErrorCodes.COMPRESSION_ERROR
LARGEST = 2**31 - 1

daemon: LiveDaemon
origin: Echoes
anna: Header


def setUpModule() -> None:
    global daemon, origin, anna  # noqa: PLW0603
    daemon = LiveDaemon()
    origin = Echoes()
    anna = basic("anna", daemon.account("anna"))


def tearDownModule() -> None:
    daemon.close()
    origin.close()


@dataclass(frozen=True)
class Session:
    """The session ends, with one of these codes."""

    codes: frozenset[ErrorCodes]

    def holds(self, told: Told) -> bool:
        return told.gone and told.goodbye in self.codes


@dataclass(frozen=True)
class Stream:
    """The stream is reset with one of these codes, or the session ends with one: RFC 9113 allows that (5.4.2)."""

    codes: frozenset[ErrorCodes]

    def holds(self, told: Told) -> bool:
        return told.reset in self.codes or (told.gone and told.goodbye in self.codes)


@dataclass(frozen=True)
class Served:
    """The stream has an answer, with that body where it is told."""

    body: bytes | None = None

    def holds(self, told: Told) -> bool:
        return told.status == 200 and told.ended and self.body in {None, told.body}


Outcome = Session | Stream | Served
Case = tuple[Callable[[Frames], bytes], Outcome]


def session(*codes: ErrorCodes) -> Outcome:
    return Session(frozenset(codes))


def stream(*codes: ErrorCodes) -> Outcome:
    return Stream(frozenset(codes))


def good(size: int = 5, *fields: Header, method: str = "GET") -> list[Header]:
    path = "/p/m" if method == "POST" else f"/n/{size}/m"
    return get(f"127.0.0.1:{origin.http}", path, anna, *fields, method=method)


def asks(peer: Frames, number: int = 3) -> bytes:
    return peer.request(number, good())


def asking(headers: Callable[[], list[Header]]) -> Callable[[Frames], bytes]:
    """A request of these."""
    return lambda peer: peer.request(3, headers())


def without(name: bytes) -> Callable[[Frames], bytes]:
    return asking(lambda: [pair for pair in good() if pair[0] != name])


def twice(name: bytes) -> Callable[[Frames], bytes]:
    return asking(lambda: [pair for pair in good() for _ in range(1 + (pair[0] == name))])


def instead(name: bytes, value: bytes) -> Callable[[Frames], bytes]:
    return asking(lambda: [(name, value) if pair[0] == name else pair for pair in good()])


def more(*fields: Header) -> Callable[[Frames], bytes]:
    return asking(lambda: good(5, *fields))


def always(*frames: bytes) -> Callable[[Frames], bytes]:
    return lambda peer: b"".join(frames)


def then(*frames: bytes) -> Callable[[Frames], bytes]:
    """After a whole request."""
    return lambda peer: asks(peer) + b"".join(frames)


def tunnel(*frames: bytes) -> Callable[[Frames], bytes]:
    """By a tunnel that is open."""
    return lambda peer: peer.request(3, connect(f"127.0.0.1:{origin.raw}", anna), END_HEADERS) + b"".join(frames)


def upload(told: int, *sizes: int) -> Callable[[Frames], bytes]:
    """A body whose length is told, and which comes in pieces of these sizes."""

    def frames(peer: Frames) -> bytes:
        head = peer.request(3, good(5, (b"content-length", b"%d" % told), method="POST"), END_HEADERS)
        pieces = [frame(DATA, END_STREAM * (at == len(sizes)), 3, bytes(n)) for at, n in enumerate(sizes, 1)]
        return head + b"".join(pieces)

    return frames


def trailed(*fields: Header, flags: int = END_HEADERS | END_STREAM) -> Callable[[Frames], bytes]:
    """A body with fields behind it."""
    return lambda peer: (
        peer.request(3, good(5, method="POST"), END_HEADERS) + frame(DATA, 0, 3, b"x") + peer.request(3, fields, flags)
    )


def in_pieces(peer: Frames) -> bytes:
    """A header block in many frames."""
    block = peer.encoder.encode(good(), huffman=False)
    parts = [block[at : at + 1] for at in range(len(block))]
    first, *middle, last = parts
    frames = [frame(CONTINUATION, 0, 3, part) for part in middle]
    return frame(HEADERS, END_STREAM, 3, first) + b"".join(frames) + frame(CONTINUATION, END_HEADERS, 3, last)


def prioritised(depends: int) -> Callable[[Frames], bytes]:
    """A request that says on which stream it depends."""

    def frames(peer: Frames) -> bytes:
        said = struct.pack(">IB", depends, 10) + peer.encoder.encode(good(), huffman=False)
        return frame(HEADERS, END_HEADERS | END_STREAM | PRIORITISED, 3, said)

    return frames


def padded(length: int) -> Callable[[Frames], bytes]:
    """A request with so much padding told of, all of which is there."""

    def frames(peer: Frames) -> bytes:
        said = bytes([length]) + peer.encoder.encode(good(), huffman=False)
        return frame(HEADERS, END_HEADERS | END_STREAM | PADDED, 3, said + bytes(min(length, 20)))

    return frames


def block(data: bytes) -> Callable[[Frames], bytes]:
    """A good header block with bytes behind it."""
    return lambda peer: frame(HEADERS, END_HEADERS | END_STREAM, 3, peer.encoder.encode(good(), huffman=False) + data)


# Stream 1 was asked and answered whole before each of them; 3 is the next.
CASES: dict[str, Case] = {
    # Frames (4)
    "an unknown frame": (lambda peer: frame(0x16, 0, 0, bytes(8)) + asks(peer), Served()),
    "flags that nobody knows": (lambda peer: frame(PING, 0x16, 0, bytes(8)) + asks(peer), Served()),
    "a reserved bit": (lambda peer: frame(PING, 0, 1 << 31, bytes(8)) + asks(peer), Served()),
    "a frame of the largest size": (
        lambda peer: peer.request(3, good(5, method="POST"), END_HEADERS) + frame(DATA, END_STREAM, 3, bytes(16_384)),
        Served(),
    ),
    "HEADERS larger than any": (always(frame(HEADERS, END_HEADERS | END_STREAM, 3, bytes(16_385))), session(SIZE)),
    "PRIORITY amid a header block": (
        always(frame(HEADERS, 0, 3, b"\x82"), frame(PRIORITY, 0, 3, bytes(4) + b"\1")),
        session(BAD),
    ),
    "HEADERS of another stream amid a header block": (
        always(frame(HEADERS, 0, 3, b"\x82"), frame(HEADERS, END_HEADERS, 5, b"\x82")),
        session(BAD),
    ),
    "an unknown frame amid a header block": (
        always(frame(HEADERS, 0, 3, b"\x82"), frame(0x16, 0, 0, bytes(8))),
        session(BAD),
    ),
    # States of streams (5.1)
    "idle: DATA": (always(frame(DATA, END_STREAM, 3, b"x")), session(BAD, CLOSED)),
    "idle: WINDOW_UPDATE": (always(window(3, 100)), session(BAD)),
    "idle: CONTINUATION": (always(frame(CONTINUATION, END_HEADERS, 3, b"\x82")), session(BAD)),
    "half closed: DATA": (then(frame(DATA, END_STREAM, 3, b"x")), stream(CLOSED)),
    "half closed: HEADERS": (lambda peer: asks(peer) + asks(peer), stream(CLOSED, BAD)),
    "half closed: CONTINUATION": (then(frame(CONTINUATION, END_HEADERS, 3, b"\x82")), session(BAD, CLOSED)),
    "reset: DATA": (tunnel(frame(RST_STREAM, 0, 3, bytes(4)), frame(DATA, 0, 3, b"x")), stream(CLOSED)),
    "reset: HEADERS": (
        lambda peer: tunnel(frame(RST_STREAM, 0, 3, bytes(4)))(peer) + asks(peer),
        stream(CLOSED, BAD),
    ),
    "closed: DATA": (always(frame(DATA, END_STREAM, 1, b"x")), stream(CLOSED)),
    "closed: HEADERS": (lambda peer: asks(peer, 1), stream(CLOSED, BAD)),
    "closed: CONTINUATION": (always(frame(CONTINUATION, END_HEADERS, 1, b"\x82")), session(BAD, CLOSED)),
    "a number lower than that before": (lambda peer: asks(peer, 7) + asks(peer, 5), session(BAD, CLOSED)),
    # Priorities (5.3), which RFC 9113 has deprecated
    "depends on another": (prioritised(1), Served()),
    "depends on itself": (prioritised(3), stream(BAD)),
    "PRIORITY on itself": (
        lambda peer: frame(PRIORITY, 0, 3, struct.pack(">IB", 3, 1)) + asks(peer),
        stream(BAD),
    ),
    "PRIORITY of no stream": (always(frame(PRIORITY, 0, 0, bytes(5))), session(BAD)),
    "PRIORITY of a wrong length": (then(frame(PRIORITY, 0, 3, bytes(4))), stream(SIZE, BAD)),
    # Frames by type (6)
    "DATA with too much padding": (tunnel(frame(DATA, PADDED, 3, b"\x09abc")), session(BAD)),
    "DATA with padding": (
        lambda peer: (
            peer.request(3, good(5, method="POST"), END_HEADERS) + frame(DATA, PADDED | END_STREAM, 3, b"\x02abc\0\0")
        ),
        Served(),
    ),
    "HEADERS with padding": (padded(20), Served()),
    "HEADERS with too much padding": (padded(255), session(BAD)),
    "RST_STREAM of a wrong length": (tunnel(frame(RST_STREAM, 0, 3, bytes(3))), session(SIZE, BAD)),
    "SETTINGS with ACK and a payload": (always(frame(SETTINGS, ACK, 0, bytes(6))), session(SIZE, BAD)),
    "frames smaller than any": (always(setting(5, 16_383)), session(BAD)),
    "frames larger than any": (always(setting(5, 2**24)), session(BAD)),
    "a setting that nobody knows": (lambda peer: setting(0xFF, 1) + asks(peer), Served()),
    "a PING that answers nothing": (lambda peer: frame(PING, ACK, 0, bytes(8)) + asks(peer), Served()),
    "GOAWAY of a stream": (always(frame(GOAWAY, 0, 3, bytes(8))), session(BAD)),
    "WINDOW_UPDATE by nothing": (tunnel(window(3, 0)), stream(BAD)),
    "WINDOW_UPDATE of a wrong length": (always(frame(WINDOW_UPDATE, 0, 0, bytes(3))), session(SIZE, BAD)),
    "a window of a stream that grows too far": (tunnel(window(3, LARGEST), window(3, 1)), stream(FLOW)),
    "windows that grow too far by a setting": (
        tunnel(window(3, LARGEST - 65_535), setting(4, 65_536)),
        session(FLOW),
    ),
    "CONTINUATION, many": (in_pieces, Served()),
    "CONTINUATION of no stream": (
        always(frame(HEADERS, 0, 3, b"\x82"), frame(CONTINUATION, END_HEADERS, 0, b"\x84")),
        session(BAD),
    ),
    "CONTINUATION after the end of a block": (then(frame(CONTINUATION, END_HEADERS, 3, b"")), session(BAD, CLOSED)),
    "CONTINUATION after DATA": (
        tunnel(frame(DATA, 0, 3, b"x"), frame(CONTINUATION, END_HEADERS, 3, b"")),
        session(BAD),
    ),
    # Codes that nobody knows (7)
    "RST_STREAM of an unknown code": (
        lambda peer: tunnel(frame(RST_STREAM, 0, 3, b"\0\0\0\xff"))(peer) + asks(peer, 5),
        Served(),
    ),
    "GOAWAY of an unknown code": (
        lambda peer: asks(peer) + frame(GOAWAY, 0, 0, bytes(4) + b"\0\0\0\xff"),
        Served(),
    ),
    # Messages (8)
    "a second head that ends nothing": (trailed((b"a", b"b"), flags=END_HEADERS), stream(BAD)),
    "fields behind a body": (trailed((b"a", b"b")), Served()),
    "a pseudo-header field behind a body": (trailed((b":method", b"GET")), stream(BAD)),
    "a name in upper case": (more((b"X-Test", b"ok")), stream(BAD)),
    "a pseudo-header field that nobody knows": (
        asking(lambda: [(b":test", b"ok"), *good()]),
        stream(BAD),
    ),
    "a pseudo-header field of answers": (asking(lambda: [(b":status", b"200"), *good()]), stream(BAD)),
    "a pseudo-header field behind others": (
        asking(lambda: [pair for pair in good() if pair[0] != b":path"] + [(b":path", b"/")]),
        stream(BAD),
    ),
    "connection": (more((b"connection", b"keep-alive")), stream(BAD)),
    "te: trailers": (more((b"te", b"trailers")), Served()),
    "te: something else": (more((b"te", b"trailers, deflate")), stream(BAD)),
    "an empty path": (instead(b":path", b""), stream(BAD)),
    "no method": (without(b":method"), stream(BAD)),
    "no scheme": (without(b":scheme"), stream(BAD)),
    "no path": (without(b":path"), stream(BAD)),
    "two methods": (twice(b":method"), stream(BAD)),
    "two schemes": (twice(b":scheme"), stream(BAD)),
    "two paths": (twice(b":path"), stream(BAD)),
    "two authorities": (twice(b":authority"), stream(BAD)),
    "a body as long as was told": (upload(4, 1, 3), Served()),
    "a body longer than was told": (upload(1, 4), stream(BAD)),
    "a body shorter than was told": (upload(8, 2, 2), stream(BAD)),
    # Header blocks (RFC 7541)
    "an index beyond the tables": (block(b"\xff\xff\x03"), session(COMPRESSION)),
    "a name of an index beyond the tables": (block(b"\x7f\xff\x03\x01a"), session(COMPRESSION)),
    "a size of the table behind fields": (block(b"\x3f\xe1\x0f"), session(COMPRESSION)),
    "Huffman padding of more than seven bits": (
        block(b"\x00\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50\x9f\xff"),
        session(COMPRESSION),
    ),
    "Huffman padding of zeros": (block(b"\x00\x85\xf2\xb2\x4a\x84\xff\x83\x49\x50\x90"), session(COMPRESSION)),
    "Huffman's end of strings": (
        block(b"\x00\x85\xf2\xb2\x4a\x84\xff\x87\x1c\xf9\xff\xff\xff\xff\xfe"),
        session(COMPRESSION),
    ),
    "index 0": (block(b"\x80"), session(COMPRESSION)),
    "a table larger than was allowed": (
        lambda peer: frame(HEADERS, END_HEADERS | END_STREAM, 3, b"\x3f\xff\xff\x7f\x82"),
        session(COMPRESSION),
    ),
}
NEXT = {"RST_STREAM of an unknown code": 5, "closed: DATA": 1, "closed: HEADERS": 1, "closed: CONTINUATION": 1}
"""The stream that is looked at, where it is not 3."""


class StatesTests(SynchronousTestCase):
    def peer(self, settings: bytes = b"") -> Frames:
        peer = Frames(daemon, settings)
        self.addCleanup(peer.close)
        return peer

    def serves(self, peer: Frames, number: int) -> None:
        peer.send(asks(peer, number))
        self.assertTrue(Served().holds(peer.told(number)))

    def test_cases(self) -> None:
        """Each as the standard has it, and the sessions of others go on."""
        beside = self.peer()
        self.serves(beside, 1)
        for at, (name, (raw, accepted)) in enumerate(CASES.items()):
            with self.subTest(name):
                peer = self.peer()
                self.serves(peer, 1)
                peer.send(raw(peer))
                told = peer.told(NEXT.get(name, 3))
                self.assertTrue(accepted.holds(told), f"{name}: {told}")
                peer.close()
            if at % 10 == 0:
                self.serves(beside, 3 + 2 * at)

    def test_ping(self) -> None:
        """Comes back with what was in it."""
        self.assertFalse(self.peer().until_ping(b"12345678").gone)

    def test_a_window_of_one(self) -> None:
        """Is filled by one byte, and each that is given then by as many as fit, to the whole answer."""
        peer = self.peer(struct.pack(">HI", 4, 1))
        peer.send(peer.request(1, good(50)))
        body = peer.told(1, wants=1).body
        self.assertEqual(len(body), 1)
        for more_room in (1, 3, 7):
            peer.send(window(1, more_room))
            came = peer.told(1, wants=more_room).body
            self.assertEqual(len(came), more_room)
            body += came
        peer.send(setting(4, 1000))
        self.assertEqual(body + peer.told(1).body, body_of(b"m", 50))

    def test_a_window_that_becomes_negative(self) -> None:
        """Is waited with until it is positive again."""
        peer = self.peer(struct.pack(">HI", 4, 3))
        peer.send(peer.request(1, good(50)))
        body = peer.told(1, wants=3).body
        peer.send(setting(4, 2))
        self.assertFalse(peer.until_ping(b"negative").gone)
        peer.send(window(1, 2))
        came = peer.told(1, wants=1).body
        self.assertEqual(len(body + came), 4)
        peer.send(setting(4, 1000))
        self.assertEqual(body + came + peer.told(1).body, body_of(b"m", 50))

    def test_settings_twice(self) -> None:
        """Of one frame the last value counts."""
        peer = self.peer()
        peer.send(frame(SETTINGS, 0, 0, struct.pack(">HIHI", 4, 100, 4, 1)), peer.request(1, good(50)))
        self.assertEqual(len(peer.told(1, wants=1).body), 1)
