"""A request that asks for another protocol, and the connection that goes on in it.

What is asked for is judged here as far as it is HTTP: what is no upgrade is refused before anybody else hears of it.
After a refusal the connection is closed, since the client may speak the other protocol already (RFC 9931).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, Protocol

from twisted.internet.interfaces import IAddress

from meshd.passing.handed import AskedLine, Line, Taker

Header = tuple[bytes, bytes]

MOST_OPTIONS = 100
"""Members of Connection that are looked at."""


class Asked(NamedTuple):
    """A request for another protocol."""

    target: bytes
    """Path and query."""
    token: bytes
    """The protocol's name, as the client wrote it."""
    fields: Sequence[Header]
    peer: str
    """The client's address; "" where it has none, as on a unix socket."""


class Refused(NamedTuple):
    """The answer to a request that is no such request."""

    status: int
    detail: str
    fields: tuple[tuple[str, str], ...] = ()


class Upgrades(Protocol):
    """The protocols that a site offers beside HTTP/1.1."""

    @property
    def prefix(self) -> bytes:
        """What the paths begin with that they are asked for by."""

    @property
    def tokens(self) -> Collection[bytes]:
        """Their names, in lower case; none where they are switched off."""

    def take(self, asked: Asked, line: AskedLine) -> Taker | Refused | None:
        """Serve a request, whose answer goes to the line later; None where it went there already."""

    def session(self, line: Line, peer: IAddress, answering: str) -> Taker | None:
        """Speak HTTP/2 with a client; None where there is no room for that.  answering: the address that answers for
        what the client does, "" for none.
        """


def judge(method: bytes, version: bytes, fields: Any, tokens: Collection[bytes]) -> bytes | Refused:
    """The name of the protocol that a request to such a path asks for; its refusal where it does not, or wrongly.

    fields: Twisted's Headers.
    """
    if method != b"GET":
        return Refused(405, "this resource is asked for by GET", (("Allow", "GET"),))
    if fields.hasHeader(b"content-length") or fields.hasHeader(b"transfer-encoding"):
        return Refused(400, "a body with an upgrade")
    named: list[bytes] = fields.getRawHeaders(b"upgrade", [])
    options = b",".join(fields.getRawHeaders(b"connection", [])).lower().split(b",", MOST_OPTIONS)
    if len(named) > 1:
        return Refused(400, "two Upgrade fields")
    first = next(iter(tokens)).decode()
    if not named or version != b"HTTP/1.1" or b"upgrade" not in (each.strip() for each in options):
        return Refused(426, f"this resource speaks {first}", (("Upgrade", first), ("Connection", "Upgrade")))
    if named[0].lower() not in tokens:
        return Refused(400, f"Upgrade has to be {first}, and nothing else")
    return named[0]
