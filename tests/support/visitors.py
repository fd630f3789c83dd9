"""Clients that come again and again, each by a new connection, while something is done to the daemon."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from typing import Any

from tests.support.daemon import at_end_of, until

TIMEOUT = 20.0


class Visitor:
    """Asks meshd.internal through a port until it is told to stop; what it got is counted by status, or by fault.

    field: the credential, a header line with its end.  The proxy that answered is in `proxies`.
    """

    def __init__(self, owner: Any, port: int, field: bytes, host: str = "127.0.0.1") -> None:
        self.got: Counter[str] = Counter()
        self.proxies: Counter[str] = Counter()
        self._to = host, port
        self._request = (
            b"GET http://meshd.internal/ HTTP/1.1\r\nHost: meshd.internal\r\nConnection: close\r\n" + field + b"\r\n"
        )
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._come, daemon=True)
        self._thread.start()
        at_end_of(owner, self.stop)

    def again(self, times: int = 3) -> None:
        """Wait until it has come so many times more."""
        goal = self.got.total() + times
        until(lambda: self.got.total() >= goal, "the visitor comes again")

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(TIMEOUT)

    def _come(self) -> None:
        while not self._stopped.is_set():
            try:
                answer = self._ask()
            except OSError as error:
                self.got[type(error).__name__] += 1
                continue
            head, _, body = answer.partition(b"\r\n\r\n")
            self.got[[*head.split(b" ", 2), b"", b""][1].decode() or "nothing"] += 1
            proxy = body.partition(b'"proxy": "')[2].partition(b'"')[0].decode()
            self.proxies[proxy] += 1

    def _ask(self) -> bytes:
        with socket.create_connection(self._to, TIMEOUT) as client:
            client.sendall(self._request)
            answer = b""
            while data := client.recv(65536):
                answer += data
            return answer
