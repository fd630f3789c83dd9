"""Datagrams by SOCKS5 on loopback: `python bench/datagrams.py [--rounds N]`.

Per second of the daemon's own CPU time, with and without the native part, in alternating rounds; then what associations
that stand cost in memory and descriptors.  One client, twenty datagrams on the way at a time, each sent back.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not bench/ itself, whose profile.py would stand before the standard library's

from bench.machine import description  # noqa: E402
from bench.processes import cpu_seconds, memory  # noqa: E402
from meshd.socks5 import datagram_head  # noqa: E402
from tests.support.daemon import LiveDaemon  # noqa: E402
from tests.support.datagrams import DatagramClient, datagram_socket  # noqa: E402

CONFIG = '[udp]\non = true\n[destinations]\nallow = ["127.0.0.1"]\nports = ["1024-65535"]\n'
PASSWORD = "correct horse"
SIZES = (100, 1200)
PAIRS = 20_000
ON_THE_WAY = 20
STANDING = 1_000


class Owner:
    """Cleans up as a test does."""

    def __init__(self, stack: ExitStack) -> None:
        self.addCleanup = stack.callback


def client(owner: Owner, daemon: LiveDaemon) -> DatagramClient:
    return DatagramClient(owner, socket.create_connection(("127.0.0.1", daemon.proxy_port)), "anna", PASSWORD)


def there_and_back(daemon: LiveDaemon, sender: DatagramClient, origin: socket.socket, size: int) -> float:
    """Datagrams per second of the daemon's CPU time, those sent and those sent back."""
    message = datagram_head(*origin.getsockname()) + bytes(size)
    before = cpu_seconds(daemon.pid)
    for _ in range(PAIRS // ON_THE_WAY):
        for _ in range(ON_THE_WAY):
            sender.raw(message)
        came = [origin.recvfrom(2000) for _ in range(ON_THE_WAY)]
        for data, source in came:
            origin.sendto(data, source)
        for _ in range(ON_THE_WAY):
            sender.socket.recv(2000)
    return 2 * PAIRS / (cpu_seconds(daemon.pid) - before)


def standing(owner: Owner, daemon: LiveDaemon, origin: socket.socket) -> tuple[float, float, float]:
    """KB of an association that stands, and of one with a destination; its descriptors then."""
    before, opened = memory(daemon.pid), len(os.listdir(f"/proc/{daemon.pid}/fd"))
    clients = [client(owner, daemon) for _ in range(STANDING)]
    idle = memory(daemon.pid) - before
    for each in clients:
        each.send(*origin.getsockname(), b"x")
        origin.recv(10)
    used = memory(daemon.pid) - before
    descriptors = len(os.listdir(f"/proc/{daemon.pid}/fd")) - opened
    return idle / STANDING / 1000, used / STANDING / 1000, descriptors / STANDING


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4)
    rounds = parser.parse_args().rounds
    print(description())
    found: dict[tuple[str, int], list[float]] = defaultdict(list)
    with ExitStack() as stack:
        owner = Owner(stack)
        origin = datagram_socket(owner)
        up = []
        for name, native in (("native part", "1"), ("Python alone", "0")):
            daemon = LiveDaemon(None, config=CONFIG, environ={"MESHD_NATIVE": native})
            stack.callback(daemon.close)
            daemon.account("anna", PASSWORD)
            up.append((name, daemon, client(owner, daemon)))
        for _ in range(rounds):
            for name, daemon, sender in up:
                for size in SIZES:
                    found[name, size].append(there_and_back(daemon, sender, origin, size))
        for (name, size), rates in found.items():
            print(f"{name}, {size} bytes: {median(rates):,.0f} ({max(rates):,.0f}) datagrams per CPU second")
        idle, used, descriptors = standing(owner, up[0][1], origin)
        print(f"an association: {idle:.1f} KB, with a destination {used:.1f} KB and {descriptors:.0f} descriptors")


if __name__ == "__main__":
    main()
