"""The members of each kind of resource, as the API spells them: how each is read, and what it is where it is not given.

Pure.  A resource is kept, and told, with every member.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from meshd.accounts.published import fields, lists
from meshd.accounts.published.fields import Reader
from meshd.values.published import Kind

POLICIES = ("round_robin", "random", "least_conn", "ip_hash", "uri_hash", "first")
PROTOCOLS = ("tcp", "udp", "tcp+udp")
STATUSES = (301, 302, 303, 307, 308)
METHODS = ("socat", "iptables")
PROVIDERS = ("acme", "custom")
STATES = ("pending", "active", "failed")

LONGEST_CHAIN = 256 * 1024
"""Bytes of a certificate's chain in PEM: some hundred certificates."""
NEW = "new"
"""In place of a certificate's id: obtain one."""


class _Needed:
    """In place of a default: the member has to be given."""


NEEDED = _Needed()

Member = tuple[Reader, Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """What one kind of resource is made of."""

    members: Mapping[str, Member]
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Other names that clients call a member by."""


def certificate_id(raw: Any) -> int | str:
    """The id of a certificate; "new" to have one obtained, 0 for none."""
    return NEW if raw == NEW else fields.identifier(0 if raw is None else raw)


def _list_id(raw: Any) -> int:
    return fields.identifier(0 if raw is None else raw)  # type: ignore[no-any-return]


def _interface(raw: Any) -> str:
    """An address or a device's name; "" for all, which clients also call "all"."""
    found = fields.text(45)(raw).strip()
    return "" if found in ("all", "*", "0.0.0.0", "::") else found  # noqa: S104 (a name for it)


_ENDING: Mapping[str, Member] = {"enabled": (fields.truth, True), "meta": (fields.meta, {})}
_SECURED: Mapping[str, Member] = {
    "certificate_id": (certificate_id, 0),
    "ssl_forced": (fields.truth, False),
    "hsts_enabled": (fields.truth, False),
    "hsts_subdomains": (fields.truth, False),
    "http2_support": (fields.truth, False),
    "block_exploits": (fields.truth, False),
    "advanced_config": (fields.nothing, ""),
}
_NAMES: Mapping[str, Member] = {"domain_names": (lists.domains, NEEDED)}
_FORWARD: Mapping[str, Member] = {"forward_host": (fields.host, NEEDED), "forward_port": (fields.port, NEEDED)}

_PROXY: Mapping[str, Member] = {
    **_NAMES,
    "forward_scheme": (fields.choice("http", "https"), "http"),
    **_FORWARD,
    **_SECURED,
    "access_list_id": (_list_id, 0),
    "allow_websocket_upgrade": (fields.truth, True),
    "caching_enabled": (fields.truth, False),
    "trust_forwarded_proto": (fields.truth, False),
    "locations": (lists.locations, []),
    "upstreams": (lists.items(lists.UPSTREAM, lists.MOST_PARTS), []),
    "lb_policy": (fields.choice(*POLICIES), "round_robin"),
    "health": (lists.HEALTH, lists.HEALTH_DEFAULT),
    "passive": (lists.PASSIVE, lists.PASSIVE_DEFAULT),
    "rate_limit": (lists.RATE, lists.RATE_DEFAULT),
    "headers": (lists.header_rules, []),
    "error_pages": (lists.error_pages, {}),
    "tls_passthrough": (fields.truth, False),
    **_ENDING,
}
_REDIRECTION: Mapping[str, Member] = {
    **_NAMES,
    "forward_scheme": (fields.choice("auto", "http", "https"), "auto"),
    "forward_domain_name": (fields.target, NEEDED),
    "http_code": (fields.choice(*STATUSES), 301),
    "preserve_path": (fields.truth, True),
    **_SECURED,
    **_ENDING,
}
_PORT: Mapping[str, Member] = {
    "incoming_port": (fields.port, NEEDED),
    **_FORWARD,
    "protocol": (fields.choice(*PROTOCOLS), "tcp"),
}

SHAPES: Mapping[Kind, Shape] = {
    "proxy-hosts": Shape(_PROXY, {"websocket": "allow_websocket_upgrade", "cache_assets": "caching_enabled"}),
    "redirection-hosts": Shape(_REDIRECTION, {"forward_http_code": "http_code"}),
    "dead-hosts": Shape({**_NAMES, **_SECURED, "access_list_id": (_list_id, 0), **_ENDING}),
    "stream-hosts": Shape(
        {
            **_PORT,
            "sni_match": (lists.server_names, ""),
            "certificate_id": (certificate_id, 0),
            **_ENDING,
        },
        {"forwarding_host": "forward_host", "forwarding_port": "forward_port"},
    ),
    "port-forwards": Shape(
        {**_PORT, "interface": (_interface, ""), "method": (fields.choice(*METHODS), "socat"), **_ENDING}
    ),
    "access-lists": Shape(
        {
            "name": (fields.text(fields.LONGEST_TEXT, empty=False), NEEDED),
            "satisfy_any": (fields.truth, False),
            "pass_auth": (fields.truth, False),
            "items": (lists.logins, []),
            "clients": (lists.clients, []),
            **_ENDING,
        }
    ),
    "certificates": Shape(
        {
            "provider": (fields.choice(*PROVIDERS), "acme"),
            "nice_name": (fields.text(fields.LONGEST_TEXT), ""),
            "domain_names": (lists.domains, []),
            "certificate": (fields.pem(LONGEST_CHAIN), ""),
            **_ENDING,
        }
    ),
}

OWN: Mapping[Kind, Mapping[str, Any]] = {
    "certificates": {"expires": 0, "state": "pending", "problem": "", "automatic": False}
}
"""Members that no client sets, with what they begin as.  automatic: the certificate was made with a host that wanted
one, has that host's names, and goes with it."""

SECRETS: Mapping[Kind, frozenset[str]] = {"certificates": frozenset({"certificate_key", "intermediate_certificate"})}
"""Members that whoever reads the JSON takes out, and that are never kept as they came."""
