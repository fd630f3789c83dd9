"""Published resources in words, for people.  Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, get_args

from meshd.accounts.published.rows import Row
from meshd.values.addresses import join_host
from meshd.values.published import Kind
from meshd.values.times import DAY

KINDS: Mapping[str, str] = {
    "proxy-hosts": "Proxy host",
    "redirection-hosts": "Redirection",
    "dead-hosts": "404 host",
    "stream-hosts": "Stream",
    "port-forwards": "Port forward",
    "access-lists": "Access list",
    "certificates": "Certificate",
}
assert KINDS.keys() == set(get_args(Kind))

SHOWN = 3
"""Names of a resource that a list tells; its page has all of them."""
WARNED = 30
"""Days that a certificate is still good for, from which on they are a warning."""
UNTOLD = frozenset({"certificate", "enabled", "problem", "expires", "state", "certificate_id", "access_list_id"})
"""Members that a page tells in its own way, or that are kilobytes of PEM."""
CALLED = {
    "hsts_enabled": "HSTS",
    "hsts_subdomains": "HSTS for subdomains",
    "ssl_forced": "HTTPS forced",
    "http2_support": "HTTP/2 support",
    "lb_policy": "choice of an upstream",
    "http_code": "status",
    "tls_passthrough": "TLS passed through",
    "clients": "rules",
    "items": "logins",
    "meta": "notes of clients",
}
"""What members are called, where their own names say too little."""


class Listed(NamedTuple):
    """A resource as a list tells it."""

    row: Row
    called: str
    leads: str
    """Where it leads to."""


class Fact(NamedTuple):
    name: str
    value: str


def listed(row: Row) -> Listed:
    return Listed(row, called(row), leads(row))


def called(row: Row) -> str:
    """A resource by what people know it by."""
    settings = row.settings
    match row.kind:
        case "stream-hosts" | "port-forwards":
            names = f" for {settings['sni_match']}" if settings.get("sni_match") else ""
            return f"{settings['protocol']} {settings['incoming_port']}{names}"
        case "access-lists":
            return str(settings["name"])
        case "certificates":
            return str(settings["nice_name"]) or some(settings["domain_names"]) or f"certificate {row.id}"
        case _:
            return some(settings["domain_names"])


def some(names: list[str]) -> str:
    """The first of the names, and how many more there are."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def leads(row: Row) -> str:
    settings = row.settings
    match row.kind:
        case "proxy-hosts":
            more = len(settings["upstreams"])
            other = f" and {more} more" if more else ""
            return f"{settings['forward_scheme']}://{_place(settings)}{other}"
        case "redirection-hosts":
            scheme = "" if settings["forward_scheme"] == "auto" else f"{settings['forward_scheme']}://"
            return f"{settings['http_code']} to {scheme}{settings['forward_domain_name']}"
        case "dead-hosts":
            return "answered 404"
        case "access-lists":
            return f"{_counted(settings['clients'], 'rule')}, {_counted(settings['items'], 'login')}"
        case "certificates":
            return "uploaded" if settings["provider"] == "custom" else "by ACME"
        case _:
            return _place(settings)


def facts(row: Row) -> list[Fact]:
    """Every member of a resource as a person reads it, but for those that its page tells otherwise."""
    shown = {name: value for name, value in row.settings.items() if name not in UNTOLD}
    return [Fact(CALLED.get(name, name.replace("_", " ")), told(value)) for name, value in shown.items()]


def told(value: object) -> str:
    """A member's value in words: never the empty text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "; ".join(map(told, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_inner(part)}" for name, part in value.items()) or "none"
    return "none" if value is None or value == "" else str(value)


def days_left(row: Row, now: int) -> int | None:
    """Whole days for which a certificate is good still, less than 0 once it is not; None where there is none yet."""
    expires = row.settings["expires"]
    return (expires - now) // DAY if expires else None


def _inner(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else told(value)


def _place(settings: Mapping[str, Any]) -> str:
    return join_host(settings["forward_host"], settings["forward_port"])


def _counted(items: list[Any], word: str) -> str:
    return f"{len(items)} {word}{'' if len(items) == 1 else 's'}"
