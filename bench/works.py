"""The works that are compared, and one measurement of each."""

from __future__ import annotations

from dataclasses import dataclass

from bench.load import Load
from bench.peers import Proxy
from bench.processes import cpu_seconds, memory

IDLE_TUNNELS = 2000
WARM_UP = 0.5
"""Seconds: imports, first password, first connections."""


@dataclass(frozen=True, slots=True)
class Work:
    """What pload does, with how many clients, and which of its figures counts."""

    name: str
    clients: int
    path: str
    figure: str
    unit: float = 1.0


WORKS = (
    Work("get", 64, "/", "ok"),
    Work("connect", 64, "/", "ok"),
    Work("bulk", 16, "/big", "bytes", 1e6),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement."""

    per_cpu_second: float
    per_second: float
    cores: float
    """How much of a core the proxy had: far under 1, it was not what the load waited for."""
    p99: float
    """Milliseconds of one exchange, as the clients saw it."""
    done: float
    failed: float

    @property
    def sound(self) -> bool:
        """Whether at most one exchange in a hundred failed."""
        return self.done > 0 and self.failed <= self.done / 100


def warm_up(load: Load) -> None:
    load.run("get", 1, WARM_UP)
    load.run("connect", 1, WARM_UP)


def measure(proxy: Proxy, load: Load, work: Work, seconds: float) -> Sample:
    before = cpu_seconds(proxy.pid)
    found = load.run(work.name, work.clients, seconds, work.path)
    cpu = max(cpu_seconds(proxy.pid) - before, 0.001)
    amount = found[work.figure] / work.unit
    return Sample(
        per_cpu_second=amount / cpu,
        per_second=amount / found["seconds"],
        cores=cpu / found["seconds"],
        p99=found["p99"] / 1000,
        done=found[work.figure],
        failed=found["err"] + found["bad"],
    )


def idle_tunnel(proxy: Proxy, load: Load, count: int = IDLE_TUNNELS) -> tuple[float, int]:
    """Bytes of memory that each of so many has cost, and how many stood.  The process should be a fresh one."""
    before = memory(proxy.pid)
    with load.idle_tunnels(count) as idle:
        grown = memory(proxy.pid) - before
        return grown / max(idle.standing, 1), idle.standing
