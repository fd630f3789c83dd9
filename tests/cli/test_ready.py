"""`meshd ready`: whom it asks, and what it makes of the answer."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from meshd.cli.ready import asked, unwell
from tests.cli.support import CommandCase
from tests.support.daemon import free_port


class _Api(BaseHTTPRequestHandler):
    """Says what it is told to say."""

    status, body = 200, b'{"status": "ok"}'

    def do_GET(self) -> None:
        known = self.path == "/readyz"
        self.send_response(type(self).status if known else 404)
        self.end_headers()
        self.wfile.write(type(self).body if known else b"")

    def log_message(self, *_: object) -> None:
        """Nothing, to nobody."""


class AskedTests(CommandCase):
    """The command, and an API that answers it."""

    def _told(self, status: int, body: bytes) -> tuple[int, str]:
        """How the command ends when the API says this, and what it says."""
        handler = type("Api", (_Api,), {"status": status, "body": body})
        server = HTTPServer(("127.0.0.1", 0), handler)
        self.addCleanup(server.server_close)
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        done = self._ready(server.server_port)
        thread.join(10)
        return done

    def _ready(self, port: int) -> tuple[int, str]:
        file = self.settings(f'[api]\nlisten = ["tcp:{port}:interface=127.0.0.1"]\ntls = false\n')
        done = self.meshd("--config", file, "ready", "--wait", "10")
        return done.code, (done.out or done.err).strip()

    def test_answers(self) -> None:
        """Well, not well with what is not, and not understood."""
        for status, body, wanted in (
            (200, b'{"status": "ok"}', (0, "ready  yes")),
            (503, b'{"status": "unavailable", "checks": {"store": false, "listeners": true}}',
             (1, "meshd: not ready: store")),
            (503, b'{"status": "unavailable", "checks": {}}', (1, "meshd: not ready: /readyz answers 503")),
            (502, b"<html>", (1, "meshd: not ready: /readyz answers 502")),
        ):  # fmt: skip
            self.assertEqual(self._told(status, body), wanted)

    def test_nobody_there(self) -> None:
        """In one line that says where."""
        port = free_port()
        code, said = self._ready(port)
        self.assertEqual(code, 1)
        self.assertIn(f"the API at 127.0.0.1 port {port} does not answer", said)

    def test_who_can_be_asked(self) -> None:
        """The first that has a port which is known, and that no balancer stands before."""
        for listen, wanted in (
            (["tcp:8443"], ("127.0.0.1", 8443)),
            (["unix:/x", "haproxy:tcp:1", "tcp:0", "tcp:9:interface=\\:\\:1"], ("::1", 9)),
            (["systemd:domain=INET:name=api"], None),
        ):
            self.assertEqual(asked(listen), wanted)

    def test_what_is_not_well(self) -> None:
        """Names of checks, from whatever was answered."""
        for body, wanted in (
            (b'{"checks": {"a": false, "b": true, "c": null}}', "a, c"),
            (b'{"checks": []}', ""),
            (b"[]", ""),
            (b"\xff", ""),
        ):
            self.assertEqual(unwell(body), wanted)
