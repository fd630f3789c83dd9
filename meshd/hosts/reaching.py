"""A connection to an upstream, by TLS where its scheme says so.

The certificate of an upstream is not verified: it is private, has an address or a name of its own network, and mostly a
certificate that it made itself.  TLS keeps whoever listens in between from reading; it proves nothing.
"""

from __future__ import annotations

from meshd.hosts.plane import HostPlane
from meshd.model import Refusal
from meshd.sockets.race import DialError, Dialled
from meshd.values.addresses import parse_ip
from meshd.values.published import Scheme, Upstream


async def reach(plane: HostPlane, scheme: Scheme, upstream: Upstream) -> Dialled:
    """Connect; runs in a Task, and the caller bounds the time.  Raises: DialError, Stopped."""
    dialled = await plane.dialler.dial(upstream)
    if scheme == "https":
        plane.poller.unregister(dialled.fd)
        name = "" if parse_ip(upstream.host) is not None else upstream.host
        secured = await plane.secure(dialled.fd, name)
        if secured is None:
            raise DialError(Refusal("tls-failed"))
        try:
            plane.poller.hold(secured)
        except OSError:  # epoll takes no more
            raise DialError(Refusal("overloaded")) from None
        dialled.fd, dialled.readable = secured, True
    return dialled
