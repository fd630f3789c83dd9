"""HTTP/2 to the proxy beside HTTP/1.1 by TLS: `python bench/http2.py [--seconds S] [--rounds N] [--beside FOLDER]`.

One daemon and one customer.  Four clients ask for tunnels, each with one GET in it, by HTTP/1.1 each a connection and
by HTTP/2 each a stream of the client's one session; ask for 100 bytes, by HTTP/2 sixteen at once; read, and send,
without end by a tunnel each; and 300 tunnels stand idle, by HTTP/2 a hundred in each of three sessions.
"""

from __future__ import annotations

import argparse
import socket
import ssl
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not bench/ itself, whose profile.py would hide another

from bench.machine import description, descriptors  # noqa: E402
from bench.peers import Peer, meshd  # noqa: E402
from bench.processes import cpu_seconds, memory  # noqa: E402
from bench.stage import Stage, stage  # noqa: E402
from tests.support.http2 import Header, Session, connect, get  # noqa: E402

CLIENTS = 4
TOGETHER = 16
IDLE, OF_A_SESSION = 300, 100
WINDOW = 6 * 1024 * 1024
"""As Chromium gives."""
PIECE = bytes(65_536)
PATIENCE = 20.0


class Sink:
    """An origin that reads whatever comes, in threads of its own."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.authority = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            threading.Thread(target=self._read, args=(client,), daemon=True).start()

    def _read(self, client: socket.socket) -> None:
        room = bytearray(1 << 18)
        try:
            while client.recv_into(room):
                pass
        except OSError:
            pass
        client.close()


@dataclass
class Daemon:
    """What the clients have to know of one."""

    pid: int
    proxy_port: int
    certificate: Path
    credential: Header
    origin: str
    sink: str


class Tunnel:
    """By HTTP/1.1 by TLS."""

    def __init__(self, daemon: Daemon, authority: str = "") -> None:
        context = ssl.create_default_context(cafile=str(daemon.certificate))
        plain = socket.create_connection(("127.0.0.1", daemon.proxy_port), PATIENCE)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = context.wrap_socket(plain, server_hostname="127.0.0.1")
        name = (authority or daemon.origin).encode()
        self.sock.sendall(b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n%b: %b\r\n\r\n" % (name, name, *daemon.credential))
        assert self.sock.recv(4096).startswith(b"HTTP/1.1 200"), "no tunnel"


def request(daemon: Daemon, path: str = "/") -> bytes:
    """What is asked for within a tunnel."""
    return f"GET {path} HTTP/1.1\r\nHost: {daemon.origin}\r\n\r\n".encode()


Over = Callable[[], bool]


def tunnels_1(daemon: Daemon, over: Over) -> float:
    done = 0
    while not over():
        tunnel = Tunnel(daemon)
        tunnel.sock.sendall(request(daemon))
        done += tunnel.sock.recv(4096).startswith(b"HTTP/1.1 200")
        tunnel.sock.close()
    return done


def tunnels_2(daemon: Daemon, over: Over) -> float:
    session, done = Session(daemon), 0
    while not over():
        number = session.begin(connect(daemon.origin, daemon.credential), None)
        session.head(number)
        session.send(number, request(daemon))
        done += session.until_body(number, 1).startswith(b"H")
        session.end(number)
        session.answer(number)
        del session.came[number]
    session.close()
    return done


def gets_1(daemon: Daemon, over: Over) -> float:
    context, done = ssl.create_default_context(cafile=str(daemon.certificate)), 0
    asked = b"GET http://%b/ HTTP/1.1\r\nHost: %b\r\n%b: %b\r\n\r\n"
    asked %= (daemon.origin.encode(), daemon.origin.encode(), *daemon.credential)
    with context.wrap_socket(
        socket.create_connection(("127.0.0.1", daemon.proxy_port)), server_hostname="127.0.0.1"
    ) as sock:
        while not over():
            sock.sendall(asked)
            done += sock.recv(65_536).startswith(b"HTTP/1.1 200")
    return done


def gets_2(daemon: Daemon, over: Over) -> float:
    session, done = Session(daemon), 0
    asked = get(daemon.origin, "/", daemon.credential)
    while not over():
        for number in [session.begin(asked) for _ in range(TOGETHER)]:
            done += session.answer(number).status == 200
            del session.came[number]
    session.close()
    return done


def down_1(daemon: Daemon, over: Over) -> float:
    tunnel, moved, room = Tunnel(daemon), 0, bytearray(1 << 18)
    while not over():
        tunnel.sock.sendall(request(daemon, "/big"))
        left = 16 << 20
        while left > 0 and not over():
            read = tunnel.sock.recv_into(room)
            moved, left = moved + read, left - read
    tunnel.sock.close()
    return moved / 1e6


def down_2(daemon: Daemon, over: Over) -> float:
    session, moved = Session(daemon, window=WINDOW), 0
    number = session.begin(connect(daemon.origin, daemon.credential), None)
    session.head(number)
    while not over():
        session.send(number, request(daemon, "/big"))
        left = 16 << 20
        while left > 0 and not over():
            session.receive()
            came = session.came[number]
            moved, left, came.body = moved + len(came.body), left - len(came.body), b""
    session.close()
    return moved / 1e6


def up_1(daemon: Daemon, over: Over) -> float:
    tunnel, moved = Tunnel(daemon, daemon.sink), 0
    while not over():
        tunnel.sock.sendall(PIECE)
        moved += len(PIECE)
    tunnel.sock.close()
    return moved / 1e6


def up_2(daemon: Daemon, over: Over) -> float:
    session, moved = Session(daemon), 0
    number = session.begin(connect(daemon.sink, daemon.credential), None)
    session.head(number)
    while not over():
        session.send(number, PIECE)
        moved += len(PIECE)
    session.close()
    return moved / 1e6


WORKS: dict[str, tuple[Callable[[Daemon, Over], float], Callable[[Daemon, Over], float]]] = {
    "tunnels opened": (tunnels_1, tunnels_2),
    "GETs": (gets_1, gets_2),
    "MB down": (down_1, down_2),
    "MB up": (up_1, up_2),
}
STANDING = "KB an idle tunnel"
PROTOCOLS = ("HTTP/1.1", "HTTP/2")


def measured(daemon: Daemon, work: Callable[[Daemon, Over], float], seconds: float) -> float:
    """Per second of the daemon's processor time, by all clients."""
    until, done = time.monotonic() + seconds, list[float]()
    ended = threading.Event()

    def one() -> None:
        done.append(work(daemon, lambda: ended.is_set() or time.monotonic() > until))

    before = cpu_seconds(daemon.pid)
    threads = [threading.Thread(target=one) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (cpu_seconds(daemon.pid) - before)


def idle_1(daemon: Daemon) -> float:
    before = memory(daemon.pid)
    tunnels = [Tunnel(daemon) for _ in range(IDLE)]
    time.sleep(1.5)  # what is given back after a while
    grown = memory(daemon.pid) - before
    for each in tunnels:
        each.sock.close()
    return grown / IDLE / 1024


def idle_2(daemon: Daemon) -> float:
    before = memory(daemon.pid)
    sessions = [Session(daemon) for _ in range(IDLE // OF_A_SESSION)]
    for session in sessions:
        for number in [session.begin(connect(daemon.origin, daemon.credential), None) for _ in range(OF_A_SESSION)]:
            assert session.head(number).status == 200
    time.sleep(1.5)
    grown = memory(daemon.pid) - before
    for session in sessions:
        session.close()
    return grown / IDLE / 1024


def daemon_at(scene: Stage, stack: ExitStack, tree: str, place: int, sink: str) -> Daemon:
    proxy = stack.enter_context(scene.proxy(Peer("meshd", lambda: "", meshd(tree=tree)), place))[0]
    data = max(scene.folder.glob("proxy-*/meshd-data"), key=lambda path: path.stat().st_ctime)
    name, _, value = proxy.header.partition(": ")
    credential = name.lower().encode(), value.encode()
    return Daemon(proxy.pid, proxy.port, data / "cert.pem", credential, scene.origin(place), sink)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--beside", default="", metavar="FOLDER", help="another tree of meshd, in the same run")
    options = parser.parse_args()
    descriptors(4000)
    found: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    trees = {"meshd": "", **({"meshd before": options.beside} if options.beside else {})}
    sink = Sink().authority
    with stage() as scene:
        with ExitStack() as stack:
            told = {name: daemon_at(scene, stack, tree, at, sink) for at, (name, tree) in enumerate(trees.items())}
            for daemon in told.values():
                measured(daemon, gets_2, 1)
            for _ in range(options.rounds):
                for work, both in WORKS.items():
                    for name, daemon in told.items():
                        for protocol, how in zip(PROTOCOLS, both, strict=True):
                            found[name, protocol, work].append(measured(daemon, how, options.seconds))
        for number in range(options.rounds):
            for at, (name, tree) in enumerate(trees.items()):
                for protocol, how in zip(PROTOCOLS, (idle_1, idle_2), strict=True):
                    with ExitStack() as fresh:
                        daemon = daemon_at(scene, fresh, tree, 2 + (2 * number + at) % 6, sink)
                        measured(daemon, gets_1 if how is idle_1 else gets_2, 1)
                        found[name, protocol, STANDING].append(how(daemon))
    works = (*WORKS, STANDING)
    print(f"On {description()}; medians of {options.rounds} rounds, per second of the daemon's processor time.\n")
    print(f"| | {' | '.join(works)} |\n| --- |{' ---: |' * len(works)}")
    for name in trees:
        for protocol in PROTOCOLS:
            row = (f"{median(found[name, protocol, work]):,.1f}" for work in works)
            print(f"| {name}, {protocol} | {' | '.join(row)} |")


if __name__ == "__main__":
    main()
