"""The self-signed certificate that a fresh installation starts with, for the names of the machine.

Both files are written whole or not at all, and never over existing ones: two daemons that start at once share a pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from meshd.tls.newfile import create
from meshd.tls.profile import CertificateError
from meshd.tls.server import server_context
from meshd.values.addresses import parse_ip

_ALWAYS = ("localhost", "127.0.0.1", "::1")
_LIFE = timedelta(days=3650)
"""The certificate is trusted by being pinned, and nobody renews it: a short life would only cause an outage."""


def ensure_certificate(certificate: Path, key: Path, *, hostname: str, now: float) -> bool:
    """Make certificate and key unless they exist; whether the certificate was made.  Raises: CertificateError."""
    try:
        if certificate.exists():  # looked at before the key, which is written first
            if not key.exists():
                raise CertificateError(f"certificate file {certificate} is there, and key file {key} is not")
            return False
        create(key, _new_key(), 0o600)
        made = _signed(_load_key(key), _names(hostname), datetime.fromtimestamp(now, UTC))
        return create(certificate, made.public_bytes(Encoding.PEM), 0o644)
    except OSError as error:
        raise CertificateError(f"cannot write {error.filename or certificate}: {error.strerror or error}") from error


def check_own(certificate: Path, key: Path) -> None:
    """Make sure that certificate and key can be used, or made.  Raises: CertificateError."""
    if certificate.exists():
        server_context(certificate, key)
    elif key.exists():
        _load_key(key)


def _new_key() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Read the key from its file, as another process may have written it first.  Raises: OSError, CertificateError."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise CertificateError(f"key file {path}: no private key in PEM form") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CertificateError(f"key file {path} has no certificate beside it, and is no key of ours")
    return key


def _names(hostname: str) -> Sequence[x509.GeneralName]:
    named = dict.fromkeys(name for name in (*_ALWAYS, hostname.lower()) if name.isascii() and name)
    return [_general(name) for name in named]


def _general(name: str) -> x509.GeneralName:
    address = parse_ip(name)
    return x509.DNSName(name) if address is None else x509.IPAddress(address)


def _signed(key: ec.EllipticCurvePrivateKey, names: Sequence[x509.GeneralName], now: datetime) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "meshd")])
    public = key.public_key()
    usage = {
        "digital_signature": True,
        **dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False),
        **dict.fromkeys(("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False),
    }
    builder = (
        x509.CertificateBuilder(subject, subject, public, x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # clients' clocks differ
        .not_valid_after(now + _LIFE)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
    )
    return builder.sign(key, hashes.SHA256())
