"""What the checks of faults share: a daemon, one customer, an origin, and clients that ask every so often."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

from tests.support.daemon import PATIENCE, LiveDaemon, until
from tests.support.echoes import Echoes
from tests.support.load import Book, Bytes, Credential, Gone, Head, Link, basic

T = TypeVar("T")


class World:
    """anna, who is known by her password, and where her requests go."""

    def __init__(self, owner: Any, config: str = "", **options: Any) -> None:
        self.daemon = LiveDaemon(owner, config, **options)
        self.origin = Echoes(owner)
        self.book = Book()
        self.anna = self.customer("anna")

    def customer(self, name: str, **options: object) -> Credential:
        """A new one, by password."""
        return basic(name, name, self.daemon.account(name, **options))

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.daemon.proxy_port

    @property
    def descriptors(self) -> int:
        """That the daemon has open."""
        return len(os.listdir(f"/proc/{self.daemon.pid}/fd"))

    @property
    def sockets(self) -> int:
        """Of these; kernel pipes are kept for the next tunnel."""
        folder, found = f"/proc/{self.daemon.pid}/fd", 0
        for name in os.listdir(folder):
            with suppress(FileNotFoundError):
                found += os.readlink(f"{folder}/{name}").startswith("socket:")
        return found

    @property
    def clients_total(self) -> int:
        """Anna's bytes of what is over."""
        return self.book.totals()["anna"]

    async def link(self, book: Book | None = None, source: str = "") -> Link:
        return await Link.open(book or self.book, self.address, source)

    async def tunnel(self, kind: bytes = b"E", who: Credential | None = None) -> tuple[Link, Bytes]:
        """An open one, that has carried a few bytes where the origin sends them back."""
        link = await self.link()
        head, counted = await link.connect(who or self.anna, self.origin.raw)
        assert head.status == 200, head
        await link.send(kind, counted)
        if kind == b"E":
            await link.echo(b"up", counted)
        return link, counted

    async def ask(self, path: str = "/n/100/m", who: Credential | None = None, book: Book | None = None) -> Head:
        """One request on a connection of its own."""
        link = await self.link(book)
        try:
            return (await link.get(who or self.anna, self.origin.http, path))[0]
        finally:
            link.close()

    async def ask_steadily(self, seconds: float, clients: int = 20, pause: float = 0.02) -> Book:
        """So many clients, each on its connection, each asking every so often."""
        book, end = Book(), time.monotonic() + seconds

        async def one() -> None:
            link = await self.link(book)
            try:
                while time.monotonic() < end:
                    head, _ = await link.get(self.anna, self.origin.http, "/n/500/m")
                    assert head.status == 200, head
                    await asyncio.sleep(pause)
            finally:
                link.close()

        await asyncio.gather(*(one() for _ in range(clients)))
        self.book.done += book.done
        return book

    def settled(self, deadline: float = PATIENCE) -> int:
        """The store's total of anna, once it is what the clients counted; what it is at last, where it never is."""
        with suppress(AssertionError):
            until(lambda: self.daemon.total("anna") == self.clients_total, "all is billed", deadline)
        return self.daemon.total("anna")

    def logged(self) -> int:
        """Anna's bytes in the exchange log."""
        return sum(line["up"] + line["down"] for line in self.daemon.exchanges())


async def eventually(condition: Callable[[], Awaitable[bool]], what: str, deadline: float = PATIENCE) -> float:
    """Seconds until it was so.  AssertionError when it never is."""
    began = time.monotonic()
    while not await condition():
        if time.monotonic() - began > deadline:
            raise AssertionError(f"not within {deadline} s: {what}")
        await asyncio.sleep(0.05)
    return time.monotonic() - began


async def within(*works: Awaitable[T]) -> list[T]:
    """What all of them give.  TimeoutError where one of them never does."""
    return await asyncio.wait_for(asyncio.gather(*works), PATIENCE)


async def served(world: World) -> bool:
    """Whether a new client is served now."""
    try:
        return (await asyncio.wait_for(world.ask(book=Book()), 20)).status == 200
    except (OSError, Gone, TimeoutError):
        return False
