from __future__ import annotations

import stat
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from twisted.trial.unittest import SynchronousTestCase

from meshd.tls.profile import CertificateError
from meshd.tls.selfsigned import ensure_certificate
from meshd.tls.server import server_context
from tests.web.support import NOON


class SelfSignedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.certificate, self.key = self.folder / "cert.pem", self.folder / "key.pem"

    def ensure(self) -> bool:
        return ensure_certificate(self.certificate, self.key, hostname="Box.example", now=NOON)

    def test_a_pair_is_made_that_can_be_used(self) -> None:
        """Its key is for the owner alone."""
        self.assertTrue(self.ensure())
        server_context(self.certificate, self.key)
        self.assertEqual(stat.S_IMODE(self.key.stat().st_mode), 0o600)
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["cert.pem", "key.pem"])

    def test_it_is_for_the_names_of_this_machine(self) -> None:
        """localhost, both loopback addresses, the host's own name."""
        self.ensure()
        made = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertEqual(names.get_values_for_type(x509.DNSName), ["localhost", "box.example"])
        self.assertEqual(names.get_values_for_type(x509.IPAddress), [ip_address("127.0.0.1"), ip_address("::1")])
        self.assertLess(made.not_valid_before_utc.timestamp(), NOON)
        self.assertGreater(made.not_valid_after_utc.timestamp(), NOON + 3600 * 86400)

    def test_a_pair_that_is_there_is_left_alone(self) -> None:
        """The operator's own, or that of the last start."""
        self.ensure()
        before = self.certificate.read_bytes(), self.key.read_bytes()
        self.assertFalse(self.ensure())
        self.assertEqual((self.certificate.read_bytes(), self.key.read_bytes()), before)

    def test_a_start_that_was_killed_between_the_two_files_is_mended(self) -> None:
        """The key that is there gets its certificate."""
        self.ensure()
        key = self.key.read_bytes()
        self.certificate.unlink()
        self.assertTrue(self.ensure())
        self.assertEqual(self.key.read_bytes(), key)
        server_context(self.certificate, self.key)

    def test_a_certificate_without_its_key_is_one_clear_error(self) -> None:
        """A new key would not be its."""
        self.certificate.write_text("x")
        with self.assertRaises(CertificateError) as caught:
            self.ensure()
        self.assertIn(str(self.key), str(caught.exception))
        self.assertFalse(self.key.exists())

    def test_a_key_of_another_kind_is_not_used(self) -> None:
        """Nor written over."""
        self.key.write_text("not a key")
        with self.assertRaises(CertificateError) as caught:
            self.ensure()
        self.assertIn(str(self.key), str(caught.exception))
        self.assertEqual(self.key.read_text(), "not a key")

    def test_a_folder_that_is_not_there_is_one_clear_error(self) -> None:
        """With the path and the system's reason."""
        with self.assertRaises(CertificateError) as caught:
            ensure_certificate(self.folder / "no" / "cert.pem", self.folder / "no" / "key.pem", hostname="x", now=NOON)
        self.assertIn("No such file", str(caught.exception))
