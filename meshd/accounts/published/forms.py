"""From JSON to what is kept of a resource: strictly, with every problem told by its member.  Pure.

`read` takes what a client sent; `whole` makes a resource of it, by the defaults for a new one and by what was there for
one that is changed, and sees to what holds between members.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from copy import deepcopy
from difflib import get_close_matches
from typing import Any

from meshd.accounts.errors import Invalid
from meshd.accounts.published import lists
from meshd.accounts.published.shapes import NEEDED, NEW, OWN, SECRETS, SHAPES
from meshd.values.addresses import parse_ip
from meshd.values.published import Kind

REQUIRED = "This field is required."


def read(kind: Kind, members: Mapping[str, Any], *, ignored: Collection[str] = ()) -> dict[str, Any]:
    """The members that are given, in their canonical form, and no others.

    ignored: names of members that the caller reads itself.  Raises: Invalid, also for a member that there is not.
    """
    shape = SHAPES[kind]
    problems: dict[str, list[str]] = {}
    found: dict[str, Any] = {}
    for name, raw in members.items():
        if name in ignored or name in SECRETS.get(kind, ()):
            continue
        known = shape.aliases.get(name, name)
        if known not in shape.members:
            problems[name[:100]] = [_unknown(name, (*shape.members, *shape.aliases))]
            continue
        try:
            value = shape.members[known][0](raw)
        except ValueError as error:
            problems[name] = [str(error)]
            continue
        if found.setdefault(known, value) != value:
            problems[name] = [f"This is another name of {known}, and says something else."]
    if problems:
        raise Invalid(problems)
    return found


def passwords(members: Mapping[str, Any]) -> dict[str, str]:
    """The clear passwords that an access list's `items` bring, by name, to be hashed.  Raises: Invalid."""
    try:
        return lists.passwords(members.get("items", []))
    except ValueError as error:
        raise Invalid({"items": [str(error)]}) from None


def whole(kind: Kind, given: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """All members of a resource: those that are given, else those of `before`, else the defaults.

    Raises: Invalid for what is missing, and for members that do not go together.
    """
    found: dict[str, Any] = {}
    missing: dict[str, list[str]] = {}
    for name, (_, default) in SHAPES[kind].members.items():
        value = given.get(name, default if before is None else before.get(name, default))
        if value is NEEDED:
            missing[name] = [REQUIRED]
        found[name] = deepcopy(value)
    if missing:
        raise Invalid(missing)
    for name, value in OWN.get(kind, {}).items():
        found[name] = given.get(name, value if before is None else before.get(name, value))
    if check := _TOGETHER.get(kind):
        check(found, before or {})
    return found


def wants_certificate(settings: Mapping[str, Any]) -> bool:
    """Whether a certificate is to be obtained for a resource: it asks for one, or forces HTTPS and has none."""
    wanted = settings.get("certificate_id") == NEW
    return wanted or bool(settings.get("ssl_forced") and not settings["certificate_id"] and not _passes(settings))


def _passes(settings: Mapping[str, Any]) -> bool:
    return bool(settings.get("tls_passthrough"))


def _host(found: dict[str, Any], before: Mapping[str, Any]) -> None:
    """HSTS is for those who are sent to HTTPS, and what a host does for clients needs their TLS taken off."""
    if _passes(found):
        if found.get("access_list_id"):
            raise Invalid(
                {"access_list_id": ["A list cannot guard TLS that is passed through: leave one of both out."]}
            )
        if found["certificate_id"]:
            raise Invalid({"certificate_id": ["TLS that is passed through uses the service's own certificate."]})
        found["hsts_enabled"] = False
    if not found["ssl_forced"]:
        found["hsts_enabled"] = False
    if not found["hsts_enabled"]:
        found["hsts_subdomains"] = False
    if wants_certificate(found):
        _require_obtainable(found["domain_names"], "ssl_forced" if found["certificate_id"] != NEW else "certificate_id")


def _require_obtainable(names: Collection[str], field: str) -> None:
    """Refuse names that no authority shows a certificate for by HTTP-01.  Raises: Invalid."""
    for name in names:
        if name.startswith("*."):
            told = f"No certificate can be obtained for {name} by HTTP-01: upload one, and give its certificate_id."
            raise Invalid({field: [told]})


def _stream(found: dict[str, Any], before: Mapping[str, Any]) -> None:
    if found["sni_match"] and found["protocol"] != "tcp":
        raise Invalid({"sni_match": ["Names are asked for by TLS, which goes over tcp alone."]})
    if found["certificate_id"] and found["protocol"] != "tcp":
        raise Invalid({"certificate_id": ["TLS is taken off streams of tcp alone."]})
    if found["certificate_id"] == NEW:
        raise Invalid({"certificate_id": ["A stream has no names to obtain a certificate for: give the id of one."]})


def _forward(found: dict[str, Any], before: Mapping[str, Any]) -> None:
    interface = found["interface"]
    address = parse_ip(interface)
    if interface and address is None and (len(interface) > 15 or "/" in interface or " " in interface):
        raise Invalid({"interface": ["This must be an address of this machine, or a device's name such as eth0."]})
    found["interface"] = interface if address is None else str(address)


def _certificate(found: dict[str, Any], before: Mapping[str, Any]) -> None:
    if before and before["provider"] != found["provider"]:
        raise Invalid({"provider": ["A certificate keeps its provider: add another one."]})
    if found["provider"] == "custom":
        if not found["certificate"]:
            raise Invalid({"certificate": [REQUIRED]})
        found["state"], found["problem"] = "active", ""
    else:
        if not found["domain_names"]:
            raise Invalid({"domain_names": [REQUIRED]})
        if found["certificate"] != before.get("certificate", ""):
            raise Invalid({"certificate": ["A certificate that is uploaded has the provider custom."]})
        _require_obtainable(found["domain_names"], "domain_names")
    found["nice_name"] = found["nice_name"] or ", ".join(found["domain_names"])[:255]


_TOGETHER: Mapping[Kind, Callable[[dict[str, Any], Mapping[str, Any]], None]] = {
    "proxy-hosts": _host,
    "redirection-hosts": _host,
    "dead-hosts": _host,
    "stream-hosts": _stream,
    "port-forwards": _forward,
    "certificates": _certificate,
}


def _unknown(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, known, 1)
    return f"There is no such field (did you mean {near[0]}?)." if near else "There is no such field."
