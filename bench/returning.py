"""Customers who all come back at once, and strangers who guess meanwhile: `python bench/returning.py`.

A thousand customers with passwords come at one moment, as after a restart; then the daemon is restarted and all come
again.  Told are how many were refused, when the last was answered, what the daemon spent, and how long a customer who
is known already waits meanwhile.  Then strangers guess wrong passwords from many addresses, many each second, and each
second one customer comes who was not there before.  Nothing here depends on a name server or an exit: what is asked
for is the daemon's own page.  Status 0 where nobody who knew a password was refused.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import shutil
import socket
import sqlite3
import sys
import tempfile
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # not bench/ itself, whose profile.py would hide another

from bench.machine import description, descriptors  # noqa: E402
from meshd.auth.passwords import hash_now  # noqa: E402
from tests.support.daemon import LiveDaemon  # noqa: E402

CONFIG = """
[limits]
failures = 1000
names_per_address = 1000000
unauthenticated = 10000
unauthenticated_per_address = 10000
"""
"""Nobody is banned while it is measured, and one address may stand for a thousand customers."""
KNOWN = "known"
EVERY = 0.02
"""Seconds between two requests of the customer who is known."""
PATIENCE = 100.0
MEMORY = "/dev/shm"
"""A file system in memory: what a daemon leaves for the next is left nowhere else."""

Port = int


def password(number: int) -> str:
    return f"correct horse {number}"


async def ask(port: Port, name: str, secret: str, source: str = "127.0.0.1") -> tuple[int, float]:
    """The status of an answer, and the seconds that it took."""
    begun = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    try:
        writer.write(_head(name, secret))
        line = await asyncio.wait_for(reader.readline(), PATIENCE)
        return int(line.split()[1]), time.perf_counter() - begun
    finally:
        writer.close()


def _head(name: str, secret: str) -> bytes:
    basic = b64encode(f"{name}:{secret}".encode()).decode()
    request = "GET http://meshd.internal/ HTTP/1.1\r\nHost: meshd.internal\r\n"
    return f"{request}Proxy-Authorization: Basic {basic}\r\n\r\n".encode()


def watch(port: Port, told: Connection) -> None:
    """Ask again and again as the customer who is known, on one connection, until told to end; then tell the seconds.

    A process of its own: the one that dials for a thousand has turns as long as the daemon's.
    """
    seconds: list[float] = []
    head = _head(KNOWN, KNOWN)
    with socket.create_connection(("127.0.0.1", port)) as client, client.makefile("rb") as answers:
        while not told.poll(EVERY):
            begun = time.perf_counter()
            client.sendall(head)
            length = 0
            while (line := answers.readline().lower().rstrip()) != b"":
                name, _, value = line.partition(b":")
                length = int(value) if name == b"content-length" else length
            answers.read(length)
            seconds.append(time.perf_counter() - begun)
    told.send(sorted(seconds))


async def beside(port: Port, work: Callable[[], Awaitable[None]]) -> list[float]:
    """Do the work; the seconds that the known customer waited meanwhile, sorted."""
    await ask(port, KNOWN, KNOWN)
    here, there = multiprocessing.Pipe()
    watcher = multiprocessing.Process(target=watch, args=(port, there), daemon=True)
    watcher.start()
    try:
        await work()
    finally:
        here.send(None)
    seconds: list[float] = await asyncio.to_thread(here.recv)
    watcher.join()
    return seconds


async def come_back(daemon: LiveDaemon, count: int, title: str) -> int:
    """All customers at once; how many were refused."""
    answers: list[tuple[int, float]] = []

    async def all_at_once() -> None:
        answers.extend(await asyncio.gather(*(ask(daemon.proxy_port, f"u{n}", password(n)) for n in range(count))))

    await ask(daemon.proxy_port, KNOWN, KNOWN)
    spent = cpu(daemon.pid)
    waits = await beside(daemon.proxy_port, all_at_once)
    spent = cpu(daemon.pid) - spent
    refused = count - Counter(status for status, _ in answers)[200]
    last = max(seconds for _, seconds in answers)
    print(
        f"{title}: {count} customers, {refused} refused, the last answered after {last:.1f} s, "
        f"{spent:.1f} CPU seconds; {known(waits)}",
        flush=True,
    )
    return refused


async def guess(daemon: LiveDaemon, count: int, rate: int, seconds: int) -> int:
    """Strangers guess; each second a customer comes for the first time.  How many of those were refused."""
    guesses: list[asyncio.Task[tuple[int, float]]] = []
    comers: list[asyncio.Task[tuple[int, float]]] = []

    async def go_on() -> None:
        begun = time.perf_counter()
        for number in range(rate * seconds):
            await asyncio.sleep(max(begun + number / rate - time.perf_counter(), 0))
            source = f"127.{1 + number % 7}.{number // 7 % 50}.{1 + number % 250}"
            guesses.append(asyncio.create_task(ask(daemon.proxy_port, f"nobody{number}", "wrong", source)))
            if number % rate == rate - 1:
                n = count + number // rate
                comers.append(asyncio.create_task(ask(daemon.proxy_port, f"u{n}", password(n), f"127.200.{n % 250}.1")))

    waits = await beside(daemon.proxy_port, go_on)
    came = await asyncio.gather(*comers)
    for task in guesses:
        task.cancel()
    ended = Counter(
        task.result()[0] for task in guesses if task.done() and not task.cancelled() and not task.exception()
    )
    took = sorted(each for _, each in came)
    refused = sum(status != 200 for status, _ in came)
    print(
        f"{rate} wrong passwords a second: {len(came)} new customers, {refused} refused, they wait "
        f"{share(took, 0.5):.2f} s, the longest {took[-1]:.2f} s; guesses answered meanwhile: {dict(ended)}; "
        f"{known(waits)}",
        flush=True,
    )
    return refused


def known(waits: Sequence[float]) -> str:
    return f"who is known waits {share(waits, 0.5) * 1000:.1f} ms, p99 {share(waits, 0.99) * 1000:.1f} ms"


def share(ordered: Sequence[float], part: float) -> float:
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]


def cpu(pid: int) -> float:
    """Seconds of CPU time that the process has spent, in all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def settle(database: Path, count: int) -> None:
    """So many accounts like the one that there is, each with a slow hash of its own."""
    with ProcessPoolExecutor() as pool:
        hashes = list(pool.map(hash_now, (password(n) for n in range(count)), chunksize=50))
    with sqlite3.connect(database, timeout=30) as store:
        names = [row[1] for row in store.execute("pragma table_info(accounts)")]
        own = {"id": "null", "username": ":name", "username_key": ":name", "password_hash": ":hash"}
        own["uuid"] = "lower(hex(randomblob(16)))"
        values = ", ".join(own.get(name, name) for name in names)
        for number, encoded in enumerate(hashes):
            told = {"name": f"u{number}", "hash": encoded}
            made = store.execute(f"insert into accounts select {values} from accounts where username = 'known'", told)
            store.execute(
                "insert into proxy_authorizations (account_id, proxy, created_at) select ?, proxy, a.created_at "
                "from proxy_authorizations a join accounts k on k.id = a.account_id where k.username = 'known'",
                (made.lastrowid,),
            )


@contextmanager
def running(tree: str, count: int) -> Iterator[LiveDaemon]:
    memory = tempfile.mkdtemp(prefix="meshd-bench-", dir=MEMORY)
    daemon = LiveDaemon(None, CONFIG, tree=tree, environ={"RUNTIME_DIRECTORY": memory})
    try:
        daemon.account(KNOWN, KNOWN)
        settle(daemon.folder / "meshd-data" / "meshd.sqlite3", count)
        yield daemon
    finally:
        daemon.close()
        shutil.rmtree(memory, ignore_errors=True)


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=1000)
    parser.add_argument("--rate", type=int, default=130, help="wrong passwords a second")
    parser.add_argument("--seconds", type=int, default=20, help="of guessing")
    parser.add_argument("--tree", default="", metavar="FOLDER", help="another tree of meshd in the place of this one")
    options = parser.parse_args(given)
    descriptors(8000)
    print(description(), flush=True)
    count = options.customers
    with running(options.tree, count + options.seconds) as daemon:
        refused = asyncio.run(come_back(daemon, count, "for the first time"))
        daemon.restart()
        refused += asyncio.run(come_back(daemon, count, "after a restart"))
        refused += asyncio.run(guess(daemon, count, options.rate, options.seconds))
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
