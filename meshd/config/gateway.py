"""`[v1]`: ProxyHat's dialect, off where nothing of the section is given; and the gateway, the proxy that it brings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from meshd.config.endpoints import reached
from meshd.config.errors import ConfigError, place, suggestion
from meshd.config.sources import DEFAULT
from meshd.topology import ExitRule, ProxyHost
from meshd.values.addresses import join_host
from meshd.values.v1 import GATEWAY, V1

HTTP_PORT = 8080
SOCKS_PORT = 1080
"""Ports that customers are told where an endpoint names none, as a Unix socket."""


def read_v1(settled: Mapping[str, Any], origins: Mapping[str, str], *, section: bool) -> V1 | None:
    """What `[v1]` says; None where it is off.  Raises: ConfigError.

    section: whether the file has the section, which may be empty; a flag or a variable of its own switches it on too.
    """
    keys = [key for key in origins if key.startswith("v1.")]
    if not section and all(origins[key] == DEFAULT for key in keys):
        return None
    gateway, socks = settled["v1.gateway"], settled["v1.socks"]
    if not gateway and not socks:
        where = place(origins["v1.socks"])
        raise ConfigError(f"{where}: [v1] gateway and socks are both empty: the gateway has to listen somewhere")
    host, port = reached((*gateway, *socks)[0], HTTP_PORT)
    return V1(
        registration=settled["v1.registration"],
        gateway=gateway,
        socks=socks,
        domain=settled.get("v1.domain") or host,
        port=port,
        access_seconds=settled["v1.access_seconds"],
        socks_port=reached((*socks, *gateway)[0], SOCKS_PORT)[1],
        plan=settled["v1.plan"],
    )


def check_plan(v1: V1 | None, plans: Iterable[str], origins: Mapping[str, str]) -> None:
    """Refuse a plan of registered accounts that there is not.  Raises: ConfigError."""
    if v1 is not None and v1.plan not in plans:
        near = suggestion(v1.plan, plans)
        raise ConfigError(f"{place(origins['v1.plan'])}: [v1] plan: no plan is named '{v1.plan}'{near}")


def gateway(v1: V1, rule: ExitRule) -> ProxyHost:
    """The proxy that `[v1]` brings, still without exits."""
    listen = tuple(dict.fromkeys((*v1.gateway, *v1.socks)))
    return ProxyHost(GATEWAY, listen, join_host(v1.domain, v1.port), rule, ())
