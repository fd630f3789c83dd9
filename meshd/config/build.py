"""Flags, environment and file → Config.  Nothing is made or changed here; a reload calls `load` again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from operator import attrgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any

from meshd.config.endpoints import dialable
from meshd.config.errors import ConfigError, place
from meshd.config.exits.databases import open_places
from meshd.config.exits.lines import stem_of
from meshd.config.exits.lists import read_lists
from meshd.config.exits.placing import placed
from meshd.config.exits.remote import list_file
from meshd.config.exits.rules import served, unmet
from meshd.config.file_checks import check_files
from meshd.config.gateway import check_plan
from meshd.config.letters import read_mail
from meshd.config.metrics import read_metrics
from meshd.config.notify import read_notify
from meshd.config.secretfile import read_secret
from meshd.config.sections import Sections, check_listeners, check_plans, check_rotations
from meshd.config.settings import Config
from meshd.config.sources import DEFAULT, Daemons, sources
from meshd.config.table import SETTINGS
from meshd.topology import DestinationRules, Limits, Timeouts, Topology
from meshd.values.offers import Selling
from meshd.values.probing import Probing
from meshd.values.udp import Udp

API_PORT = 8443


def load(
    flags: Mapping[str, object], environ: Mapping[str, str], *, cwd: Path, daemons: Daemons | None = None
) -> Config:
    """The settings that flags, environment and file say.  Raises: ConfigError where anything at all is wrong.

    daemons: what the running daemon was given, for a command that was given less.
    """
    given = sources(flags, environ, cwd.absolute(), daemons)
    settled: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for key, value, origin in given.settle():
        settled[key], origins[key] = value, origin
    _check_heads(settled, origins)
    sections = Sections(given.file, settled, origins)
    topology = _topology(sections)
    check_listeners(settled["api.listen"], topology)
    check_plans(topology.plans, topology.proxies, origins)
    check_plan(topology.v1, topology.plans, origins)
    check_rotations(topology, origins)
    plain: dict[str, Any] = {
        s.attribute: settled.get(s.key) for s in SETTINGS if s.attribute and "." not in s.attribute
    }
    plain["api_domain"] = plain["api_domain"] or dialable(settled["api.listen"][0], API_PORT)
    config = Config(
        **plain,
        own_exits=sections.exits(),
        exit_lists=sections.exit_lists(),
        topology=topology,
        mail=read_mail(settled, origins),
        notify=read_notify(given.file, settled, origins),
        origins=MappingProxyType(origins),
        file=given.file.path if given.file else None,
    )
    check_files(config)
    return with_lists(config)


def with_lists(config: Config) -> Config:
    """The same settings, with the exits that their lists have now, and these where databases say they are.

    A rule may come to select nothing when a list changes: where there are lists, that is a problem to tell, no error.
    Raises: ConfigError where a list cannot be used, or a database that was not read before.
    """
    fetched = [(source, list_file(config.data_dir, source.name)) for source in config.exit_lists]
    lists = read_lists(config.exits_from, config.own_exits, place(config.origins["exits_from"]), fetched)
    places = open_places(config.places_from, config.places, place(config.origins["places_from"]))
    exits = (*config.own_exits, *lists.exits)
    if places.databases:
        exits = tuple(placed(exit_, places.find) for exit_ in exits)
    topology = replace(config.topology, exits=exits, proxies=served(config.topology.proxies, exits))
    wanting = tuple(unmet(topology, config.origins))
    if wanting and not (config.exits_from or config.exit_lists):
        raise ConfigError(wanting[0])
    problems = (*places.problems, *lists.problems, *wanting)
    return replace(config, topology=topology, lists=lists, places=places, problems=problems)


def needs_restart(old: Config, new: Config) -> tuple[str, ...]:
    """Keys of the settings that differ and that a reload does not change."""
    fixed = (setting for setting in SETTINGS if not setting.live)
    return tuple(s.key for s in fixed if attrgetter(s.attribute)(old) != attrgetter(s.attribute)(new))


def _check_heads(settled: Mapping[str, Any], origins: Mapping[str, str]) -> None:
    keys = ("limits.request_line_bytes", "limits.head_bytes")
    if settled[keys[0]] > settled[keys[1]]:
        given = next(key for key in keys if origins[key] != DEFAULT)
        raise ConfigError(f"{place(origins[given])}: {keys[0]} must not be more than {keys[1]}")


def _topology(sections: Sections) -> Topology:
    """The topology, still without its exits."""
    settled = sections.settled
    return Topology(
        proxies=sections.proxies(),
        exits=(),
        plans=sections.plans(),
        destinations=_section(DestinationRules, "destinations", settled),
        timeouts=_section(Timeouts, "timeouts", settled),
        limits=_section(Limits, "limits", settled),
        proxy_status_on_forwarded=settled["proxy.status_on_forwarded"],
        cost_currency=settled["cost_currency"],
        list_costs=MappingProxyType(
            {stem_of(each.name): each.cost for each in sections.exit_lists() if each.cost is not None}
        ),
        probes=_section(Probing, "probes", settled),
        udp=_section(Udp, "udp", settled),
        v1=sections.v1(),
        hosts=sections.hosts(),
        selling=_selling(sections),
        metrics=read_metrics(settled, sections.origins),
    )


def _selling(sections: Sections) -> Selling:
    """What is sold, and the secret of whoever takes the payments.  Raises: ConfigError."""
    key = "v1.webhook_secret"
    secret = sections.settled.get(key)
    plain: Selling = _section(Selling, "selling", sections.settled)
    return replace(
        plain,
        offers=sections.offers(),
        webhook_secret=secret,
        webhook_key=read_secret(secret, key, sections.origins) if secret else b"",
    )


def _section(kind: Any, name: str, settled: Mapping[str, Any]) -> Any:
    """A dataclass of the topology from the settings of its section."""
    keys = {item.name: f"{name}.{item.name}" for item in fields(kind)}
    return kind(**{name: settled[key] for name, key in keys.items() if key in settled})
