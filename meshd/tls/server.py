"""TLS for listeners: Mozilla's "intermediate" profile (version 5.8), and a certificate that can be swapped.

The API and the proxies share one certificate.  A new one is used from the next handshake on; where a new one cannot be
used, the old one stays.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.ssl import Certificate, trustRootFromCertificates
from zope.interface import implementer

from meshd.tls.contexts import HTTP_1, Renewed
from meshd.tls.profile import CIPHERS, CertificateError

CIPHERS_13 = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")

_ALPN = HTTP_1.encode("ascii")


@implementer(IOpenSSLServerConnectionCreator)
class ReloadableTLS:
    """The certificate chain and the key of two PEM files: for Twisted's connections, and for the data plane's."""

    def __init__(
        self,
        certificate: Path,
        key: Path,
        clock: Callable[[], float] = time.monotonic,
        protocols: Sequence[str] = (HTTP_1,),
    ) -> None:
        """protocols: those of the data plane's connections, as `served` takes them."""
        self._protocols = protocols
        self._certificate = certificate
        self._key = key
        self._clock = clock
        self._context, self._plain, self.expires = self._read(certificate, key)

    def context(self) -> ssl.SSLContext:
        """For the data plane, how a handshake that begins now is made."""
        return self._plain()

    def reload(self, certificate: Path | None = None, key: Path | None = None) -> None:
        """Read both files again, or others, and use them.  Raises: CertificateError, with nothing changed."""
        self.prepared(certificate or self._certificate, key or self._key)()

    def prepared(self, certificate: Path, key: Path) -> Callable[[], None]:
        """Read both files; the function that is returned puts them to use.  Raises: CertificateError."""
        contexts = self._read(certificate, key)

        def take() -> None:
            self._certificate, self._key = certificate, key
            self._context, self._plain, self.expires = contexts

        return take

    def _read(self, certificate: Path, key: Path) -> tuple[SSL.Context, Renewed, float]:
        """The contexts, and the epoch second at which the certificate expires."""
        chain, private = _check_pair(certificate, key)
        try:
            renewed = Renewed(chain, private, self._clock, self._protocols)
        except CertificateError as error:
            raise CertificateError(f"certificate {certificate} with key {key}: {error}") from error
        expires = x509.load_pem_x509_certificates(chain)[0].not_valid_after_utc.timestamp()
        return _of_files(certificate, key), renewed, expires

    def serverConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        return SSL.Connection(self._context, None)


def server_context(certificate: Path, key: Path) -> SSL.Context:
    """Make a context of the profile with this chain and key.  Raises: CertificateError."""
    _check_pair(certificate, key)
    return _of_files(certificate, key)


def _of_files(certificate: Path, key: Path) -> SSL.Context:
    """The same with files that were checked already.  Raises: CertificateError."""
    context = _of_the_profile()
    try:
        context.use_certificate_chain_file(str(certificate))
        context.use_privatekey_file(str(key))
        context.check_privatekey()
    except SSL.Error as error:
        raise CertificateError(f"certificate {certificate} with key {key}: {_reason(error)}") from error
    return context


def _of_the_profile() -> SSL.Context:
    """No session is resumed: the secret that allows it would have to be kept, shared by all processes, and renewed."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_cipher_list(":".join(CIPHERS).encode("ascii"))
    context.set_tls13_ciphersuites(":".join(CIPHERS_13).encode("ascii"))
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_TICKET)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_alpn_select_callback(_chosen)
    return context


def _chosen(connection: SSL.Connection, offered: list[bytes]) -> Any:
    """The protocol of a connection, among those that its client offers (RFC 7301).

    Twisted keeps with a connection the protocol object that has it, which may name one that it prefers.
    """
    for each in (getattr(connection.get_app_data(), "preferred", b""), _ALPN):
        if each and each in offered:
            return each
    return SSL.NO_OVERLAPPING_PROTOCOLS


def trust_of(authorities: Path) -> Any:
    """The trust root of the authorities in a PEM file, for Twisted.  Raises: OSError, ValueError, SSL.Error."""
    chain = x509.load_pem_x509_certificates(authorities.read_bytes())
    return trustRootFromCertificates([Certificate.loadPEM(each.public_bytes(Encoding.PEM)) for each in chain])


def _check_pair(certificate: Path, key: Path) -> tuple[bytes, bytes]:
    """Check both files in Python, as OpenSSL names no file and asks for a passphrase; their contents.
    Raises: CertificateError.
    """
    chain, private = _read(certificate, "certificate"), _read(key, "key")
    try:
        leaf = x509.load_pem_x509_certificates(chain)[0]
    except ValueError as error:
        raise CertificateError(f"certificate file {certificate}: no certificate in PEM form") from error
    try:
        loaded = load_pem_private_key(private, password=None)
    except TypeError as error:
        raise CertificateError(f"key file {key}: the key is encrypted; meshd needs one without a passphrase") from error
    except ValueError as error:
        raise CertificateError(f"key file {key}: no private key in PEM form") from error
    public = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if loaded.public_key().public_bytes(*public) != leaf.public_key().public_bytes(*public):
        raise CertificateError(f"key file {key}: not the key of the certificate in {certificate}")
    return chain, private


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CertificateError(f"{what} file {path}: {error.strerror or error}") from error


def _reason(error: SSL.Error) -> str:
    """The reason in the last of OpenSSL's (library, function, reason) triples."""
    try:
        return str(error.args[0][-1][-1])
    except (IndexError, TypeError):
        return "cannot be used"
