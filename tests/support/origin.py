"""An origin that remembers every byte it was sent, exactly as it came, on which connection.

Plain or TLS (a certificate of its own authority), in a thread of its own, on loopback.
"""

from __future__ import annotations

import asyncio
import atexit
import inspect
import json
import os
import shutil
import ssl
import tempfile
import threading
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import trustme

CLOSE = object()
"""In a script: close the connection now."""

RELEASE = object()
"""In a script: wait until `release` is called."""

Script = bytes | Sequence[bytes | object]

_PIECE = bytes(range(256)) * 256


def pattern(size: int) -> bytes:
    """The body of /bytes/N and its like."""
    return (_PIECE * (size // len(_PIECE) + 1))[:size]


@dataclass
class Received:
    """One request as it arrived."""

    head: bytes
    body: bytes = b""
    """Decoded where it was chunked."""
    raw: bytes = b""
    """Head and body, every byte."""

    @property
    def method(self) -> str:
        return self.head.split(b" ", 1)[0].decode("latin-1")

    @property
    def target(self) -> str:
        return self.head.split(b" ", 2)[1].decode("latin-1")

    @property
    def path(self) -> str:
        """Without authority and query."""
        target = self.target
        if "://" in target:
            target = "/" + target.split("://", 1)[1].partition("/")[2]
        return target.partition("?")[0]

    @property
    def fields(self) -> list[tuple[str, str]]:
        """In order, in their own case."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        pairs = (line.partition(":") for line in lines if line)
        return [(name, value.strip()) for name, _, value in pairs]

    def field(self, name: str) -> str | None:
        """The first of this name, in any case."""
        return next((value for each, value in self.fields if each.lower() == name.lower()), None)

    @property
    def names(self) -> set[str]:
        """Of its fields, in lower case."""
        return {name.lower() for name, _ in self.fields}


@dataclass
class Connection:
    """One connection, whole."""

    peer: tuple[str, int]
    received: bytearray = field(default_factory=bytearray)
    requests: list[Received] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    """The other side has closed, or we have."""


class RecordingOrigin:
    """Listens from the constructor on; `close`, or the owner's clean-up, ends it.

    /echo           JSON: method, target, fields (pairs), body
    /bytes/N        N bytes with a length           /chunked/N      the same in chunks
    /until-close/N  N bytes ended by the close      /status/N       an empty answer with that status
    /slow           answers after `release`         /hang           never answers
    /close          closes without an answer        /websocket      101, then sends back what comes
    and whatever `script` was told.  Anything else is answered as /echo.  What is not scripted closes where it was asked
    to (`obliging`): some clients read on until then, whatever the length.
    """

    obliging = True

    def __init__(self, owner: Any = None, *, tls: bool = False, host: str = "127.0.0.1", raw: str = "") -> None:
        """raw: "" speaks HTTP; "echo" sends back what comes; "sink" reads only."""
        self.host = host
        self.tls = tls
        self.ca_file = authority().file if tls else ""
        self.connections: list[Connection] = []
        self.accepted = 0
        """Connections since the start, whatever was forgotten."""
        self._raw = raw
        self._scripts: dict[str, Script] = {}
        self._news = threading.Condition()
        self._released = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._thread.start()
        self.port: int = self._call(self._listen())
        if owner is not None:
            getattr(owner, "addClassCleanup" if inspect.isclass(owner) else "addCleanup")(self.close)

    # What a test asks

    @property
    def authority(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def url(self, path: str = "/echo", host: str = "") -> str:
        scheme = "https" if self.tls else "http"
        return f"{scheme}://{f'{host}:{self.port}' if host else self.authority}{path}"

    @property
    def requests(self) -> list[Received]:
        """Of all connections, the oldest connection's first."""
        return [request for connection in list(self.connections) for request in list(connection.requests)]

    @property
    def received(self) -> bytes:
        """All bytes of all connections."""
        return b"".join(bytes(connection.received) for connection in list(self.connections))

    def wait_for_requests(self, count: int, deadline: float = 60.0) -> None:
        """Until so many have come, since the last `forget`.  AssertionError when they do not."""
        with self._news:
            if not self._news.wait_for(lambda: len(self.requests) >= count, deadline):
                raise AssertionError(f"{len(self.requests)} requests of {count} within {deadline} s")

    def script(self, path: str, answer: Script) -> None:
        """Answer this path with these very bytes; a list may hold CLOSE and RELEASE too."""
        self._scripts[path] = [answer] if isinstance(answer, bytes) else list(answer)

    def release(self) -> None:
        """Let go on whatever waits, now and later, until `hold`."""
        self._loop.call_soon_threadsafe(self._released.set)

    def hold(self) -> None:
        self._loop.call_soon_threadsafe(self._released.clear)

    def forget(self) -> None:
        """Begin the record anew; of the connections only those that are open stay, emptied."""
        self.connections = [each for each in list(self.connections) if not each.ended.is_set()]
        for connection in self.connections:
            connection.received.clear()
            connection.requests.clear()

    def hang_up(self) -> None:
        """Close every open connection."""

        async def cancel() -> None:
            for task in list(self._tasks):
                task.cancel()

        self._call(cancel())

    def close(self) -> None:
        if self._loop.is_closed():
            return
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()

    # In the thread

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _call(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    async def _listen(self) -> int:
        context = authority().context if self.tls else None
        self._server = await asyncio.start_server(self._accept, self.host, 0, ssl=context, backlog=1024)
        return int(self._server.sockets[0].getsockname()[1])

    async def _end(self) -> None:
        """Of connections too that the kernel or the loop has accepted, and that nobody serves yet."""
        self._server.close()
        while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(writer.get_extra_info("peername")[:2])
        self.connections.append(connection)
        self.accepted += 1
        task = self._loop.create_task(self._serve(Stream(reader, connection), writer, connection))
        self._tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            """Served, or cancelled before that began."""
            self._tasks.discard(task)
            connection.ended.set()
            writer.close()

        task.add_done_callback(ended)

    async def _serve(self, stream: Stream, writer: asyncio.StreamWriter, connection: Connection) -> None:
        try:
            if self._raw:
                await self._echo(stream, writer if self._raw == "echo" else None)
            else:
                while (request := await stream.request()) is not None:
                    with self._news:
                        connection.requests.append(request)
                        self._news.notify_all()
                    asked_to = (request.field("connection") or "").lower() == "close"
                    closes = asked_to and self.obliging and request.path not in self._scripts
                    if not await self._answer(request, stream, writer) or closes:
                        break
        except (ConnectionError, ssl.SSLError, asyncio.IncompleteReadError, asyncio.CancelledError, TimeoutError):
            pass

    async def _answer(self, request: Received, stream: Stream, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection goes on."""
        path = request.path
        if path in self._scripts:
            return await self._play(self._scripts[path], writer)
        word, _, number = path.strip("/").partition("/")
        answers: dict[str, Callable[..., Coroutine[Any, Any, bool]]] = {
            "bytes": self._bytes,
            "chunked": self._chunked,
            "until-close": self._until_close,
            "status": self._status,
        }
        if word in answers and number.isdigit():
            return await answers[word](int(number), writer, head_only=request.method == "HEAD")
        if word == "close":
            return False
        if word == "hang":
            await asyncio.Event().wait()
        if word == "slow":
            await self._released.wait()
        if word == "websocket":
            writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            await self._echo(stream, writer)
            return False
        return await self._echo_request(request, writer)

    async def _play(self, script: Script, writer: asyncio.StreamWriter) -> bool:
        for step in script:
            if step is CLOSE:
                return False
            if step is RELEASE:
                await self._released.wait()
            else:
                assert isinstance(step, bytes)
                writer.write(step)
                await writer.drain()
        return True

    async def _echo_request(self, request: Received, writer: asyncio.StreamWriter) -> bool:
        facts = {
            "method": request.method,
            "target": request.target,
            "fields": request.fields,
            "body": request.body.decode("latin-1"),
        }
        body = json.dumps(facts).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        writer.write(head if request.method == "HEAD" else head + body)
        await writer.drain()
        return True

    async def _bytes(self, size: int, writer: asyncio.StreamWriter, *, head_only: bool) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        if not head_only:
            await self._stream(size, writer, lambda piece: piece)
        return True

    async def _chunked(self, size: int, writer: asyncio.StreamWriter, *, head_only: bool) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        if not head_only:
            await self._stream(size, writer, lambda piece: b"%x\r\n%b\r\n" % (len(piece), piece))
            writer.write(b"0\r\n\r\n")
        return True

    async def _until_close(self, size: int, writer: asyncio.StreamWriter, *, head_only: bool) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        if not head_only:
            await self._stream(size, writer, lambda piece: piece)
        return False

    async def _status(self, status: int, writer: asyncio.StreamWriter, *, head_only: bool) -> bool:
        length = b"" if status in {204, 304} else b"Content-Length: 0\r\n"
        writer.write(b"HTTP/1.1 %d Asked For\r\n%b\r\n" % (status, length))
        await writer.drain()
        return True

    async def _stream(self, size: int, writer: asyncio.StreamWriter, wrap: Callable[[bytes], bytes]) -> None:
        while size:
            piece = _PIECE[: min(size, len(_PIECE))]
            writer.write(wrap(piece))
            await writer.drain()
            size -= len(piece)

    async def _echo(self, stream: Stream, writer: asyncio.StreamWriter | None) -> None:
        """Until the other side ends; what has been read ahead is sent back first."""
        while data := await stream.some():
            if writer is not None:
                writer.write(data)
                await writer.drain()


class Stream:
    """Requests off a connection, recording; lenient, since what must not arrive has to be seen when it does."""

    def __init__(self, reader: asyncio.StreamReader, connection: Connection) -> None:
        self._reader = reader
        self._connection = connection
        self._buffer = b""

    async def some(self) -> bytes:
        """Whatever is there; b"" at the end."""
        if self._buffer:
            data, self._buffer = self._buffer, b""
            return data
        data = await self._reader.read(65536)
        self._connection.received += data
        return data

    async def request(self) -> Received | None:
        """The next one; None when the other side is done."""
        while b"\r\n\r\n" not in self._buffer:
            if not await self._more():
                return None
        end = self._buffer.index(b"\r\n\r\n") + 4
        request = Received(self._take(end))
        request.raw = request.head
        if (request.field("transfer-encoding") or "").lower() == "chunked":
            await self._chunks(request)
        else:
            length = request.field("content-length") or "0"
            request.body = await self._exactly(int(length) if length.isdigit() else 0)
            request.raw += request.body
        return request

    async def _more(self) -> bool:
        data = await self._reader.read(65536)
        self._connection.received += data
        self._buffer += data
        return bool(data)

    def _take(self, size: int) -> bytes:
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    async def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            if not await self._more():
                raise asyncio.IncompleteReadError(self._buffer, size)
        return self._take(size)

    async def _line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            if not await self._more():
                raise asyncio.IncompleteReadError(self._buffer, None)
        return self._take(self._buffer.index(b"\r\n") + 2)

    async def _chunks(self, request: Received) -> None:
        while True:
            line = await self._line()
            size = int(line.split(b";")[0], 16)
            request.raw += line
            if not size:
                break
            data = await self._exactly(size + 2)
            request.raw += data
            request.body += data[:-2]
        while (line := await self._line()) != b"\r\n":
            request.raw += line
        request.raw += line


class Authority:
    """A certificate authority and a server certificate for loopback."""

    def __init__(self) -> None:
        self.ca = trustme.CA()
        folder = tempfile.mkdtemp(prefix="meshd-ca-", dir="/tmp")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        self.file = os.path.join(folder, "ca.pem")
        self.ca.cert_pem.write_to_path(self.file)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issued = self.ca.issue_cert("127.0.0.1", "::1", "localhost", "origin.test")
        issued.configure_cert(self.context)
        self.leaf = issued.cert_chain_pems[0].bytes()


@cache
def authority() -> Authority:
    """The one of this process."""
    return Authority()
