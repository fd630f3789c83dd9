"""The way from a name over its aliases to addresses."""

from __future__ import annotations

from collections.abc import Sequence

from meshd.dns.messages import CNAME, Record
from meshd.dns.system import ResolveError

MOST_ALIASES = 8

ENDLESS = float("inf")
"""Seconds for which holds what nothing was said of."""


class Chain:
    """The way from a name, as it stands in messages, to the addresses of one family."""

    __slots__ = ("_aliases", "addresses", "kind", "name", "ttl")

    def __init__(self, name: bytes, kind: int) -> None:
        self.name = name
        self.addresses: tuple[str, ...] = ()
        self.ttl = ENDLESS
        self.kind = kind
        self._aliases = 0

    def read(self, records: Sequence[Record]) -> None:
        """Follow the aliases in one answer's records; those of other names are not believed.  Raises: ResolveError."""
        while True:
            alias = None
            for owner, kind, ttl, value in records:
                if owner != self.name:
                    continue
                if kind == self.kind:
                    self.addresses += (str(value),)
                    self.ttl = min(self.ttl, ttl)
                elif kind == CNAME and alias is None:
                    alias = ttl, value
            if self.addresses or alias is None:
                return
            self._step(*alias)

    def _step(self, ttl: int, target: str | bytes) -> None:
        self._aliases += 1
        if self._aliases > MOST_ALIASES:
            raise ResolveError("dns_error", "too many aliases")
        assert isinstance(target, bytes)
        self.ttl = min(self.ttl, ttl)
        self.name = target
