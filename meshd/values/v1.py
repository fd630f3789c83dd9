"""What the settings say of ProxyHat's dialect, `[v1]`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Registration = Literal["closed", "invite", "open"]

GATEWAY = "gateway"
"""The name of the proxy that `[v1]` brings."""


@dataclass(frozen=True, slots=True)
class V1:
    """ProxyHat's dialect: who may register, and where its gateway is."""

    registration: Registration = "closed"
    """Who may make an account by the API: nobody, who has a code of invitation, anybody."""
    gateway: tuple[str, ...] = ("tcp:8080",)
    socks: tuple[str, ...] = ("tcp:1080",)
    """Twisted endpoint strings, as customers are told them for HTTP or for SOCKS5; each speaks both."""
    domain: str = ""
    """The host that customers are told: a name or an address, without a port."""
    port: int = 8080
    """The port that customers are told for HTTP: that of the first endpoint in `gateway`, else in `socks`."""
    socks_port: int = 1080
    """The port that customers are told for SOCKS5: that of the first endpoint in `socks`, else in `gateway`."""
    access_seconds: int = 7 * 24 * 3600
    """Seconds for which an access token holds."""
    plan: str = "10"
    """The plan of accounts that are made by registering."""
