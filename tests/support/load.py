"""A client that makes load: raw sockets on asyncio, each byte counted to the account that it was sent for.

A byte counts as sent when the kernel has taken it, as received when it was read; those of an exchange are booked when
it is over.  What is not over stays in `Book.open`, which is what was in flight when something died.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from tests.support.echoes import FILL, Echoes, body_of

CHUNK_SLACK = 700
"""An answer's head, and the framing of a small body."""


@dataclass(frozen=True)
class Credential:
    """What a request says of who asks, and whose bytes they are then."""

    account: str
    line: bytes = b""
    """A header line with its end; empty for who is known by the address."""


def basic(account: str, user: str, password: str) -> Credential:
    return Credential(account, b"Proxy-Authorization: Basic " + b64encode(f"{user}:{password}".encode()) + b"\r\n")


def bearer(account: str, token: str, name: str = "Proxy-Authorization") -> Credential:
    return Credential(account, f"{name}: Bearer {token}\r\n".encode())


@dataclass(eq=False)
class Bytes:
    """Of one exchange or tunnel."""

    account: str
    method: str
    up: int = 0
    down: int = 0
    most: int = 0
    """What may come down at most."""


@dataclass
class Book:
    """What clients counted."""

    done: list[tuple[str, str, int, int]] = field(default_factory=list)
    """Account, method, up, down."""
    open: set[Bytes] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    """Answers that were not those to the request."""
    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def begin(self, account: str, method: str, most: int = 0) -> Bytes:
        begun = Bytes(account, method, most=most)
        self.open.add(begun)
        return begun

    def close(self, ended: Bytes) -> None:
        self.open.remove(ended)
        self.done.append((ended.account, ended.method, ended.up, ended.down))

    def forget(self, refused: Bytes) -> None:
        """It is not billed."""
        self.open.discard(refused)

    def totals(self) -> Counter[str]:
        """Bytes of what is over, by account."""
        sums: Counter[str] = Counter()
        for account, _, up, down in self.done:
            sums[account] += up + down
        return sums

    def in_flight(self) -> Counter[str]:
        """The most that can have passed of what is not over, by account."""
        sums: Counter[str] = Counter()
        for each in self.open:
            sums[each.account] += each.up + max(each.most, each.down)
        return sums


class Wrong(Exception):
    """An answer that does not belong to the request."""


class Gone(Exception):
    """The connection has ended."""


@dataclass
class Head:
    """Of an answer."""

    status: int
    lines: bytes

    def field(self, name: bytes) -> bytes:
        for line in self.lines.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.strip().lower() == name:
                return value.strip()
        return b""


class Link:
    """One connection to the proxy."""

    def __init__(self, book: Book, sock: socket.socket) -> None:
        self.book = book
        self.sock = sock
        self.buffer = b""
        self.kept = True
        self._loop = asyncio.get_running_loop()

    @classmethod
    async def open(cls, book: Book, address: tuple[str, int], source: str = "") -> Link:
        """OSError."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if source:
                sock.bind((source, 0))
            await asyncio.get_running_loop().sock_connect(sock, address)
        except BaseException:
            sock.close()
            raise
        return cls(book, sock)

    def close(self) -> None:
        self.sock.close()

    def reset(self) -> None:
        """Close as a client does that dies."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    # Bytes

    async def send(self, data: bytes, counted: Bytes) -> None:
        """Gone."""
        view = memoryview(data)
        try:
            while view:
                try:
                    sent = self.sock.send(view)
                except BlockingIOError:
                    await self._writable()
                    continue
                counted.up += sent
                view = view[sent:]
        except OSError as error:
            raise Gone(error) from None

    async def _writable(self) -> None:
        ready = self._loop.create_future()
        self._loop.add_writer(self.sock, lambda: ready.done() or ready.set_result(None))
        try:
            await ready
        finally:
            self._loop.remove_writer(self.sock)

    async def more(self) -> None:
        """Wait for bytes of the answer.  Gone."""
        try:
            data = await self._loop.sock_recv(self.sock, 262_144)
        except OSError as error:
            raise Gone(error) from None
        if not data:
            raise Gone("the proxy ended the connection")
        self.buffer += data

    async def take(self, size: int, counted: Bytes) -> bytes:
        while len(self.buffer) < size:
            await self.more()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        counted.down += size
        return data

    async def take_line(self, end: bytes, counted: Bytes) -> bytes:
        """With what ends it."""
        while (at := self.buffer.find(end)) < 0:
            await self.more()
        return await self.take(at + len(end), counted)

    # Messages

    async def head(self, counted: Bytes) -> Head:
        lines = await self.take_line(b"\r\n\r\n", counted)
        return Head(int(lines.split(b" ", 2)[1]), lines)

    async def body(self, head: Head, counted: Bytes) -> bytes:
        if head.field(b"transfer-encoding") == b"chunked":
            return await self._chunks(counted)
        return await self.take(int(head.field(b"content-length") or 0), counted)

    async def _chunks(self, counted: Bytes) -> bytes:
        pieces = []
        while size := int(await self.take_line(b"\r\n", counted), 16):
            pieces.append((await self.take(size + 2, counted))[:-2])
        await self.take(2, counted)
        return b"".join(pieces)

    # Exchanges

    async def get(self, who: Credential, port: int, path: str, most: int = 2**20) -> tuple[Head, bytes]:
        """One plain request, booked where it was let in.  Gone."""
        request = b"GET http://127.0.0.1:%d%b HTTP/1.1\r\nHost: h\r\n%b\r\n" % (port, path.encode(), who.line)
        return await self.ask(who, "GET", request, most)

    async def ask(self, who: Credential, method: str, request: bytes, most: int) -> tuple[Head, bytes]:
        counted = self.book.begin(who.account, method, most)
        began = time.perf_counter()
        await self.send(request, counted)
        return await self.answer(counted, began)

    async def answer(self, counted: Bytes, began: float) -> tuple[Head, bytes]:
        head = await self.head(counted)
        body = await self.body(head, counted)
        self.book.seconds.append(time.perf_counter() - began)
        self.book.statuses[head.status] += 1
        self.kept = head.field(b"connection") != b"close"
        if head.field(b"x-proxymesh-error"):
            self.book.forget(counted)
        else:
            self.book.close(counted)
        return head, body

    async def connect(self, who: Credential, port: int, early: bytes = b"") -> tuple[Head, Bytes]:
        """A tunnel, in which early was sent with the head.  Its bytes are booked by `Book.close`."""
        request = b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: h\r\n%b\r\n%b" % (port, who.line, early)
        counted = self.book.begin(who.account, "CONNECT", CHUNK_SLACK)
        began = time.perf_counter()
        await self.send(request, counted)
        head = await self.head(counted)
        self.book.seconds.append(time.perf_counter() - began)
        self.book.statuses[head.status] += 1
        if head.status != 200:
            await self.body(head, counted)
            self.book.forget(counted)
        return head, counted

    async def echo(self, data: bytes, counted: Bytes) -> None:
        """Through a tunnel to an E: there and back.  Gone, Wrong."""
        counted.most += len(data)
        sending = asyncio.ensure_future(self.send(data, counted))
        try:
            if await self.take(len(data), counted) != data:
                raise Wrong(f"another echo in a tunnel of {counted.account}")
        finally:
            await sending

    async def finish(self, counted: Bytes) -> None:
        """End our side of a tunnel and read the other's end."""
        self.sock.shutdown(socket.SHUT_WR)
        try:
            await self.more()
        except Gone:
            self.book.close(counted)
        else:
            raise Wrong(f"bytes after the end of a tunnel of {counted.account}")
        finally:
            self.close()


# Mixed work


class Client:
    """One of many: works on a connection that it keeps, as whoever the next request is sent for."""

    def __init__(
        self,
        book: Book,
        address: tuple[str, int],
        origin: Echoes,
        credentials: Sequence[Credential],
        draw: random.Random,
        *,
        source: str = "",
        tunnels: float = 0.1,
    ) -> None:
        self._book = book
        self._address = address
        self._origin = origin
        self._credentials = credentials
        self._draw = draw
        self._source = source
        self._tunnels = tunnels
        self._number = 0
        self._link: Link | None = None

    async def work(self, go_on: Callable[[], bool], pause: float = 0) -> None:
        """Exchanges while go_on says so.  Gone, where the connection ended before its answer; OSError."""
        try:
            while go_on():
                await self._one()
                if pause:
                    await asyncio.sleep(pause)
        except Wrong as wrong:
            self._book.wrong.append(str(wrong))
        finally:
            if self._link is not None:
                self._link.close()
                self._link = None

    async def _one(self) -> None:
        draw = self._draw
        if self._link is None:
            self._link = await Link.open(self._book, self._address, self._source)
        if draw.random() < self._tunnels:
            await self._tunnel(self._link)
        elif draw.random() < 0.05:
            await self._pipelined(self._link)
        else:
            await self._exchange(self._link)
        if self._link is not None and not self._link.kept:
            self._link.close()
            self._link = None

    def _who(self) -> tuple[Credential, bytes]:
        who = self._draw.choice(self._credentials)
        self._number += 1
        return who, b"%b.%x.%d" % (who.account.encode(), id(self), self._number)

    async def _tunnel(self, link: Link) -> None:
        who, marker = self._who()
        early = marker if self._draw.random() < 0.5 else b""
        self._link = None
        try:
            head, counted = await link.connect(who, self._origin.raw, b"E" + early if early else b"")
            if head.status != 200:
                self._refused(who, head)
                return
            if early:
                counted.most += len(early)
                if await link.take(len(early), counted) != early:
                    raise Wrong(f"another's bytes in the tunnel of {who.account}")
            else:
                await link.send(b"E", counted)
            for _ in range(self._draw.randrange(3)):
                size = self._draw.choice((10, 500, 3_000, 20_000, 100_000))
                await link.echo(marker + FILL[:size], counted)
            await link.finish(counted)
        finally:
            link.close()

    async def _exchange(self, link: Link) -> None:
        who, marker = self._who()
        method, request, expected = self._request(who, marker)
        head, body = await link.ask(who, method, request, len(expected) * 2 + CHUNK_SLACK)
        self._check(who, marker, head, body, expected)

    async def _pipelined(self, link: Link) -> None:
        """Two in one write, for two accounts; the answers in their order."""
        both = [self._who() for _ in range(2)]
        asked = []
        data = b""
        for who, marker in both:
            expected = body_of(marker, 200)
            request = self._get(who, b"/n/200/" + marker)
            counted = self._book.begin(who.account, "GET", len(expected) + CHUNK_SLACK)
            counted.up = len(request)
            data += request
            asked.append((who, marker, counted, expected))
        await link.send(data, Bytes("", ""))
        for who, marker, counted, expected in asked:
            if not link.kept:  # what comes after an answer that closes is not begun
                self._book.forget(counted)
                continue
            head, body = await link.answer(counted, time.perf_counter())
            self._check(who, marker, head, body, expected)

    def _request(self, who: Credential, marker: bytes) -> tuple[str, bytes, bytes]:
        """Method, the bytes, and the body that has to come back."""
        draw = self._draw
        size = draw.choice((0, 40, 300, 1_000, 5_000, 30_000))
        kind = draw.random()
        if kind < 0.5:
            return "GET", self._get(who, b"/n/%d/%b" % (size, marker)), body_of(marker, size)
        if kind < 0.75:
            return "GET", self._get(who, b"/c/%d/%b" % (size, marker)), body_of(marker, size)
        sent = marker + FILL[:size]
        line = b"POST http://127.0.0.1:%d/p/%b HTTP/1.1\r\nHost: h\r\n%b" % (self._origin.http, marker, who.line)
        if kind < 0.9:
            return "POST", line + b"Content-Length: %d\r\n\r\n%b" % (len(sent), sent), sent
        half = len(sent) // 2
        pieces = [piece for piece in (sent[:half], sent[half:]) if piece]
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        return "POST", line + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n", sent

    def _get(self, who: Credential, path: bytes) -> bytes:
        return b"GET http://127.0.0.1:%d%b HTTP/1.1\r\nHost: h\r\n%b\r\n" % (self._origin.http, path, who.line)

    def _check(self, who: Credential, marker: bytes, head: Head, body: bytes, expected: bytes) -> None:
        if head.field(b"x-proxymesh-error"):
            self._refused(who, head)
        elif head.field(b"x-marker") != marker or body != expected:
            raise Wrong(f"asked {marker!r}, answered {head.field(b'x-marker')!r}, {len(body)} bytes")

    def _refused(self, who: Credential, head: Head) -> None:
        self._book.wrong.append(f"{who.account} was refused: {head.lines.splitlines()[:3]!r}")


async def crowd(clients: Sequence[Client], go_on: Callable[[], bool], pause: float = 0) -> list[str]:
    """All at once, until go_on says no more; how those ended that did not end well."""
    ended = await asyncio.gather(*(client.work(go_on, pause) for client in clients), return_exceptions=True)
    for end in ended:
        if isinstance(end, BaseException) and not isinstance(end, Gone | OSError):
            raise end
    return [repr(end) for end in ended if end is not None]


def countdown(count: int) -> Callable[[], bool]:
    """True so many times."""
    left = iter(range(count))
    return lambda: next(left, None) is not None


async def many(opens: Callable[[int], Awaitable[None]], count: int, at_once: int = 100) -> None:
    """Await opens(0…count-1), some at a time."""
    numbers = iter(range(count))

    async def some() -> None:
        for number in numbers:
            await opens(number)

    await asyncio.gather(*(some() for _ in range(at_once)))


async def ended_at(link: Link, counted: Bytes) -> tuple[float, float]:
    """Read until the proxy ends the connection: when its last bytes came, and when its end did (monotonic)."""
    last = time.monotonic()
    with contextlib.suppress(Gone):
        while True:
            await link.more()
            counted.down += len(link.buffer)
            link.buffer = b""
            last = time.monotonic()
    link.close()
    return last, time.monotonic()
