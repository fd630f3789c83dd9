"""Published hosts on a live daemon, as their visitors see them: curl, openssl, an old client, a WebSocket."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.accounts.ownership import Operator
from meshd.accounts.published import resources
from meshd.auth.passwords import hash_now
from meshd.store.statements import accounts
from tests.live.hostedworld import HostedWorld
from tests.support.daemon import free_port
from tests.support.origin import RecordingOrigin

CURL = shutil.which("curl")


class Visited:
    """What curl says of an answer."""

    def __init__(self, out: str) -> None:
        head, _, self.body = out.partition("\r\n\r\n")
        line, *lines = head.split("\r\n")
        self.status = int(line.split(" ")[1]) if line.startswith("HTTP/") else 0
        self.fields = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}


class HostsCase(SynchronousTestCase):
    skip = None if CURL else "there is no curl"
    world: HostedWorld
    origin: RecordingOrigin
    trusted: str

    @classmethod
    def setUpClass(cls) -> None:
        cls.world = HostedWorld(cls)
        cls.origin = RecordingOrigin(cls)
        folder = tempfile.mkdtemp(prefix="meshd-hosts-", dir="/tmp")
        cls.addClassCleanup(shutil.rmtree, folder, True)
        cls.trusted = str(Path(folder, "ca.pem"))
        cls.world.authority.cert_pem.write_to_path(cls.trusted)

    def publish(self, name: str, **more: Any) -> Any:
        upstream = {"forward_host": "127.0.0.1", "forward_port": self.origin.port}
        return self.world.publish("proxy-hosts", domain_names=[name], **upstream, **more)

    def visit(self, name: str, path: str = "/echo", *words: str, tls: bool = False) -> Visited:
        port = self.world.https if tls else self.world.http
        scheme = "https" if tls else "http"
        command = [str(CURL), "-sS", "-i", "--max-time", "20", "--cacert", self.trusted]
        command += ["--resolve", f"{name}:{port}:127.0.0.1", *words, f"{scheme}://{name}:{port}{path}"]
        done = subprocess.run(command, capture_output=True, check=False)
        return Visited(done.stdout.decode("latin-1"))

    def wait_for(self, status: int, name: str, *words: str, tls: bool = False) -> Visited:
        """Visit until the answer is so: a change is served within a second."""

        def seen() -> Visited | None:
            found = self.visit(name, "/echo", *words, tls=tls)
            return found if found.status == status else None

        found: Visited = self.world.until(seen, f"{name} answers {status}")
        return found


class TrafficTests(HostsCase):
    def test_a_life_of_a_host(self) -> None:
        """Nobody's, published, switched off and on, changed, deleted; with plain HTTP and an upstream that is plain."""
        self.assertEqual(self.visit("life.example").status, 404)
        row = self.publish("life.example")
        told = json.loads(self.wait_for(200, "life.example").body)
        fields = dict(told["fields"])
        self.assertEqual((fields["X-Forwarded-For"], fields["X-Forwarded-Proto"]), ("127.0.0.1", "http"))
        self.world.switch(row, False)
        self.wait_for(404, "life.example")
        self.world.switch(row, True)
        self.wait_for(200, "life.example")
        second = RecordingOrigin(self)
        second.script("/echo", b"HTTP/1.1 203 Other\r\nContent-Length: 0\r\n\r\n")
        self.world.change(row, forward_port=second.port)
        self.wait_for(203, "life.example")
        self.world.delete(row)
        self.wait_for(404, "life.example")

    def test_a_change_works_when_its_answer_comes(self) -> None:
        """By the API: published, switched off, on, and deleted."""
        api = self.world.api
        body = {"domain_names": ["api.example"], "forward_host": "127.0.0.1", "forward_port": self.origin.port}
        made = json.loads(api.post("/proxy-hosts", json=body).text)
        self.assertEqual(self.visit("api.example").status, 200)
        for route, status in (("disable", 404), ("enable", 200)):
            api.post(f"/proxy-hosts/{made['id']}/{route}")
            self.assertEqual(self.visit("api.example").status, status, route)
        api.delete(f"/proxy-hosts/{made['id']}")
        self.assertEqual(self.visit("api.example").status, 404)

    def test_every_byte_is_the_owners(self) -> None:
        """By the ledger and by the log, under the host's own token."""
        before = self.world.daemon.total("admin")
        row = self.publish("billed.example")
        self.wait_for(200, "billed.example")
        self.visit("billed.example", "/bytes/100000")
        mine = self.world.until(lambda: [each for each in self.lines(row.token_id) if each["down"] > 100_000])
        self.assertEqual((mine[0]["proxy"], mine[0]["username"], mine[0]["host"]), ("hosts", "admin", "billed.example"))
        counted = lambda: self.world.daemon.total("admin") - before >= 100_000  # noqa: E731
        self.world.until(counted, "the store has the bytes")

    def test_an_owner_who_may_not_go_on(self) -> None:
        """Switched off: 503, and what is open of a stream ends; at a limit: 509; deleted: the root account pays.  The
        hosts of others go on.
        """
        cli, world = self.world.daemon.cli, self.world
        cli("account", "create", "ops", "--role", "admin", "--email", "ops@mesh.example")
        owner, port = world.run(accounts.by_username, "ops").id, free_port()
        upstream = {"forward_host": "127.0.0.1", "forward_port": self.origin.port}
        row = world.publish("proxy-hosts", by=owner, domain_names=["ops.example"], **upstream)
        world.publish("stream-hosts", by=owner, incoming_port=port, **upstream)
        self.publish("roots.example")
        self.wait_for(200, "ops.example")
        self.wait_for(200, "roots.example")
        with socket.create_connection(("127.0.0.1", port), 60) as client:
            client.sendall(b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertIn(b" 200 ", client.recv(100))
            cli("account", "deactivate", "ops")
            self.wait_for(503, "ops.example")
            while client.recv(65536):
                continue
        self.assertEqual(self.visit("roots.example").status, 200)
        cli("account", "activate", "ops")
        self.wait_for(200, "ops.example")
        cli("account", "set", "ops", "--total-limit", "0.000001")
        self.wait_for(509, "ops.example")
        cli("account", "set", "ops", "--total-limit", "0")
        self.wait_for(200, "ops.example")
        cli("account", "delete", "ops", "--yes")

        def paid() -> bool:
            lines = [each for each in world.daemon.exchanges() if each.get("host") == "ops.example"]
            return self.visit("ops.example").status == 200 and lines[-1]["username"] == "admin"

        world.until(paid, "the root account pays")
        self.assertNotEqual(world.run(resources.read, Operator(), "proxy-hosts", row.id).owner_id, owner)

    def lines(self, token_id: int) -> list[dict[str, Any]]:
        return [each for each in self.world.daemon.exchanges() if each.get("token") == token_id]

    def test_tls(self) -> None:
        """With the certificate of the name; nobody without a name, or with one that is nobody's, gets any."""
        certificate = self.world.certificate("tls.example")
        self.publish("tls.example", certificate_id=certificate.id, ssl_forced=True, hsts_enabled=True)
        self.publish("plain.example")
        found = self.wait_for(200, "tls.example", tls=True)
        self.assertEqual(found.fields["strict-transport-security"], "max-age=63072000; preload")
        self.assertEqual(dict(json.loads(found.body)["fields"])["X-Forwarded-Proto"], "https")
        sent = self.visit("tls.example", "/x?y=z")
        self.assertEqual((sent.status, sent.fields["location"]), (301, "https://tls.example/x?y=z"))
        misled = self.visit("tls.example", "/echo", "-H", "Host: plain.example", tls=True)
        self.assertEqual(misled.status, 421)
        for name, words in (("no name", ["-noservername"]), ("nobody's", ["-servername", "nobody.example"])):
            shown = self.openssl(*words)
            self.assertNotIn("BEGIN CERTIFICATE", shown, name)
        with socket.create_connection(("127.0.0.1", self.world.https), 60) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: tls.example\r\n\r\n")
            self.assertTrue(client.recv(4096).startswith(b"HTTP/1.1 400 "))
        self.assertIn("unrecognized name", self.openssl("-servername", "nobody.example").lower())
        named = "-servername", "tls.example", "-verify_hostname", "tls.example", "-CAfile", self.trusted
        self.assertIn("Verify return code: 0 (ok)", self.openssl(*named))

    def openssl(self, *words: str) -> str:
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{self.world.https}", *words]
        done = subprocess.run(command, capture_output=True, text=True, input="", check=False, timeout=60)
        return done.stdout + done.stderr

    def test_an_upstream_that_speaks_tls(self) -> None:
        """With a certificate that nobody here trusts."""
        secure = RecordingOrigin(self, tls=True)
        upstream = {"forward_scheme": "https", "forward_host": "127.0.0.1", "forward_port": secure.port}
        self.world.publish("proxy-hosts", domain_names=["inner.example"], **upstream)
        self.wait_for(200, "inner.example")
        self.visit("inner.example", "/bytes/300000")
        self.assertEqual(secure.requests[-1].target, "/bytes/300000")

    def test_an_old_client(self) -> None:
        self.publish("old.example")
        self.wait_for(200, "old.example")
        with socket.create_connection(("127.0.0.1", self.world.http), 60) as client:
            client.sendall(b"GET /chunked/1000 HTTP/1.0\r\nHost: old.example\r\n\r\n")
            got = b"".join(iter(lambda: client.recv(65536), b""))
        head, _, body = got.partition(b"\r\n\r\n")
        self.assertEqual((b"chunked" in head, len(body)), (False, 1000))

    def test_a_websocket(self) -> None:
        """Over TLS; it ends when its host is switched off."""
        certificate = self.world.certificate("ws.example")
        row = self.publish("ws.example", certificate_id=certificate.id)
        self.wait_for(200, "ws.example", tls=True)
        trust = ssl.create_default_context(cafile=self.trusted)
        with (
            socket.create_connection(("127.0.0.1", self.world.https), 60) as bare,
            trust.wrap_socket(bare, server_hostname="ws.example") as client,
        ):
            client.sendall(
                b"GET /websocket HTTP/1.1\r\nHost: ws.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            got = b""
            while b"\r\n\r\n" not in got:
                got += client.recv(4096)
            self.assertTrue(got.startswith(b"HTTP/1.1 101 "), got)
            client.sendall(b"still here")
            self.assertEqual(client.recv(4096), b"still here")
            self.world.switch(row, False)
            self.world.until(lambda: self.visit("ws.example").status == 404)
            self.assertEqual(client.recv(4096), b"")

    def test_a_list(self) -> None:
        """Its password is checked by the slow hash; deleted it cannot be while it guards a host."""
        hashes = {"items": {"ann": hash_now("correct horse")}}
        guard = self.world.publish("access-lists", hashes, name="office", items=[{"username": "ann"}], pass_auth=True)
        self.publish("guarded.example", access_list_id=guard.id)
        self.wait_for(401, "guarded.example")
        self.assertEqual(self.visit("guarded.example", "/echo", "-u", "ann:wrong").status, 401)
        found = self.visit("guarded.example", "/echo", "-u", "ann:correct horse")
        self.assertEqual(dict(json.loads(found.body)["fields"])["X-Authenticated-User"], "ann")
        self.world.switch(guard, False)
        self.wait_for(403, "guarded.example", "-u", "ann:correct horse")

    def test_other_kinds(self) -> None:
        there = {"domain_names": ["moved.example"], "forward_scheme": "https", "forward_domain_name": "new.example"}
        self.world.publish("redirection-hosts", **there, http_code=308)
        self.world.publish("dead-hosts", domain_names=["dead.example"])
        found = self.wait_for(308, "moved.example")
        self.assertEqual(found.fields["location"], "https://new.example/echo")
        self.wait_for(404, "dead.example")

    def test_changes_touch_nobody_else(self) -> None:
        """While one host is changed a thousand times no request of another one fails, on connections new and kept."""
        self.publish("steady.example")
        busy = self.publish("busy.example")
        self.wait_for(200, "steady.example")
        failed: list[str] = []
        served = [0]
        over = threading.Event()
        visitors = [threading.Thread(target=self.keep_asking, args=(over, failed, served, kept)) for kept in (0, 1, 1)]
        for visitor in visitors:
            visitor.start()
        for number in range(1000):
            if number % 3 == 2:
                self.world.change(busy, forward_port=1 + number)
            else:
                self.world.switch(busy, number % 3 == 1)
        over.set()
        for visitor in visitors:
            visitor.join(30)
        self.assertEqual(failed, [])
        self.assertGreater(served[0], 50)

    def keep_asking(self, over: threading.Event, failed: list[str], served: list[int], kept: int) -> None:
        place = "127.0.0.1", self.world.http
        asked = b"GET /bytes/10 HTTP/1.1\r\nHost: steady.example\r\n\r\n"
        client = socket.create_connection(place, 60)
        while not over.is_set():
            if not kept:
                client.close()
                client = socket.create_connection(place, 60)
            client.sendall(asked)
            got = b""
            while not got.partition(b"\r\n\r\n")[2][9:]:
                data = client.recv(4096)
                if not data:
                    break
                got += data
            if not got.startswith(b"HTTP/1.1 200 "):
                failed.append(got[:60].decode())
                return
            served[0] += 1
        client.close()
