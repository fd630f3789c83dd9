"""How exchanges ended, in a few kinds that an operator can look at together.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

SERVED, EXIT, OTHER = "served", "exit", "other"

_KINDS: Mapping[str, tuple[str, ...]] = {
    SERVED: ("", "exit-answered", "idle-timeout", "reset", "client-gone", "acl-observed"),
    "auth": ("auth-required", "auth-invalid", "auth-banned", "account-inactive", "proxy-not-authorized"),
    "limits": ("quota-monthly", "quota-total", "quota-parent", "rate-tunnels", "rate-requests", "rate-addresses"),
    "destination": ("acl-host", "acl-port", "acl-private", "acl-plan", "acl-parent", "acl-account", "acl-token"),
    "request": (
        "bad-selection",
        "bad-request",
        "uri-too-long",
        "fields-too-large",
        "not-implemented",
        "http-version",
        "head-timeout",
    ),
    EXIT: ("no-exit", "exit-failed", "exit-refused", "session-exit-gone"),
    "origin": (
        "dns-error",
        "dns-timeout",
        "connection-refused",
        "connection-reset",
        "unreachable",
        "connection-timeout",
        "first-byte-timeout",
        "bad-response",
        "response-head-too-large",
        "response-incomplete",
    ),
    "ended": ("ended-by-operator", "ended-by-holder"),
    "ours": ("auth-unavailable", "overloaded", "internal"),
}

KINDS = (*_KINDS, OTHER)

OUTCOMES: Mapping[str, str] = MappingProxyType({reason: kind for kind, all_ in _KINDS.items() for reason in all_})
"""The kind of each reason of an exchange's end; a reason without one is OTHER."""
