"""The load generator, against a proxy that does what the test wants."""

from __future__ import annotations

import subprocess
import tempfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from bench.load import Load, compile_pload

MANY = 50
PATIENCE = 60.0


class Favouring(ThreadingHTTPServer):
    """Has its first client wait until the others have been answered many times."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Tunnel)
        self.lock, self.enough = Lock(), Event()
        self.tunnels = self.answers = 0

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients reset their connections."""


class Tunnel(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Favouring

    def do_CONNECT(self) -> None:
        with self.server.lock:
            self.server.tunnels += 1
            waits = self.server.tunnels == 1
        if waits:
            self.server.enough.wait(PATIENCE)
        self.send_response(200)
        self.end_headers()

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.answers += 1
            if self.server.answers == MANY:
                self.server.enough.set()
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: Any) -> None: ...


class UnderWayTests(SynchronousTestCase):
    def folder(self) -> Path:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return Path(folder.name)

    def test_each_client_is_served_first(self) -> None:
        """However many tunnels others have had by then, and none of those counts."""
        server = Favouring()
        self.addCleanup(server.server_close)
        thread = Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        told: list[bool] = []
        load = Load(compile_pload(self.folder()), f"127.0.0.1:{server.server_port}", "127.0.0.1:80")
        found = load.under_way("connect", 2, 0.2, lambda: told.append(server.enough.is_set()))
        self.assertEqual((told, found["bad"]), ([True], 0))
        self.assertLess(found["ok"], server.answers - MANY + 2)  # the last of those may have been on its way

    def test_one_that_fails(self) -> None:
        """Is an error, and no figures."""
        program = self.folder() / "pload"
        program.write_text("#!/bin/sh\necho counting\necho ok=1\nexit 3\n")
        program.chmod(0o755)
        counted: list[None] = []
        with self.assertRaises(subprocess.CalledProcessError):
            Load(program, "", "").under_way("get", 1, 0, lambda: counted.append(None))
        self.assertEqual(counted, [None])
