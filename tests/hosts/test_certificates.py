"""Which certificate a client is shown, by real handshakes in memory."""

from __future__ import annotations

import contextlib
import ssl

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from meshd.auth.sealing import KEY_BYTES, Seals
from meshd.hosts import certificates
from meshd.hosts.certificates import Contexts
from meshd.seldom import Seldom
from meshd.tls.material import checked, sealed_about
from meshd.values.published import Certificate
from tests.tls.authority import Issued, issued
from tests.web.support import NOON, named

DAY = 86400


def shown(context: ssl.SSLContext | None) -> list[str]:
    """The common names of the chain that a client is sent; empty where there is no context."""
    if context is None:
        return []
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(incoming, outgoing, server_side=True)
    client = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), None)
    client.set_connect_state()
    for _ in range(4):
        with contextlib.suppress(SSL.WantReadError):
            client.do_handshake()
        with contextlib.suppress(SSL.WantReadError):
            incoming.write(client.bio_read(100_000))
        with contextlib.suppress(ssl.SSLWantReadError):
            server.do_handshake()
        if outgoing.pending:
            client.bio_write(outgoing.read())
    chain = client.get_peer_cert_chain(as_cryptography=True) or []
    return [str(each.subject.rdns[0].rfc4514_string()).removeprefix("CN=") for each in chain]


class ContextsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.seals = Seals(b"k" * KEY_BYTES)
        self.lines: list[str] = []
        self.now = NOON
        self.contexts = Contexts(lambda: self.seals, lambda: self.now, Seldom(lambda: 0.0))
        self.root = issued("root", now=NOON, days=(-900, 900))

    def certificate(
        self, number: int, *names: str, days: float = 90, enabled: bool = True, cn: str = ""
    ) -> Certificate:
        return self.stored(
            number, issued(cn or f"c{number}", self.root, now=NOON, hosts=names, days=(-99, days)), enabled
        )

    def stored(self, number: int, made: Issued, enabled: bool = True) -> Certificate:
        """As the store has it; what has expired by now was uploaded before."""
        read = checked(made.pem + self.root.pem, made.key_pem, NOON - 90 * DAY)
        sealed = self.seals.seal_bytes(read.key.encode(), sealed_about(read.chain))
        return Certificate(number, "custom", read.names, read.chain, sealed, read.expires, enabled)

    def test_which_one_serves_a_name(self) -> None:
        """Exact before wildcard, what is valid before what has expired, and of several the longest."""
        self.contexts.take(
            [
                self.certificate(1, "a.test", "b.test"),
                self.certificate(2, "a.test", days=91),
                self.certificate(3, "*.test", days=900),
                self.certificate(4, "old.test", days=-1),
                self.certificate(5, "older.test", "*.other.test", days=-2),
                self.certificate(6, "older.test", days=-1),
                self.certificate(7, "off.other.test", enabled=False),
                self.certificate(8, "192.0.2.7", "2001:db8::1"),
                Certificate(9, "acme", ("pending.example",), state="pending"),
            ]
        )
        for name, wanted in (
            ("a.test", "c2"),
            ("b.test", "c1"),
            ("c.test", "c3"),
            ("old.test", "c3"),
            ("older.test", "c3"),
            ("x.other.test", "c5"),
            ("off.other.test", "c5"),
            ("192.0.2.7", "c8"),
            ("2001:db8::1", "c8"),
            ("a.b.test", ""),
            ("test", ""),
            ("pending.example", ""),
            ("", ""),
            (".test", ""),
        ):
            with named(name):
                self.assertEqual(shown(self.contexts.named(name)), [wanted, "root"] if wanted else [])

    def test_the_longest_of_those_that_expired(self) -> None:
        """Where nothing else covers the name, a browser may at least say what is wrong."""
        self.contexts.take([self.certificate(1, "a.test", days=-2), self.certificate(2, "a.test", days=-1)])
        self.assertEqual(shown(self.contexts.named("a.test")), ["c2", "root"])

    def test_one_that_was_told(self) -> None:
        """By its id, whatever it is for; nothing in place of one that is switched off or gone."""
        self.contexts.take([self.certificate(1, "a.test"), self.certificate(2, "b.test", enabled=False)])
        self.assertEqual(shown(self.contexts.of(1)), ["c1", "root"])
        self.assertIsNone(self.contexts.of(2))
        self.assertIsNone(self.contexts.of(3))

    def test_a_newer_one_is_used_from_the_next_handshake_on(self) -> None:
        """And a context is made once, as long as its certificate stays."""
        first = self.certificate(1, "a.test", cn="first")
        self.contexts.take([first])
        before = self.contexts.named("a.test")
        self.contexts.take([self.stored(1, issued("x", self.root, now=NOON, hosts=["b.test"], days=(-99, 90))), first])
        self.assertIs(self.contexts.named("a.test"), before)
        self.contexts.take([self.certificate(1, "a.test", cn="second")])
        self.assertEqual(shown(self.contexts.named("a.test")), ["second", "root"])
        self.contexts.take([])
        self.assertIsNone(self.contexts.named("a.test"))

    def test_time_passes(self) -> None:
        """What was valid longest when it was taken may have expired since."""
        self.contexts.take([self.certificate(1, "a.test", days=10), self.certificate(2, "*.test", days=20)])
        self.assertEqual(shown(self.contexts.named("a.test"))[0], "c1")
        self.now = NOON + 11 * DAY
        self.assertEqual(shown(self.contexts.named("a.test"))[0], "c2")

    def test_a_key_that_cannot_be_opened(self) -> None:
        """The next one that covers the name is served, else nothing; the log hears of it, without the key."""
        good, bad, other = (self.certificate(number, f"{number}.test") for number in range(3))
        self.contexts.take([good, Certificate(3, "custom", ("b.example",), bad.chain, other.sealed_key, bad.expires)])
        self.assertIsNone(self.contexts.named("b.example"))
        good = self.certificate(1, "*.test")
        self.contexts.take([good, Certificate(3, "custom", ("a.test",), bad.chain, other.sealed_key, bad.expires)])
        self.assertEqual(shown(self.contexts.named("a.test")), ["c1", "root"])

    def test_a_key_file_that_is_away(self) -> None:
        """Is asked for again by the next handshake."""
        there: list[Seals] = []

        def opened() -> Seals:
            if not there:
                raise OSError("no such file")
            return there[0]

        contexts = Contexts(opened, lambda: NOON, Seldom(lambda: 0.0))
        contexts.take([self.certificate(1, "a.test")])
        self.assertIsNone(contexts.named("a.test"))
        there.append(self.seals)
        self.assertIsNotNone(contexts.named("a.test"))

    def test_keys_of_rsa(self) -> None:
        """With clients of TLS 1.2 and 1.3 alike; who comes back may resume, which no key of P-256 allows."""
        key = rsa.generate_private_key(65537, 2048)
        self.contexts.take(
            [self.stored(1, issued("rsa", self.root, now=NOON, key=key, hosts=["a.test"], days=(-99, 90)))]
        )
        context = self.contexts.named("a.test")
        self.assertEqual(shown(context), ["rsa", "root"])
        assert context is not None
        self.assertEqual(context.num_tickets, 1)
        self.contexts.take([self.certificate(2, "a.test")])
        context = self.contexts.named("a.test")
        assert context is not None
        self.assertEqual(context.num_tickets, 0)

    def test_what_is_no_key(self) -> None:
        """Somebody wrote into the store: it is told in the log, and nothing is served."""
        good = self.certificate(1, "a.test")
        sealed = self.seals.seal_bytes(b"nothing", sealed_about(good.chain))
        self.contexts.take([Certificate(1, "custom", good.names, good.chain, sealed, good.expires)])
        self.assertIsNone(self.contexts.named("a.test"))

    def test_contexts_are_bounded(self) -> None:
        """Of too many the one that was asked for longest ago is made anew."""
        self.patch(certificates, "CONTEXTS", 2)
        self.contexts.take([self.certificate(number, f"{number}.test") for number in range(3)])
        first, second = self.contexts.of(0), self.contexts.of(1)
        self.assertIs(self.contexts.of(0), first)
        self.contexts.of(2)
        self.assertIs(self.contexts.of(0), first)
        self.assertIsNot(self.contexts.of(1), second)

    def test_the_certificates_of_a_chain_are_sent_in_order(self) -> None:
        """The leaf, its issuers, the root."""
        middle = issued("middle", self.root, now=NOON)
        leaf = issued("leaf", middle, now=NOON, hosts=["a.test"])
        read = checked(self.root.pem + middle.pem + leaf.pem, leaf.key_pem, NOON)
        self.assertEqual(len(x509.load_pem_x509_certificates(read.chain.encode())), 3)
        sealed = self.seals.seal_bytes(read.key.encode(), sealed_about(read.chain))
        self.contexts.take([Certificate(1, "custom", read.names, read.chain, sealed, read.expires)])
        self.assertEqual(shown(self.contexts.named("a.test")), ["leaf", "middle", "root"])
