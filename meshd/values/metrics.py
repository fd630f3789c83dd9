"""`[metrics]`: where a daemon's numbers are told, and to whom.  Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

METRICS = "metrics:listen"
"""What leads to such a listener, where a listener of a proxy has the proxy's name, which never has a colon."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """The section; without an endpoint nothing is told."""

    listen: tuple[str, ...] = ()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    """Who may ask; with none it is loopback addresses alone, or where there is a token everybody who has that."""
    token_file: Path | None = None
    """The file that `token` was read from."""
    token: bytes = field(default=b"", repr=False)
    """What whoever asks has to show; b"" for nothing."""
    accounts: tuple[str, ...] = ()
    """Usernames, in lower case, of accounts that are told apart."""
    daemons: bool = False
    """In a worker, which listens for nobody who asks: whether its daemon does."""

    @property
    def listeners(self) -> tuple[tuple[str, str], ...]:
        """Pairs of where a listener leads to and the text of its endpoint."""
        return tuple((METRICS, text) for text in self.listen)
