"""TLS to the proxy beside HAProxy in front of it: `python bench/sealing.py [--seconds S] [--beside FOLDER]`.

One daemon is asked directly by TLS, and by way of HAProxy that ends TLS with the same certificate and passes the bytes
on; of the latter the processor time and memory of both are counted.  Eight clients shake hands anew, ask for a tunnel,
have one GET answered in it and part; four tunnels read without end; and 300 tunnels stand idle.
"""

from __future__ import annotations

import argparse
import socket
import ssl
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import mkdtemp

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not bench/ itself, whose profile.py would hide another

from bench.machine import description, descriptors  # noqa: E402
from bench.peers import Peer, Proxy, meshd, program, started  # noqa: E402
from bench.processes import cpu_seconds, memory  # noqa: E402
from bench.stage import Stage, stage  # noqa: E402
from tests.support.daemon import free_port  # noqa: E402

HAPROXY = """
global
  nbthread 1
  log stdout format raw local0
defaults
  mode tcp
  log global
  option tcplog
  timeout connect 5s
  timeout client 120s
  timeout server 120s
frontend front
  bind 127.0.0.1:{port} ssl crt {pem}
  default_backend meshd
backend meshd
  server one {address}
"""
PATIENCE = 20.0
IDLE = 300


class Way:
    """How the daemon is reached: a port that speaks TLS, and the processes behind it."""

    def __init__(self, port: int, pids: Sequence[int], header: str, origin: str) -> None:
        self.port, self.pids, self.header, self.origin = port, pids, header, origin
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE

    def tunnel(self) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        secure = self._context.wrap_socket(plain, server_hostname="proxy.example")
        secure.sendall(f"CONNECT {self.origin} HTTP/1.1\r\nHost: {self.origin}\r\n{self.header}\r\n\r\n".encode())
        if not secure.recv(4096).startswith(b"HTTP/1.1 200"):
            raise OSError("no tunnel")
        return secure

    def ask(self, secure: ssl.SSLSocket, path: str) -> None:
        secure.sendall(f"GET {path} HTTP/1.1\r\nHost: {self.origin}\r\n\r\n".encode())

    def cpu(self) -> float:
        return sum(map(cpu_seconds, self.pids))

    def memory(self) -> int:
        return sum(map(memory, self.pids))


def together(count: int, work: Callable[[], int]) -> int:
    """What so many threads get done."""
    done: list[int] = []
    threads = [threading.Thread(target=lambda: done.append(work())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done)


def handshakes(way: Way, seconds: float) -> float:
    over = time.monotonic() + seconds

    def work() -> int:
        done = 0
        while time.monotonic() < over:
            with way.tunnel() as secure:
                way.ask(secure, "/")
                done += secure.recv(4096).startswith(b"HTTP/1.1 200")
        return done

    before = way.cpu()
    return together(8, work) / (way.cpu() - before)


def bulk(way: Way, seconds: float) -> float:
    over = time.monotonic() + seconds

    def work() -> int:
        moved, room = 0, bytearray(1 << 18)
        with way.tunnel() as secure:
            while time.monotonic() < over:
                way.ask(secure, "/big")
                left = 16 << 20
                while left > 0 and time.monotonic() < over:
                    read = secure.recv_into(room)
                    moved, left = moved + read, left - read
        return moved

    before = way.cpu()
    return together(4, work) / 1e6 / (way.cpu() - before)


def idle(way: Way) -> float:
    """KB of memory of one of many, in processes that had few before: what is freed would be used again."""
    with ExitStack() as all_of_them:
        before = way.memory()
        for _number in range(IDLE):
            all_of_them.enter_context(way.tunnel())
        time.sleep(1.5)  # what is given back after a while
        return (way.memory() - before) / IDLE / 1024


WORKS = {"handshakes with tunnel": handshakes, "tunnel MB": bulk}
STANDING = "KB an idle tunnel"


def ways(scene: Stage, stack: ExitStack, tree: str, place: int) -> tuple[Way, Way]:
    """Directly, and by way of HAProxy."""
    proxy: Proxy = stack.enter_context(scene.proxy(Peer("meshd", lambda: "", meshd(tree=tree)), place))[0]
    data = max(scene.folder.glob("proxy-*/meshd-data"), key=lambda path: path.stat().st_ctime)
    folder = Path(mkdtemp(prefix="haproxy-", dir=scene.folder))
    (folder / "both.pem").write_bytes((data / "cert.pem").read_bytes() + (data / "key.pem").read_bytes())
    port = free_port()
    config = HAPROXY.format(port=port, pem=folder / "both.pem", address=proxy.address)
    (folder / "h.cfg").write_text(config)
    front = started([program("haproxy"), "-db", "-f", str(folder / "h.cfg")], port, folder)
    stack.callback(front.close)
    origin = scene.origin(place)
    return (
        Way(proxy.port, (proxy.pid,), proxy.header, origin),
        Way(port, (proxy.pid, front.pid), proxy.header, origin),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--beside", default="", metavar="FOLDER", help="another tree of meshd, in the same run")
    options = parser.parse_args()
    descriptors(4000)
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    with stage() as scene, ExitStack() as stack:
        told: dict[str, Way] = {}
        told["meshd"], told["HAProxy and meshd"] = ways(scene, stack, "", 0)
        if options.beside:
            told["meshd before"], _ = ways(scene, stack, options.beside, 1)
        for way in told.values():
            handshakes(way, 1)
        for _ in range(options.rounds):
            for work, measure in WORKS.items():
                for name, way in told.items():
                    found[name, work].append(measure(way, options.seconds))
        for number in range(options.rounds):
            for at, name in enumerate(told):
                with ExitStack() as fresh:
                    tree = options.beside if name == "meshd before" else ""
                    way = ways(scene, fresh, tree, 2 + (2 * number + at) % 6)[name == "HAProxy and meshd"]
                    handshakes(way, 1)
                    found[name, STANDING].append(idle(way))
    print(f"On {description()}; medians of {options.rounds} rounds, per second of processor time.\n")
    print(f"| | {' | '.join((*WORKS, STANDING))} |\n| --- | ---: | ---: | ---: |")
    for name in told:
        print(f"| {name} | {' | '.join(f'{median(found[name, work]):,.1f}' for work in (*WORKS, STANDING))} |")


if __name__ == "__main__":
    main()
