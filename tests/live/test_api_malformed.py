"""Two hundred and more requests that are wrong, byte for byte, each to a real daemon over TLS.

Each gets a 4xx that says what was wrong, nothing is changed, and the daemon's memory hardly notices.
"""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from twisted.trial.unittest import SynchronousTestCase

from meshd.store.open import BlockingStore
from meshd.store.unit import Statement, Unit
from meshd.web.forms import WHOLE
from tests.support.daemon import LiveDaemon
from tests.support.ready import readable
from tests.web.support import Answer, named, read_answer, read_answers

HEAD = 15
"""Seconds; by default a head has ten, and would be overdue too early."""
CONFIG = f"""
[timeouts]
head = {HEAD}
"""

PASSWORD = "correct horse"
MEMORY = 50 * 1024 * 1024
UNREAD = 500
"""Requests that a client sends without reading an answer."""
MOST = 4 * 1024 * 1024
"""Bytes that a request without an end sends before the test gives up on an answer."""
PATIENCE = 60.0
DRIP = 0.25
"""Seconds between two pieces: of a field each, they are fewer than a head may have."""
TABLES = ("accounts", "tokens", "authorized_ips", "authorized_hostnames", "proxy_authorizations", "audit", "bans")

URLENCODED = b"application/x-www-form-urlencoded"
MULTIPART = b"multipart/form-data; boundary=XX"
END = b"--XX--\r\n"


@dataclass(frozen=True)
class Post:
    """A path, a form that it would take, and for each of its fields what it would not."""

    path: str
    form: Mapping[str, str]
    wrong: Mapping[str, str]
    field: str
    """The field that is spoilt where any will do."""


SUB = {"username": "child"}
LONG_NAME = {"username": "a" * 31}
PROFILE = {
    "first_name": "a" * 21,
    "last_name": "b\x01b",
    "email": "nobody",
    "monthly_limit": "ten",
    "total_limit": "-1",
    "monthly_bandwidth_limit": "1.5",
    "total_bandwidth_limit": "1000000001",
    "password": "x" * 129,
}
TOKEN = {"id": "1", "username": "child"}
NO_IDS = {"id": "one", "username": "a" * 31}

POSTS = (
    Post(
        "/api/sub/create/", {"username": "new", "first_name": "Jo"}, {"username": "no blank", **PROFILE}, "first_name"
    ),
    Post("/api/sub/edit/", {"username": "child", "last_name": "Jo"}, {"username": "a" * 31, **PROFILE}, "last_name"),
    Post("/api/sub/activate/", SUB, LONG_NAME, "username"),
    Post("/api/sub/deactivate/", SUB, LONG_NAME, "username"),
    Post("/api/sub/delete/", SUB, LONG_NAME, "username"),
    Post("/api/ip/add/", {"ip": "8.8.8.8", "label": "x"}, {"ip": "8.8.8.0/24", "label": "a" * 101, **LONG_NAME}, "ip"),
    Post("/api/ip/delete/", {"ip": "9.9.9.9"}, {"ip": "9.9.9", **LONG_NAME}, "ip"),
    Post("/api/hostname/add/", {"domain": "b.example"}, {"domain": "no blank.example", **LONG_NAME}, "domain"),
    Post("/api/hostname/delete/", {"domain": "a.example"}, {"domain": "a" * 255, **LONG_NAME}, "domain"),
    Post("/api/proxy/add/", {"proxy": "open"}, {"proxy": "nowhere", **LONG_NAME}, "proxy"),
    Post("/api/proxy/delete/", {"proxy": "open"}, {"proxy": "x" * 261, **LONG_NAME}, "proxy"),
    Post("/api/token/create/", {"label": "x"}, {"label": "a" * 101, "expires_at": "2026-02-30", **LONG_NAME}, "label"),
    Post("/api/token/activate/", TOKEN, NO_IDS, "id"),
    Post("/api/token/deactivate/", TOKEN, NO_IDS | {"id": "0"}, "id"),
    Post("/api/token/delete/", TOKEN, NO_IDS | {"id": "9" * 19}, "id"),
)


@dataclass(frozen=True)
class Row:
    """A request that is wrong, and the answer that it deserves."""

    sentence: str
    head: bytes
    """Its request line and its own fields; Host and the credentials come with it."""
    body: bytes
    status: int
    about: str
    """The field that is complained about; of an answer other than 400, words of its reason."""
    forever: bytes = b""
    """What follows the body again and again, for as long as nobody answers."""


def line(path: str, *fields: bytes) -> bytes:
    return b"".join([b"POST ", path.encode(), b" HTTP/1.1\r\n", *(field + b"\r\n" for field in fields)])


def sized(kind: bytes, body: bytes) -> tuple[bytes, bytes]:
    return b"Content-Type: " + kind, b"Content-Length: %d" % len(body)


def part(name: str, value: bytes, more: str = "") -> bytes:
    return f'--XX\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + value + b"\r\n"


def encoded(post: Post, **changed: str) -> bytes:
    return urlencode({**post.form, **changed}).encode()


def wrong_values(post: Post) -> Iterator[Row]:
    """Each field of the form, of a wrong type, too long, or beyond its range."""
    for field, value in post.wrong.items():
        body = encoded(post, **{field: value})
        yield Row(f"{field} is {value[:20]!r}", line(post.path, *sized(URLENCODED, body)), body, 400, field)


def wrong_forms(post: Post) -> Iterator[Row]:
    """Forms that can be read in two ways, or not at all."""
    good, field = encoded(post), post.field.encode()
    rest = urlencode({name: value for name, value in post.form.items() if name != post.field}).encode()
    parts = b"".join(part(name, value.encode()) for name, value in post.form.items())
    for sentence, kind, body, status, about in (
        ("a doubled field", URLENCODED, good + b"&" + field + b"=x", 400, post.field),
        ("a NUL", URLENCODED, rest + b"&" + field + b"=a%00b", 400, post.field),
        ("a raw NUL", URLENCODED, rest + b"&" + field + b"=a\0b", 400, post.field),
        ("invalid UTF-8", URLENCODED, rest + b"&" + field + b"=%ff", 400, post.field),
        ("half of a surrogate pair", URLENCODED, rest + b"&" + field + b"=%ed%a0%80", 400, post.field),
        ("a name that is no UTF-8", URLENCODED, good + b"&%ff=1", 400, WHOLE),
        ("JSON", b"application/json", json.dumps(dict(post.form)).encode(), 400, WHOLE),
        ("JSON under a form's name", URLENCODED, json.dumps(dict(post.form)).encode(), 400, WHOLE),
        ("compressed", URLENCODED, gzip.compress(good), 400, WHOLE),
        ("plain text", b"text/plain", good, 415, "Send application/x-www-form-urlencoded"),
        ("101 fields", URLENCODED, b"&".join(b"f%d=" % n for n in range(101)), 413, "Too many fields"),
        ("10,000 fields", URLENCODED, b"&".join(b"f%d" % n for n in range(10_000)), 413, "Too many fields"),
        ("no boundary", b"multipart/form-data", parts + END, 400, WHOLE),
        ("no last boundary", MULTIPART, parts, 400, WHOLE),
        ("no multipart", MULTIPART, good, 400, WHOLE),
        ("a doubled part", MULTIPART, parts + part(post.field, b"x") + END, 400, post.field),
        ("a NUL in a part", MULTIPART, part(post.field, b"a\0b") + END, 400, post.field),
        ("invalid UTF-8 in a part", MULTIPART, part(post.field, b"\xff") + END, 400, post.field),
        ("a file", MULTIPART, part(post.field, b"x", '; filename="x"') + END, 400, post.field),
        ("101 parts", MULTIPART, b"".join(part(f"f{n}", b"") for n in range(101)) + END, 413, "too many fields"),
    ):
        yield Row(sentence, line(post.path, *sized(kind, body)), body, status, about)


def wrong_requests(post: Post) -> Iterator[Row]:
    """Bodies whose length is a lie, without an end, or in the wrong place."""
    form, good = b"Content-Type: " + URLENCODED, encoded(post)
    chunked = b"Transfer-Encoding: chunked"
    too_large = "request body over 65536 bytes"
    chunk = b"2000\r\n" + b"a" * 0x2000 + b"\r\n"
    for sentence, fields, body, status, about in (
        ("1 GiB announced", (form, b"Content-Length: 1073741824"), b"", 413, too_large),
        ("a length beyond every integer", (form, b"Content-Length: " + b"9" * 40), b"", 413, too_large),
        ("70,000 bytes", sized(URLENCODED, b"a" * 70_000), b"a" * 70_000, 413, too_large),
        ("a length that is none", (form, b"Content-Length: +5"), b"", 400, WHOLE),
        ("two lengths", (form, b"Content-Length: 1", b"Content-Length: 2"), b"", 400, WHOLE),
        ("a length and chunks", (form, chunked, b"Content-Length: 5"), b"", 400, WHOLE),
        ("a chunk whose size is none", (form, chunked), b"xyz\r\n", 400, WHOLE),
        ("two content types", (form, b"Content-Type: text/plain", b"Content-Length: 1"), b"a", 400, WHOLE),
    ):
        yield Row(sentence, line(post.path, *fields), body, status, about)
    yield Row("chunked forever", line(post.path, form, chunked), b"", 413, too_large, chunk)
    yield Row(
        "a field in the address", line(f"{post.path}?{post.field}=x", *sized(URLENCODED, good)), good, 400, post.field
    )


def rows() -> Iterator[Row]:
    for post in POSTS:
        for family in (wrong_values, wrong_forms, wrong_requests):
            for row in family(post):
                yield replace(row, sentence=f"{post.path}: {row.sentence}")


ROWS = tuple(rows())


class Peer:
    """A client of the daemon that says whatever it is told to."""

    def __init__(self, daemon: LiveDaemon, context: ssl.SSLContext) -> None:
        plain = socket.create_connection(("127.0.0.1", daemon.api_port), PATIENCE)
        self.socket = context.wrap_socket(plain, server_hostname="localhost")
        self._heard = b""
        self._ended = False

    def ask(self, data: bytes, forever: bytes = b"") -> bytes:
        """The answer, up to its end or the connection's."""
        self.socket.sendall(data)
        sent = 0
        while forever and not self.answered() and sent < MOST:
            self.socket.sendall(forever)
            sent += len(forever)
        return self.answer()

    def answered(self) -> bool:
        """Whether an answer has begun by now.  That there is something to read may be TLS's own affair."""
        self.socket.settimeout(0)
        try:
            self._more()
        except ssl.SSLWantReadError:
            pass
        finally:
            self.socket.settimeout(PATIENCE)
        return bool(self._heard) or self._ended

    def answer(self) -> bytes:
        while not _whole(self._heard) and not self._ended:
            self._more()
        return self._heard

    def close(self) -> None:
        self.socket.close()

    def _more(self) -> None:
        data = self.socket.recv(65536)
        self._heard += data
        self._ended = not data


def _whole(data: bytes) -> bool:
    head, mark, body = data.partition(b"\r\n\r\n")
    lengths = [int(each[15:]) for each in head.lower().split(b"\r\n") if each.startswith(b"content-length:")]
    return bool(mark) and len(body) >= sum(lengths)


def stored() -> Unit[dict[str, Any]]:
    """Every row of what a request may change."""
    found = {}
    for table in TABLES:
        found[table] = yield Statement(f"select * from {table} order by 1, 2", {})
    return found


def kilobytes(pid: int, name: str) -> int:
    """A line of the process's status, in bytes."""
    text = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name}:")) * 1024


class MalformedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.daemon = daemon = LiveDaemon(self, CONFIG)
        daemon.account("parent", PASSWORD)
        daemon.account("child", parent="parent")
        daemon.token("parent")
        daemon.token("child")
        daemon.cli("ip", "add", "parent", "9.9.9.9")
        daemon.cli("hostname", "add", "parent", "a.example")
        self.context = ssl.create_default_context(cafile=str(daemon.certificate))
        credentials = b64encode(f"parent:{PASSWORD}".encode())
        self.always = b"Host: localhost\r\nAuthorization: Basic " + credentials + b"\r\n"
        self.assertEqual(self.send(b"GET /api/proxies/ HTTP/1.1\r\n").status, 200)  # its password is hashed, once

    def peer(self) -> Peer:
        peer = Peer(self.daemon, self.context)
        self.addCleanup(peer.close)
        return peer

    def send(self, head: bytes, body: bytes = b"", forever: bytes = b"") -> Answer:
        """One request on a connection of its own."""
        peer = self.peer()
        try:
            return read_answer(peer.ask(head + self.always + b"\r\n" + body, forever))
        finally:
            peer.close()

    def kept(self) -> dict[str, Any]:
        store = BlockingStore(self.daemon.store_url)
        try:
            return dict(store.run(stored))
        finally:
            store.close()

    def check(self, row: Row, answer: Answer) -> None:
        """The status, and a reason that names the field or says what was wrong, in words for clients."""
        self.assertEqual(answer.status, row.status, answer)
        self.assertEqual(answer.one("Content-Type"), "application/json")
        if answer.status == 400:
            self.assertEqual(list(answer.json), [row.about], answer)
            (texts,) = answer.json.values()
        else:
            self.assertEqual(list(answer.json), ["detail"])
            texts = [answer.json["detail"]]
            self.assertIn(row.about, texts[0])
        self.assertTrue(texts and all(isinstance(text, str) and text.strip() for text in texts), answer)
        for word in ("Traceback", "Error", "Exception", "twisted", "sqlite", "0x"):
            self.assertNotIn(word, " ".join(texts))

    def drip(self, *sayings: Iterator[bytes]) -> list[Answer]:
        """For each a peer, all at once, each a piece at a time, until each has an answer."""
        waiting = {self.peer(): saying for saying in sayings}
        peers = list(waiting)
        end = time.monotonic() + PATIENCE
        while waiting and time.monotonic() < end:
            for peer in [peer for peer in waiting if peer.answered()]:
                del waiting[peer]
            for peer, data in waiting.items():
                peer.socket.sendall(next(data))
            readable([peer.socket for peer in waiting], DRIP)
        self.assertEqual(len(waiting), 0, "no answer to a drip")
        return [read_answer(peer.answer()) for peer in peers]

    def test_each_is_refused_with_a_reason_and_costs_nothing(self) -> None:
        """A 4xx, its reason, no change in the store, no traceback, and less than 50 MB."""
        self.assertGreaterEqual(len(ROWS), 200)
        self.assertEqual(len({row.sentence for row in ROWS}), len(ROWS))
        before, pid = self.kept(), self.daemon.pid
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak is counted from here
        memory = kilobytes(pid, "VmRSS")
        for row in ROWS:
            with named(row.sentence):
                self.check(row, self.send(row.head, row.body, row.forever))
        grown = kilobytes(pid, "VmHWM") - memory
        print(f"{len(ROWS)} malformed requests: {memory / 1e6:.1f} MB before, at most {grown / 1e6:.1f} MB more")
        self.assertLess(grown, MEMORY)
        self.assertEqual(self.kept(), before)
        self.unhurt()

    def test_heads_that_drip_are_cut(self) -> None:
        """Each of the paths, a byte at a time and a field at a time: 408 when the time for a head is over."""
        before = self.kept()

        def bytewise() -> Iterator[bytes]:
            yield from (bytes([byte]) for byte in b"POST /api/token/create/ HTTP/1.1\r\n" + b"X: " + b"a" * 100_000)

        def fieldwise() -> Iterator[bytes]:
            yield line("/api/token/create/")
            yield from (b"X-%d: a\r\n" % number for number in range(100_000))

        began = time.monotonic()
        for answer in self.drip(*(say() for say in (bytewise, fieldwise) for _ in range(4))):
            self.assertEqual((answer.status, answer.json), (408, {"detail": "request too slow"}))
        self.assertGreater(time.monotonic() - began, HEAD - 2)
        self.assertEqual(self.kept(), before)
        self.unhurt()

    def test_a_client_that_asks_and_never_reads_costs_little(self) -> None:
        """Without a credential, 170 MB of answers are not made before somebody wants them; then they all come."""
        pid, peers = self.daemon.pid, [self.peer() for _ in range(8)]
        Path(f"/proc/{pid}/clear_refs").write_text("5")
        memory = kilobytes(pid, "VmRSS")
        for peer in peers:
            peer.socket.sendall(b"GET /api/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * UNREAD)
        self.unhurt()  # by now all of them have been looked at
        grown = kilobytes(pid, "VmHWM") - memory
        print(f"{UNREAD} unread answers to each of 8 clients: at most {grown / 1e6:.1f} MB more")
        self.assertLess(grown, MEMORY)
        heard, line, answers = bytearray(), b"HTTP/1.1 200 OK\r\n", 0
        while answers < UNREAD or not _whole(heard[heard.rindex(line) :]):
            new = peers[0].socket.recv(1 << 20)
            answers += (bytes(heard[1 - len(line) :]) + new).count(line)
            heard += new
        self.assertEqual({answer.status for answer in read_answers(bytes(heard))}, {200})

    def unhurt(self) -> None:
        """It still answers, and its log has no complaint of its own."""
        answer = self.send(b"GET /api/ips/ HTTP/1.1\r\n")
        self.assertEqual((answer.status, answer.json), (200, {"ips": ["9.9.9.9"]}))
        self.assertTrue(self.daemon.running)
        for word in ("Traceback", "internal error", "was lost"):
            self.assertNotIn(word, self.daemon.log_text())
