"""`[hosts]`: where what is published is served, and where it is managed.  Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network


@dataclass(frozen=True, slots=True)
class Acme:
    """Where certificates are obtained (RFC 8555)."""

    directory: str = "https://acme-v02.api.letsencrypt.org/directory"
    email: str = ""
    ca: str = ""
    """A PEM file by which the directory's own certificate is verified; "" for the system's."""
    kid: str = ""
    """The key id of an external account binding; "" for none."""
    key: str = field(default="", repr=False)
    """The key of that binding, base64url."""
    profile: str = ""
    """The profile that is asked for; "" for the directory's default."""


@dataclass(frozen=True, slots=True)
class Hosting:
    """The section; endpoints are those of the settings, such as "tcp:443"."""

    listen: tuple[str, ...] = ("tcp:81",)
    """The management API."""
    tls: bool = False
    """Whether the management API is HTTPS, with meshd's own certificate."""
    http: tuple[str, ...] = ("tcp:80",)
    https: tuple[str, ...] = ("tcp:443",)
    trusted: tuple[IPv4Network | IPv6Network, ...] = ()
    """Peers whose X-Forwarded-For, -Proto and -Host are believed and passed on."""
    loopback: bool = False
    """Whether upstreams may be on this machine's own loopback addresses."""
    acme: Acme = Acme()
