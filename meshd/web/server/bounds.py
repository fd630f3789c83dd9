"""What one connection may take, and what the connections ask of those whom they serve."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet.interfaces import IReactorTime

from meshd.seldom import Seldom
from meshd.topology import Topology
from meshd.web.server.gate import Gate


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds and bytes of one connection."""

    head: float = 10
    """From the connection, or from the first byte of a later request, to the blank line; the TLS handshake included."""
    body: float = 30
    """64 KiB in this time is slower than any modem that still works."""
    idle: float = 60
    line_bytes: int = 16 * 1024
    head_bytes: int = 32 * 1024
    fields: int = 100
    body_bytes: int = 64 * 1024

    @classmethod
    def of(cls, topology: Topology) -> Bounds:
        """Those that the operator sets; a connection keeps what held when it was made."""
        return cls(
            head=topology.timeouts.head,
            idle=topology.timeouts.keep_alive,
            line_bytes=topology.limits.request_line_bytes,
            head_bytes=topology.limits.head_bytes,
        )


class Paths(Protocol):
    """What a site and its requests ask of the paths that they lead to."""

    @property
    def seldom(self) -> Seldom: ...

    @property
    def known(self) -> Mapping[tuple[bytes, bytes], Callable[[Any], object]]:
        """What answers a request for a path that is known to the letter, by method and path."""

    def resource(self) -> Any:
        """What answers every other request."""

    def closing_answer(self, status: int, detail: str, *fields: tuple[str, str]) -> bytes:
        """A whole answer to what reaches no route; the connection ends with it."""

    async def settled(self) -> None:
        """Wait until everything that was begun is done."""


class Serving(Protocol):
    """What a channel and its requests ask of their site."""

    api: Paths
    gate: Gate
    reactor: IReactorTime
    open_channels: set[Any]

    @property
    def bounds(self) -> Callable[[], Bounds]: ...

    def closed(self, channel: Any) -> None: ...

    def log(self, request: Any, detail: str = "") -> None: ...

    def note_refusal(self, client: str, status: int, detail: str) -> None: ...
