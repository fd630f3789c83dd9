"""Which ciphers servers offer, and how a certificate that cannot be used is told of."""

from __future__ import annotations

CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
"""Cipher suites of TLS 1.2; the client's order decides, as in Mozilla's "intermediate" profile (version 5.8)."""


class CertificateError(Exception):
    """The certificate or its key cannot be used; the text is one line that names the file, if there is one, and why."""
