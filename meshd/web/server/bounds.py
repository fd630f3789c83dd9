"""The limits of one connection, and the protocols of the site and the routing that connections depend on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet.interfaces import IReactorTime

from meshd.seldom import Seldom
from meshd.topology import Topology
from meshd.web.server.gate import Gate
from meshd.web.server.upgrading import Upgrades


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of one connection: times in seconds, sizes in bytes."""

    head: float = 10
    """Seconds from the connection (TLS included), or the first byte of a later request, to the end of the head."""
    body: float = 30
    """Seconds for the body; 64 KiB in this time is slower than any modem that still works."""
    idle: float = 60
    line_bytes: int = 16 * 1024
    head_bytes: int = 32 * 1024
    fields: int = 100
    body_bytes: int = 64 * 1024

    @classmethod
    def of(cls, topology: Topology) -> Bounds:
        """The limits from the operator's settings; a connection keeps those that held when it was made."""
        return cls(
            head=topology.timeouts.head,
            idle=topology.timeouts.keep_alive,
            line_bytes=topology.limits.request_line_bytes,
            head_bytes=topology.limits.head_bytes,
        )


class Paths(Protocol):
    """What a site and its requests need of the routing."""

    @property
    def seldom(self) -> Seldom: ...

    @property
    def known(self) -> Mapping[tuple[bytes, bytes], Callable[[Any], object]]:
        """The callable that answers a request for a path without variables, by method and path."""

    def resource(self) -> Any:
        """The resource that answers every request whose path is not in `known`."""

    def closing_answer(self, status: int, detail: str, *fields: tuple[str, str], path: str = "") -> bytes:
        """The bytes of a whole answer with `Connection: close`, for a request that reaches no route.

        path: the request's, as far as it is known, since that tells what kind of client asks.
        """

    async def drain(self) -> None:
        """Wait until every route that was begun has ended."""


class Serving(Protocol):
    """What a channel and its requests need of their site."""

    api: Paths
    gate: Gate
    reactor: IReactorTime
    open_channels: set[Any]
    upgrades: Upgrades | None

    @property
    def bounds(self) -> Callable[[], Bounds]: ...

    def closed(self, channel: Any) -> None: ...

    def new_id(self) -> str: ...

    def log(self, request: Any, detail: str = "") -> None: ...

    def note_refusal(self, client: str, status: int, detail: str) -> None: ...
