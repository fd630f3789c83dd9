"""Who is told a daemon's numbers.  Pure."""

from __future__ import annotations

from hashlib import sha256
from hmac import compare_digest

from meshd.values.addresses import parse_ip
from meshd.values.metrics import Metrics

FORBIDDEN, UNAUTHORIZED = 403, 401

_BEARER = b"bearer "


def refused(metrics: Metrics, peer: str, authorization: bytes) -> int:
    """The status of the refusal, 0 for none.

    peer: the client's address, "" for one on a Unix socket, who may open that; authorization: the field, b"" for none.
    """
    if peer and not _near(metrics, peer):
        return FORBIDDEN
    if metrics.token and not compare_digest(_digest(_shown(authorization)), _digest(metrics.token)):
        return UNAUTHORIZED
    return 0


def _near(metrics: Metrics, peer: str) -> bool:
    address = parse_ip(peer)
    if address is None:
        return False
    if metrics.networks:
        return any(address.version == each.version and address in each for each in metrics.networks)
    return address.is_loopback or bool(metrics.token)


def _shown(authorization: bytes) -> bytes:
    """RFC 6750, 2.1; the scheme has no case."""
    scheme, token = authorization[: len(_BEARER)], authorization[len(_BEARER) :]
    return token.strip(b" ") if scheme.lower() == _BEARER else b""


def _digest(secret: bytes) -> bytes:
    return sha256(secret).digest()
