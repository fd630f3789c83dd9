"""Certificates that two daemons on one store obtain from Debian's Pebble, for hosts that let nobody in."""

from __future__ import annotations

import http.client
import shutil
import socket
import ssl
import time
from typing import Any

from cryptography import x509
from twisted.trial.unittest import SynchronousTestCase

from meshd.accounts.ownership import Operator
from meshd.accounts.published import acme, forms, reading, resources
from meshd.accounts.published.grounds import Grounds
from meshd.accounts.published.rows import Row
from meshd.daemon.vault import Vault
from meshd.store.open import BlockingStore
from meshd.tls.material import checked, names_of, sealed_about
from meshd.values.published import Kind
from tests.support.acmeservers import Pebble
from tests.support.daemon import LiveDaemon, free_port, until
from tests.support.stores import postgres_url
from tests.tls.authority import issued

SETTINGS = """
[hosts]
listen = ["tcp:{api}:interface=127.0.0.1"]
http = ["tcp:{http}"]
https = ["tcp:{https}"]
upstreams_loopback = true
acme_directory = "{directory}"
acme_ca = "{ca}"
secrets = "{secrets}"
"""


class Node:
    """One of the daemons, and the ports of its hosts."""

    def __init__(self, owner: Any, store: str, pebble: Pebble, http: int) -> None:
        self.http, self.https = http, free_port()
        ports = {"api": free_port(), "http": http, "https": self.https}
        secrets = pebble.folder / "secrets.key"
        text = SETTINGS.format(**ports, directory=pebble.directory, ca=pebble.ca, secrets=secrets)
        self.daemon = LiveDaemon(owner, text, store=store)

    def asked(self, name: str, path: str) -> tuple[int, str, str]:
        """Status, Location and body of the answer by plain HTTP."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http, timeout=60)
        try:
            connection.request("GET", path, headers={"Host": name})
            answer = connection.getresponse()
            return answer.status, answer.getheader("Location", ""), answer.read().decode()
        finally:
            connection.close()

    def shown(self, name: str) -> tuple[str, ...]:
        """The names of the certificate that a client is shown; empty where there is no handshake."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            plain = socket.create_connection(("127.0.0.1", self.https), 60)
            with plain, context.wrap_socket(plain, server_hostname=name) as wrapped:
                return names_of(x509.load_der_x509_certificate(wrapped.getpeercert(True) or b""))
        except (ssl.SSLError, ConnectionError):
            return ()


class AcmeTests(SynchronousTestCase):
    skip = None if shutil.which("pebble") else "this machine has no pebble"

    def setUp(self) -> None:
        url = postgres_url(self)
        port = free_port()
        self.pebble = Pebble(self, port)
        self.nodes = [Node(self, url, self.pebble, port), Node(self, url, self.pebble, free_port())]
        self.store = BlockingStore(url)
        self.addCleanup(self.store.close)

    def publish(self, kind: Kind, secrets: Any = resources.NONE, **settings: Any) -> Row:
        read = forms.read(kind, settings)
        facts = {"secrets": secrets, "now": int(time.time()), "grounds": Grounds(loopback=True)}
        made: Row = self.store.run(resources.create, Operator(), kind, read, **facts)
        return made

    def upload(self, *names: str) -> Row:
        now = int(time.time())
        made = issued("uploaded", now=now, hosts=names)
        found = checked(made.pem, made.key_pem, now)
        seals = Vault(self.pebble.folder / "secrets.key").seals()
        sealed = seals.seal_bytes(found.key.encode(), sealed_about(found.chain))
        secrets = {"sealed_key": sealed, "expires": found.expires}
        facts = {"domain_names": list(names), "certificate": found.chain}
        return self.publish("certificates", secrets, provider="custom", **facts)

    def shut(self, name: str) -> Row:
        """A host that sends everybody to HTTPS, and lets nobody in there."""
        nobody = self.publish("access-lists", name="nobody", clients=[{"address": "all", "directive": "deny"}])
        upstream = {"forward_host": "127.0.0.1", "forward_port": 9}
        limit = {"enabled": True, "requests": 1, "window": "60s"}
        more = {"ssl_forced": True, "access_list_id": nobody.id, "rate_limit": limit}
        return self.publish("proxy-hosts", domain_names=[name], **upstream, **more)

    def test_a_host_that_lets_nobody_in(self) -> None:
        """Forced HTTPS, a list that denies, a limit of one request: a certificate is obtained all the same, and each
        daemon serves it, whichever has obtained it; the account and the order are one's.
        """
        self.shut("a.test")
        for node in self.nodes:
            until(lambda node=node: node.shown("a.test") == ("a.test",), "it is served", 60)
            self.assertEqual(node.shown("b.test"), ())
        self.assertEqual(self.store.run(reading.challenges), [])
        (row,) = self.store.run(resources.listing, Operator(), "certificates")
        self.assertEqual((row.settings["state"], row.settings["problem"]), ("active", ""))
        for node in self.nodes:
            self.assertEqual(node.asked("a.test", "/.well-known/acme-challenge/other")[0], 301)

    def test_while_it_cannot_be_obtained(self) -> None:
        """Another certificate that covers the name is shown, and nothing where there is none."""
        self.pebble.stop()
        for name in ("a.test", "a.other.test"):
            self.shut(name)
        node = self.nodes[0]
        until(lambda: node.asked("a.other.test", "/")[0] == 301, "it is published")
        self.assertEqual((node.shown("a.test"), node.shown("a.other.test")), ((), ()))
        self.upload("*.test")
        until(lambda: node.shown("a.test") == ("*.test",), "it is shown")
        self.assertEqual(node.shown("a.other.test"), ())

    def test_every_daemon_answers_for_a_challenge(self) -> None:
        """Before the authority is told to look, by plain HTTP, and with nothing that the host has beside; only the
        text that is awaited is told so, and only until it was looked at.
        """
        self.shut("a.test")
        path = "/.well-known/acme-challenge/token"
        for node in self.nodes:
            until(lambda node=node: node.asked("a.test", path)[0] == 301, "it is published")
        self.store.run(acme.challenge, "token", "token.thumb", int(time.time()))
        for node in self.nodes:
            until(lambda node=node: node.asked("a.test", path)[2] == "token.thumb", "it is told")
        for node in self.nodes:
            for _ in range(3):
                self.assertEqual(node.asked("a.test", path), (200, "", "token.thumb"))
            self.assertEqual(node.asked("a.test", path + "2")[0], 301)
        self.store.run(acme.unchallenge, "token")
        for node in self.nodes:
            until(lambda node=node: node.asked("a.test", path)[0] == 301, "it is told no more")
