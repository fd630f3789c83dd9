"""`[udp]`: whether datagrams are passed on, and how their clients reach meshd.  Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Udp:
    """The section."""

    on: bool = False
    """Off by default: a firewall has to know of it, and so has whoever answers for what customers send."""
    ports: tuple[tuple[int, int], ...] = ()
    """Where datagrams of SOCKS5 clients are taken, lowest and highest; empty where the kernel chooses."""
    address: str = ""
    """The address that SOCKS5 clients are told, behind a NAT; "" for the one that the client has connected to."""
    destinations: int = 64
    """Destinations of one association at a time; of more the one that was silent longest gives way."""

    @property
    def reserved(self) -> tuple[tuple[int, int], ...]:
        """The ports that are meshd's own: nobody else is served there, and no datagram of a customer's goes there."""
        return self.ports if self.on else ()
