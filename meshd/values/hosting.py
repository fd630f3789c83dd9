"""`[hosts]`: where what is published is served, and where it is managed.  Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

API, HTTP, HTTPS = "hosts:listen", "hosts:http", "hosts:https"
"""What leads to each kind of listener, where a listener of a proxy has the proxy's name, which never has a colon."""

RESERVED_PORTS = frozenset({80, 81})
"""TCP ports of hosts by HTTP and of the management API by default, wherever the settings have them served."""
NAMES_PORT = 443
"""That of hosts by HTTPS, which streams may share that have names."""


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
    key_file: str = ""
    """The file that `key` was read from; "" for none."""


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

    @property
    def listeners(self) -> tuple[tuple[str, str], ...]:
        """Pairs of where a listener leads to and the text of its endpoint."""
        kinds = ((HTTP, self.http), (HTTPS, self.https), (API, self.listen))
        return tuple((kind, text) for kind, texts in kinds for text in texts)
