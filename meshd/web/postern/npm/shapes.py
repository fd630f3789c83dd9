"""How the resources look in Nginx Proxy Manager's API, and what its clients send of them.  Pure.

Clients are strict: each member is always there, truth values are true or false, an id of nothing is 0, and what a
client read it may send back.  A member that is known in neither API goes on to the rules, which refuse it by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from meshd.values.published import Kind
from meshd.web.postern.npm.values import moment

Settings = Mapping[str, Any]

READ_ONLY = frozenset(
    {
        *("id", "created_on", "modified_on", "owner_user_id", "is_deleted", "expires_on"),
        *("owner", "certificate", "access_list", "proxy_hosts", "redirection_hosts", "dead_hosts", "streams"),
        *("proxy_host_count", "nginx_online", "nginx_err", "ipv6", "use_default_location"),
    }
)
"""Members that a client may send back as it has read them, and that change nothing."""

_SECURED: Settings = {
    "certificate_id": 0,
    "ssl_forced": False,
    "hsts_enabled": False,
    "hsts_subdomains": False,
    "http2_support": False,
}
_PROXY: Settings = {
    "domain_names": [],
    "forward_scheme": "http",
    "forward_host": "",
    "forward_port": 0,
    **_SECURED,
    "trust_forwarded_proto": False,
    "block_exploits": False,
    "caching_enabled": False,
    "allow_websocket_upgrade": True,
    "access_list_id": 0,
    "advanced_config": "",
    "locations": [],
}
_REDIRECTION: Settings = {
    "domain_names": [],
    "forward_scheme": "auto",
    "forward_http_code": 301,
    "forward_domain_name": "",
    "preserve_path": False,
    **_SECURED,
    "block_exploits": False,
    "advanced_config": "",
}
_DEAD: Settings = {"domain_names": [], **_SECURED, "advanced_config": ""}
_STREAM: Settings = {
    "incoming_port": 0,
    "forwarding_host": "",
    "forwarding_port": 0,
    "tcp_forwarding": True,
    "udp_forwarding": False,
    "certificate_id": 0,
    "domain_names": [],
}
_CERTIFICATE: Settings = {"provider": "other", "nice_name": "", "domain_names": [], "expires_on": ""}
_LIST: Settings = {
    "name": "",
    "satisfy_any": False,
    "pass_auth": False,
    "items": [],
    "clients": [],
}


class Alias(NamedTuple):
    """A family of paths of Nginx Proxy Manager's, and the kind that it stands for."""

    kind: Kind
    members: Settings
    """What an object always has, beside what all objects have, and what it is where the settings have none."""
    names: Mapping[str, str]
    """Members that have another name in the settings."""
    told: Callable[[Settings], Settings] = lambda settings: {}
    """Members that are made of others."""
    read: Callable[[Settings], Settings] = lambda sent: sent
    """What was sent, with members in the place of those that are no settings."""


def shown(alias: Alias, row: Any) -> dict[str, object]:
    """A resource as Nginx Proxy Manager's clients read it."""
    settings = row.settings
    told = {name: settings.get(alias.names.get(name, name), usual) for name, usual in alias.members.items()}
    return {
        "id": row.id,
        "created_on": moment(row.created_at),
        "modified_on": moment(row.modified_at),
        "owner_user_id": row.owner_id,
        **told,
        **alias.told(settings),
        "enabled": row.enabled,
        "meta": settings.get("meta", {}),
    }


def translated(alias: Alias, sent: Settings) -> dict[str, Any]:
    """The settings that a client sends."""
    kept = {name: value for name, value in sent.items() if not _only_tells(name, value)}
    found = alias.read(kept)
    return {alias.names.get(name, name): _plain(value, alias.members.get(name)) for name, value in found.items()}


def _only_tells(name: str, value: Any) -> bool:
    """Whether a member changes nothing; `certificate` is an object that is told with a host, or the text of one."""
    return name in READ_ONLY and not (name == "certificate" and isinstance(value, str))


def _plain(value: Any, usual: Any) -> Any:
    """A truth value also of 0 and 1, which older clients send, and what null stands for."""
    if usual is not None and value is None:
        return usual
    return bool(value) if isinstance(usual, bool) and value in (0, 1) and not isinstance(value, float) else value


def _located(settings: Settings) -> Settings:
    usual = {"forward_path": "", "advanced_config": ""}
    return {"locations": [{**usual, **each} for each in settings.get("locations", ())]}


def _locations(sent: Settings) -> Settings:
    """Locations without what is empty in them, as clients send back all that they have read."""
    found = sent.get("locations")
    if not isinstance(found, list):
        return sent
    return {**sent, "locations": [_location(each) for each in found]}


def _location(sent: Any) -> Any:
    if not isinstance(sent, dict):
        return sent
    return {name: value for name, value in sent.items() if name != "id" and (name != "advanced_config" or value)}


def _carried(settings: Settings) -> Settings:
    protocol = settings.get("protocol", "tcp")
    names = settings.get("sni_match", "")
    return {
        "tcp_forwarding": protocol != "udp",
        "udp_forwarding": protocol != "tcp",
        "domain_names": names.split(", ") if names else [],
    }


def _carrying(sent: Settings) -> Settings:
    """The protocol in the place of the two truth values; one that was not sent is as it is for a new stream."""
    rest = dict(sent)
    if "tcp_forwarding" not in rest and "udp_forwarding" not in rest:
        return rest
    tcp, udp = rest.pop("tcp_forwarding", True), rest.pop("udp_forwarding", False)
    rest["protocol"] = "tcp+udp" if tcp and udp else "udp" if udp else "tcp" if tcp else "none"
    return rest


def _certified(settings: Settings) -> Settings:
    expires = settings.get("expires", 0)
    provider = "letsencrypt" if settings.get("provider") == "acme" else "other"
    return {"provider": provider, "expires_on": moment(expires) if expires else ""}


def _certifying(sent: Settings) -> Settings:
    """The provider under its name here; what came with `meta` for an authority, or is a key, where it belongs."""
    rest = dict(sent)
    provider = rest.get("provider")
    rest["provider"] = {"letsencrypt": "acme", "other": "custom"}.get(str(provider), provider or "acme")
    meta = rest.get("meta")
    if isinstance(meta, dict):
        rest |= {name: meta[name] for name in _MATERIAL if meta.get(name)}
        rest |= {name: True for name in _BY_DNS if meta.get(name)}
        rest["meta"] = {name: value for name, value in meta.items() if name in _KEPT}
    return rest


_MATERIAL = ("certificate", "certificate_key", "intermediate_certificate")
_BY_DNS = ("dns_challenge", "dns_provider_credentials")
"""What asks for a certificate by another way than HTTP-01: there is none, and the rules refuse it by name."""
_KEPT = frozenset({"letsencrypt_agree", "letsencrypt_email", "key_type", "dns_challenge"})


def _listing(sent: Settings) -> Settings:
    """A list without the members of its parts that only tell."""
    found = dict(sent)
    for part, members in (("items", ("username", "password")), ("clients", ("address", "directive", "order"))):
        if isinstance(parts := found.get(part), list):
            found[part] = [_only(each, members) for each in parts]
    return found


def _only(sent: Any, members: tuple[str, ...]) -> Any:
    if not isinstance(sent, dict):
        return sent
    telling = {"id", "created_on", "modified_on", "access_list_id", "meta", "hint"}
    return {name: value for name, value in sent.items() if name in members or name not in telling}


def _listed(settings: Settings) -> Settings:
    items = [{"password": "", "hint": "", **each} for each in settings.get("items", ())]
    return {"items": items}


ALIASES: Mapping[str, Alias] = {
    "proxy-hosts": Alias("proxy-hosts", _PROXY, {}, _located, _locations),
    "redirection-hosts": Alias("redirection-hosts", _REDIRECTION, {"forward_http_code": "http_code"}),
    "streams": Alias(
        "stream-hosts",
        _STREAM,
        {"forwarding_host": "forward_host", "forwarding_port": "forward_port", "domain_names": "sni_match"},
        _carried,
        _carrying,
    ),
    "dead-hosts": Alias("dead-hosts", _DEAD, {}),
    "certificates": Alias("certificates", _CERTIFICATE, {}, _certified, _certifying),
    "access-lists": Alias("access-lists", _LIST, {}, _listed, _listing),
}
"""By the segment after `/api/nginx/`."""
