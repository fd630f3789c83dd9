"""Every alert of contrib/ fires where its cause is: daemons that are really ill, and Prometheus that watches them."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import time
from pathlib import Path
from typing import Any

import yaml
from twisted.trial.unittest import SynchronousTestCase

from tests.live.raw import basic as field
from tests.support import crews, postgres, stores
from tests.support.daemon import LiveDaemon, free_port, until
from tests.support.echoes import Echoes
from tests.support.load import Book, Link, basic
from tests.support.manual import ROOT
from tests.support.prometheus import Prometheus, shortened
from tests.tls.authority import issued

RULES = (ROOT / "contrib/prometheus/meshd.rules.yml").read_text()
ALERTS = {rule["alert"] for group in yaml.safe_load(RULES)["groups"] for rule in group["rules"]}

ILL = """
[api]
certificate = "near.pem"
key = "near.key"
[log]
exchanges = "/dev/full"
requests = "/dev/full"
[limits]
connections = 10
descriptor_reserve = 16
unauthenticated = 1000
unauthenticated_per_address = 1000
password_workers = 1
password_queue = 1
new_tunnels_per_second = 0
requests_per_second = 0
[[exits]]
name = "gone"
kind = "http"
upstream = "127.0.0.1:{dead}"
"""
DESCRIPTORS = 256

OF_ILL = {
    "MeshdExitResting",
    "MeshdNoExitLeft",
    "MeshdManyRefusals",
    "MeshdGuessing",
    "MeshdHashesRefused",
    "MeshdDescriptorsLow",
    "MeshdConnectionsFull",
    "MeshdReactorLag",
    "MeshdCertificateNearEnd",
    "MeshdReloadRefused",
    "MeshdLogFailing",
    "MeshdLogLinesLost",
}
OF_STORE = {"MeshdStoreAway", "MeshdLedgerBehind", "MeshdChangeFeedLate", "MeshdOwnFaults"}
OF_CREW = {"MeshdWorkerDown", "MeshdWorkerRestarts", "MeshdWorkerSilent"}
OF_GONE = {"MeshdDown"}
BUSY = {"MeshdDown", "MeshdReactorLag"}
"""What is told of any daemon too where the machine has no time for it: a scrape has one second here, a lag is told at
once, and for as long as it is so.
"""


def metrics(port: int) -> str:
    return f'[metrics]\nlisten = ["tcp:{port}"]\n'


class AlertTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.ports = {name: free_port() for name in ("well", "ill", "store", "crew", "gone")}

    def test_every_alert_fires_where_its_cause_is(self) -> None:
        """And none where nothing is wrong, which the well daemon's own traffic shows."""
        self.assertEqual(OF_ILL | OF_STORE | OF_CREW | OF_GONE, ALERTS)
        self.begin()
        prometheus = Prometheus(self, self.ports, shortened(RULES))
        until(lambda: set(prometheus.query("up == 1")) == set(self.ports), "all are seen")
        told = {(alert, instance) for alert, instance in prometheus.firing() if alert not in BUSY}
        self.assertEqual(told - {("MeshdCertificateNearEnd", "ill")}, set())
        self.gone.kill()
        self.lose_the_store()
        self.stop_workers()
        self.fall_ill(prometheus)
        wanted = {(alert, "ill") for alert in OF_ILL} | {(alert, "store") for alert in OF_STORE}
        wanted |= {(alert, "crew") for alert in OF_CREW} | {("MeshdDown", "gone")}
        self.serve_well()
        seen: set[tuple[str, str]] = set()
        until(lambda: wanted <= (seen.update(prometheus.firing()) or seen), Missing(wanted, seen), 300.0)
        self.assertEqual({alert for alert, instance in seen if instance == "well"} - BUSY, set())
        until(lambda: ("MeshdDown", "well") not in prometheus.firing(), "a daemon that answers is not down", 300.0)
        self.assertEqual(prometheus.broken(), [])

    def begin(self) -> None:
        self.origin = Echoes(self)
        self.well = LiveDaemon(self, metrics(self.ports["well"]))
        self.anna = basic("anna", "anna", self.well.account("anna"))
        self.gone = LiveDaemon(self, metrics(self.ports["gone"]))
        self.crew = LiveDaemon(self, "workers = 2\n" + metrics(self.ports["crew"]))
        self.server = postgres.server()
        self.addCleanup(lambda: self.server.running or self.server.start())
        url = stores.postgres_url(self)
        self.stored = LiveDaemon(self, metrics(self.ports["store"]), store=url)
        self.ill = LiveDaemon(self, start=False, wrap=("prlimit", f"--nofile={DESCRIPTORS}"))
        near = issued("near.test", now=int(time.time()), hosts=["near.test"], days=(-1, 3))
        for name, text in (("near.pem", near.pem), ("near.key", near.key_pem)):
            self.put(self.ill.folder / name, text)
        with socket.create_server(("127.0.0.1", 0)) as closed:
            dead = closed.getsockname()[1]
        self.ill_settings = ILL.replace("{dead}", str(dead)) + metrics(self.ports["ill"])
        self.ill.configure(self.ill_settings)
        self.ill.start()

    def put(self, path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o600)

    # Causes

    def lose_the_store(self) -> None:
        """With bytes that are counted and cannot be billed, and somebody whom nobody knows yet."""
        anna = basic("anna", "anna", self.stored.account("anna"))
        bert = basic("bert", "bert", self.stored.account("bert"))
        address = ("127.0.0.1", self.stored.proxy_port)

        async def work() -> None:
            link = await Link.open(Book(), address)
            self.addCleanup(link.close)
            _, counted = await link.connect(anna, self.origin.raw)
            await link.send(b"E", counted)
            await link.echo(b"before", counted)
            await asyncio.to_thread(self.server.stop, crash=True)
            await link.echo(b"meanwhile" * 100, counted)
            other = await Link.open(Book(), address)
            self.addCleanup(other.close)
            head, _ = await other.get(bert, self.origin.http, "/n/10/m")
            self.assertEqual(head.status, 503)

        asyncio.run(work())

    def stop_workers(self) -> None:
        """One ends again and again, and then none can be begun; the other hangs."""
        for _ in range(4):
            crews.filled(self.crew, 1, crews.kill(self.crew, 1))
        os.kill(crews.workers(self.crew)[2], signal.SIGSTOP)
        (nursery,) = [
            int(pid)
            for pid in Path(f"/proc/{self.crew.pid}/task/{self.crew.pid}/children").read_text().split()
            if int(pid) not in crews.workers(self.crew).values()
        ]
        for pid in (nursery, crews.workers(self.crew)[2]):
            self.addCleanup(go_on, pid)
        os.kill(nursery, signal.SIGSTOP)
        crews.kill(self.crew, 1)

    def fall_ill(self, prometheus: Prometheus) -> None:
        password = self.ill.account("anna")
        request = b"GET http://127.0.0.1:%d/n/1/m HTTP/1.1\r\nHost: x\r\n%b\r\n"
        for _ in range(40):  # the exit fails, and rests
            self.asked(request % (self.origin.http, field("anna", password)))
        guesses = [request % (1, field(f"nobody{number}", "x")) for number in range(12)]
        for _ in range(2):  # many at once, of whom one may wait
            with_it = [self.at_proxy() for _ in guesses]
            for sock, guess in zip(with_it, guesses, strict=True):
                sock.sendall(guess)
            for sock in with_it:
                sock.recv(4096)
                sock.close()
        for _ in range(500):  # and one after the other
            self.asked(request % (1, field("nobody0", "x")))
        self.assertIn("not reloaded", self.ill.reload(self.ill_settings + "[timeouts]\nhed = 1\n"))
        self.held = [self.at_proxy() for _ in range(18)] + self.at_api(DESCRIPTORS - 70)
        os.kill(self.ill.pid, signal.SIGSTOP)  # its event loop is late by more than a scrape
        until(lambda: "ill" in prometheus.query("up == 0"), "it does not answer")
        os.kill(self.ill.pid, signal.SIGCONT)

    def at_proxy(self) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self.ill.proxy_port), 60)
        self.addCleanup(sock.close)
        return sock

    def asked(self, request: bytes) -> None:
        with socket.create_connection(("127.0.0.1", self.ill.proxy_port), 60) as sock:
            sock.sendall(request)
            sock.recv(4096)

    def at_api(self, count: int) -> list[socket.socket]:
        """So many connections; a line for the request log on the first."""
        found = [socket.create_connection(("127.0.0.1", self.ill.api_port), 60) for _ in range(count)]
        for sock in found:
            self.addCleanup(sock.close)
        with ssl._create_unverified_context().wrap_socket(found.pop(0)) as first:
            first.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            self.assertIn(b" 200 ", first.recv(4096))
        return found

    def serve_well(self) -> None:
        async def work() -> None:
            for number in range(20):
                link = await Link.open(Book(), ("127.0.0.1", self.well.proxy_port))
                head, _ = await link.get(self.anna, self.origin.http, f"/n/100/{number}")
                self.assertEqual(head.status, 200)
                link.close()

        asyncio.run(work())


class Missing:
    """Says what has not fired, once somebody wants to know."""

    def __init__(self, wanted: set[Any], seen: set[Any]) -> None:
        self._wanted, self._seen = wanted, seen

    def __str__(self) -> str:
        return f"these fire: {sorted(self._wanted - self._seen)}"


def go_on(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        return
