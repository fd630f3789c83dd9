"""Slow heads, from a process of their own: `python -m tests.faults.drip PORT COUNT PAUSE` until its input ends.

COUNT connections, each sending a byte of a field every PAUSE seconds; one that is ended is opened again.  It goes on
until one of them was answered, however slow the machine is, and prints how many ended with which status; 0 stands for
an end without an answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections import Counter

PATIENCE = 120.0
"""Seconds for the first answer, once the input has ended."""
SOURCE = "127.0.0.66"
BEGINNING = b"GET http://127.0.0.1/ HTTP/1.1\r\nHost: h\r\nX-A: "


class Drip(asyncio.Protocol):
    """One connection."""

    def __init__(self, pause: float, outcomes: Counter[int], answered: asyncio.Event) -> None:
        self._pause = pause
        self._outcomes = outcomes
        self._answered = answered
        self._status = 0
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send(BEGINNING)

    def _send(self, data: bytes = b"a") -> None:
        if not self._transport.is_closing():
            self._transport.write(data)  # type: ignore[attr-defined]
            asyncio.get_running_loop().call_later(self._pause, self._send)

    def data_received(self, data: bytes) -> None:
        self._status = self._status or int(data.split(b" ", 2)[1])

    def connection_lost(self, exc: Exception | None) -> None:
        self._outcomes[self._status] += 1
        if self._status:
            self._answered.set()
        if not self.over.done():  # as it is when all of it ends
            self.over.set_result(None)


async def _attack(port: int, count: int, pause: float, outcomes: Counter[int]) -> None:
    loop = asyncio.get_running_loop()

    async def one(number: int) -> None:
        await asyncio.sleep(number / count)
        while True:
            try:
                _, drip = await loop.create_connection(
                    lambda: Drip(pause, outcomes, answered), "127.0.0.1", port, local_addr=(SOURCE, 0)
                )
                await drip.over
            except OSError:
                outcomes[0] += 1
            await asyncio.sleep(pause)

    ended, answered = asyncio.Event(), asyncio.Event()
    loop.add_reader(sys.stdin, ended.set)
    drips = [loop.create_task(one(number)) for number in range(count)]
    await ended.wait()
    loop.remove_reader(sys.stdin)  # which is readable from now on
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(answered.wait(), PATIENCE)
    for each in drips:
        each.cancel()


if __name__ == "__main__":
    counted: Counter[int] = Counter()
    asyncio.run(_attack(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), counted))
    print(json.dumps(counted))
