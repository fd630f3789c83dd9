"""Which upstream takes a connection that is passed on as bytes.  Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from meshd.hosts.services import Service
from meshd.values.published import Upstream


class Hold(Protocol):
    """What a connection takes of an upstream."""

    @property
    def way(self) -> str:
        """The name of an exit, of which there is none."""

    def end(self) -> str:
        """Count no longer."""


class Balance(Protocol):
    """Knows how upstreams do."""

    def choose(self, service: Service, address: str, tried: Sequence[Upstream], /) -> Upstream | None:
        """The upstream for a client at this address, none of those that were tried; None where there is none left."""

    def failed(self, service: Service, upstream: Upstream, /) -> None:
        """Note that it could not be reached."""

    def hold(self, service: Service, upstream: Upstream, /) -> Hold | None:
        """Count a connection to it, until `end`; None where nobody counts."""


class InOrder:
    """The first, and the next one only where it fails."""

    def choose(self, service: Service, address: str, tried: Sequence[Upstream]) -> Upstream | None:
        return next((each for each in service.upstreams if each not in tried), None)

    def failed(self, service: Service, upstream: Upstream) -> None:
        """Do nothing: whoever comes next tries it again."""

    def hold(self, service: Service, upstream: Upstream) -> Hold | None:
        return None
