"""Authorities to obtain certificates from, on loopback: Debian's Pebble, and acme2certifier of PyPI.

Both really look at challenges.  Missing where the program is not installed.
"""

from __future__ import annotations

import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest import SkipTest

import requests

from tests.support.daemon import clean_environment, free_port
from tests.tls.authority import issued

_STARTING = 60.0


class Challenged:
    """What the authority asks: a web server that gives the texts of `texts` by their paths' last part."""

    def __init__(self, owner: Any, port: int = 0) -> None:
        self.texts: dict[str, str] = {}
        self.answering = threading.Event()
        """Cleared, nothing is answered for a while."""
        self.answering.set()
        self.refusing: tuple[int, dict[str, str]] | None = None
        """A status and fields in place of 200."""
        self.asked: list[str] = []
        texts, asked, answering, server = self.texts, self.asked, self.answering, self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                answering.wait(_STARTING)
                found = texts.get(self.path.removeprefix("/.well-known/acme-challenge/"))
                body = ("nothing" if found is None else found).encode()
                status, fields = server.refusing or (200 if found is not None else 404, {})
                self.send_response(status)
                for name, value in fields.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                """An authority that hangs up is nobody's fault."""

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        owner.addCleanup(self._server.server_close)
        owner.addCleanup(self._server.shutdown)
        owner.addCleanup(self.answering.set)


class Served:
    """An authority's process; its folder goes with the test that owns it."""

    directory: str

    def __init__(self, owner: Any) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="meshd-acme-", dir="/tmp"))
        owner.addCleanup(shutil.rmtree, self.folder)
        self.root = issued("authority of the directory", now=int(time.time()))
        self.own = issued("directory", self.root, now=int(time.time()), hosts=("127.0.0.1", "localhost"))
        self.ca = str(self.written("ca.pem", self.root.pem))
        self.certificate = self.written("cert.pem", self.own.pem)
        self.key = self.written("key.pem", self.own.key_pem)
        self._owner = owner
        self.processes: list[subprocess.Popen[bytes]] = []

    def written(self, name: str, content: str) -> Path:
        path = self.folder / name
        path.write_text(content)
        return path

    def run(self, *command: str, environment: Mapping[str, str]) -> None:
        with (self.folder / "said").open("ab") as said:
            process = subprocess.Popen(
                command, cwd=self.folder, env=clean_environment() | environment, stdout=said, stderr=said
            )
        self.processes.append(process)
        self._owner.addCleanup(_ended, process)

    def stop(self) -> None:
        """Be away from now on."""
        for process in self.processes:
            _ended(process)

    def wait(self) -> None:
        """Until the directory answers."""
        until = time.monotonic() + _STARTING
        while True:
            try:
                with requests.Session() as session:
                    session.trust_env = False
                    if session.get(self.directory, verify=self.ca or None, timeout=5).ok:
                        return
            except requests.exceptions.RequestException:
                pass
            if time.monotonic() > until or any(each.poll() is not None for each in self.processes):
                raise AssertionError((self.folder / "said").read_text())
            time.sleep(0.05)


class Pebble(Served):
    """Names are this machine's, and their challenges are looked at on `http_port`."""

    def __init__(
        self, owner: Any, http_port: int, *, binding: Mapping[str, str] | None = None, refused: int = 0
    ) -> None:
        """binding: keys by their ids, one of which an account needs; refused: nonces out of a hundred."""
        if not shutil.which("pebble"):
            raise SkipTest("this machine has no pebble")
        super().__init__(owner)
        port, management, names, names_management = (free_port() for _ in range(4))
        settings = {
            "listenAddress": f"127.0.0.1:{port}",
            "managementListenAddress": f"127.0.0.1:{management}",
            "certificate": str(self.certificate),
            "privateKey": str(self.key),
            "httpPort": http_port,
            "tlsPort": free_port(),
            "externalAccountBindingRequired": bool(binding),
            "externalAccountMACKeys": dict(binding or {}),
        }
        config = self.written("pebble.json", json.dumps({"pebble": settings}))
        dns = f"127.0.0.1:{names}"
        off = [part for kind in ("http01", "https01", "tlsalpn01") for part in (f"-{kind}", "")]
        self.run(
            *("pebble-challtestsrv", *off, "-dns01", dns, "-management", f"127.0.0.1:{names_management}"),
            *("-defaultIPv6", ""),
            environment={},
        )
        self.run(
            *("pebble", "-config", str(config), "-dnsserver", dns),
            environment={
                "PEBBLE_VA_NOSLEEP": "1",
                "PEBBLE_AUTHZREUSE": "0",
                "PEBBLE_WFE_NONCEREJECT": str(refused),
            },
        )
        self.directory = f"https://127.0.0.1:{port}/dir"
        self.wait()


A2C = """
[DEFAULT]
debug: False

[DBhandler]
handler: wsgi
dbfile: {folder}/acme.db

[CAhandler]
handler_module: acme2certifier.cahandlers.openssl_ca_handler
issuing_ca_key: {folder}/issuer.key
issuing_ca_cert: {folder}/issuer.pem
issuing_ca_crl: {folder}/crl.pem
cert_save_path: {folder}/certs
ca_cert_chain_list: []
cert_validity_days: {days}

[Challenge]
challenge_validation_disable: True

[Order]
profiles: {profiles}

[Renewalinfo]
renewalthreshold_pctg: {percent}
renewal_window_duration: {window}
retry_after_timeout: {again}
"""

SERVE = """
import sys
from wsgiref.simple_server import make_server
from acme2certifier.share.acme2certifier_wsgi import application, get_handler_cls
make_server("127.0.0.1", int(sys.argv[1]), application, handler_class=get_handler_cls()).serve_forever()
"""


class Acme2Certifier(Served):
    """It has renewal information and profiles, and believes that challenges are answered: it knows port 80 alone."""

    def __init__(self, owner: Any, *, profiles: Mapping[str, str], percent: float, window: int, again: int) -> None:
        """percent: how much of a life has passed where the window of renewal begins, which lasts `window` seconds."""
        python = os.environ.get("ACME2CERTIFIER") or (sys.executable if find_spec("acme2certifier") else "")
        if not python:
            raise SkipTest("acme2certifier is not installed: see CONTRIBUTING.md")
        super().__init__(owner)
        issuer = issued("issuer", now=int(time.time()), days=(-1, 900))
        self.written("issuer.pem", issuer.pem)
        self.written("issuer.key", issuer.key_pem)
        (self.folder / "certs").mkdir()
        facts = {"profiles": json.dumps(profiles), "percent": percent, "window": window, "again": again, "days": 90}
        config = self.written("acme_srv.cfg", A2C.format(folder=self.folder, **facts))
        port = free_port()
        self.run(
            *(python, str(self.written("serve.py", SERVE)), str(port)),
            environment={"ACME_SRV_CONFIGFILE": str(config), "ACME2CERTIFIER_I_KNOW_THE_RISK": "1"},
        )
        self.ca = ""
        self.directory = f"http://127.0.0.1:{port}/directory"
        self.wait()


def _ended(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
