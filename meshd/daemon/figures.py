"""Numbers that no service has: what runs here, and how long certificates are valid."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from heapq import nsmallest

import twisted
from meshd.config import Config
from meshd.tls.server import ReloadableTLS
from meshd.values.published import Certificate
from meshd.values.samples import Labels, Sample
from meshd.values.version import version

CERTIFICATES = 100
"""Published certificates that are told apart: those that expire first, as there may be thousands."""


def build(started_at: float) -> Iterator[Sample]:
    """started_at: in seconds since the epoch."""
    yield "build_info", _built(), 1.0
    yield "start_time_seconds", (), started_at


@cache
def _built() -> Labels:
    return ("version", version()), ("python", platform.python_version()), ("twisted", twisted.__version__)


def certificates(
    config: Config, tls: ReloadableTLS | None, published: Iterable[Certificate], now: float
) -> Iterator[Sample]:
    """Of the API, of the proxies, and of published hosts; below 0 for what has expired."""
    served: Mapping[str, bool] = {"api": config.api_tls, "proxies": config.proxy_tls}
    for name, speaks in served.items():
        if tls is not None and speaks:
            yield "certificate_remaining_seconds", (("certificate", name),), tls.expires - now
    valid = (each for each in published if each.enabled and each.expires)
    for each in nsmallest(CERTIFICATES, valid, key=lambda each: each.expires):
        yield "certificate_remaining_seconds", (("certificate", f"hosts {each.id}"),), each.expires - now
