"""Exits as the operator sees them: which are drained, which rest, and draining and undraining them at run time.

Draining publishes no change: every process reads the names of drained exits twice a second.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import NamedTuple

from meshd.accounts.errors import NotFound
from meshd.accounts.ownership import ActorId, name_of, operating
from meshd.model import DrainedExit, RestingExit
from meshd.store.statements import audit
from meshd.store.statements import exits as stored
from meshd.store.statements import latencies as measured
from meshd.store.unit import Unit
from meshd.values.latencies import MeanLatency

STALE = 3600
"""Seconds for which a rest is told after its end: later its process has died, or nobody has asked for the exit."""


class Health(NamedTuple):
    """The exits that are drained or resting, by name; all others are up."""

    drained: dict[str, DrainedExit]
    resting: dict[str, list[RestingExit]]
    """One entry for each process that has seen the exit fail."""


def health(*, now: int) -> Unit[Health]:
    """Which exits are drained, and which are resting."""
    drained = {each.name: each for each in (yield from stored.drained())}
    resting: dict[str, list[RestingExit]] = {}
    for each in (yield from stored.resting(now - STALE)):
        resting.setdefault(each.exit, []).append(each)
    return Health(drained, resting)


def latencies(names: Sequence[str], *, now: int) -> Unit[dict[str, MeanLatency]]:
    """How long probes take through these exits, by name, as far as processes have told within the last hour."""
    return {each.exit: each for each in (yield from measured.of(names, now - STALE))}


def all_latencies(*, now: int) -> Unit[dict[str, MeanLatency]]:
    """The same of all exits."""
    return {each.exit: each for each in (yield from measured.of_all(now - STALE))}


def drain(actor_id: ActorId, names: Sequence[str], *, known: Container[str], now: int) -> Unit[list[str]]:
    """Let nothing new leave by these exits; those not drained before.
    Raises: Forbidden; NotFound for one that is no exit.
    """
    by = name_of((yield from operating(actor_id, change=True)))
    for name in names:
        if name not in known:
            raise NotFound(f"there is no exit named {name!r}")
    changed = []
    for name in sorted(set(names)):
        if (yield from stored.drain(name, now, by)):
            yield from audit.record(now, by, "exit.drain", 0, name)
            changed.append(name)
    return changed


def undrain(actor_id: ActorId, names: Sequence[str], *, now: int) -> Unit[list[str]]:
    """Use these exits again, even ones that the settings lack; their names.
    Raises: Forbidden; NotFound for one that is not drained.
    """
    by = name_of((yield from operating(actor_id, change=True)))
    changed = sorted(set(names))
    for name in changed:
        if not (yield from stored.undrain(name)):
            raise NotFound(f"{name!r} is not drained")
        yield from audit.record(now, by, "exit.undrain", 0, name)
    return changed
