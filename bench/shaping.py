"""What an account that is held to a rate gets: `python bench/shaping.py`.

Tunnels pull, or push, without end for ten seconds; the bytes that their peer received are counted here.  Besides: the
shares of the tunnels, how long a small exchange takes beside fifty that pull, and the rate of an account without bound.
"""

from __future__ import annotations

import argparse
import selectors
import socket
import sys
import threading
import time
from pathlib import Path
from statistics import median

sys.path[0] = str(Path(__file__).resolve().parents[1])  # not bench/ itself, whose profile.py would hide another

from bench.machine import description  # noqa: E402
from bench.peers import SETTINGS  # noqa: E402
from tests.support.daemon import LiveDaemon, free_port  # noqa: E402
from tests.support.load import basic  # noqa: E402

KBIT = 10_000
RATE = KBIT * 125
TUNNELS = (1, 50)
WITHIN = 0.05
PIECE = bytes(65_536)
SMALL = 100


class Peer:
    """An origin: what begins with `pull` is sent to without end, with `push` read, with `echo` echoed."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.received: dict[socket.socket, int] = {}
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            word = client.recv(4, socket.MSG_WAITALL)
            if word == b"push":
                self.received[client] = 0
            while word == b"pull":
                client.sendall(PIECE)
            while data := client.recv(65_536):
                if word == b"push":
                    self.received[client] += len(data)
                else:
                    client.sendall(data)
        except OSError:
            client.close()


class Tried:
    """A daemon, its origin, and the tunnels of one account."""

    def __init__(self) -> None:
        port = free_port()
        self.daemon = LiveDaemon(config=SETTINGS.format(port=port))
        self.daemon.proxy_port = port
        self.peer = Peer()

    def account(self, name: str, *bounds: str) -> bytes:
        """The field of a new account with these bounds."""
        field = basic(name, name, self.daemon.account(name)).line
        if bounds:
            self.daemon.cli("account", "bounds", name, *bounds)
        return field

    def tunnel(self, field: bytes, word: bytes) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.daemon.proxy_port))
        client.sendall(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n%b\r\n" % (self.peer.port, field))
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.recv(1)
        assert b" 200 " in head, head
        client.sendall(word)
        return client

    def pulled(self, field: bytes, count: int, seconds: float) -> list[int]:
        """The bytes that each of so many tunnels received."""
        clients = [self.tunnel(field, b"pull") for _ in range(count)]
        self._read(clients, 1)  # what the kernel had taken before all tunnels stood
        got = self._read(clients, seconds)
        for client in clients:
            client.close()
        return got

    def _read(self, clients: list[socket.socket], seconds: float) -> list[int]:
        got = dict.fromkeys(clients, 0)
        with selectors.DefaultSelector() as ready:
            for client in clients:
                ready.register(client, selectors.EVENT_READ)
            end = time.monotonic() + seconds
            while (left := end - time.monotonic()) > 0:
                for key, _ in ready.select(left):
                    got[key.fileobj] += len(key.fileobj.recv(1 << 20))  # type: ignore[index,union-attr]
        return list(got.values())

    def pushed(self, field: bytes, count: int, seconds: float) -> list[int]:
        """The bytes that the origin received of each of so many tunnels, once the buffers between are full."""
        clients = [self.tunnel(field, b"push") for _ in range(count)]
        stop = threading.Event()
        pushing = [threading.Thread(target=self._push, args=(client, stop)) for client in clients]
        for each in pushing:
            each.start()
        time.sleep(1)
        before = dict(self.peer.received)
        time.sleep(seconds)
        after = dict(self.peer.received)
        stop.set()
        for client in clients:
            client.shutdown(socket.SHUT_RDWR)
            client.close()
        for each in pushing:
            each.join()
        return [after[each] - before[each] for each in before if after[each] > before[each]]

    def _push(self, client: socket.socket, stop: threading.Event) -> None:
        try:
            while not stop.is_set():
                client.send(PIECE)
        except OSError:
            pass

    def answered(self, field: bytes, beside: int) -> list[float]:
        """Seconds of small exchanges in one tunnel, beside so many that pull."""
        clients = [self.tunnel(field, b"pull") for _ in range(beside)]
        reading = threading.Thread(target=self._read, args=(clients, 5))
        reading.start()
        time.sleep(1)
        small = self.tunnel(field, b"echo")
        took = []
        for _ in range(30):
            begun = time.monotonic()
            small.sendall(bytes(SMALL))
            left = SMALL
            while left:
                left -= len(small.recv(left))
            took.append(time.monotonic() - begun)
            time.sleep(0.1)
        reading.join()
        for client in (*clients, small):
            client.close()
        return took


def row(name: str, count: int, moved: list[int], seconds: float) -> str:
    mbit = sum(moved) * 8 / seconds / 10**6
    share = sum(moved) / seconds / RATE
    mark = "" if abs(share - 1) <= WITHIN else " !"
    return f"| {name} | {count} | {mbit:.2f} | {share:.3f}{mark} | {min(moved) / max(moved):.2f} |"


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args(given)
    tried = Tried()
    try:
        print(f"{KBIT / 1000:g} Mbit/s each way for {options.seconds:g} s, on {description()}.\n")
        print("| way | tunnels | Mbit/s | of the rate | least of most |\n| --- | ---: | ---: | ---: | ---: |")
        for count in TUNNELS:
            field = tried.account(f"down{count}", f"kbit_down={KBIT}")
            print(row("down", count, tried.pulled(field, count, options.seconds), options.seconds))
            field = tried.account(f"up{count}", f"kbit_up={KBIT}")
            print(row("up", count, tried.pushed(field, count, options.seconds), options.seconds))
        field = tried.account("typist", f"kbit_down={KBIT}")
        alone, beside = (sorted(tried.answered(field, count)) for count in (0, TUNNELS[-1]))
        print(f"\n{SMALL} bytes and back: {median(alone) * 1000:.1f} ms alone,", end=" ")
        print(f"{median(beside) * 1000:.1f} ms (at most {beside[-1] * 1000:.1f}) beside {TUNNELS[-1]} that pull.")
    finally:
        tried.daemon.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
