"""What is worked out for an authority without asking it."""

from __future__ import annotations

from ipaddress import ip_address

from acme import errors, messages
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from josepy.errors import DeserializationError
from requests import exceptions
from twisted.trial.unittest import SynchronousTestCase

from meshd.hosts.acme.authority import Placed, certificate_id, moment
from meshd.hosts.acme.failure import PROBLEM_LENGTH, Failed, is_kind, worded
from meshd.hosts.acme.network import LONGEST_WAIT, waiting
from tests.tls.authority import issued, p256
from tests.web.support import NOON, named

PREFIX = "urn:ietf:params:acme:error:"


class AuthorityTests(SynchronousTestCase):
    def test_how_renewal_information_calls_a_certificate(self) -> None:
        """The example of RFC 9773, section 4.1: a zero byte keeps the serial number positive."""
        key_id = bytes.fromhex("69885B6B87464041E1B37B847BA0AE2CDE01C8D4")
        key = p256()
        name = x509.Name([])
        builder = x509.CertificateBuilder(name, name, key.public_key(), 0x87654321)
        leaf = issued("leaf", now=NOON, hosts=["a.test"]).certificate
        builder = builder.not_valid_before(leaf.not_valid_before_utc).not_valid_after(leaf.not_valid_after_utc)
        known = builder.add_extension(x509.AuthorityKeyIdentifier(key_id, None, None), critical=False)
        self.assertEqual(certificate_id(known.sign(key, hashes.SHA256())), "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE")
        with self.assertRaises(ValueError):
            certificate_id(leaf)

    def test_the_key_of_an_order_is_in_no_log(self) -> None:
        """However the order gets there."""
        self.assertNotIn("PRIVATE", repr(Placed(None, (), "-----BEGIN PRIVATE KEY-----", ())))  # type: ignore[arg-type]

    def test_moments_of_a_window(self) -> None:
        """Always the same for a certificate, spread over the window by many."""
        leaves = [issued("leaf", now=NOON).certificate for _ in range(30)]
        moments = [moment(leaf, NOON, NOON + 1000) for leaf in leaves]
        self.assertEqual(moments, [moment(leaf, NOON, NOON + 1000) for leaf in leaves])
        self.assertGreaterEqual(min(moments), NOON)
        self.assertLess(max(moments), NOON + 1000)
        self.assertGreater(len({int(each - NOON) // 250 for each in moments}), 2)
        self.assertEqual(moment(leaves[0], NOON, NOON - 5), NOON)

    def test_how_long_to_wait(self) -> None:
        """Retry-After as a number or a date; nothing of what cannot be read, and never longer than a week."""
        for told, seconds in (
            ("120", 120),
            ("Thu, 15 Jan 2026 12:01:00 GMT", 60),
            ("Thu, 15 Jan 2026 11:00:00 GMT", 0),
            ("999999999", LONGEST_WAIT),
            ("-5", 0),
            ("٣", 0),
            ("soon", 0),
            ("", 0),
        ):
            with named(told):
                self.assertEqual(waiting(told, NOON), seconds)

    def test_problems_in_words(self) -> None:
        """The authority's own, in one line and cut; ours without anything from inside."""
        name = messages.Identifier(typ=messages.IDENTIFIER_FQDN, value="a.test")
        address = messages.Identifier(typ=messages.IDENTIFIER_IP, value=str(ip_address("192.0.2.1")))
        part = messages.Error(typ=PREFIX + "caa", detail="no", identifier=address)
        for error, sentence in (
            (messages.Error(typ=PREFIX + "dns", detail="no such\nname", identifier=name), "a.test: no such name (dns)"),
            (messages.Error(typ=PREFIX + "invalidProfile", detail="what?"), "what? (invalidProfile)"),
            (messages.Error(), "refused"),
            (
                messages.Error(typ=PREFIX + "compound", title="two", subproblems=(part,)),
                "two (compound); 192.0.2.1: no (caa)",
            ),
            (errors.IssuanceError(messages.Error(typ=PREFIX + "caa", detail="no")), "no (caa)"),
            (exceptions.SSLError("/secret"), "The authority's own certificate is not trusted: see acme_ca."),
            (exceptions.ReadTimeout("/secret"), "The authority did not answer in time."),
            (exceptions.ConnectionError("/secret"), "The authority cannot be reached."),
            (DeserializationError("/secret"), "The authority's answer could not be understood."),
            (KeyError("/secret"), "The authority's answer could not be understood."),
        ):
            with named(sentence):
                self.assertEqual(str(Failed(worded(error))), sentence)
        self.assertEqual(len(str(Failed("x" * 10_000))), PROBLEM_LENGTH)
        self.assertEqual(str(Failed("a\x1b[31m\u202eb")), "a [31m b")

    def test_kinds_of_errors(self) -> None:
        """Also those that the library does not know."""
        self.assertTrue(is_kind(messages.Error(typ=PREFIX + "accountDoesNotExist"), "accountDoesNotExist"))
        self.assertFalse(is_kind(messages.Error(typ=PREFIX + "dns"), "accountDoesNotExist"))
        self.assertFalse(is_kind(KeyError(), "dns"))
