"""A browser that is told of its proxies by the PAC file of an account: Chromium, whose engine runs the script."""

from __future__ import annotations

import json
import ssl
import urllib.request
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support.browser import Chromium
from tests.support.daemon import LiveDaemon, until
from tests.support.echoes import Echoes
from tests.support.resources import basic

NAME = "page.example"
CONFIG = """
[limits]
flush_seconds = 0.1
[api]
domain = "localhost:{api}"
[proxy]
domain = "127.0.0.1:{proxy}"
"""


class PacTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.origin = Echoes(self)
        self.daemon = LiveDaemon(self, start=False)
        self.daemon.configure(CONFIG.format(api=self.daemon.api_port, proxy=self.daemon.proxy_port))
        self.daemon.start()
        self.password = self.daemon.account("anna")

    def api(self, path: str, *, post: bool = False) -> Any:
        request = urllib.request.Request(self.daemon.api + path, data=b"" if post else None)
        request.add_header("Authorization", basic("anna", self.password))
        trust = ssl.create_default_context(cafile=str(self.daemon.certificate))
        with urllib.request.urlopen(request, context=trust, timeout=60) as answer:
            return json.load(answer)

    def test_chromium(self) -> None:
        """Fetches it by TLS, asks the proxy of it for a page by name and password, and goes nowhere else."""
        url = self.api("/api/pac/create/", post=True)["url"].replace("localhost", "127.0.0.1")
        chromium = Chromium(
            self, f"--proxy-pac-url={url}", "--ignore-certificate-errors", credentials=("anna", self.password)
        )
        chromium.load(f"http://{NAME}:{self.origin.http}/n/50/marker")  # the name is nobody's: the proxy is asked

        def asked() -> list[dict[str, Any]]:
            return [line for line in self.daemon.exchanges() if line["host"] == NAME and line["username"] == "anna"]

        line = until(asked, "the proxy was asked for the page")[0]
        self.assertEqual((line["port"], line["reason"]), (self.origin.http, "dns-error"))
        self.assertEqual(chromium.challenges[0]["origin"], f"http://{self.daemon.proxy}")

    def test_the_key_stands_in_no_log(self) -> None:
        url: str = self.api("/api/pac/create/", post=True)["url"]
        trust = ssl.create_default_context(cafile=str(self.daemon.certificate))
        path = url.partition(f":{self.daemon.api_port}")[2]
        with urllib.request.urlopen(self.daemon.api + path, context=trust, timeout=60) as answer:
            self.assertIn(f"PROXY {self.daemon.proxy}".encode(), answer.read())
        key = url.rpartition("=")[2]
        log = self.daemon.data_dir / "requests.log"
        until(lambda: "/proxy.pac" in log.read_text(), "its line")
        for text in (log.read_text(), self.daemon.log_text(), (self.daemon.data_dir / "changes.log").read_text()):
            self.assertNotIn(key, text)

    def test_the_document_of_proxies(self) -> None:
        """As strangers have it."""
        trust = ssl.create_default_context(cafile=str(self.daemon.certificate))
        with urllib.request.urlopen(self.daemon.api + "/.well-known/pvd", context=trust, timeout=60) as answer:
            self.assertEqual(answer.headers["Content-Type"], "application/pvd+json")
            told = json.load(answer)
        self.assertEqual(told["identifier"], "localhost.")
        template = f"https://localhost:{self.daemon.api_port}/.well-known/masque/tcp/{{target_host}}/{{target_port}}/"
        self.assertEqual(told["proxies"][0], {"protocol": "connect-tcp", "proxy": template})
        self.assertIn({"protocol": "http-connect", "proxy": self.daemon.proxy}, told["proxies"])
