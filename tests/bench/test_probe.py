"""The probe of a proxy's honesty, against proxies that are known to have it or not."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from bench.peers import Proxy
from bench.probe import tells_origins_apart

FIRST, SECOND = "127.0.0.10:9", "127.0.0.11:9"

Answers = Callable[[list[str]], str | None]
"""The hosts asked for so far, to the host that answers; None ends the connection."""


def first_only(asked: list[str]) -> str | None:
    return asked[0] if len(asked) == 1 else None


class ProbeTests(SynchronousTestCase):
    """What it says of each."""

    def proxy(self, answers: Answers) -> Proxy:
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def serve() -> None:
            connection, _ = listener.accept()
            asked: list[str] = []
            with connection:
                while said := connection.recv(4096):
                    asked += re.findall(r"GET http://([0-9.]+)", said.decode())
                    host = answers(asked)
                    if host is None:
                        return
                    connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(host)}\r\n\r\n{host}".encode())

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        self.addCleanup(thread.join, 5)
        return Proxy(0, listener.getsockname()[1], lambda: None)

    def test_one_that_asks_each_origin_passes(self) -> None:
        """The second answer is the second origin's."""
        self.assertIs(tells_origins_apart(self.proxy(lambda asked: asked[-1]), FIRST, SECOND), True)

    def test_one_that_sticks_to_the_first_origin_is_found_out(self) -> None:
        """It never read the second request."""
        self.assertIs(tells_origins_apart(self.proxy(lambda asked: asked[0]), FIRST, SECOND), False)

    def test_one_that_ends_the_connection_between_requests_passes(self) -> None:
        """The client asks again on a new one, which is read."""
        self.assertIs(tells_origins_apart(self.proxy(first_only), FIRST, SECOND), True)

    def test_a_first_answer_from_elsewhere_is_an_error(self) -> None:
        """What it says of the second would mean nothing."""
        with self.assertRaises(RuntimeError):
            tells_origins_apart(self.proxy(lambda asked: "127.0.0.99"), FIRST, SECOND)
