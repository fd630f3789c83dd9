"""A byte limit, and senders as fast as the daemon: whatever carries the bytes, none passes that is not paid for."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from tests.support import flood, stores
from tests.support.daemon import LiveDaemon, until
from tests.support.figures import figure
from tests.support.load import basic

LIMIT = 1_000_000
GB_OF_IT = "0.001"
ENDLESS = 200_000_000_000
SENDERS = (1, 30, 150) if os.environ.get("FULL") else (1, 30)
CONFIG = """
[limits]
requests_per_second = 0
new_tunnels_per_second = 0
"""


class UploadTests(SynchronousTestCase):
    store = ""

    def setUp(self) -> None:
        self.daemon = LiveDaemon(self, CONFIG, store=self.store)
        self.sink = flood.Origin(self, "sink")

    def _account(self, name: str) -> bytes:
        """An account with a limit; its credential as a field."""
        return basic(name, name, self.daemon.account(name, total_limit=GB_OF_IT)).line

    def _settled(self, name: str, least: int = LIMIT) -> int:
        return int(until(lambda: (total := self.daemon.total(name)) >= least and total, "the bytes are billed"))

    def _head(self, who: bytes, more: bytes) -> bytes:
        return b"POST http://127.0.0.1:%d/u HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%b%b\r\n" % (
            self.sink.port,
            self.sink.port,
            who,
            more,
        )

    def _check(self, what: str, name: str, sent: dict[str, int]) -> None:
        billed = self._settled(name)
        received = self.sink.body()
        kind = self.store.partition(":")[0] or "sqlite"
        figure(f"{what} ({kind})", billed=billed, received=received, sent=sent["sent"])
        self.assertEqual(billed, LIMIT)
        self.assertLessEqual(received, LIMIT)
        self.assertNotIn("Traceback", self.daemon.log_text())

    def test_bodies_by_length(self) -> None:
        """One sender, and many at once."""
        for senders in SENDERS:
            self.sink = flood.Origin(self, "sink")
            name = f"length{senders}"
            head = self._head(self._account(name), b"Content-Length: %d\r\n" % ENDLESS)
            self._check(name, name, flood.send(self.daemon.proxy_port, head, conns=senders))

    def test_chunked_bodies(self) -> None:
        """One sender, and many at once."""
        for senders in SENDERS:
            self.sink = flood.Origin(self, "sink")
            name = f"chunked{senders}"
            head = self._head(self._account(name), b"Transfer-Encoding: chunked\r\n")
            self._check(name, name, flood.send(self.daemon.proxy_port, head, conns=senders, kind="chunked"))

    def test_tunnels_with_early_bytes(self) -> None:
        """What comes together with the CONNECT head, and all after it."""
        for senders in SENDERS:
            self.sink = flood.Origin(self, "sink")
            name = f"tunnel{senders}"
            who = self._account(name)
            head = b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n%b\r\n" % (self.sink.port, who) + b"x" * 60_000
            self._check(name, name, flood.send(self.daemon.proxy_port, head, conns=senders))

    def test_heads(self) -> None:
        """Requests that are nothing but a long head."""
        who = self._account("heads")
        head = self._head(who, 3 * (b"X-Long: " + b"y" * 10_000 + b"\r\n"))
        self._check("heads", "heads", flood.repeat(self.daemon.proxy_port, head, conns=60, times=1))

    def test_short_bodies(self) -> None:
        """150 requests that are whole, each smaller than the limit, at once."""
        who = self._account("short")
        whole = self._head(who, b"Content-Length: 400000\r\n") + b"x" * 400_000
        self._check("short", "short", flood.repeat(self.daemon.proxy_port, whole, conns=50, times=3))


class PostgresUploadTests(UploadTests):
    """The same on PostgreSQL."""

    def setUp(self) -> None:
        self.store = stores.postgres_url(self)
        super().setUp()
