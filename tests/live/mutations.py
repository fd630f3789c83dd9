"""Conversations of a client and an origin that nobody would write: drawn from a grammar, the same for the same seed.

What comes of one must not depend on when its pieces are read, so that it can be compared: an origin answers once it has
the whole request, and ends a connection as its answer says, or where any request may be sent again.  It says 408 to
nobody, which is asked again on another connection, and its chunks, which are counted as they are written anew, come at
once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

VARYING, AUTHORITY = b"{V}", b"{A}"
"""Stand for one byte that differs from request to request or not, and for the origin's host and port."""

SIZES = (0, 1, 5, 5, 5, 100, 4096, 16383, 16384, 16385, 65535, 65536, 65537, 131072)
"""Of bodies: around what is read and written at once."""

REQUEST_FIELDS = (
    b"User-Agent: x/1",
    b"Accept: */*",
    b"Connection: keep-alive",
    b"Connection: TE, x-h\r\nX-H: 1",
    b"Proxy-Connection: keep-alive",
    b"Authorization: Bearer of-the-origin",
    b"X-ProxyMesh-Session: abc",
    b"X-ProxyMesh-IP: 192.0.2.1",
    b"Connection: close",
    b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: x",
    b"Max-Forwards: 3",
    b"Range: bytes=0-4",
    b"X-Long: " + b"y" * 3000,
    b"X-8bit: \xe9",
    b"Empty:",
    b"Content-Length: 0",
    b"Blank : x",
)
ANSWER_FIELDS = (
    b"Server: o",
    b"Date: Mon, 30 Nov 2026 10:00:00 GMT",
    b"Set-Cookie: a=b",
    b"Set-Cookie: c=d",
    b"Keep-Alive: timeout=5",
    b"Keep-Alive: max=0",
    b"Connection: keep-alive",
    b"Connection: Close, x-a\r\nX-A: b",
    b"Proxy-Authenticate: Basic",
    b"WWW-Authenticate: NTLM",
    b"X-ProxyMesh-IP: 192.0.2.2",
    b"Trailer: X-T",
    b"Folded: a\r\n b",
    b"Blank : x",
    b"NoColon",
    b"X-8bit: \xff",
)
STATUSES = (b"200 OK",) * 8 + (b"204 No", b"304 Not Modified", b"404 Not Found", b"206 Part", b"200", b"500 Oops")
TRAILERS = (b"", b"", b"X-T: 1\r\n", b"Content-Length: 3\r\n", b"X-T: 1\r\nSet-Cookie: a\r\n")
INTERIM = (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\nConnection: close\r\n\r\n")
LENGTH, CODED, UNTIL_CLOSE, TWICE, BOTH = range(5)
"""How an answer says where it ends."""

AT_ONCE = 4096
"""Bytes that come in one piece."""

SAFE = (b"GET", b"GET", b"GET", b"HEAD", b"DELETE", b"OPTIONS")


@dataclass
class Step:
    """One request and its answer."""

    method: bytes
    request: bytes
    answer: bytes
    """To any request for its path."""
    head: bytes
    """The same, without a body, as HEAD is answered."""
    ends: bool
    """Whether the origin ends its connection behind the answer."""
    places: tuple[float, ...]
    """Where the request is cut into pieces, as parts of its length."""
    answer_places: tuple[float, ...]
    together: bool
    """Whether the next request is sent at once with this one."""


@dataclass
class Draw:
    """Draws one conversation: what is asked and answered is mostly what was before."""

    random: Random
    number: int
    credentials: tuple[bytes, ...]
    path: bytes = b""
    method: bytes = b"GET"
    fields: list[bytes] = field(default_factory=list)
    credential: bytes = b""
    status: bytes = b"200 OK"
    size: int = 5
    framing: int = 0
    more: list[bytes] = field(default_factory=list)

    def steps(self) -> list[Step]:
        random = self.random
        self.credential = self.credentials[0]
        self.fields = random.sample(REQUEST_FIELDS[:4], random.randrange(3))
        self._another_answer()
        uploads = random.random() < 0.3
        return [self._step(place, uploads=uploads) for place in range(random.randrange(6, 14))]

    def _step(self, place: int, *, uploads: bool) -> Step:
        random = self.random
        if random.random() < 0.2:
            self._change()
        if random.random() < 0.25:
            self.credential = random.choice(self.credentials)
        if not self.path or random.random() < 0.35:
            self.path = b"/%d.%d%b" % (
                self.number,
                place,
                random.choice((b"", b"", b"?q=%41", b"/a//b", b"?" + b"z" * 5000)),
            )
        if random.random() < 0.15:
            self._another_answer()
        body = random.choice(SIZES) if uploads and random.random() < 0.4 else None
        method = random.choice((b"POST", b"PUT")) if body is not None else self.method
        answer, head, ends = self._answer(may_end=not uploads)
        cuts, answer_cuts = self._cuts(), () if self.framing == CODED else self._cuts()
        return Step(method, self._request(method, body), answer, head, ends, cuts, answer_cuts, random.random() < 0.1)

    def _cuts(self) -> tuple[float, ...]:
        return tuple(sorted(self.random.random() for _ in range(self.random.choice((0, 0, 0, 0, 0, 1, 2, 4)))))

    def _change(self) -> None:
        """Change one thing of all further requests."""
        random, chance = self.random, self.random.random()
        if chance < 0.5:
            self.fields = random.sample(REQUEST_FIELDS[:8], random.randrange(3))
        elif chance < 0.7:
            self.fields = self.fields[::-1]
        else:
            self.method = random.choice(SAFE)

    def _another_answer(self) -> None:
        random = self.random
        self.status, self.size = random.choice(STATUSES), random.choice(SIZES)
        self.framing = random.choice((LENGTH, LENGTH, LENGTH, CODED, CODED, UNTIL_CLOSE, TWICE, BOTH))
        if self.framing == CODED:
            self.size = min(self.size, AT_ONCE)
        self.more = random.sample(ANSWER_FIELDS, random.choice((0, 1, 1, 3)))

    def _request(self, method: bytes, body: int | None) -> bytes:
        random, lines, content = self.random, [b"X-N: " + VARYING, *self.fields], b""
        if body is not None:
            content = b"b" * body
            coded = random.random() < 0.5
            lines.append(b"Transfer-Encoding: chunked" if coded else b"Content-Length: %d" % body)
            content = chunked(random, content) if coded else content
        if random.random() < 0.12:  # this once
            lines.append(random.choice(REQUEST_FIELDS))
        version = b"HTTP/1.0" if random.random() < 0.04 and b"chunked" not in b"".join(lines) else b"HTTP/1.1"
        line = b"%b http://%b%b %b" % (method, AUTHORITY, self.path, version)
        whole = [line, b"Host: " + AUTHORITY, self.credential, *lines]
        return b"\r\n".join(filter(None, whole)) + b"\r\n\r\n" + content

    def _answer(self, *, may_end: bool) -> tuple[bytes, bytes, bool]:
        """An answer, with and without its body, and whether the connection ends behind it."""
        random, content = self.random, b"a" * self.size
        says = (
            b"Content-Length: %d\r\n" % self.size,
            b"Transfer-Encoding: chunked\r\n",
            b"",
            b"Content-Length: %d\r\nContent-Length: %d\r\n" % (self.size, self.size),
            b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n" % self.size,
        )[self.framing]
        if self.framing == CODED:
            content = chunked(random, content)
        if self.status[:3] in {b"204", b"304"}:
            content = b""
        more = b"".join(each + b"\r\n" for each in self.more)
        head = b"HTTP/1.1 %b\r\nX-R: %b\r\n%b%b\r\n" % (self.status, VARYING, more, says)
        if random.random() < 0.08:
            head = random.choice(INTERIM) + head
        ends = self.framing in {UNTIL_CLOSE, BOTH} or b"NoColon" in self.more
        if may_end and random.random() < 0.1:
            ends = True
            if random.random() < 0.5:
                head, content = head[: random.randrange(len(head) - 4)], b""  # which is answered by us
        return head + content, head, ends


def chunked(random: Random, content: bytes) -> bytes:
    """In chunks of odd sizes, with trailers now and then."""
    pieces = []
    while content:
        size = random.choice((1, 15, 16, 17, 4096)) if len(content) < 5000 else random.choice((4096, 16384, 65536))
        pieces.append(b"%x\r\n%b\r\n" % (len(content[:size]), content[:size]))
        content = content[size:]
    return b"".join(pieces) + b"0\r\n" + random.choice(TRAILERS) + b"\r\n"


def pieces(data: bytes, places: tuple[float, ...]) -> list[bytes]:
    """data, cut at these parts of its length."""
    cuts = [0, *(int(place * len(data)) for place in places), len(data)]
    return [data[begin:end] for begin, end in pairwise(cuts) if begin < end]
