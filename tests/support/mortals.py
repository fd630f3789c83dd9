"""Many HTTP proxies of somebody else's, in one process of their own, that die for real and come back on their ports.

`python -m tests.support.mortals COUNT` prints the ports.  `die 1 2` on its standard input closes the listeners of those
and resets every connection of theirs, `back 1 2` opens them again; each line is answered when it is done.
"""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, cast

from tests.support.daemon import ROOT, at_end_of, clean_environment, end_with_input, free_port

_RESET = b"\1\0\0\0\0\0\0\0"
"""SO_LINGER: on, for no time."""

_TARGET = re.compile(rb"([A-Z]+) (?:http://)?([0-9.]+):([0-9]+)")


class Mortals:
    """The process, from the outside."""

    def __init__(self, owner: Any, count: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.mortals", str(count)],
            cwd=ROOT,
            env=clean_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        at_end_of(owner, self.close)
        assert self._process.stdout is not None
        self.ports = [int(word) for word in self._process.stdout.readline().split()]

    def toml(self, name: str) -> str:
        """The exits, named name-0 and so on."""
        rows = (f'name = "{name}-{at}"\nkind = "http"\nupstream = "127.0.0.1:{p}"' for at, p in enumerate(self.ports))
        return "".join(f"[[exits]]\n{row}\n" for row in rows)

    def die(self, which: Sequence[int]) -> None:
        self._tell("die", which)

    def come_back(self, which: Sequence[int]) -> None:
        self._tell("back", which)

    def close(self) -> None:
        end_with_input(self._process)

    def _tell(self, word: str, which: Sequence[int]) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{word} {' '.join(map(str, which))}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"


class Mortal:
    """One of them."""

    def __init__(self) -> None:
        self.port = free_port()
        self.open: set[asyncio.Transport] = set()
        self._server: asyncio.Server | None = None

    async def come_back(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Client(self), "127.0.0.1", self.port, backlog=1024)

    def die(self) -> None:
        assert self._server is not None
        self._server.close()
        for transport in list(self.open):
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            transport.abort()


class _Half(asyncio.Protocol):
    """One side of a connection; what it reads goes to the other."""

    other: _Half | None = None
    ended = False

    def __init__(self, mortal: Mortal) -> None:
        self._mortal = mortal

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._mortal.open.add(self.transport)

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        if self.other is None or self.other.transport.is_closing():
            return False
        self.other.transport.write_eof()
        self.ended = True
        return not self.other.ended

    def connection_lost(self, error: Exception | None) -> None:
        self._mortal.open.discard(self.transport)
        if self.other is not None and (error is not None or self.other.ended):
            self.other.transport.close()


class _Client(_Half):
    """Whoever asks: for one tunnel, or for one thing after another of one origin."""

    def __init__(self, mortal: Mortal) -> None:
        super().__init__(mortal)
        self._heads = b""
        self._tunnel = False
        self._asking: asyncio.Task[None] | None = None

    def data_received(self, data: bytes) -> None:
        if self._tunnel and self.other is not None:
            self.other.transport.write(data)
            return
        self._heads += data
        if self._asking is None or self._asking.done():
            self._asking = asyncio.ensure_future(self._ask())

    async def _ask(self) -> None:
        while b"\r\n\r\n" in self._heads and not self._tunnel:
            head, _, self._heads = self._heads.partition(b"\r\n\r\n")
            found = _TARGET.match(head)
            assert found is not None, head
            if self.other is None and not await self._reach(found[2].decode(), int(found[3])):
                return
            assert self.other is not None
            self._tunnel = found[1] == b"CONNECT"
            if self._tunnel:
                self.transport.write(b"HTTP/1.1 200 OK\r\n\r\n")
                self.other.transport.write(self._heads)
            else:
                self.other.transport.write(b"%b %b\r\n\r\n" % (found[1], head[found.end() :]))

    async def _reach(self, host: str, port: int) -> bool:
        """Whether we still are where we were when it has been reached."""
        loop = asyncio.get_running_loop()
        _, other = await loop.create_connection(lambda: _Half(self._mortal), host, port)
        if self.transport.is_closing():
            other.transport.abort()
            return False
        self.other, other.other = other, self
        return True


async def _serve(count: int) -> None:
    mortals = [Mortal() for _ in range(count)]
    for mortal in mortals:
        await mortal.come_back()
    print(*(mortal.port for mortal in mortals), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        word, *which = line.split()
        for number in map(int, which):
            if word == "die":
                mortals[number].die()
            else:
                await mortals[number].come_back()
        print("done", flush=True)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
