"""A seller's server of lists: HTTPS on loopback, with validators, and misbehaving as it is told."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme

Handle = Callable[[BaseHTTPRequestHandler], None]


class ListServer:
    """Serves `text` at /list, with an ETag; `handle`, where it is set, answers in place of that."""

    def __init__(self, folder: Path, *, name: str = "127.0.0.1") -> None:
        authority = trustme.CA()
        self.ca = folder / "sellers-ca.pem"
        authority.cert_pem.write_to_path(str(self.ca))
        self.text = b""
        self.status = 200
        self.handle: Handle | None = None
        self.requests: list[tuple[str, dict[str, str]]] = []
        """Path and fields, in lower case, of each request."""
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.requests.append((self.path, {name.lower(): text for name, text in self.headers.items()}))
                (server.handle or server.answer)(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def etag(self) -> str:
        return f'"{hash(self.text) & 0xFFFFFFFF:x}"'

    def answer(self, request: Any) -> None:
        same = request.headers.get("If-None-Match") == self.etag
        send(request, 304 if same and self.status == 200 else self.status, b"" if same else self.text, ETag=self.etag)

    def url(self, path: str = "/list?token=s3cret", login: str = "us:p%40ss@") -> str:
        return f"https://{login}127.0.0.1:{self.port}{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(60)


def send(request: Any, status: int, body: bytes = b"", *, length: bool = True, **fields: str) -> None:
    request.send_response(status)
    for name, text in fields.items():
        request.send_header(name.replace("_", "-"), text)
    if length and status != 304:
        request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)
