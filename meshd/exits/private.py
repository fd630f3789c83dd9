"""Pages that proxies show whoever comes through them: no customer is to see whose exits these are.

A name counts with its sub-domains.  Through an exit of this machine each leads to wherever the public one does.
"""

from __future__ import annotations

from meshd.model import Refusal
from meshd.topology import UpstreamProxy

NAMES = frozenset(
    {
        "amiusing.httptoolkit.tech",
        "burp",
        "burpsuite",
        "charles",
        "chls.pro",
        "config.privoxy.org",
        "fiddler",
        "local.whistlejs.com",
        "mitm.it",
        "p.p",
        "proxy.i2p",
        "proxy.man",
        "rootca.pro",
        "router.i2p",
        "tinyproxy.stats",
        "zap",
        "ziproxy.stats",
    }
)
"""Of tinyproxy, privoxy, mitmproxy, Burp, Charles, Fiddler, HTTP Toolkit, I2P, Proxyman, whistle, ZAP and Ziproxy, as
they come; one that was given another name is kept off by `destinations.deny_hosts`.
"""

PATHS = (b"/squid-internal-",)
"""Beginnings of paths that Squid answers itself: its manager, its icons, its cache digest."""

_OWN = Refusal("acl-host", "a page of the proxy behind the exit")


def private(upstream: UpstreamProxy, host: str, port: int) -> Refusal | None:
    """Why a host, in lower case and without a final dot, is refused behind such a proxy; None where it is not."""
    labels = host.split(".")
    if any(".".join(labels[place:]) in NAMES for place in range(len(labels))):
        return _OWN
    return _OWN if (host, port) == (upstream.host, upstream.port) else None


def private_path(path: bytes) -> Refusal | None:
    """The same of the path of a request that such a proxy is asked."""
    return _OWN if path.lower().startswith(PATHS) else None
