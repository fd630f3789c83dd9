"""Judges the name servers that are asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from meshd.doctor.findings import Finding

SLOW = 1.0
REFUSALS = {1: "does not understand the question", 2: "fails", 4: "does not answer such questions", 5: "refuses us"}
"""Response codes (RFC 1035, section 4.1.1) of a server that is there and of no use."""


class Server(NamedTuple):
    address: str
    problem: str = ""
    """Why there was no answer."""
    code: int = 0
    seconds: float = 0.0


def judge(servers: Sequence[Server], *, own: bool) -> Iterator[Finding]:
    """own: whether the settings name them; else the system does."""
    where = "dns.servers" if own else "/etc/resolv.conf"
    if not servers:
        yield Finding(
            "names", f"{where} names no server", f"name one in {'/etc/resolv.conf' if own else 'dns.servers'}"
        )
    bad = 0
    for server in servers:
        fault = server.problem or REFUSALS.get(server.code, "")
        if fault:
            bad += 1
            mend = f"see that it runs and may be asked from here, or take it out of {where}"
            yield Finding("names", f"name server {server.address} {fault}", mend)
        elif server.seconds > SLOW:
            what = f"name server {server.address} takes {server.seconds:.1f} s"
            yield Finding("names", what, "put a nearer one first", wrong=False)
    if bad and bad == len(servers):
        yield Finding("names", "no name server answers: no name can be looked up", f"mend {where}")
