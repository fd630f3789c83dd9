"""When certificates end: the daemon's own file, and those of published hosts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from cryptography import x509

from meshd.store.statements.published import Stored

NAMES = 10
"""Names of a certificate that are told."""


class End(NamedTuple):
    """When one certificate begins and ends, in seconds since the epoch."""

    what: str
    """`listeners` for that of the API and the proxies, else `host certificate` with its id."""
    names: tuple[str, ...]
    not_before: int
    expires: int


def of_file(certificate: Path) -> list[End]:
    """Of the first certificate in a PEM file; none where it cannot be read, of which a reload tells."""
    try:
        return [_read("listeners", certificate.read_bytes())]
    except (OSError, ValueError):
        return []


def of_rows(rows: Iterable[Stored]) -> list[End]:
    """Of published certificates, without those of which none was obtained yet."""
    found = []
    for row in rows:
        chain = json.loads(row.settings).get("certificate") or ""
        with suppress(ValueError):
            found += [_read(f"host certificate {row.id}", chain.encode())] if chain else []
    return found


def _read(what: str, chain: bytes) -> End:
    """Raises: ValueError."""
    leaf = x509.load_pem_x509_certificates(chain)[0]
    try:
        told = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = tuple(str(each) for each in told.get_values_for_type(x509.DNSName))[:NAMES]
    except x509.ExtensionNotFound:
        names = ()
    return End(what, names, int(leaf.not_valid_before_utc.timestamp()), int(leaf.not_valid_after_utc.timestamp()))
