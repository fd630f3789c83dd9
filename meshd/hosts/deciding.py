"""What a host does with a request, before anything is asked of anybody else.  Pure.

the challenge of a certificate authority → plain HTTP where TLS is forced → address → rate → login → the host itself
"""

from __future__ import annotations

from typing import NamedTuple

from meshd.auth.secrets import ban_address
from meshd.hosts.access import entry
from meshd.hosts.senders import Sender
from meshd.hosts.sites import Site
from meshd.http1.origin import OriginForm
from meshd.model import Refusal
from meshd.values.addresses import join_host
from meshd.values.published import AccessList, DeadHost, Redirection

CHALLENGES = b"/.well-known/acme-challenge/"

NO_HOST = Refusal("no-host")
MISDIRECTED = Refusal("misdirected", "TLS asked for another name than Host")
CLOSED = Refusal("access-list")
DEAD = Refusal("dead-host")


class Elsewhere(NamedTuple):
    """The client is sent to another place."""

    status: int
    location: str


class SignIn(NamedTuple):
    """The client has to sign in by this list first."""

    access: AccessList


Decision = Refusal | Elsewhere | SignIn | None
"""None: nothing stands in the way of what the host is for."""


def challenge_token(path: bytes) -> str:
    """The token of a challenge (RFC 8555, 8.3) that the path asks for; "" where it asks for none."""
    if not path.startswith(CHALLENGES):
        return ""
    return path[len(CHALLENGES) :].partition(b"?")[0].decode("latin-1")


def enter(site: Site, target: OriginForm, sender: Sender, monotonic: float) -> Decision:
    """Whether a client may come in."""
    if site.host.secured.forced and not sender.secure:
        # Of a host that is known by its name the port is not kept: it is that of plain HTTP.
        host = join_host(target.host, 443).removesuffix(":443")
        return Elsewhere(301, f"https://{host}{_uri(target)}")
    verdict = entry(site.access, sender.address) if site.access is not None else "open"
    if verdict == "closed":
        return CLOSED
    if site.rate is not None and (wait := site.rate.take(ban_address(sender.address), monotonic)):
        return Refusal("rate-requests", retry_after=wait)
    if verdict == "sign-in":
        assert site.access is not None
        return SignIn(site.access)
    return None


def serve(site: Site, target: OriginForm, sender: Sender) -> Elsewhere | Refusal | None:
    """What the host itself answers to whoever is in; None where the request is passed on."""
    host = site.host
    if isinstance(host, DeadHost):
        return DEAD
    if not isinstance(host, Redirection):
        return None
    scheme = host.scheme if host.scheme != "auto" else "https" if sender.secure else "http"
    return Elsewhere(host.status, f"{scheme}://{host.target}{_uri(target) if host.keep_path else ''}")


def _uri(target: OriginForm) -> str:
    return "" if target.path == b"*" else target.path.decode("ascii")
