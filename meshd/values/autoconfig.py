"""How programs are told of the proxies without a person: a PAC file, and a PvD document.  Pure; no secret in either.

PAC: a script that browsers ask for each URL.  PvD: JSON of RFC 8801, with proxies as draft-ietf-intarea-proxy-config
has them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from meshd.values.addresses import parse_ip, split_host
from meshd.values.times import DAY, iso

PAC_TYPE = "application/x-ns-proxy-autoconfig"
PVD_TYPE = "application/pvd+json"

PAC_PATH = "/proxy.pac"
PVD_PATH = "/.well-known/pvd"

WORDS: Mapping[str, str] = MappingProxyType({"https": "HTTPS", "http": "PROXY", "socks5": "SOCKS5"})
"""How a browser is to speak to the proxies, and the word of a PAC file for that."""

NOWHERE = "PROXY 127.0.0.1:9"
"""Where nobody listens: a browser that is told of no proxy would go without one."""

PROXY = "?proxy="
"""What stands behind that where another proxy than the first is named."""

VALID = DAY
"""Seconds for which a PvD document holds."""


@dataclass(frozen=True, slots=True)
class Offered:
    """What of this the settings allow, all of it off where the API's listener is plain."""

    api: str = ""
    """host:port of the API."""
    template: str = ""
    """The path of CONNECT-TCP's URI template; "" where there is none."""
    pac: bool = False
    pvd: bool = False
    tls: bool = False
    """Whether clients may come to the proxies by TLS."""
    trusted: bool = False
    """Whether the certificate there is the operator's own, and so one that browsers may know."""

    @property
    def usual(self) -> str:
        """How browsers speak to the proxies where nobody says."""
        return "https" if self.tls and self.trusted else "http"


class Named(NamedTuple):
    """A proxy."""

    name: str
    place: str
    """host:port as customers know it."""


_SCRIPT = """\
function FindProxyForURL(url, host) {
  host = host.toLowerCase().replace(/^\\[|\\]$/g, "");
  if (host.indexOf(":") < 0 && isPlainHostName(host)) return "DIRECT";
  if (/^(127|10|192\\.168|169\\.254|172\\.(1[6-9]|2[0-9]|3[01]))\\.[0-9.]+$/.test(host)) return "DIRECT";
  if (host === "::1" || /^f(e[89ab]|[cd][0-9a-f])[0-9a-f]:/.test(host)) return "DIRECT";
  if (%s.indexOf(host) >= 0) return "DIRECT";
  return %s;
}
"""


def pac_url(offered: Offered, secret: str) -> str:
    """Where a browser finds the file of an account."""
    return f"https://{offered.api}{PAC_PATH}?key={secret}"


def pac(places: Iterable[str], word: str, api: str) -> str:
    """The script.

    places: host:port of each proxy, the first one first; word: one of WORDS; api: that of the API, asked directly.

    Only what is on no network but the browser's own goes without a proxy.  No other answer says DIRECT: a browser whose
    proxies are away is to wait, and not to show its address.
    """
    ways = "; ".join(f"{word} {place}" for place in places) or NOWHERE
    direct = _host_of(api).lower()
    return _SCRIPT % (_script_text([direct] if direct else []), _script_text(ways))


def pvd(offered: Offered, proxies: Iterable[Named], now: int) -> str:
    """The document.  proxies: in the order of the settings.

    A proxy has no keys but `protocol` and `proxy`: clients leave out one that has a key which they do not know.
    """
    told = []
    for at, proxy in enumerate(proxies):
        if offered.template:
            behind = f"{PROXY}{proxy.name}" if at else ""
            told.append({"protocol": "connect-tcp", "proxy": f"https://{offered.api}{offered.template}{behind}"})
        protocols = (*(("https-connect",) if offered.tls else ()), "http-connect", "socks5")
        told += [{"protocol": each, "proxy": proxy.place} for each in protocols]
    host = _host_of(offered.api)
    document = {
        "identifier": host if parse_ip(host) else f"{host}.",
        "expires": f"{iso(now + VALID)}Z",
        "prefixes": [],
        "proxies": told,
    }
    return json.dumps(document, indent=2) + "\n"


def _host_of(place: str) -> str:
    """The host of `host:port`; "" where there is none."""
    try:
        return split_host(place)[0]
    except ValueError:
        return ""


def _script_text(value: object) -> str:
    """A value of JSON as a script may hold it, wherever that script stands."""
    return json.dumps(value).replace("<", "\\u003c").replace("\u2028", "").replace("\u2029", "")
