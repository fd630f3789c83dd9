"""Messages that break a rule, in the words of refusals.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

STATUS_REASONS: Mapping[int, str] = MappingProxyType(
    {
        400: "bad-request",
        414: "uri-too-long",
        431: "fields-too-large",
        501: "not-implemented",
        502: "bad-response",
        505: "http-version",
    }
)
"""The reason that answers a BadMessage, by its status."""
