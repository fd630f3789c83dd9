"""What clients send of a resource, made ready for the rules: read strictly, its secrets hashed or sealed.

Keys of certificates and passwords of lists leave this module as a seal or a hash; no answer and no log has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from meshd.accounts.errors import Invalid
from meshd.accounts.published import forms, shapes
from meshd.accounts.published.grounds import Grounds
from meshd.config.endpoints import TCP, parsed
from meshd.tls.material import KeyRefused, Material, checked, sealed_about
from meshd.values.hosting import NAMES_PORT, RESERVED_PORTS, Hosting
from meshd.values.published import Kind
from meshd.web.services import Services

CHAIN, KEY, ISSUERS = "certificate", "certificate_key", "intermediate_certificate"

READ_BACK = frozenset({"id", "owner_user_id", "created_at", "modified_at", "problem"})
"""Members that a client may send back as it has read them, and that change nothing."""


class Taken(NamedTuple):
    """Settings as the rules take them, and what is kept beside them and never told."""

    settings: dict[str, Any]
    secrets: dict[str, object]


async def taken(services: Services, kind: Kind, members: Mapping[str, Any]) -> Taken:
    """Read what was sent of a resource.  Raises: Invalid, Busy, OSError."""
    settings = forms.read(kind, members, ignored=READ_BACK | shapes.OWN.get(kind, {}).keys())
    if kind == "access-lists":
        given = forms.passwords(members)
        return Taken(settings, {"items": {name: await services.hash(text) for name, text in given.items()}})
    if kind == "certificates" and KEY in members:
        return await _sealed(services, settings, members)
    return Taken(settings, {})


async def material_of(services: Services, members: Mapping[str, Any]) -> Material:
    """A certificate with its key and its issuers, judged as they will be served.  Raises: Invalid, Busy."""
    texts = [_text(members, name) for name in (CHAIN, ISSUERS, KEY)]
    for name, text in ((CHAIN, texts[0]), (KEY, texts[2])):
        if not text:
            raise Invalid({name: [f"{forms.REQUIRED} Send both in PEM."]})
    try:
        return await services.aside(partial(checked, f"{texts[0]}\n{texts[1]}", texts[2], services.now()))
    except ValueError as error:
        raise Invalid({KEY if isinstance(error, KeyRefused) else CHAIN: [str(error)]}) from None


async def _sealed(services: Services, settings: dict[str, Any], members: Mapping[str, Any]) -> Taken:
    """The settings of a certificate that somebody brings, and its key sealed for it alone."""
    if settings.setdefault("provider", "custom") != "custom":
        raise Invalid({"provider": ["A certificate that is uploaded has the provider custom."]})
    found = await material_of(services, members)
    sealed = services.seals().seal_bytes(found.key.encode("ascii"), sealed_about(found.chain))
    names = {"domain_names": list(found.names), "certificate": found.chain}
    return Taken({**settings, **names}, {"sealed_key": sealed, "expires": found.expires})


def _text(members: Mapping[str, Any], name: str) -> str:
    text = members.get(name) or ""
    if not isinstance(text, str):
        raise Invalid({name: ["This must be text in PEM."]})
    return text


def grounds_of(services: Services) -> Grounds:
    """What rules about published resources go by: the settings, and where this process listens.

    The ports that streams are refused by `hosts.ports` are refused here too, so that none is taken and never served.
    """
    topology = services.live.topology
    hosts = topology.hosts or Hosting()
    places = [text for proxy in topology.proxies.values() for text in proxy.listen]
    served = _ports(hosts.https)
    own = (services.own_ports() | _ports((*places, *hosts.http, *hosts.listen))) - served
    shared = served | (frozenset({NAMES_PORT}) - own)
    reserved = (own | RESERVED_PORTS) - shared
    return Grounds(reserved, shared, topology.udp.reserved, hosts.loopback)


def _ports(endpoints: tuple[str, ...]) -> frozenset[int]:
    places = [parsed(text).place for text in endpoints]
    return frozenset(place.port for place in places if isinstance(place, TCP) and place.port)
