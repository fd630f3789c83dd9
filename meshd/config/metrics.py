"""`[metrics]`: its endpoints, on loopback unless they say otherwise, its secret, and its accounts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshd.config.endpoints import EVERYWHERE, TCP, parsed
from meshd.config.errors import ConfigError, place
from meshd.config.kinds import list_of, pattern, text_kind
from meshd.config.network import NETWORK
from meshd.config.secretfile import read_secret
from meshd.config.topologyrows import Rows
from meshd.values.metrics import Metrics

ACCOUNTS = 100
"""Accounts that may be told apart: each is three series for whoever keeps them."""


def near(text: str) -> str:
    """An endpoint; of TCP without an address one on loopback.  Raises: ValueError."""
    found = parsed(text).place
    if not isinstance(found, TCP):
        return text
    if found.interface == EVERYWHERE:
        return f"{text}:interface=127.0.0.1"
    return rf"{text}:interface=\:\:1" if found.interface == "::" and "\\:" not in text else text


NEAR = text_kind("a Twisted endpoint string such as tcp:9464", near)

USERNAME = pattern("a username", r"[\w.@+-]{1,150}", str.lower)

ROWS: Rows = {
    "networks": (
        list_of(NETWORK),
        "who may ask; `[]` for loopback, or for everybody who has the token",
        [],
    ),
    "accounts": (
        list_of(USERNAME),
        f"usernames of up to {ACCOUNTS} accounts that are told apart",
        [],
    ),
}


def read_metrics(settled: Mapping[str, Any], origins: Mapping[str, str]) -> Metrics:
    """What `[metrics]` says.  Raises: ConfigError."""
    given = {name: settled[f"metrics.{name}"] for name in ("listen", "networks", "accounts")}
    if len(given["accounts"]) > ACCOUNTS:
        where = place(origins["metrics.accounts"])
        raise ConfigError(f"{where}: [metrics] accounts has more than {ACCOUNTS} names: list those that you watch")
    file = settled.get("metrics.token_file")
    token = read_secret(file, "metrics.token_file", origins) if file else b""
    return Metrics(**given, token_file=file, token=token)
