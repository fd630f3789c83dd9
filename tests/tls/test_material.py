"""Certificates and keys that are served, or refused with a sentence."""

from __future__ import annotations

import subprocess
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from twisted.trial.unittest import SynchronousTestCase

from meshd.tls.material import CHAIN_BYTES, KEY_BYTES, Material, checked, sealed_about
from tests.tls.authority import DAY, Issued, issued, p256, pem_of
from tests.web.support import NOON, named

HOSTS = ("www.example.com", "*.Example.com", "192.0.2.7", "2001:db8::1")


class MaterialTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = issued("root", now=NOON, days=(-900, 900))
        self.middle = issued("middle", self.root, now=NOON, days=(-90, 400))
        self.leaf = issued("leaf", self.middle, now=NOON, hosts=HOSTS)

    def made(self, *parts: Issued, key: str = "") -> Material:
        return checked("".join(each.pem for each in parts), key or self.leaf.key_pem, NOON)

    def refused(self, chain: str, key: str) -> str:
        with self.assertRaises(ValueError) as caught:
            checked(chain, key, NOON)
        self.assertNotIn(key.strip().splitlines()[1] if "\n" in key.strip() else "?!", str(caught.exception))
        return str(caught.exception)

    def test_what_is_read_of_it(self) -> None:
        """Names in lower case, addresses as text, both ends of its life."""
        made = self.made(self.leaf, self.middle)
        self.assertEqual(made.names, ("www.example.com", "*.example.com", "192.0.2.7", "2001:db8::1"))
        self.assertEqual((made.not_before, made.expires), (NOON - DAY, NOON + 90 * DAY))
        self.assertEqual(made.chain, self.leaf.pem + self.middle.pem)
        self.assertEqual(made.key, self.leaf.key_pem)
        self.assertNotIn("PRIVATE", repr(made))

    def test_what_a_key_is_sealed_about(self) -> None:
        """The leaf, whatever follows it."""
        about = sealed_about(self.made(self.leaf).chain)
        self.assertEqual(sealed_about(self.made(self.root, self.middle, self.leaf).chain), about)
        self.assertNotEqual(sealed_about(self.own().pem), about)

    def test_the_order_is_mended(self) -> None:
        """The key tells the leaf; whatever issued what stands before it follows, each once."""
        for given in (
            (self.leaf, self.middle, self.root),
            (self.root, self.middle, self.leaf),
            (self.middle, self.leaf, self.root, self.middle, self.leaf),
        ):
            self.assertEqual(self.made(*given).chain, self.leaf.pem + self.middle.pem + self.root.pem)

    def test_several_may_have_issued_one(self) -> None:
        """An issuer that two roots have signed is sent in both forms."""
        other = issued("other root", now=NOON)
        crossed = issued("middle", other, now=NOON, key=self.middle.key)
        self.assertEqual(
            self.made(self.leaf, crossed, self.middle).chain, self.leaf.pem + crossed.pem + self.middle.pem
        )

    def test_a_former_root_harms_nobody(self) -> None:
        """Clients that have the issuer of the leaf by another way do not look at it."""
        former = issued("former root", now=NOON, days=(-900, -1))
        crossed = issued("root", former, now=NOON, key=self.root.key, days=(-900, -1))
        self.assertEqual(
            len(x509.load_pem_x509_certificates(self.made(self.leaf, self.middle, crossed).chain.encode())), 3
        )

    def test_a_private_key_beside_the_chain_is_left_out(self) -> None:
        """What is stored in the open holds certificates alone."""
        made = checked(self.leaf.key_pem + "some text\n" + self.leaf.pem, self.leaf.key_pem, NOON)
        self.assertEqual(made.chain, self.leaf.pem)

    def test_keys_that_clients_take(self) -> None:
        """RSA of 2048 bits and more; three curves; in any of the forms that tools write."""
        for key in (rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())):
            leaf = issued("leaf", now=NOON, key=key, hosts=HOSTS)
            older = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
            self.assertEqual(checked(leaf.pem, older, NOON).key, leaf.key_pem)

    def test_keys_that_are_refused(self) -> None:
        """Each with what is wrong and what would do."""
        weak = rsa.generate_private_key(65537, 1024)
        rows = (
            (pem_of(p256()), "not the key of the certificate"),
            (pem_of(self.leaf.key, b"secret"), "without a passphrase"),
            (pem_of(weak), "1024 bits: from 2048"),
            (pem_of(ed25519.Ed25519PrivateKey.generate()), "browsers do not take"),
            (pem_of(ec.generate_private_key(ec.SECP256K1())), "browsers do not take"),
            (self.leaf.pem, "no private key in PEM form"),
            ("", "no private key in PEM form"),
            ("\udcff", "no private key in PEM form"),
            ("-" * (KEY_BYTES + 1), "more than"),
        )
        for key, sentence in rows:
            with named(sentence):
                self.assertIn(sentence, self.refused(self.leaf.pem, key))

    def test_a_key_whose_halves_do_not_fit(self) -> None:
        """The public half is the certificate's, the private half is another's."""
        numbers = rsa.generate_private_key(65537, 2048).private_numbers()
        leaf = issued("leaf", now=NOON, key=numbers.private_key(), hosts=HOSTS)
        other = rsa.generate_private_key(65537, 2048).private_numbers()
        broken = rsa.RSAPrivateNumbers(
            numbers.p, numbers.q, other.d, numbers.dmp1 + 2, numbers.dmq1, numbers.iqmp, numbers.public_numbers
        ).private_key(unsafe_skip_rsa_key_validation=True)
        self.assertIn("damaged", self.refused(leaf.pem, pem_of(broken)))

    def test_certificates_that_are_refused(self) -> None:
        """Each with what is wrong."""
        stranger = issued("stranger", now=NOON)
        gone = issued("middle", self.root, now=NOON, key=self.middle.key, days=(-9, -1))
        many = "".join(issued(str(number), now=NOON).pem for number in range(8))
        weak = issued("weak", now=NOON, key=rsa.generate_private_key(65537, 1024))
        rows = (
            (self.leaf.pem + stranger.pem, "does not belong to it: that of 'CN=stranger'"),
            (self.own(days=(-90, -0.5)).pem, "has expired on"),
            (self.own(days=(0.5, 90)).pem, "not valid before"),
            (self.leaf.pem + gone.pem, "issuer has expired: that of 'CN=middle'"),
            (self.leaf.pem + many, "more than 8 certificates"),
            (self.own(hosts=()).pem, "names no host"),
            (self.own(hosts=("*", "*.*.example.com", "192.0.2.x.7")).pem, "names no host"),
            (self.own(uses=ExtendedKeyUsageOID.CLIENT_AUTH).pem, "lacks serverAuth"),
            (self.own(by=weak).pem + weak.pem, "RSA key below 2048 bits: that of 'CN=weak'"),
            ("", "no certificate in PEM form"),
            (self.leaf.pem.replace("MII", "MIX"), "no certificate in PEM form"),
            ("-" * (CHAIN_BYTES + 1), "more than"),
        )
        for chain, sentence in rows:
            with named(sentence):
                self.assertIn(sentence, self.refused(chain, self.leaf.key_pem))

    def test_signatures_that_clients_refuse(self) -> None:
        """SHA-1 is taken by no browser; this one is made by openssl, as Python makes none any more."""
        folder = Path(self.mktemp())
        folder.mkdir()
        for name, text in (("ca", self.middle.pem), ("ca.key", self.middle.key_pem), ("key", self.leaf.key_pem)):
            (folder / name).write_text(text)
        asked = ["openssl", "req", "-new", "-key", "key", "-subj", "/CN=old"]
        signed = ["openssl", "x509", "-req", "-CA", "ca", "-CAkey", "ca.key", "-sha1", "-set_serial", "7"]
        request = subprocess.run(asked, cwd=folder, check=True, capture_output=True).stdout
        made = subprocess.run(signed, cwd=folder, check=True, capture_output=True, input=request).stdout.decode()
        self.assertIn("'CN=old' is signed with sha1, which clients refuse", self.refused(made, self.leaf.key_pem))

    def own(
        self,
        *,
        by: Issued | None = None,
        hosts: tuple[str, ...] = HOSTS,
        days: tuple[float, float] = (-1, 90),
        uses: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH,
    ) -> Issued:
        """Another certificate of the leaf's key."""
        usage = x509.ExtendedKeyUsage([uses])
        by = by or self.middle
        return issued("leaf", by, now=NOON, key=self.leaf.key, hosts=hosts, days=days, extensions=[usage])
