"""Judges what the machine lets the daemon have: descriptors, memory, cores, queues, ports, tracked connections."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from meshd.doctor.findings import Finding

FEW = 4096
"""Descriptors: two thousand tunnels, which is what a beginning takes."""
PART = 0.8
"""Of a bound, from which on it is nearly reached."""
LITTLE = 128_000_000
"""Bytes of memory."""
PORTS = 16_000
"""Local ports, of which one is taken for each connection to the same address and port."""


class Machine(NamedTuple):
    """What was read; None where the machine does not say."""

    descriptors: int
    """How many the daemon, or else this command, may have open."""
    opened: int | None
    """How many the daemon has open."""
    of_daemon: bool
    """Whether both are the daemon's."""
    connections: int
    """limits.connections; 0 where it follows the descriptors."""
    reserve: int
    window: int
    """limits.window_bytes"""
    backlog: int
    """Connections that may wait at each listener."""
    available: int | None = None
    """Bytes of memory."""
    queue: int | None = None
    """net.core.somaxconn"""
    ports: int | None = None
    """How many net.ipv4.ip_local_port_range has."""
    receive: int | None = None
    """net.core.rmem_max"""
    tracked: int | None = None
    """Connections that netfilter tracks now."""
    trackable: int | None = None
    workers: int = 1
    """0 for as many as the daemon has cores, which "auto" is."""
    cores: int | None = None
    """That the daemon, or else this command, may use."""


def judge(machine: Machine) -> Iterator[Finding]:
    yield from _descriptors(machine)
    if machine.available is not None and machine.available < LITTLE:
        what = f"{machine.available // 1_000_000} MB of memory are left on this machine"
        yield Finding("limits", what, "end what takes it, or get more: the kernel would kill the daemon")
    if machine.cores is not None and machine.workers > machine.cores:
        cores = "1 core" if machine.cores == 1 else f"{machine.cores} cores"
        what = f"workers = {machine.workers}, and meshd may use {cores}: more workers bring nothing"
        yield Finding("limits", what, f'workers = {machine.cores}, or "auto"', wrong=False)
    if machine.queue is not None and machine.queue < machine.backlog:
        yield Finding(
            "limits",
            f"net.core.somaxconn is {machine.queue}: a burst of more new connections is dropped",
            f"sysctl -w net.core.somaxconn={machine.backlog}",
            wrong=False,
        )
    if machine.ports is not None and machine.ports < PORTS:
        yield Finding(
            "limits",
            f"net.ipv4.ip_local_port_range has {machine.ports} ports: no more connections to one address at a time",
            "sysctl -w net.ipv4.ip_local_port_range='10240 65535'",
            wrong=False,
        )
    if machine.receive is not None and machine.receive < machine.window // 2:
        yield Finding(
            "limits",
            f"net.core.rmem_max is {machine.receive}, too little for limits.window_bytes = {machine.window}",
            f"sysctl -w net.core.rmem_max={machine.window // 2}",
            wrong=False,
        )
    if machine.tracked is not None and machine.trackable and machine.tracked > machine.trackable * PART:
        what = f"netfilter tracks {machine.tracked} connections of {machine.trackable}, and drops more"
        yield Finding("limits", what, f"sysctl -w net.netfilter.nf_conntrack_max={machine.trackable * 4}")


def _descriptors(machine: Machine) -> Iterator[Finding]:
    whose = "the daemon" if machine.of_daemon else "whoever is started from here"
    mend = "LimitNOFILE= of its unit, or `ulimit -n` before it is started"
    wanted = machine.connections * 2 + machine.reserve
    if machine.connections and wanted > machine.descriptors:
        what = (
            f"{whose} may open {machine.descriptors} descriptors, and limits.connections = {machine.connections}"
            f" takes up to {wanted}"
        )
        yield Finding("limits", what, f"{mend}: {wanted}; or fewer connections")
    elif machine.descriptors < FEW:
        most = max(machine.descriptors - machine.reserve, 0) // 2
        yield Finding(
            "limits", f"{whose} may open {machine.descriptors} descriptors: {most} clients", mend, wrong=False
        )
    if machine.opened is not None and machine.opened > machine.descriptors * PART:
        yield Finding("limits", f"{whose} has {machine.opened} of {machine.descriptors} descriptors open", mend)
