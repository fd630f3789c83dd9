from __future__ import annotations

import gc
import os
import socket
import ssl
import warnings
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from meshd.tls.profile import CIPHERS, CertificateError
from meshd.tls.selfsigned import ensure_certificate
from meshd.tls.server import ReloadableTLS, server_context
from meshd.web.app import build_site
from meshd.web.server.front import TLSFront
from meshd.web.server.introduction import IntroducedFactory
from tests.web.support import NOON, World, basic, named, read_answer, request

T = TypeVar("T")

LEGACY = "ECDHE-ECDSA-AES128-SHA"


def pem(key: ec.EllipticCurvePrivateKey, password: bytes = b"") -> bytes:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


class PairTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.certificate, self.key = self.folder / "cert.pem", self.folder / "key.pem"
        ensure_certificate(self.certificate, self.key, hostname="test", now=NOON)

    def complaint(self) -> str:
        with self.assertRaises(CertificateError) as caught:
            server_context(self.certificate, self.key)
        self.assertNotIn("\n", str(caught.exception))
        return str(caught.exception)

    def test_each_fault_is_one_line_that_names_the_file(self) -> None:
        """OpenSSL's own words would be `('PEM routines', '', 'no start line')`, and no file."""
        other = ec.generate_private_key(ec.SECP256R1())
        faults: dict[str, tuple[Callable[[], Any], Path, str]] = {
            "no key": (self.key.unlink, self.key, "No such file"),
            "a key of another certificate": (lambda: self.key.write_bytes(pem(other)), self.key, "not the key of"),
            "an encrypted key": (lambda: self.key.write_bytes(pem(other, b"secret")), self.key, "encrypted"),
            "a key that is none": (lambda: self.key.write_bytes(b"hello"), self.key, "no private key"),
            "a certificate that is none": (
                lambda: self.certificate.write_bytes(b"hello"),
                self.certificate,
                "no certificate",
            ),
            "no certificate": (self.certificate.unlink, self.certificate, "No such file"),
        }
        for sentence, (spoil, path, reason) in faults.items():
            with named(sentence):
                spoil()
                text = self.complaint()
                self.assertIn(str(path), text)
                self.assertIn(reason, text)

    def test_an_unreadable_key_is_one_line(self) -> None:
        """A folder in its place stands for it, since root may read everything."""
        self.key.unlink()
        self.key.mkdir()
        self.assertIn("Is a directory", self.complaint())

    def test_a_reload_that_fails_changes_nothing(self) -> None:
        """The old certificate goes on being used."""
        tls = ReloadableTLS(self.certificate, self.key)
        before = tls.serverConnectionForTLS(None).get_context()
        self.key.write_bytes(b"hello")
        self.assertRaises(CertificateError, tls.reload)
        self.assertIs(tls.serverConnectionForTLS(None).get_context(), before)

    def test_no_warning_is_raised(self) -> None:
        """The calls are those that the library still wants."""
        server_context(self.certificate, self.key)
        self.assertEqual(self.flushWarnings(), [])

    def test_the_list_of_ciphers_is_known_whole(self) -> None:
        """OpenSSL drops a name that it does not know without a word."""
        connection = SSL.Connection(server_context(self.certificate, self.key), None)
        self.assertLessEqual(set(CIPHERS), set(connection.get_cipher_list()))


class LiveTests(TestCase):
    """Real sockets on loopback, Python's own TLS as the client."""

    async def setUp(self) -> None:  # type: ignore[override]
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.certificate, self.key = self.folder / "cert.pem", self.folder / "key.pem"
        ensure_certificate(self.certificate, self.key, hostname="test", now=NOON)
        self.world = World(os.path.join(self.folder, "store"))
        self.site = build_site(reactor, self.world.services, self.world.requests)  # type: ignore[arg-type]
        self.tls = ReloadableTLS(self.certificate, self.key)
        self.factory = TLSFront(reactor, self.site, self.tls)  # type: ignore[arg-type]
        self.port: IListeningPort = reactor.listenTCP(0, self.factory, interface="127.0.0.1")  # type: ignore[attr-defined]

    async def tearDown(self) -> None:  # type: ignore[override]
        await self.port.stopListening()
        await self.site.drain(1)

    @property
    def number(self) -> int:
        return int(self.port.getHost().port)

    def trusting(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.certificate))
        context.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13 on
        return context

    def shake(self, context: ssl.SSLContext, name: str = "localhost") -> ssl.SSLSocket:
        return context.wrap_socket(socket.create_connection(("127.0.0.1", self.number), 60), server_hostname=name)

    def talk(self, data: bytes, context: ssl.SSLContext | None = None) -> bytes:
        with self.shake(context or self.trusting()) as peer:
            peer.sendall(data)
            return read_to_end(peer)

    async def in_thread(self, work: Callable[..., T], *args: Any) -> T:
        return await deferToThread(work, *args)

    async def test_an_api_answer_comes_over_tls_that_the_self_signed_certificate_vouches_for(self) -> None:
        """By name and by both loopback addresses, checked strictly."""
        data = request("GET", "/healthz", ("Connection", "close"))
        self.assertEqual(read_answer(await self.in_thread(self.talk, data)).json, {"status": "ok"})
        for name in ("localhost", "127.0.0.1", "test"):
            with named(name):
                (await self.in_thread(self.shake, self.trusting(), name)).close()

    async def test_tls_1_2_and_1_3_and_nothing_older(self) -> None:
        """Mozilla's intermediate profile."""

        def version(number: ssl.TLSVersion) -> str | None:
            context = self.trusting()
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = context.maximum_version = number
            with self.shake(context) as peer:
                return peer.version()

        self.assertEqual(await self.in_thread(version, ssl.TLSVersion.TLSv1_2), "TLSv1.2")
        self.assertEqual(await self.in_thread(version, ssl.TLSVersion.TLSv1_3), "TLSv1.3")
        with self.assertRaises(ssl.SSLError), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python's, about the very thing that is tried
            await self.in_thread(version, ssl.TLSVersion.TLSv1_1)

    async def test_a_cipher_outside_the_profile_is_not_taken(self) -> None:
        """And one inside it is."""

        def cipher(name: str) -> str:
            context = self.trusting()
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(f"{name}:@SECLEVEL=0")
            with self.shake(context) as peer:
                return peer.cipher()[0]  # type: ignore[index]

        for name in (CIPHERS[0], CIPHERS[2], CIPHERS[4]):
            self.assertEqual(await self.in_thread(cipher, name), name)
        with self.assertRaises(ssl.SSLError):
            await self.in_thread(cipher, LEGACY)

    async def test_http_2_is_not_offered(self) -> None:
        """The limits are written for HTTP/1.1; a client that can do both gets that."""

        def chosen() -> str | None:
            context = self.trusting()
            context.set_alpn_protocols(["h2", "http/1.1"])
            with self.shake(context) as peer:
                return peer.selected_alpn_protocol()

        self.assertEqual(await self.in_thread(chosen), "http/1.1")

    async def test_a_reload_serves_the_new_certificate_to_the_next_handshake(self) -> None:
        """And an open connection goes on."""
        old = await self.in_thread(self.shake, self.trusting())
        before = self.certificate.read_bytes()
        self.certificate.unlink()
        self.key.unlink()
        ensure_certificate(self.certificate, self.key, hostname="test", now=NOON)
        with self.assertRaises(ssl.SSLError):  # the client trusts the new one already
            await self.in_thread(self.shake, self.trusting())
        self.tls.reload()
        new = await self.in_thread(self.shake, self.trusting())
        self.assertNotEqual(new.getpeercert(True), ssl.PEM_cert_to_DER_cert(before.decode()))
        new.close()

        def ask() -> bytes:
            old.sendall(request("GET", "/healthz", ("Connection", "close")))
            with old:
                return read_to_end(old)

        self.assertEqual(read_answer(await self.in_thread(ask)).status, 200)

    async def test_a_plain_request_on_the_same_port_is_redirected(self) -> None:
        """Over a real socket, to its end."""

        def plainly() -> bytes:
            with socket.create_connection(("127.0.0.1", self.number), 60) as peer:
                peer.sendall(request("GET", "/api/proxies/", host=f"localhost:{self.number}"))
                return read_to_end(peer)

        answer = read_answer(await self.in_thread(plainly))
        self.assertEqual(
            (answer.status, answer.one("Location")), (302, f"https://localhost:{self.number}/api/proxies/")
        )

    async def test_the_same_on_a_unix_socket(self) -> None:
        """Any endpoint will do, and a peer without an address is let in."""
        path = self.mktemp()
        port = reactor.listenUNIX(path, self.factory)  # type: ignore[attr-defined]

        def ask() -> bytes:
            with socket.socket(socket.AF_UNIX) as plain:
                plain.settimeout(60)
                plain.connect(path)
                with self.trusting().wrap_socket(plain, server_hostname="localhost") as peer:
                    peer.sendall(
                        request(
                            "GET", "/api/proxies", ("Authorization", basic("jo", "secret")), ("Connection", "close")
                        )
                    )
                    return read_to_end(peer)

        self.assertEqual(read_answer(await self.in_thread(ask)).status, 200)
        self.assertEqual(self.world.door.asked[-1][0], "")
        await port.stopListening()

    async def test_behind_a_balancer_the_client_is_who_the_proxy_protocol_says(self) -> None:
        """Failures and places count for the client and not for the balancer."""
        endpoint = serverFromString(reactor, "tcp:0:interface=127.0.0.1")
        port = await endpoint.listen(IntroducedFactory(self.factory))

        def ask() -> bytes:
            plain = socket.create_connection(("127.0.0.1", port.getHost().port), 60)
            plain.sendall(b"PROXY TCP4 198.51.100.9 192.0.2.2 50000 443\r\n")
            with self.trusting().wrap_socket(plain, server_hostname="localhost") as peer:
                peer.sendall(
                    request("GET", "/api/proxies", ("Authorization", basic("jo", "secret")), ("Connection", "close"))
                )
                return read_to_end(peer)

        self.assertEqual(read_answer(await self.in_thread(ask)).status, 200)
        self.assertEqual(self.world.door.asked[-1][0], "198.51.100.9")
        await port.stopListening()

    async def test_a_gibibyte_that_is_announced_is_refused_from_the_header_alone(self) -> None:
        """And a client that goes on sending can still read why."""

        def send() -> bytes:
            with self.shake(self.trusting()) as peer:
                peer.sendall(
                    b"POST /api/token/create/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1073741824\r\n\r\n"
                )
                peer.sendall(b"a" * 300_000)
                return peer.recv(65536)

        self.assertEqual(read_answer(await self.in_thread(send)).status, 413)

    async def test_chunks_without_end_are_refused(self) -> None:
        """At the first byte over the bound."""

        def send() -> bytes:
            with self.shake(self.trusting()) as peer:
                peer.sendall(
                    b"POST /api/token/create/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                )
                for _ in range(9):
                    peer.sendall(b"2000\r\n" + b"a" * 0x2000 + b"\r\n")
                return peer.recv(65536)

        self.assertEqual(read_answer(await self.in_thread(send)).status, 413)

    async def test_a_head_that_is_too_slow_gets_408(self) -> None:
        """With the deadline of the settings, over TLS."""
        from meshd.topology import Timeouts

        self.world.set_topology(timeouts=Timeouts(head=0.2))

        def send() -> bytes:
            with self.shake(self.trusting()) as peer:
                peer.sendall(b"GET /healthz HT")
                return peer.recv(65536)

        self.assertEqual(read_answer(await self.in_thread(send)).status, 408)

    async def test_a_client_that_hangs_up_without_a_goodbye_leaves_nothing_behind(self) -> None:
        """Not even until the collector comes by, which it seldom does here: it was 70 kB for each of them."""
        build, built = self.factory.buildProtocol, list[weakref.ref[Any]]()

        def noted(address: Any) -> Any:
            front = build(address)
            built.append(weakref.ref(front))
            return front

        self.patch(self.factory, "buildProtocol", noted)
        gc.disable()
        self.addCleanup(gc.enable)
        await self.in_thread(self.talk, request("GET", "/healthz", ("Connection", "close")))
        await self.site.drain(5)
        await deferLater(reactor, 0)  # type: ignore[arg-type]
        self.assertEqual([front() for front in built], [None])


def read_to_end(peer: socket.socket) -> bytes:
    data = b""
    while chunk := peer.recv(65536):
        data += chunk
    return data
