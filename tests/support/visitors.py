"""Clients that come again and again, each time by a new connection, while something is done to the daemon."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from itertools import cycle
from typing import Any

from tests.support.daemon import at_end_of, until

TIMEOUT = 60.0


class Visitor:
    """Asks meshd.internal through a port until it is told to stop; what it got is counted by status, or by fault.

    fields: credentials, header lines with their ends, taken in turn; pause: seconds between two visits, so that others
    have the processor too.  `proxies` counts the names that answered.
    """

    def __init__(self, owner: Any, port: int, *fields: bytes, host: str = "127.0.0.1", pause: float = 0) -> None:
        self.got: Counter[str] = Counter()
        self.proxies: Counter[str] = Counter()
        self._to = host, port
        self._fields = fields
        self._pause = pause
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._come, daemon=True)
        self._thread.start()
        at_end_of(owner, self.stop)

    def again(self, times: int = 3) -> None:
        """Wait until each has come so many times more."""
        goal = self.got.total() + times * len(self._fields) + 1  # one may be under way
        until(lambda: self.got.total() >= goal, "the visitor comes again", deadline=60)

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(TIMEOUT)

    def _come(self) -> None:
        for field in cycle(self._fields):
            if self._stopped.wait(self._pause):
                return
            try:
                head, _, body = self._ask(field).partition(b"\r\n\r\n")
            except OSError as error:
                self.got[type(error).__name__] += 1
                continue
            self.proxies[body.partition(b'"proxy": "')[2].partition(b'"')[0].decode()] += 1
            self.got[[*head.split(b" ", 2), b"", b""][1].decode() or "nothing"] += 1

    def _ask(self, field: bytes) -> bytes:
        request = b"GET http://meshd.internal/ HTTP/1.1\r\nHost: meshd.internal\r\nConnection: close\r\n"
        with socket.create_connection(self._to, TIMEOUT) as client:
            client.sendall(request + field + b"\r\n")
            answer = b""
            while data := client.recv(65536):
                answer += data
            return answer
