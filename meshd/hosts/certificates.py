"""The TLS contexts of published certificates, found by the name that a client asks for.

Keys are opened and contexts made when a certificate is first asked for, as an installation may have thousands of them.
Where two cover a name, the one that names it wins over a wildcard, then the one that is valid longest; what has expired
comes after what has not, and is served all the same: a browser says more of it than of a connection that is cut.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from twisted.logger import Logger

from meshd.auth.sealing import Seals
from meshd.bounded import Bounded
from meshd.seldom import Seldom
from meshd.tls.contexts import TICKETS, served, spared_by_resuming
from meshd.tls.material import read_key, sealed_about
from meshd.tls.profile import CertificateError
from meshd.values.published import Certificate

CONTEXTS = 1024
"""Contexts that are kept, of some 20 kB each; to make one anew costs a fraction of a handshake."""

log = Logger()


class _Made(NamedTuple):
    certificate: Certificate
    context: ssl.SSLContext | None
    until: float
    """Seconds since the epoch at which the keys of its tickets have been used for long enough."""


class Contexts:
    """Contexts by name and by certificate; None where there is none to serve, and then nothing may be served."""

    def __init__(self, seals: Callable[[], Seals], now: Callable[[], float], seldom: Seldom) -> None:
        """seals: opens the keys, and may raise OSError."""
        self._seals = seals
        self._now = now
        self._seldom = seldom
        self._certificates: dict[int, Certificate] = {}
        self._names: dict[str, list[Certificate]] = {}
        self._made: Bounded[int, _Made] = Bounded(lambda: CONTEXTS)

    def take(self, certificates: Iterable[Certificate]) -> None:
        """From the next handshake on, these are served, as far as they are enabled and there is something to serve."""
        served = {each.id: each for each in certificates if each.enabled and each.chain}
        names: dict[str, list[Certificate]] = {}
        for each in served.values():
            for name in each.names:
                names.setdefault(name, []).append(each)
        for covering in names.values():
            covering.sort(key=lambda each: (-each.expires, -each.id))
        for gone in self._made.keys() - served.keys():
            del self._made[gone]
        self._certificates, self._names = served, names

    def named(self, name: str) -> ssl.SSLContext | None:
        """For a name, in lower case and without a final dot, or an address."""
        for each in self._covering(name):
            context = self._context(each)
            if context is not None:
                return context
        return None

    def of(self, certificate_id: int) -> ssl.SSLContext | None:
        """For whoever was told which certificate to serve."""
        found = self._certificates.get(certificate_id)
        return None if found is None else self._context(found)

    def _covering(self, name: str) -> Iterator[Certificate]:
        """Best first."""
        exact = self._names.get(name, ())
        label, _, below = name.partition(".")
        wild = self._names.get(f"*.{below}", ()) if label and below else ()
        if len(exact) + len(wild) < 2:
            yield from exact or wild
            return
        now = self._now()
        for covering in (exact, wild):
            yield from (each for each in covering if each.expires > now)
        for covering in (exact, wild):
            yield from (each for each in covering if each.expires <= now)

    def _context(self, certificate: Certificate) -> ssl.SSLContext | None:
        made = self._made.get(certificate.id)
        if made is not None and self._now() < made.until and _same(made.certificate, certificate):
            self._made.move_to_end(certificate.id)
            return made.context
        try:
            context = self._make(certificate)
        except CertificateError as error:
            self._complain(certificate, error)
            context = None
        except OSError as error:  # the key file may be there the next time
            self._complain(certificate, error)
            return None
        self._made.put(certificate.id, _Made(certificate, context, self._now() + TICKETS))
        return context

    def _complain(self, certificate: Certificate, error: Exception) -> None:
        text = "certificate {id} of published hosts cannot be served: {error}"
        self._seldom.say(log.error, text, id=certificate.id, error=str(error))

    def _make(self, certificate: Certificate) -> ssl.SSLContext:
        """A ticket is a client's where it spares this daemon work.  Raises: CertificateError, OSError."""
        key = self._seals().open_bytes(certificate.sealed_key, sealed_about(certificate.chain))
        if key is None:
            raise CertificateError("its key was sealed by another key file than the one that is there")
        try:
            tickets = spared_by_resuming(read_key(key.decode("ascii")))
        except ValueError as error:
            raise CertificateError(f"what was sealed as its key cannot be read: {error}") from None
        return served(certificate.chain.encode("ascii"), key, tickets=tickets)


def _same(one: Certificate, other: Certificate) -> bool:
    return one is other or (one.sealed_key == other.sealed_key and one.chain == other.chain)
