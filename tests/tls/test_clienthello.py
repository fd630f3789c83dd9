"""A client's first message of TLS, byte by byte and in whatever records it comes."""

from __future__ import annotations

import contextlib
import ssl

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meshd.tls.clienthello import LONGEST, LONGEST_MESSAGE, MOST_RECORDS, ClientHello, NotTLS, read_client_hello
from tests.http1.support import thorough

NAME = "db.example.com"


def record(content: bytes, kind: int = 22, version: bytes = b"\x03\x01", size: int = -1) -> bytes:
    return bytes([kind]) + version + (len(content) if size < 0 else size).to_bytes(2, "big") + content


def message(body: bytes, kind: int = 1) -> bytes:
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def extension(kind: int, content: bytes) -> bytes:
    return kind.to_bytes(2, "big") + len(content).to_bytes(2, "big") + content


def listed(*names: bytes, kind: int = 0) -> bytes:
    entries = b"".join(bytes([kind]) + len(name).to_bytes(2, "big") + name for name in names)
    return len(entries).to_bytes(2, "big") + entries


def server_name(name: str) -> bytes:
    return extension(0, listed(name.encode("latin-1")))


def body(
    extensions: bytes | None,
    *,
    version: bytes = b"\x03\x03",
    session: bytes = b"",
    suites: bytes = b"\x13\x01",
    compression: bytes = b"\x00",
) -> bytes:
    fixed = version + bytes(32) + bytes([len(session)]) + session + len(suites).to_bytes(2, "big") + suites
    fixed += bytes([len(compression)]) + compression
    return fixed if extensions is None else fixed + len(extensions).to_bytes(2, "big") + extensions


def hello(extensions: bytes | None) -> bytes:
    return record(message(body(extensions)))


def in_records(whole: bytes, size: int) -> bytes:
    return b"".join(record(whole[at : at + size]) for at in range(0, len(whole), size))


def real_hello(name: str | None, least: ssl.TLSVersion, most: ssl.TLSVersion) -> bytes:
    """What OpenSSL sends."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version, context.maximum_version = least, most
    context.check_hostname = False
    context.set_alpn_protocols(["h2", "http/1.1"])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    connection = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with contextlib.suppress(ssl.SSLWantReadError):
        connection.do_handshake()
    return outgoing.read()


TWO, THREE = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
WITH_NAME = message(body(extension(0x2A2A, b"") + server_name(NAME) + extension(16, b"\x00\x03\x02h2")))
PADDED = body(server_name(NAME) + extension(21, bytes(LONGEST_MESSAGE - len(body(server_name(NAME))) - 4)))

GOOD = {
    "OpenSSL's of TLS 1.3": (real_hello(NAME, THREE, THREE), NAME),
    "OpenSSL's of TLS 1.2": (real_hello(NAME, TWO, TWO), NAME),
    "OpenSSL's of both": (real_hello("a.b.c.example", TWO, THREE), "a.b.c.example"),
    "OpenSSL's without a name": (real_hello(None, TWO, THREE), ""),
    "with a name": (record(WITH_NAME), NAME),
    "with a name in capitals": (hello(server_name("DB.Example.COM")), NAME),
    "with an underscore": (hello(server_name("_db.example.com")), "_db.example.com"),
    "the longest name": (hello(server_name(".".join(["a" * 49] * 5))), ".".join(["a" * 49] * 5)),
    "one label": (hello(server_name("localhost")), "localhost"),
    "no extensions, as in TLS 1.2": (hello(None), ""),
    "an empty list of extensions": (hello(b""), ""),
    "other extensions alone": (hello(extension(16, b"\x00\x03\x02h2")), ""),
    "a session to resume": (record(message(body(server_name(NAME), session=bytes(32)))), NAME),
    "several ways to compress": (record(message(body(server_name(NAME), compression=b"\x01\x00"))), NAME),
    "any minor version of the record": (record(WITH_NAME, version=b"\x03\x7f"), NAME),
    "in records of 16 bytes": (in_records(WITH_NAME, 16), NAME),
    "its header alone in a record": (record(WITH_NAME[:4]) + record(WITH_NAME[4:]), NAME),
    "in as many records as may be": (
        b"".join(record(WITH_NAME[at : at + 1]) for at in range(MOST_RECORDS - 1))
        + record(WITH_NAME[MOST_RECORDS - 1 :]),
        NAME,
    ),
    "as long as may be": (in_records(message(PADDED), 16 * 1024), NAME),
}

BAD = {
    "HTTP": b"GET / HTTP/1.1\r\n\r\n",
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n",
    "a ClientHello of SSL 2": b"\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10",
    "an alert": record(b"\x01\x00", kind=21),
    "application data": record(WITH_NAME, kind=23),
    "a version below TLS": record(WITH_NAME, version=b"\x02\x00"),
    "a version of another protocol": record(WITH_NAME, version=b"\xfe\xfd"),
    "an old version in the message": record(message(body(server_name(NAME), version=b"\x02\x00"))),
    "a ServerHello": record(message(body(server_name(NAME)), kind=2)),
    "an empty record": record(b"") + record(WITH_NAME),
    "an empty record in its midst": record(WITH_NAME[:9]) + record(b"") + record(WITH_NAME[9:]),
    "a record that is too long": record(WITH_NAME, size=16 * 1024 + 1),
    "another record in its midst": record(WITH_NAME[:9]) + record(b"\x01", kind=20) + record(WITH_NAME[9:]),
    "a message that is too long": record(b"\x01" + (LONGEST_MESSAGE + 1).to_bytes(3, "big")),
    "too many records": in_records(WITH_NAME, 1),
    "another message in its record": record(WITH_NAME + b"\x00"),
    "another message in its last record": record(WITH_NAME[:9]) + record(WITH_NAME[9:] + WITH_NAME),
    "nothing in the message": record(message(b"")),
    "a session that is too long": record(message(body(None, session=bytes(33)))),
    "no cipher suites": record(message(body(None, suites=b""))),
    "half a cipher suite": record(message(body(None, suites=b"\x13\x01\x13"))),
    "no compression at all": record(message(body(None, compression=b""))),
    "compression without a way out of it": record(message(body(None, compression=b"\x01"))),
    "half a length of extensions": record(message(body(None) + b"\x00")),
    "more after the extensions": record(message(body(server_name(NAME)) + b"\x00")),
    "extensions cut off": record(message(body(server_name(NAME))[:-1])),
    "half an extension": hello(b"\x00\x10\x00"),
    "an extension longer than the list": hello(b"\x00\x10\x00\x05\x00"),
    "two server names in two extensions": hello(server_name(NAME) + server_name("other.example.com")),
    "the same server name in two extensions": hello(server_name(NAME) * 2),
    "another extension twice": hello(server_name(NAME) + extension(10, b"\x00\x00") * 2),
    "two server names in one extension": hello(extension(0, listed(NAME.encode(), b"other.example.com"))),
    "an empty extension of names": hello(extension(0, b"")),
    "an empty list of names": hello(extension(0, b"\x00\x00")),
    "an empty name": hello(server_name("")),
    "a name of an unknown type": hello(extension(0, listed(NAME.encode(), kind=1))),
    "more after the list of names": hello(extension(0, listed(NAME.encode()) + b"\x00")),
    "a name longer than its list": hello(extension(0, b"\x00\x04\x00\x00\x02a")),
    "a final dot": hello(server_name(NAME + ".")),
    "an empty label": hello(server_name("db..example.com")),
    "a dot in front": hello(server_name("." + NAME)),
    "a wildcard": hello(server_name("*.example.com")),
    "a NUL": hello(server_name("db.example.com\x00.evil.example")),
    "a blank": hello(server_name("db example.com")),
    "a line feed": hello(server_name("db.example.com\n")),
    "a name that is not ASCII": hello(server_name("d\xe9.example.com")),
    "a port": hello(server_name("db.example.com:443")),
    "an IPv6 address": hello(server_name("::1")),
    "a label that is too long": hello(server_name("a" * 64 + ".example.com")),
    "a name that is too long": hello(server_name(".".join(["a" * 50] * 5))),
}


class ReadingTests(SynchronousTestCase):
    def test_good_ones_byte_by_byte(self) -> None:
        """Waited for to their last byte; the records that follow are left alone."""
        for what, (data, name) in GOOD.items():
            step = max(1, len(data) // 1000)
            for size in (*range(0, len(data), step), len(data) - 1):
                self.assertIsNone(read_client_hello(data[:size]), (what, size))
            self.assertLessEqual(len(data), LONGEST, what)
            for more in (b"", record(b"\x01", kind=20), b"whatever"):
                self.assertEqual(read_client_hello(data + more), ClientHello(name), what)

    def test_bad_ones_byte_by_byte(self) -> None:
        """Refused at some byte and at each one after it, and never taken for a ClientHello at any."""
        for what, data in BAD.items():
            refused = False
            for size in range(len(data) + 1):
                answer = read_client_hello(data[:size])
                self.assertFalse(isinstance(answer, ClientHello), (what, size))
                self.assertFalse(refused and answer is None, (what, size))
                refused = refused or isinstance(answer, NotTLS)
            self.assertTrue(refused, what)

    def test_nobody_waits_for_what_cannot_become_one(self) -> None:
        """The first byte that is wrong decides; so does a length before what it measures."""
        for data in (
            b"G",
            b"\x17",
            b"\x16\x02",
            b"\x16\x03\x01\x40\x01",
            b"\x16\x03\x01\x00\x00",
            b"\x16\x03\x01\x02\x00\x02",
            b"\x16\x03\x01\x02\x00\x01\x00\x40\x01",
        ):
            self.assertIsNone(read_client_hello(data[:-1]), data)
            self.assertIsInstance(read_client_hello(data), NotTLS, data)

    def test_what_is_wrong_is_told_to_people(self) -> None:
        self.assertEqual(read_client_hello(b"SSH-2.0"), NotTLS("not a handshake record"))
        self.assertEqual(read_client_hello(in_records(WITH_NAME, 1)), NotTLS("a ClientHello in too many records"))

    @thorough(500)
    @given(st.binary(max_size=600))
    @example(b"")
    def test_any_bytes_are_answered(self, data: bytes) -> None:
        """No bytes raise anything, as they come and within each of the layers."""
        for whole in (data, record(data), record(message(data)), hello(data), hello(extension(0, data))):
            self.assertIsInstance(read_client_hello(whole), ClientHello | NotTLS | None)

    @thorough(300)
    @given(st.integers(0, len(record(WITH_NAME)) - 1), st.integers(0, 255))
    def test_a_changed_byte_is_answered(self, at: int, value: int) -> None:
        data = bytearray(record(WITH_NAME))
        data[at] = value
        self.assertIsInstance(read_client_hello(bytes(data)), ClientHello | NotTLS | None)

    @thorough(200)
    @given(st.lists(st.integers(1, 80), min_size=1, max_size=MOST_RECORDS))
    def test_records_make_no_difference(self, sizes: list[int]) -> None:
        """However the message is spread over records, it says the same once it is whole."""
        pieces, at = [], 0
        for size in sizes[:-1]:
            pieces.append(WITH_NAME[at : at + size])
            at += size
        pieces.append(WITH_NAME[at:])
        data = b"".join(record(piece) for piece in pieces if piece)
        self.assertEqual(read_client_hello(data), ClientHello(NAME))
