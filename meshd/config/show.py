"""Settings as `meshd config show` prints them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from operator import attrgetter
from typing import Any

from meshd.config.exits.described import where
from meshd.config.exits.places import PLACED
from meshd.config.exits.remote import EXIT_LIST
from meshd.config.hosts import ATTRIBUTES
from meshd.config.network import opening_text
from meshd.config.notify import of_notify
from meshd.config.offers import OFFER
from meshd.config.sections import PLAN
from meshd.config.settings import Config
from meshd.config.sources import DEFAULT
from meshd.config.table import SETTINGS
from meshd.config.terms import BOUNDS
from meshd.store.url import masked
from meshd.topology import Exit, ExitRule, Opening, Plan
from meshd.values import money
from meshd.values.addresses import join_host
from meshd.values.offers import Offer
from meshd.values.v1 import GATEWAY

_V1 = {
    setting.key: setting.key.partition(".")[2]
    for setting in SETTINGS
    if setting.key.startswith("v1.") and not setting.attribute
}
"""Names of a V1's attributes, by key."""

Row = tuple[str, str, str]
"""Key, value, origin."""


def rows(config: Config) -> Iterator[Row]:
    """A row for each setting, with secrets masked."""
    for key, value in _values(config):
        yield key, masked(value) if key == "store.url" else value_text(value), config.origins.get(key, DEFAULT)


def value_text(value: Any) -> str:
    """A value as the settings file writes it, but without quotes and brackets; "-" for nothing."""
    return _text(value) or "-"


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case (int() as low, int() as high):
            return str(low) if low == high else f"{low}-{high}"
        case tuple() | list() | frozenset():
            return ", ".join(sorted(value) if isinstance(value, frozenset) else map(_text, value))
        case Opening():
            return opening_text(value)
        case ExitRule():
            return _rule_text(value)
        case _:
            return str(value)


def _values(config: Config) -> Iterator[tuple[str, Any]]:
    for setting in SETTINGS:
        if setting.attribute and _is_on(config, setting.key.partition(".")[0]):
            yield setting.key, attrgetter(setting.attribute)(config)
    if (v1 := config.topology.v1) is not None:
        yield from ((key, getattr(v1, name)) for key, name in _V1.items())
        yield "v1.exits", config.topology.proxies[GATEWAY].rule
    if (hosts := config.topology.hosts) is not None:
        yield from ((key, attrgetter(name)(hosts)) for key, name in ATTRIBUTES.items())
    for proxy in config.topology.proxies.values():
        if proxy is config.topology.gateway:
            continue
        yield f"proxies.{proxy.name}.listen", proxy.listen
        yield f"proxies.{proxy.name}.domain", proxy.domain
        yield f"proxies.{proxy.name}.exits", proxy.rule
        yield f"proxies.{proxy.name}.proxy_protocol_from", proxy.proxy_protocol_from
        yield f"proxies.{proxy.name}.rotation", proxy.rotation
    for exit_ in config.own_exits:
        yield from ((f"exits.{exit_.name}.{key}", value) for key, value in _of_exit(exit_))
    for source in config.exit_lists:
        shown = {"url": source.shown, "cost": "" if source.cost is None else str(source.cost)}
        yield from (
            (f"exit_lists.{source.name}.{key}", shown[key] if key in shown else getattr(source, key))
            for key in EXIT_LIST
        )
    for plan in config.topology.plans.values():
        yield from ((f"plans.{plan.name}.{key}", of_plan(plan, key)) for key in PLAN)
    yield from of_notify(config.notify)
    for offer in config.topology.selling.offers.values():
        yield from ((f"offers.{offer.name}.{key}", of_offer(offer, key)) for key in OFFER)


def _is_on(config: Config, section: str) -> bool:
    """Whether a section that may be off is on; every other is."""
    return getattr(config.topology, section) is not None if section in ("v1", "hosts") else True


def of_offer(offer: Offer, key: str) -> Any:
    if key == "price":
        return money.decimal(offer.price, offer.currency)
    return getattr(offer, "rollover" if key == "rollover_enabled" else key)


def of_plan(plan: Plan, key: str) -> Any:
    value = getattr(plan.bounds if key in BOUNDS else plan, key)
    if value is None and key in BOUNDS:
        return ""
    return "all" if key == "includes" and value is None else value


def _of_exit(exit_: Exit) -> Iterator[tuple[str, Any]]:
    """Keys and values of an exit; credentials are masked."""
    yield from (("kind", exit_.kind), ("address", where(exit_)), ("country", exit_.country))
    yield from (("tags", exit_.tags), ("weight", exit_.weight))
    yield from ((key, getattr(exit_, key)) for key in PLACED)
    yield from (("asn", exit_.asn or ""), ("cost", "" if exit_.cost is None else exit_.cost))
    proxy = exit_.upstream
    if proxy is not None:
        yield "upstream", join_host(proxy.host, proxy.port)
        yield from ((key, "***" if getattr(proxy, key) else "") for key in ("username", "password"))
        yield "ca", proxy.ca


def _rule_text(rule: ExitRule) -> str:
    given = [(item.name, getattr(rule, item.name)) for item in fields(rule)]
    return "; ".join(f"{name}: {value_text(value)}" for name, value in given if value) or "all"
