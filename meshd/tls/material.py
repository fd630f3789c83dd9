"""A certificate and its private key as PEM texts, judged before they are served.  Pure.

What is refused here would be refused by the clients later on, where nobody reads why.  No sentence quotes the key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from meshd.values.addresses import ends_in_number, is_name

CHAIN_BYTES = 65536
"""A leaf with a hundred names and its issuers are 20 kB; a client reads the chain at each handshake."""
CHAIN_LENGTH = 8
"""Certificates: a public authority sends two to four, and clients give up at about ten."""
KEY_BYTES = 16384
"""An RSA key of 8192 bits is 6.4 kB of PEM."""
RSA_BITS = range(2048, 8193)
"""Below, clients refuse the handshake; above, each handshake costs the server a tenth of a second."""

_CURVES = ("secp256r1", "secp384r1", "secp521r1")
_WEAK = (hashes.MD5, hashes.SHA1)

PrivateKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class KeyRefused(ValueError):
    """What is wrong is the key, and not the certificate."""


@dataclass(frozen=True, slots=True)
class Material:
    """What a server shows of itself: texts in PEM, as they are stored."""

    names: tuple[str, ...]
    """Lower case; addresses as text; wildcards as `*.example.com`."""
    not_before: int
    expires: int
    """Seconds since the epoch."""
    chain: str
    """The leaf first, each issuer behind what it issued."""
    key: str = field(repr=False)
    """PKCS #8, without a passphrase."""


def checked(chain: str, key: str, now: int) -> Material:
    """Certificates and key as they can be served; the order of the chain is mended, whatever else is there is left out.

    Raises: ValueError, with a sentence for whoever gave them; KeyRefused where it is about the key.
    """
    found = _certificates(chain)
    private = read_key(key)
    leaf = _leaf_of(found, private)
    ordered = _ordered(leaf, found)
    _check_strength(ordered)
    _check_use(leaf)
    _check_life(ordered, now)
    return Material(
        names_of(leaf),
        _epoch(leaf.not_valid_before_utc),
        _epoch(leaf.not_valid_after_utc),
        "".join(each.public_bytes(Encoding.PEM).decode("ascii") for each in ordered),
        private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii"),
    )


def sealed_about(chain: str) -> str:
    """What the key of a chain that `checked` has made is sealed about (`auth.sealing`): the leaf."""
    leaf, _, _ = chain.partition("-----END")
    return f"certificate {sha256(leaf.encode()).hexdigest()}"


def read_key(key: str) -> PrivateKey:
    """A private key that clients of TLS 1.2 and 1.3 take.  Raises: KeyRefused."""
    if len(key) > KEY_BYTES:
        raise KeyRefused(f"The key has more than {KEY_BYTES} characters.")
    try:
        # Without OpenSSL's test of the primes, which takes seconds; a signature that verifies shows as much.
        private = load_pem_private_key(key.encode(), password=None, unsafe_skip_rsa_key_validation=True)
    except TypeError:
        raise KeyRefused("The key is encrypted: give it without a passphrase.") from None
    except (ValueError, UnsupportedAlgorithm):
        raise KeyRefused("The key is no private key in PEM form.") from None
    if isinstance(private, rsa.RSAPrivateKey):
        if private.key_size not in RSA_BITS:
            raise KeyRefused(f"The RSA key has {private.key_size} bits: from {RSA_BITS[0]} to {RSA_BITS[-1]} will do.")
        return private
    if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name in _CURVES:
        return private
    raise KeyRefused(
        "The key is of a kind that browsers do not take: RSA, or ECDSA with P-256, P-384 or P-521, will do."
    )


def names_of(leaf: x509.Certificate) -> tuple[str, ...]:
    """The names and addresses that a certificate is for.  Raises: ValueError."""
    try:
        told = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = [name.lower() for name in told.get_values_for_type(x509.DNSName)]
        addresses = [str(address) for address in told.get_values_for_type(x509.IPAddress)]
    except x509.ExtensionNotFound:
        names, addresses = [], []
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        raise ValueError("The certificate's extensions cannot be read.") from None
    found = tuple(dict.fromkeys([name for name in names if _is_host(name)] + addresses))
    if not found:
        raise ValueError("The certificate names no host: clients read its subject alternative names and nothing else.")
    return found


def _is_host(name: str) -> bool:
    """Whether clients would ask for it; an address that is written as a name is believed by none."""
    return is_name(name.removeprefix("*.")) and not ends_in_number(name)


def _certificates(chain: str) -> list[x509.Certificate]:
    """Those of the text, each once.  Raises: ValueError."""
    if len(chain) > CHAIN_BYTES:
        raise ValueError(f"The certificate and its chain have more than {CHAIN_BYTES} characters.")
    try:
        found = list(dict.fromkeys(x509.load_pem_x509_certificates(chain.encode())))
    except ValueError:
        raise ValueError("The certificate is no certificate in PEM form.") from None
    if len(found) > CHAIN_LENGTH:
        raise ValueError(f"The chain has more than {CHAIN_LENGTH} certificates.")
    return found


def _leaf_of(found: list[x509.Certificate], private: PrivateKey) -> x509.Certificate:
    """The first that is this key's.  Raises: KeyRefused."""
    mine = _public(private.public_key())
    for each in found:
        try:
            public = each.public_key()
        except (ValueError, UnsupportedAlgorithm):
            continue
        if _public(public) == mine:
            _check_private(private)
            return each
    raise KeyRefused("The key is not the key of the certificate.")


def _check_private(private: PrivateKey) -> None:
    """A key whose halves do not fit each other fails at every handshake.  Raises: KeyRefused."""
    said = b"meshd"
    try:
        if isinstance(private, rsa.RSAPrivateKey):
            scheme = padding.PKCS1v15()
            private.public_key().verify(private.sign(said, scheme, hashes.SHA256()), said, scheme, hashes.SHA256())
        else:
            algorithm = ec.ECDSA(hashes.SHA256())
            private.public_key().verify(private.sign(said, algorithm), said, algorithm)
    except Exception:  # what OpenSSL says of a key that is broken differs by how it is
        raise KeyRefused("The key is damaged: what it signs does not verify.") from None


def _ordered(leaf: x509.Certificate, found: list[x509.Certificate]) -> list[x509.Certificate]:
    """The leaf, and behind each one those that issued it, as several may have where they are cross-signed.
    Raises: ValueError, where one has issued none of the others.
    """
    ordered, rest = [leaf], [each for each in found if each is not leaf]
    for subject in ordered:  # which grows
        issuers = [each for each in rest if _issued(each, subject)]
        rest = [each for each in rest if each not in issuers]
        ordered += issuers
    if rest:
        raise ValueError(f"The chain has a certificate that does not belong to it: that of {_called(rest[0])}.")
    return ordered


def _issued(issuer: x509.Certificate, subject: x509.Certificate) -> bool:
    try:
        subject.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _check_life(ordered: list[x509.Certificate], now: int) -> None:
    """Leaf, and one at least of those that issued it.  A former root above them harms nobody.  Raises: ValueError."""
    leaf = ordered[0]
    if _epoch(leaf.not_valid_after_utc) <= now:
        raise ValueError(f"The certificate has expired on {leaf.not_valid_after_utc:%Y-%m-%d}.")
    if _epoch(leaf.not_valid_before_utc) > now:
        raise ValueError(f"The certificate is not valid before {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC.")
    issuers = [each for each in ordered[1:] if each.subject == leaf.issuer]
    if issuers and all(_epoch(each.not_valid_after_utc) <= now for each in issuers):
        raise ValueError(f"The certificate of the issuer has expired: that of {_called(issuers[0])}.")


def _check_strength(ordered: list[x509.Certificate]) -> None:
    """As OpenSSL and browsers judge each certificate that is sent.  Raises: ValueError."""
    for each in ordered:
        try:
            public, signed_by = each.public_key(), each.signature_hash_algorithm
        except (ValueError, UnsupportedAlgorithm):
            raise ValueError(f"The chain has a certificate of an unknown kind: that of {_called(each)}.") from None
        if isinstance(public, rsa.RSAPublicKey) and public.key_size < RSA_BITS[0]:
            raise ValueError(f"The chain has an RSA key below {RSA_BITS[0]} bits: that of {_called(each)}.")
        if isinstance(signed_by, _WEAK) and each.subject != each.issuer:
            raise ValueError(
                f"The certificate of {_called(each)} is signed with {signed_by.name}, which clients refuse."
            )


def _check_use(leaf: x509.Certificate) -> None:
    """Where it says what it is for, it has to be for servers.  Raises: ValueError."""
    try:
        uses = set(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return
    except (ValueError, x509.DuplicateExtension):
        raise ValueError("The certificate's extensions cannot be read.") from None
    if not uses & {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}:
        raise ValueError("The certificate is not for servers: its extended key usage lacks serverAuth.")


def _public(key: CertificatePublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _called(certificate: x509.Certificate) -> str:
    """Its subject, as far as a sentence has room."""
    try:
        return repr(certificate.subject.rfc4514_string()[:100])
    except ValueError:
        return "an unreadable subject"


def _epoch(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp())
