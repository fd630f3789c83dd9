"""How the data plane's TLS is spoken, by handshakes in memory."""

from __future__ import annotations

import contextlib
import os
import ssl

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.tls.contexts import TICKETS, Renewed, served, spared_by_resuming
from meshd.tls.profile import CIPHERS, CertificateError
from tests.tls.authority import issued, p256, pem_of
from tests.web.support import NOON

MADE = issued("server", now=NOON, hosts=("a.example",))
CHAIN, KEY = MADE.pem.encode(), MADE.key_pem.encode()


def client() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def shake(
    server: ssl.SSLContext, context: ssl.SSLContext, session: ssl.SSLSession | None = None
) -> tuple[ssl.SSLObject, int]:
    """The client's side after a handshake and an answer of one byte, and the bytes that came after the handshake."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = context.wrap_bio(back, there, server_hostname="a.example", session=session)
    other = server.wrap_bio(there, back, server_side=True)
    for _ in range(3):
        for side in (one, other):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    behind = back.pending
    other.write(b"x")
    assert one.read(10) == b"x"
    return one, behind


class ServedTests(SynchronousTestCase):
    def test_the_profile(self) -> None:
        """What is offered is Mozilla's, and the client's order decides."""
        context = served(CHAIN, KEY)
        names = [each["name"] for each in context.get_ciphers()]
        self.assertEqual([name for name in names if not name.startswith("TLS_")], list(CIPHERS))
        for name in reversed(CIPHERS[:4:2]):
            wanted = client()
            wanted.maximum_version = ssl.TLSVersion.TLSv1_2
            wanted.set_ciphers(f"{name}:{CIPHERS[0]}")
            cipher = shake(context, wanted)[0].cipher()
            assert cipher is not None
            self.assertEqual(cipher[0], name)

    def test_nothing_older_than_1_2(self) -> None:
        self.assertEqual(served(CHAIN, KEY).minimum_version, ssl.TLSVersion.TLSv1_2)

    def test_http_2_is_not_offered(self) -> None:
        wanted = client()
        wanted.set_alpn_protocols(["h2", "http/1.1"])
        self.assertEqual(shake(served(CHAIN, KEY), wanted)[0].selected_alpn_protocol(), "http/1.1")
        wanted.set_alpn_protocols(["h2"])
        self.assertIsNone(shake(served(CHAIN, KEY), wanted)[0].selected_alpn_protocol())

    def test_what_cannot_be_served(self) -> None:
        """Another's key, a key with a passphrase, no certificate: told in one line, without asking at a terminal."""
        locked = pem_of(p256(), b"passphrase").encode()
        for what, chain, key in (
            ("another's key", CHAIN, pem_of(p256()).encode()),
            ("a key with a passphrase", CHAIN, locked),
            ("no certificate", b"hello", KEY),
            ("nothing", b"", b""),
        ):
            with self.assertRaises(CertificateError) as caught:
                served(chain, key)
            self.assertNotIn("\n", str(caught.exception), what)

    def test_without_tickets(self) -> None:
        """A client of TLS 1.3 gets none and shakes hands anew; one of TLS 1.2, whom it saves a round trip, resumes."""
        for version, wanted in ((ssl.TLSVersion.TLSv1_3, False), (ssl.TLSVersion.TLSv1_2, True)):
            server, context = served(CHAIN, KEY, tickets=False), client()
            context.maximum_version = version
            one, behind = shake(server, context)
            self.assertEqual((one.version(), behind), (version.name.replace("v1_", "v1."), 0))
            self.assertEqual(shake(server, context, one.session)[0].session_reused, wanted)

    def test_whom_resuming_spares_work(self) -> None:
        """All whose signature takes longer than two tickets."""
        curves = (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1())
        self.assertEqual([spared_by_resuming(ec.generate_private_key(curve)) for curve in curves], [False, True, True])
        self.assertTrue(spared_by_resuming(rsa.generate_private_key(65537, 2048)))

    def test_no_descriptor_is_left(self) -> None:
        """Of the memory by which the key is given to the library, also where that fails."""
        before = os.listdir("/proc/self/fd")
        served(CHAIN, KEY)
        self.assertRaises(CertificateError, served, CHAIN, b"")
        self.assertEqual(os.listdir("/proc/self/fd"), before)


class RenewedTests(SynchronousTestCase):
    def test_sessions_are_resumed_for_so_long(self) -> None:
        """Then the key of the tickets is another, and a client that brings an old one shakes hands anew."""
        clock = Clock()
        renewed = Renewed(CHAIN, KEY, clock.seconds)
        context = client()
        first = renewed()
        one, behind = shake(first, context)
        self.assertGreater(behind, 0)  # the ticket
        clock.advance(TICKETS - 1)
        self.assertIs(renewed(), first)
        again, _ = shake(renewed(), context, one.session)
        self.assertTrue(again.session_reused)
        clock.advance(1)
        self.assertIsNot(renewed(), first)
        late, _ = shake(renewed(), context, again.session)
        self.assertFalse(late.session_reused)
