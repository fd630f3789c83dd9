"""Uploads of 40 MB and more that are refused: clients that send all of it before they read are told so all the same.

What is read for that is bounded and costs the customer nothing.
"""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import IO

import requests
import urllib3
from twisted.trial.unittest import SynchronousTestCase

from meshd.passing.parting import DRAIN_BYTES, LINGER_BYTES
from tests.live.raw import Raw, basic
from tests.support.daemon import LiveDaemon, clean_environment, until
from tests.support.origin import RecordingOrigin

MB = 1_000_000
PASSWORD = "correct horse"
CONFIG = """
[limits]
flush_seconds = 0.05
"""

daemon: LiveDaemon
origin: RecordingOrigin
file: IO[bytes]


def setUpModule() -> None:
    global daemon, origin, file  # noqa: PLW0603
    daemon = LiveDaemon(config=CONFIG)
    origin = RecordingOrigin()
    for name, limits in (
        ("anna", {}),
        ("idle", {}),
        ("poor", {"total_limit": "0.0001"}),
        ("small", {"total_limit": "0.01"}),
    ):
        daemon.account(name, PASSWORD, **limits)
    daemon.cli("account", "deactivate", "idle")
    file = tempfile.NamedTemporaryFile()  # noqa: SIM115
    file.truncate(100 * MB)


def tearDownModule() -> None:
    file.close()
    origin.close()
    daemon.close()


def proxy(name: str, password: str = PASSWORD) -> str:
    return f"http://{name}:{password.replace(' ', '%20')}@127.0.0.1:{daemon.proxy_port}"


class Body:
    """So many bytes, read as a file is."""

    def __init__(self, size: int) -> None:
        self._left = size

    def read(self, size: int = -1) -> bytes:
        size = min(self._left, size if size >= 0 else self._left)
        self._left -= size
        return bytes(size)


def with_urllib(url: str, by: str, size: int) -> int:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": by}))
    asked = urllib.request.Request(url, data=Body(size), headers={"Content-Length": str(size)}, method="POST")  # type: ignore[arg-type]
    try:
        return int(opener.open(asked, timeout=60).status)
    except urllib.error.HTTPError as error:
        return error.code


def with_requests(url: str, by: str, size: int) -> int:
    headers = {"Content-Length": str(size)}
    return requests.post(url, data=Body(size), proxies={"http": by}, headers=headers, timeout=60).status_code


def with_urllib3(url: str, by: str, size: int) -> int:
    user, _, address = by.removeprefix("http://").rpartition("@")
    fields = urllib3.make_headers(proxy_basic_auth=user.replace("%20", " "))
    with urllib3.ProxyManager(f"http://{address}", proxy_headers=fields) as manager:
        return manager.request(
            "POST", url, body=Body(size), headers={"Content-Length": str(size)}, retries=False
        ).status  # type: ignore[arg-type]


def with_curl(url: str, by: str, size: int) -> int:
    """At once, without asking whether it may."""
    words = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Expect:", "-x", by, "--data-binary"]
    with tempfile.NamedTemporaryFile() as body:
        body.truncate(size)
        done = subprocess.run(
            [*words, f"@{body.name}", url],
            capture_output=True,
            text=True,
            timeout=60,
            env=clean_environment(),
            check=True,
        )
    return int(done.stdout)


CLIENTS: dict[str, Callable[[str, str, int], int]] = {
    "urllib": with_urllib,
    "requests": with_requests,
    "urllib3": with_urllib3,
    "curl": with_curl,
}


class RefusedTest(SynchronousTestCase):
    def test_each_client_is_told(self) -> None:
        """402, 407 and 509, at 40 and 100 MB, by each client; nothing is billed, and nothing reaches an origin."""
        known = origin.accepted
        self.assertEqual(with_urllib(origin.url("/echo"), proxy("poor"), MB), 509)
        until(lambda: daemon.total("poor") == 100_000, "what was left is booked")
        until(lambda: origin.accepted > known, "the origin has seen that one")
        origin.forget()
        before, accepted = daemon.totals(), origin.accepted
        for size in (40 * MB, 100 * MB):
            for name, password, status in (("idle", PASSWORD, 402), ("anna", "wrong", 407), ("poor", PASSWORD, 509)):
                for client, upload in CLIENTS.items():
                    self.assertEqual(upload(origin.url("/"), proxy(name, password), size), status, (client, name, size))
        self.assertEqual((daemon.totals(), origin.accepted), (before, accepted))

    def test_refused_for_its_destination(self) -> None:
        """The first bytes are counted, as the account was admitted; what is only read for the client is not."""
        with socket.create_server(("127.0.0.1", 0)) as nobody:
            port = nobody.getsockname()[1]
        for client, upload in CLIENTS.items():
            before = daemon.total("anna")
            self.assertEqual(upload(f"http://127.0.0.1:{port}/", proxy("anna"), 40 * MB), 502, client)
            until(lambda before=before: daemon.total("anna") > before, "it is booked")  # type: ignore[misc]
            self.assertLess(daemon.total("anna") - before, LINGER_BYTES + 100_000)

    def test_requests_behind_one_that_fails(self) -> None:
        """They are not served, and cost nothing; what comes behind a CONNECT is the tunnel's, and costs what it is."""
        with socket.create_server(("127.0.0.1", 0)) as nobody:
            port = nobody.getsockname()[1]
        place, field = b"127.0.0.1:%d" % port, basic("anna", PASSWORD)
        for request, more, up in (
            (b"GET http://%b/ HTTP/1.1\r\nHost: %b\r\n" % (place, place), 3, 1),
            (b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n" % (place, place), 3, 4),
        ):
            head = request + field + b"\r\n"
            known = len(daemon.exchanges())
            raw = Raw(self, daemon.proxy_port)
            raw.send(head + more * head)
            raw.socket.shutdown(socket.SHUT_WR)
            self.assertEqual(raw.rest().count(b"HTTP/1.1 502"), 1)
            lines = until(lambda known=known: daemon.exchanges()[known:], "it is logged")  # type: ignore[misc]
            self.assertEqual([line["up"] for line in lines], [up * len(head)])

    def test_a_limit_in_the_midst(self) -> None:
        """The upload that meets the limit is told so, and billed to the limit."""
        self.assertEqual(with_urllib(origin.url("/echo"), proxy("small"), 60 * MB), 509)
        until(lambda: daemon.total("small") == 10 * MB, "what was left is booked")

    def test_not_for_ever(self) -> None:
        """A body that does not end is read to the bound, and one that stops to come is no more waited for."""
        raw = Raw(self, daemon.proxy_port)
        raw.send(b"POST " + origin.url("/").encode() + b" HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999\r\n")
        raw.send(basic("anna", "wrong") + b"\r\n")
        piece, sent = bytes(MB), 0
        with self.assertRaises(ConnectionError):
            while sent < 2 * DRAIN_BYTES:
                raw.send(piece)
                sent += MB
        self.assertGreater(sent, DRAIN_BYTES // 2)
        raw = Raw(self, daemon.proxy_port)
        raw.send(b"POST " + origin.url("/").encode() + b" HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999\r\n\r\n")
        self.assertIn(b" 407 ", raw.head())
        began = time.monotonic()
        with self.assertRaises(ConnectionError):
            while time.monotonic() - began < 20:
                time.sleep(0.5)
                if time.monotonic() - began > 4:
                    raw.send(b"x")
