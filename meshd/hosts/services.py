"""What is passed on as bytes, whichever resource says so.  Pure."""

from __future__ import annotations

from dataclasses import dataclass

from meshd.values.published import Kind, PortForward, ProxyHost, Stream, Upstream


@dataclass(frozen=True, slots=True)
class Service:
    """A stream, a port forward, or a host whose TLS is passed on, as far as its bytes are concerned."""

    kind: Kind
    id: int
    upstreams: tuple[Upstream, ...]
    """At least one; the next is tried where one cannot be reached."""
    owner: int
    token: int
    port: int = 0
    """Where its clients come to; 0 where that is the hosts' port for TLS."""
    certificate: int = 0
    """The certificate by which TLS ends here; 0 where the bytes are passed on as they come."""
    asked: str = ""
    """How the operator wants it done; "" for no wish."""

    @property
    def label(self) -> str:
        """What the logs call it: `stream-hosts:7`."""
        return f"{self.kind}:{self.id}"


def service_of(resource: Stream | PortForward | ProxyHost) -> Service:
    """The resource as a service."""
    if isinstance(resource, ProxyHost):
        return Service("proxy-hosts", resource.id, resource.upstreams, resource.owner, resource.token)
    upstreams = (resource.upstream,)
    if isinstance(resource, PortForward):
        port, asked = resource.port, resource.method
        return Service("port-forwards", resource.id, upstreams, resource.owner, resource.token, port, asked=asked)
    port, certificate = resource.port, resource.certificate
    return Service("stream-hosts", resource.id, upstreams, resource.owner, resource.token, port, certificate)
