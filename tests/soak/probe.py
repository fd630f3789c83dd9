"""How long a daemon's own answer takes, asked for again and again: `python -m tests.soak.probe PROXY ECHOES`.

It is a process of its own, since a client that does other work too would measure itself.  The field with the
credential comes on standard input; each line of output has the seconds of an answer of the daemon, and of the origin.
"""

from __future__ import annotations

import socket
import sys
import time

PAUSE = 0.1
ASKED = b"GET http://%b/ HTTP/1.1\r\nHost: %b\r\n%b\r\n"


class Asked:
    """One kept connection, opened anew where it has ended."""

    def __init__(self, port: int, request: bytes) -> None:
        self._port = port
        self._request = request
        self._sock: socket.socket | None = None

    def seconds(self) -> float:
        """Of one answer.  OSError where there was none."""
        if self._sock is None:
            self._sock = socket.create_connection(("127.0.0.1", self._port), 30)
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        began = time.perf_counter()
        try:
            self._sock.sendall(self._request)
            answer = self._sock.recv(65536)
            if not answer.startswith(b"HTTP/1.1 200"):
                raise ConnectionError(answer[:40])
        except OSError:
            self._sock.close()
            self._sock = None
            raise
        return time.perf_counter() - began


def main(proxy: int, echoes: int, field: bytes) -> None:
    daemon = Asked(proxy, ASKED % (b"meshd.internal", b"meshd.internal", field))
    origin = Asked(echoes, b"GET /n/40/m HTTP/1.1\r\nHost: h\r\n\r\n")
    while True:
        try:
            print(f"{daemon.seconds():.6f} {origin.seconds():.6f}", flush=True)
        except BrokenPipeError:
            return
        except OSError as error:
            print(f"probe: {error}", file=sys.stderr, flush=True)
        time.sleep(PAUSE)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.stdin.readline().strip().encode() + b"\r\n")
