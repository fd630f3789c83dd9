"""How the data plane's TLS is spoken: Mozilla's "intermediate" profile (version 5.8), by the interpreter's own TLS.

A client that comes back may resume its session: it was given a ticket, which only the context that made it can open.
So a context is used for TICKETS seconds, and then made anew: whoever steals its key can read no older conversations of
TLS 1.2 than that, and none of TLS 1.3, where a resumed session has an exchange of keys of its own.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Sequence

from cryptography.hazmat.primitives.asymmetric import ec

from meshd.tls.material import PrivateKey
from meshd.tls.profile import CIPHERS, CertificateError

HTTP_1 = "http/1.1"
HTTP_2 = "h2"
"""Names of protocols, as a client chooses by them (RFC 7301)."""

TICKETS = 3600.0
"""Seconds for which one context is used."""


class Renewed:
    """A context of one certificate, made anew as its tickets have to be."""

    def __init__(
        self, chain: bytes, key: bytes, clock: Callable[[], float], protocols: Sequence[str] = (HTTP_1,)
    ) -> None:
        """chain, key, protocols: as `served` takes them; clock: monotonic seconds.  Raises: CertificateError."""
        self._chain = chain
        self._key = key
        self._clock = clock
        self._protocols = protocols
        self._context = served(chain, key, protocols)
        self._made = clock()

    def __call__(self) -> ssl.SSLContext:
        """The context for a handshake that begins now."""
        if self._clock() - self._made >= TICKETS:
            self._context = served(self._chain, self._key, self._protocols)
            self._made = self._clock()
        return self._context


def served(chain: bytes, key: bytes, protocols: Sequence[str] = (HTTP_1,), *, tickets: bool = True) -> ssl.SSLContext:
    """A server's context with a chain of certificates, the leaf first, and the leaf's key, both in PEM.

    protocols: that are spoken, the best one first; a client that knows none of them is served all the same.
    tickets: whether a client of TLS 1.3 may resume; one of TLS 1.2 always may, as that saves it a round trip.
    Nothing touches a disk.  Raises: CertificateError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(":".join(CIPHERS))
    context.set_alpn_protocols(list(protocols))
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    context.num_tickets = int(tickets)  # each takes a seventh of the time of a handshake; the library would send two
    try:
        _load(context, chain, key)
    except ssl.SSLError as error:
        raise CertificateError(f"the certificate with its key: {error.reason or 'cannot be used'}") from None
    except OSError as error:
        raise CertificateError(f"the certificate cannot be given to TLS: {error.strerror}") from error
    return context


def spared_by_resuming(key: PrivateKey) -> bool:
    """Whether a resumed session takes a server less time than a new one: a signature with P-256 takes no more than
    opening the ticket of one and making that of the next.
    """
    return not (isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1))


def _load(context: ssl.SSLContext, chain: bytes, key: bytes) -> None:
    """Raises: OSError."""
    fd = os.memfd_create("certificate")  # as the library reads files alone, and a key belongs on no disk
    try:
        os.write(fd, key + b"\n" + chain)
        context.load_cert_chain(f"/proc/self/fd/{fd}", password=_none)
    finally:
        os.close(fd)


def _none() -> str:
    """No passphrase, where the library would ask at the terminal."""
    return ""
