"""What the settings say that rules about published resources go by.  Pure."""

from __future__ import annotations

from dataclasses import dataclass

from meshd.values.hosting import NAMES_PORT, RESERVED_PORTS


@dataclass(frozen=True, slots=True)
class Grounds:
    """Where the daemon itself listens, and where a host may lead to."""

    reserved: frozenset[int] = RESERVED_PORTS
    """TCP ports of the daemon's own, and those that are reserved, which no stream and no forward can have."""
    shared: frozenset[int] = frozenset({NAMES_PORT})
    """TCP ports for hosts by HTTPS: a stream can have them for TLS clients that ask for its names."""
    mouths: tuple[tuple[int, int], ...] = ()
    """UDP ports, lowest and highest, where customers of the proxy send datagrams to."""
    loopback: bool = False
    """Whether hosts may lead to this machine's loopback addresses."""


GROUNDS = Grounds()
"""Those of the settings' defaults."""
