"""What the daemon serves of a resource.  Pure: `resource` turns a row into the value that the planes go by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_network
from typing import Any

from meshd.accounts.published.fields import seconds
from meshd.accounts.published.rows import Row
from meshd.values.published import (
    AccessList,
    AccessRule,
    Certificate,
    DeadHost,
    Ejection,
    FieldRule,
    Kind,
    Location,
    Login,
    PortForward,
    Probing,
    ProxyHost,
    RateLimit,
    Redirection,
    Resource,
    Secured,
    Stream,
    Upstream,
)

EVERYWHERE = (ip_network("0.0.0.0/0"), ip_network("::/0"))


def resource(row: Row) -> Resource | None:
    """What is served by it; None where it was deleted, and for a host, stream or forward that is switched off.

    Lists and certificates are told also while they are off: they then let nobody in, and are shown to nobody.
    """
    if row.deleted or not (row.enabled or row.kind in ("access-lists", "certificates")):
        return None
    return _MAKERS[row.kind](row, row.settings)


def _secured(settings: Mapping[str, Any]) -> Secured:
    certificate = settings["certificate_id"]
    return Secured(certificate, settings["ssl_forced"], settings["hsts_enabled"], settings["hsts_subdomains"])


def _upstreams(settings: Mapping[str, Any]) -> tuple[Upstream, ...]:
    """The primary, then the others, each once."""
    primary = Upstream(settings["forward_host"], settings["forward_port"])
    return tuple(dict.fromkeys((primary, *(Upstream(**each) for each in settings["upstreams"]))))


def _proxy(row: Row, settings: Mapping[str, Any]) -> ProxyHost:
    health, passive, rate = settings["health"], settings["passive"], settings["rate_limit"]
    return ProxyHost(
        row.id,
        tuple(settings["domain_names"]),
        settings["forward_scheme"],
        _upstreams(settings),
        policy=settings["lb_policy"],
        secured=_secured(settings),
        access_list=settings["access_list_id"],
        probing=Probing(
            health["path"], seconds(health["interval"]), seconds(health["timeout"]), health["expected_status"]
        )
        if health["enabled"]
        else None,
        ejection=Ejection(
            seconds(passive["fail_duration"]), passive["max_fails"], seconds(passive["unhealthy_latency"])
        ),
        rate=RateLimit(rate["requests"], seconds(rate["window"])) if rate["enabled"] else None,
        fields=tuple(FieldRule(**each) for each in settings["headers"]),
        error_pages=tuple((int(status), page) for status, page in settings["error_pages"].items()),
        locations=tuple(_location(each) for each in settings["locations"]),
        passthrough=settings["tls_passthrough"],
        owner=row.owner_id,
        token=row.token_id,
    )


def _location(given: Mapping[str, Any]) -> Location:
    upstream = Upstream(given["forward_host"], given["forward_port"])
    return Location(given["path"], given["forward_scheme"], upstream, given["forward_path"])


def _redirection(row: Row, settings: Mapping[str, Any]) -> Redirection:
    return Redirection(
        row.id,
        tuple(settings["domain_names"]),
        settings["forward_scheme"],
        settings["forward_domain_name"],
        settings["http_code"],
        settings["preserve_path"],
        _secured(settings),
        row.owner_id,
        row.token_id,
    )


def _dead(row: Row, settings: Mapping[str, Any]) -> DeadHost:
    names, guarded = tuple(settings["domain_names"]), settings["access_list_id"]
    return DeadHost(row.id, names, _secured(settings), guarded, row.owner_id, row.token_id)


def _stream(row: Row, settings: Mapping[str, Any]) -> Stream:
    return Stream(
        row.id,
        settings["incoming_port"],
        Upstream(settings["forward_host"], settings["forward_port"]),
        settings["protocol"],
        tuple(name for name in settings["sni_match"].split(", ") if name),
        settings["certificate_id"],
        row.owner_id,
        row.token_id,
    )


def _forward(row: Row, settings: Mapping[str, Any]) -> PortForward:
    return PortForward(
        row.id,
        settings["incoming_port"],
        Upstream(settings["forward_host"], settings["forward_port"]),
        settings["protocol"],
        settings["interface"],
        settings["method"],
        row.owner_id,
        row.token_id,
    )


def _list(row: Row, settings: Mapping[str, Any]) -> AccessList:
    rules = []
    for each in settings["clients"]:
        networks = EVERYWHERE if each["address"] == "all" else (ip_network(each["address"]),)
        rules += [AccessRule(network, each["directive"] == "allow") for network in networks]
    hashes = row.hashes
    logins = tuple(Login(each["username"], hashes[each["username"]]) for each in settings["items"])
    name, either, told = settings["name"], settings["satisfy_any"], settings["pass_auth"]
    return AccessList(row.id, name, tuple(rules), logins, either, told, row.enabled)


def _certificate(row: Row, settings: Mapping[str, Any]) -> Certificate:
    return Certificate(
        row.id,
        settings["provider"],
        tuple(settings["domain_names"]),
        settings["certificate"],
        row.secret,
        settings["expires"],
        row.enabled,
        settings["state"],
        settings["problem"],
    )


_MAKERS: Mapping[Kind, Callable[[Row, Mapping[str, Any]], Resource]] = {
    "proxy-hosts": _proxy,
    "redirection-hosts": _redirection,
    "dead-hosts": _dead,
    "stream-hosts": _stream,
    "port-forwards": _forward,
    "access-lists": _list,
    "certificates": _certificate,
}
