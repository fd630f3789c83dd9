"""How long a customer waits while another moves as much as he can: `python bench/neighbours.py`.

One customer asks for a small answer of meshd's own again and again, on a kept connection; the others, one at a time,
send or get a body or a tunnel's bytes as fast as they go.  Percentiles of the first one's round trip, in milliseconds.
`--beside FOLDER` measures another tree in the same run, in turn.
"""

from __future__ import annotations

import argparse
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import quantiles

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not bench/ itself, whose profile.py would hide another

from bench.load import Load  # noqa: E402
from bench.machine import description  # noqa: E402
from bench.peers import SETTINGS  # noqa: E402
from bench.stage import stage  # noqa: E402
from tests.support import flood  # noqa: E402
from tests.support.daemon import LiveDaemon, free_port  # noqa: E402
from tests.support.load import basic  # noqa: E402

ENDLESS = 10**15


class Street:
    """A daemon of one tree, its customers, and the others' origins."""

    def __init__(self, tree: str, pload: Path, origin: str) -> None:
        self.port = free_port()
        self.daemon = LiveDaemon(config=SETTINGS.format(port=self.port), tree=tree)
        self.sink = flood.Origin(None, "sink")
        self.source = flood.Origin(None, "source")
        self._other = basic("other", "other", self.daemon.account("other")).line
        self._customer = basic("customer", "customer", self.daemon.account("customer")).line
        header = self._other.decode().rstrip()
        self._load = Load(pload, f"127.0.0.1:{self.port}", origin, header)

    def close(self) -> None:
        for each in (self.sink, self.source, self.daemon):
            each.close()

    def works(self) -> dict[str, Callable[[], object]]:
        """What the others do, for as long as a sender takes."""
        post = b"POST http://127.0.0.1:%d/u HTTP/1.1\r\nHost: x\r\n%b" % (self.sink.port, self._other)
        tunnel = b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n%b\r\n"
        return {
            "nothing": lambda: time.sleep(2),
            "POST by length": lambda: flood.send(self.port, post + b"Content-Length: %d\r\n\r\n" % ENDLESS, conns=1),
            "POST in chunks": lambda: flood.send(
                self.port, post + b"Transfer-Encoding: chunked\r\n\r\n", conns=1, kind="chunked"
            ),
            "GET": lambda: self._load.run("get", 1, 3, "/big"),
            "tunnel up": lambda: flood.send(self.port, tunnel % (self.sink.port, self._other), conns=1),
            "tunnel down": lambda: flood.pull(
                self.port, tunnel % (self.source.port, self._other), conns=1, most=ENDLESS
            ),
        }

    def waits(self, work: Callable[[], object]) -> list[float]:
        """Milliseconds of each round trip while the work goes on."""
        busy = threading.Thread(target=work)
        head = b"GET http://meshd.internal/ HTTP/1.1\r\nHost: meshd.internal\r\n%b\r\n" % self._customer
        took = []
        with socket.create_connection(("127.0.0.1", self.port)) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.sendall(head)
            sock.recv(65536)
            busy.start()
            time.sleep(0.2)
            while busy.is_alive():
                begun = time.perf_counter()
                sock.sendall(head)
                sock.recv(65536)
                took.append((time.perf_counter() - begun) * 1000)
                time.sleep(0.002)
        busy.join()
        return took


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--beside", metavar="FOLDER", help="another tree of meshd")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each work")
    options = parser.parse_args(given)
    flood.SECONDS = options.seconds
    trees = ["", *([options.beside] if options.beside else [])]
    print(f"On {description()}.\n")
    print("| meanwhile | tree | median | p90 | p99 |\n| --- | --- | ---: | ---: | ---: |")
    with stage() as scene:
        streets = [Street(tree, scene.pload, scene.origin(place)) for place, tree in enumerate(trees)]
        try:
            for name in streets[0].works():
                for tree, street in zip(("this", "other"), streets, strict=False):
                    cuts = quantiles(street.waits(street.works()[name]), n=100)
                    print(f"| {name} | {tree} | {cuts[49]:.2f} | {cuts[89]:.2f} | {cuts[98]:.2f} |", flush=True)
        finally:
            for street in streets:
                street.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
