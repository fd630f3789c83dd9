"""How long a customer waits while one client of HTTP/2 is hostile: `python bench/hostile.py`.

The customer asks for a small answer again and again, by a kept connection of HTTP/1.1 and by a session of HTTP/2, in
turn; the hostile client, a process of its own with a customer's password, sends what it can and comes again whenever
it is sent away.  Percentiles of the customer's round trip in milliseconds, of each round, and of these the medians; and
by how much the daemon's memory grew.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not bench/ itself, whose profile.py would hide another

from bench.machine import description  # noqa: E402
from bench.peers import SETTINGS  # noqa: E402
from tests.support.daemon import LiveDaemon, free_port  # noqa: E402
from tests.support.echoes import Echoes  # noqa: E402
from tests.support.frames import (  # noqa: E402
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PING,
    RST_STREAM,
    Frames,
    frame,
    setting,
    window,
)
from tests.support.frames import SETTINGS as SETTINGS_FRAME  # noqa: E402
from tests.support.http2 import Header, Session, basic, connect, get  # noqa: E402
from tests.support.succession import resident  # noqa: E402

MANY = 64
"""Frames that are sent at once."""


@dataclass
class Place:
    """Where the daemon is reached, and whose password is used."""

    proxy_port: int
    certificate: Path
    credential: Header
    http: str
    raw: str


Sends = Iterator[bytes]


def nothing(place: Place, peer: Frames) -> Sends:
    while True:
        time.sleep(0.2)
        yield b""


def honest(place: Place, peer: Frames) -> Sends:
    """Requests, each when the one before is answered: as much work as a customer may make."""
    for number in range(1, 2**30, 2):
        yield peer.request(number, get(place.http, "/n/100/m", place.credential))
        peer.told(number)


def pings(place: Place, peer: Frames) -> Sends:
    while True:
        yield frame(PING, 0, 0, bytes(8)) * MANY


def settings(place: Place, peer: Frames) -> Sends:
    while True:
        yield frame(SETTINGS_FRAME, 0, 0, struct.pack(">HI", 4, 65_535)) * MANY


def acknowledgements(place: Place, peer: Frames) -> Sends:
    while True:
        yield frame(SETTINGS_FRAME, ACK, 0) * MANY


def ended(place: Place, peer: Frames) -> bytes:
    """A stream that was begun and reset; of no account, as a stranger may do it too."""
    return peer.request(1, connect(place.raw), END_HEADERS) + frame(RST_STREAM, 0, 1, b"\0\0\0\x08")


def late_data(place: Place, peer: Frames) -> Sends:
    yield ended(place, peer) + frame(DATA, 0, 1) * 110_000


def late_windows(place: Place, peer: Frames) -> Sends:
    yield ended(place, peer) + window(1, 1) * 75_000


def late_resets(place: Place, peer: Frames) -> Sends:
    yield ended(place, peer) + frame(RST_STREAM, 0, 1, bytes(4)) * 75_000


def tables(place: Place, peer: Frames) -> Sends:
    """A header block that says again and again how large its table is to be."""
    yield frame(HEADERS, 0, 1, b"\x20" * 16_384)
    yield frame(CONTINUATION, 0, 1, b"\x20" * 16_384) * 61 + frame(CONTINUATION, END_HEADERS, 1)


def unknown_settings(place: Place, peer: Frames) -> Sends:
    for first in range(100, 65_000, 2_700):
        codes = range(first, min(first + 2_700, 65_536))
        yield frame(SETTINGS_FRAME, 0, 0, b"".join(struct.pack(">HI", code, 1) for code in codes))


def continuations(place: Place, peer: Frames) -> Sends:
    yield frame(HEADERS, 0, 1, b"\x82")
    while True:
        yield frame(CONTINUATION, 0, 1, b"\0\1a\1b") * MANY


def resets(place: Place, peer: Frames) -> Sends:
    headers = connect(place.raw, place.credential)
    for number in range(1, 2**30, 2):
        yield peer.request(number, headers, END_HEADERS) + frame(RST_STREAM, 0, number, b"\0\0\0\x08")


def bombs(place: Place, peer: Frames) -> Sends:
    """A header block that grows as it is read."""
    for number in range(1, 2**30, 2):
        block = b"\x40\x01a\x7f\x81\x1f" + b"b" * 4_000 + b"\xbe" * 4_000
        yield frame(HEADERS, END_HEADERS | END_STREAM, number, block)


def increments(place: Place, peer: Frames) -> Sends:
    """A window that is opened by one byte at a time."""
    yield setting(4, 1) + peer.request(1, get(place.http, "/n/4000000/m", place.credential))
    while True:
        yield window(1, 1) * MANY


def stalled(place: Place, peer: Frames) -> Sends:
    """A hundred downloads of which nothing is taken."""
    head = get(place.http, "/n/4000000/m", place.credential)
    yield setting(4, 0) + b"".join(peer.request(number, head) for number in range(1, 201, 2))
    while True:
        time.sleep(0.2)
        yield b""


def crumbs(place: Place, peer: Frames) -> Sends:
    """A tunnel's bytes, one in a frame; the origin takes them, and room is given for what was taken."""
    yield peer.request(1, connect(place.raw, place.credential), END_HEADERS) + frame(DATA, 0, 1, b"S")
    for _ in range(100_000 // MANY):
        yield frame(DATA, 0, 1, b"x") * MANY
    peer.until_ping(bytes(8))


FLOODS: dict[str, Callable[[Place, Frames], Sends]] = {
    each.__name__: each
    for each in (
        nothing,
        honest,
        pings,
        settings,
        unknown_settings,
        acknowledgements,
        late_data,
        late_windows,
        late_resets,
        tables,
        continuations,
        resets,
        bombs,
        increments,
        stalled,
        crumbs,
    )
}


def flood(name: str, place: Place, seconds: float) -> int:
    """Be that client for so long; how often it came."""
    until, came = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        came += 1
        with contextlib.suppress(OSError), contextlib.closing(Frames(place)) as peer:
            peer._sock.settimeout(1.0)
            for data in FLOODS[name](place, peer):
                peer._sock.sendall(data)
                if time.monotonic() > until:
                    break
    return came


class Customer:
    """Asks by both protocols in turn."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._plain = socket.create_connection(("127.0.0.1", place.proxy_port), 20)
        self._plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._session = Session(place)
        self._line = b"GET http://%b/n/100/m HTTP/1.1\r\nHost: x\r\n%b: %b\r\n\r\n" % (
            place.http.encode(),
            *place.credential,
        )

    def round_trips(self, seconds: float) -> tuple[list[float], list[float]]:
        """Seconds of each, by HTTP/1.1 and by HTTP/2."""
        until = time.monotonic() + seconds
        found: tuple[list[float], list[float]] = [], []
        while time.monotonic() < until:
            began = time.monotonic()
            self._plain.sendall(self._line)
            assert self._plain.recv(65_536).startswith(b"HTTP/1.1 200")
            between = time.monotonic()
            number = self._session.begin(get(self._place.http, "/n/100/m", self._place.credential))
            assert self._session.answer(number).status == 200
            del self._session.came[number]
            found[0].append(between - began)
            found[1].append(time.monotonic() - between)
            time.sleep(0.002)
        return found


@dataclass
class Seen:
    """What the customer saw beside one of them, in all rounds."""

    came: int = 0
    """How often the other client came."""
    figures: list[tuple[float, ...]] = field(default_factory=list)
    """Of each round."""
    grown: int = 0

    def add(self, customer: Customer, pid: int, words: list[str], seconds: float) -> None:
        before = resident(pid)
        command = [sys.executable, __file__, "--seconds", str(seconds + 1), "--flood", *words]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
            time.sleep(1)
            plain, session = customer.round_trips(seconds)
            self.grown = max(self.grown, resident(pid) - before)
            assert other.stdout is not None
            self.came += int(other.stdout.read())
        self.figures.append((*percentiles(plain), *percentiles(session)))


def percentiles(values: list[float]) -> tuple[float, float]:
    """The median and the 99th, in milliseconds."""
    cuts = quantiles(values, n=100)
    return cuts[49] * 1000, cuts[98] * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", action="append", choices=FLOODS, help="of all that it can do")
    parser.add_argument("--flood", nargs=6, default=None, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.flood:
        name, port, certificate, credential, http, raw = options.flood
        field = b"proxy-authorization", base64.b64decode(credential)
        print(flood(name, Place(int(port), Path(certificate), field, http, raw), options.seconds))
        return
    port = free_port()
    daemon, mine, theirs = LiveDaemon(config=SETTINGS.format(port=port)), Echoes(), Echoes()
    daemon.proxy_port = port
    credential = basic("customer", daemon.account("customer"))
    customer = Customer(Place(port, daemon.certificate, credential, f"127.0.0.1:{mine.http}", ""))
    customer.round_trips(1)
    hostile = base64.b64encode(basic("hostile", daemon.account("hostile"))[1]).decode()
    words = [str(port), str(daemon.certificate), hostile, *(f"127.0.0.1:{each}" for each in (theirs.http, theirs.raw))]
    seen = {name: Seen() for name in options.only or FLOODS}
    try:
        for _ in range(options.rounds):
            for name, each in seen.items():
                each.add(customer, daemon.pid, [name, *words], options.seconds)
    finally:
        for ended in (daemon, mine, theirs):
            ended.close()
    print(f"On {description()}; {options.rounds} rounds of {options.seconds:g} seconds each.\n")
    print("| the other client | came | HTTP/1.1 p50 | p99 | HTTP/2 p50 | p99 | MB grown |")
    print("| --- |" + " ---: |" * 6)
    for name, each in seen.items():
        row = (*map(median, zip(*each.figures, strict=True)), each.grown / 1e6)
        print(f"| {name} | {each.came} | {' | '.join(f'{value:.1f}' for value in row)} |")


if __name__ == "__main__":
    main()
