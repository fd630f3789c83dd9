"""The clients of a soak: each kind does one thing again and again, in its own pace, until it is told to stop."""

from __future__ import annotations

import asyncio
import random
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator

from tests.soak.ground import LISTED, Ground
from tests.support.echoes import FILL, LIMITED
from tests.support.load import CHUNK_SLACK, Bytes, Client, Credential, Gone, Head, Link

STRANGER = "127.0.0.66"
"""Where those come from who do not know a password, and who are banned for it."""


class Sealed(Link):
    """A link whose bytes go through TLS; counted is what is inside."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def to(cls, ground: Ground) -> Sealed:
        reader, writer = await asyncio.open_connection(*ground.proxy, ssl=ground.trust, server_hostname="127.0.0.1")
        link = cls(ground.book, writer.get_extra_info("socket"))
        link.reader, link.writer = reader, writer
        return link

    async def send(self, data: bytes, counted: Bytes) -> None:
        try:
            self.writer.write(data)
            counted.up += len(data)
            await self.writer.drain()
        except OSError as error:
            raise Gone(error) from None

    async def more(self) -> None:
        try:
            data = await self.reader.read(262_144)
        except OSError as error:
            raise Gone(error) from None
        if not data:
            raise Gone("the proxy ended the connection")
        self.buffer += data

    def close(self) -> None:
        self.writer.close()


class Worker:
    """One client; `once` is what it does, `pause` the seconds in between at most."""

    pause = 1.0
    cuts = False
    """Whether what it does may be cut off."""

    def __init__(self, ground: Ground, number: int) -> None:
        self.ground = ground
        self.book = ground.book
        self.origin = ground.origin
        self.draw = random.Random(f"{type(self).__name__} {number}")
        self.ended = False

    async def work(self) -> None:
        while not self.ended:
            try:
                await self.once()
            except (Gone, OSError) as error:
                if not self.cuts:
                    self.book.wrong.append(f"{type(self).__name__}: {error!r}")
            await asyncio.sleep(self.pause * self.draw.random())

    async def once(self) -> None:
        raise NotImplementedError

    async def opened(self, port: int = 0, source: str = "") -> Link:
        return await Link.open(self.book, ("127.0.0.1", port or self.ground.proxy[1]), source)

    def get(self, who: Credential, path: str) -> bytes:
        return b"GET http://127.0.0.1:%d%b HTTP/1.1\r\nHost: h\r\n%b\r\n" % (self.origin.http, path.encode(), who.line)

    def connect(self, who: Credential) -> bytes:
        return b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: h\r\n%b\r\n" % (self.origin.raw, who.line)

    async def exchange(
        self, link: Link, who: Credential, request: bytes, *, most: int = 2**20, allowed: int = 0
    ) -> tuple[Head, bytes]:
        """One request with its answer, booked whatever comes of it; allowed: the status of a refusal that may come."""
        counted = self.book.begin(who.account, type(self).__name__, most)
        began = time.perf_counter()
        with self.tearing(link, counted):
            await link.send(request, counted)
            head = await link.head(counted)
            body = await link.body(head, counted)
        self.book.seconds.append(time.perf_counter() - began)
        link.kept = head.field(b"connection") != b"close"
        self.judge(counted, head, allowed)
        return head, body

    def judge(self, counted: Bytes, head: Head, allowed: int) -> None:
        if head.field(b"x-proxymesh-error"):
            self.book.refuse(counted, head)
            if head.status != allowed:
                self.book.wrong.append(f"{type(self).__name__} {counted.account}: {head.lines.splitlines()[:3]!r}")
        else:
            self.book.close(counted)

    def tearing(self, link: Link, counted: Bytes) -> _Tearing:
        return _Tearing(self, link, counted)

    async def tunnelled(
        self, link: Link, counted: Bytes, talk: Callable[[Link, Bytes], Awaitable[None]], *, halves: bool = True
    ) -> None:
        """A tunnel that stands, to its end; halves: whether our side can end before the other."""
        with self.tearing(link, counted):
            await talk(link, counted)
            if halves:
                await link.finish(counted)
            else:
                self.book.close(counted)
        link.close()

    async def echoes(self, link: Link, counted: Bytes) -> None:
        await link.send(b"E", counted)
        for _ in range(self.draw.randrange(1, 4)):
            await link.echo(FILL[: self.draw.choice((10, 500, 3_000, 20_000, 100_000))], counted)


class _Tearing:
    """Books what its block's exchange had moved when the connection ended before it should."""

    def __init__(self, worker: Worker, link: Link, counted: Bytes) -> None:
        self._worker, self._link, self._counted = worker, link, counted

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None:
            self._counted.down += len(self._link.buffer)
            self._link.buffer = b""
            self._worker.book.tear(self._counted)
            self._link.close()


class Keeper(Worker):
    """Keep-alive requests of all kinds for everybody, checked to the byte; some of them in pairs."""

    pause = 0.25
    tunnels = 0.0

    def __init__(self, ground: Ground, number: int) -> None:
        super().__init__(ground, number)
        self._client = Client(
            self.book, ground.proxy, self.origin, ground.people, self.draw, source=LISTED, tunnels=self.tunnels
        )

    async def work(self) -> None:
        while not self.ended:
            try:
                await self._client.work(lambda: not self.ended, self.pause)
            except (Gone, OSError) as error:
                self.book.wrong.append(f"{type(self).__name__}: {error!r}")
                await asyncio.sleep(self.pause)


class ShortTunnels(Keeper):
    """Tunnels opened, used and ended at once."""

    pause = 0.5
    tunnels = 1.0


class LongTunnel(Worker):
    """A tunnel that stays for a minute or two, and says something now and then."""

    async def once(self) -> None:
        who = self.draw.choice([each for each in self.ground.people if each.line])
        link = await self.opened()
        counted = self.book.begin(who.account, "LongTunnel", CHUNK_SLACK)
        with self.tearing(link, counted):
            await link.send(self.connect(who), counted)
            head = await link.head(counted)
            if head.status != 200:
                await link.body(head, counted)
        if head.status != 200:
            link.close()
            self.judge(counted, head, 0)
            return
        await self.tunnelled(link, counted, self._talk)

    async def _talk(self, link: Link, counted: Bytes) -> None:
        await link.send(b"E", counted)
        for _ in range(self.draw.randrange(20, 120)):
            await link.echo(FILL[: self.draw.randrange(1, 4_000)], counted)
            if self.ended:
                break
            await asyncio.sleep(1)


class Socks(Worker):
    """A tunnel by SOCKS5."""

    async def once(self) -> None:
        name = self.draw.choice(("anna", "berta"))
        link = await self.opened()
        word = self.ground.passwords[name].encode()
        free = Bytes(name, "")
        login = b"\1%c%b%c%b" % (len(name), name.encode(), len(word), word)
        try:
            await link.send(b"\5\1\2", free)
            await link.take(2, free)
            await link.send(login, free)
            granted = await link.take(2, free) == b"\1\0"
        except Gone:
            granted = False
        if not granted:
            link.close()
            self.book.wrong.append(f"Socks: {name} was not let in, as by HTTP a 503 would say")
            return
        counted = self.book.begin(name, "Socks", CHUNK_SLACK)
        with self.tearing(link, counted):
            await link.send(b"\5\1\0\1\x7f\0\0\1" + self.origin.raw.to_bytes(2, "big"), counted)
            code = (await link.take(10, counted))[1]
        if code:
            link.close()
            self.book.refuse(counted, Head(503, b""))
            self.book.wrong.append(f"Socks: reply {code}, as by HTTP a 503 would say")
            return
        await self.tunnelled(link, counted, self.echoes)


class SealedGets(Worker):
    """TLS to the proxy: a connection of its own for a few requests, or a tunnel."""

    async def once(self) -> None:
        who = self.ground.who(self.draw.choice(("anna", "emil")))
        link = await Sealed.to(self.ground)
        try:
            if self.draw.random() < 0.7:
                for _ in range(self.draw.randrange(1, 6)):
                    size = self.draw.choice((40, 3_000, 30_000))
                    await self.exchange(link, who, self.get(who, f"/n/{size}/m"))
                    if not link.kept:
                        break
                return
            counted = self.book.begin(who.account, "SealedTunnel", CHUNK_SLACK)
            with self.tearing(link, counted):
                await link.send(self.connect(who), counted)
                head = await link.head(counted)
                if head.status != 200:
                    await link.body(head, counted)
            if head.status != 200:
                self.judge(counted, head, 0)
            else:
                await self.tunnelled(link, counted, self.echoes, halves=False)
        finally:
            link.close()


class Uploads(Worker):
    """A body of up to a MB, with its length or in chunks, which comes back."""

    pause = 2.0

    async def once(self) -> None:
        who = self.draw.choice([each for each in self.ground.people if each.line])
        body = FILL[: self.draw.choice((10_000, 100_000, 1_000_000))]
        head = b"POST http://127.0.0.1:%d/p/m HTTP/1.1\r\nHost: h\r\n%b" % (self.origin.http, who.line)
        request = head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        if self.draw.random() < 0.5:
            pieces = [body[at : at + 40_000] for at in range(0, len(body), 40_000)]
            chunks = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in pieces)
            request = head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
        link = await self.opened()
        try:
            head, back = await self.exchange(link, who, request, most=2 * len(request))
            if head.status == 200 and back != body:
                self.book.wrong.append(f"Uploads: {len(back)} bytes of {len(body)} came back")
        finally:
            link.close()


class Refused(Worker):
    """A destination that is not allowed, a wrong password, no credential, no HTTP."""

    async def once(self) -> None:
        who = self.ground.who("barred")
        link = await self.opened()
        try:
            await self.exchange(
                link, who, b"GET http://10.0.0.1/ HTTP/1.1\r\nHost: h\r\n%b\r\n" % who.line, allowed=403
            )
        finally:
            link.close()
        for line in (b"Proxy-Authorization: Basic " + b64encode(b"anna:wrong") + b"\r\n", b""):
            await self._stranger(
                b"GET http://127.0.0.1:%d/n/9/m HTTP/1.1\r\nHost: h\r\n%b\r\n" % (self.origin.http, line)
            )
        await self._stranger(b"\0nothing that is known\r\n\r\n")

    async def _stranger(self, request: bytes) -> None:
        link = await self.opened(source=STRANGER)
        try:
            await link.send(request, Bytes("", ""))
            await link.more()
            if link.buffer.startswith(b"HTTP/1.1 200"):
                self.book.wrong.append("a stranger was served")
        except Gone:
            pass
        finally:
            link.close()


class Slow(Worker):
    """Sends its head in pieces and reads its answer in pieces; sometimes it gives up before it has sent all."""

    async def once(self) -> None:
        who = self.ground.who("slow")
        request = self.get(who, "/n/300000/m")
        link = await self.opened()
        if self.draw.random() < 0.2:
            await link.send(request[: self.draw.randrange(1, len(request) - 2)], Bytes("", ""))
            await asyncio.sleep(2)
            link.close()
            return
        counted = self.book.begin(who.account, "Slow", 400_000)
        with self.tearing(link, counted):
            for at in range(0, len(request), 40):
                await link.send(request[at : at + 40], counted)
                await asyncio.sleep(0.05)
            head = await link.head(counted)
            left = int(head.field(b"content-length") or 0)
            while left:
                size = min(left, 20_000)
                await link.take(size, counted)
                left -= size
                await asyncio.sleep(0.1)
        link.close()
        self.judge(counted, head, 0)


class Limited(Worker):
    """Uses up what its account has left, by requests and by tunnels that pour; refused until it is given more."""

    pause = 0.6
    cuts = True

    async def once(self) -> None:
        who = self.ground.who("limited")
        link = await self.opened()
        try:
            if self.draw.random() < 0.8:
                await self.exchange(link, who, self.get(who, "/n/30000/m"), most=30_700, allowed=509)
                return
            counted = self.book.begin(who.account, "Limited", LIMITED + CHUNK_SLACK)
            with self.tearing(link, counted):
                await link.send(self.connect(who), counted)
                head = await link.head(counted)
                if head.status != 200:
                    await link.body(head, counted)
            if head.status != 200:
                self.judge(counted, head, 509)
                return
            with self.tearing(link, counted):
                await link.send(b"L", counted)
                await link.take(LIMITED, counted)
            await self.tunnelled(link, counted, self._nothing)
        finally:
            link.close()

    async def _nothing(self, link: Link, counted: Bytes) -> None:
        pass


class Mortal(Worker):
    """Through exits that die: kept connections and tunnels, in sessions and without."""

    pause = 0.6
    cuts = True

    async def once(self) -> None:
        who = self.ground.who("mortal")
        session = self.draw.choice((b"", b"X-ProxyMesh-Session: a\r\n", b"X-ProxyMesh-Session: b\r\n"))
        who = Credential(who.account, who.line + session)
        link = await self.opened(self.ground.mortal_port)
        try:
            if self.draw.random() < 0.7:
                for _ in range(3):
                    await self.exchange(link, who, self.get(who, "/n/3000/m"), allowed=502)
                    if not link.kept:
                        break
                    await asyncio.sleep(self.pause * self.draw.random())
                return
            counted = self.book.begin(who.account, "MortalTunnel", CHUNK_SLACK)
            with self.tearing(link, counted):
                await link.send(self.connect(who), counted)
                head = await link.head(counted)
                if head.status != 200:
                    await link.body(head, counted)
            if head.status != 200:
                self.judge(counted, head, 502)
            else:
                await self.tunnelled(link, counted, self._for_a_while)
        finally:
            link.close()

    async def _for_a_while(self, link: Link, counted: Bytes) -> None:
        await link.send(b"E", counted)
        for _ in range(self.draw.randrange(10)):
            await link.echo(FILL[: self.draw.randrange(1, 4_000)], counted)
            await asyncio.sleep(self.draw.random())


class Api(Worker):
    """The account API and the pages, on a connection for each call."""

    paths = ("/api/proxies/", "/api/ips/", "/api/activity/", "/api/sub/get/?username=emil", "/")

    def __init__(self, ground: Ground, number: int) -> None:
        super().__init__(ground, number)
        self.seconds: list[float] = []

    async def once(self) -> None:
        path = self.draw.choice(self.paths)
        word = b64encode(f"anna:{self.ground.passwords['anna']}".encode()).decode()
        began = time.perf_counter()
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.ground.daemon.api_port, ssl=self.ground.trust, server_hostname="127.0.0.1"
        )
        try:
            request = (
                f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic {word}\r\nConnection: close\r\n\r\n"
            )
            writer.write(request.encode())
            answer = await reader.read()
        finally:
            writer.close()
        self.seconds.append(time.perf_counter() - began)
        status = int(answer.split(b" ", 2)[1]) if answer else 0
        if not 200 <= status < 400:
            self.book.wrong.append(f"Api: {path} was answered: {status} ")


COUNTS: dict[type[Worker], int] = {
    Keeper: 6,
    ShortTunnels: 4,
    LongTunnel: 6,
    Socks: 2,
    SealedGets: 3,
    Uploads: 2,
    Refused: 1,
    Slow: 2,
    Limited: 2,
    Mortal: 4,
    Api: 1,
}
"""How many of each work at a time: some sixty requests a second on an idle machine."""


def crew(ground: Ground) -> Iterator[Worker]:
    for kind, count in COUNTS.items():
        for number in range(count):
            yield kind(ground, number)
