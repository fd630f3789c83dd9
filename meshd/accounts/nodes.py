"""The processes that work on one store, as far as the store can tell: for operators."""

from __future__ import annotations

from dataclasses import dataclass

from meshd.accounts.exchanges import STALE
from meshd.accounts.ownership import ActorId, operating
from meshd.store.statements import nodes as stored
from meshd.store.statements.nodes import Node
from meshd.store.unit import Unit

__all__ = ["Node", "Processes", "alive", "processes"]

BILLED = 3600
"""Seconds within which a process bills something, unless nothing at all goes through it."""


@dataclass(frozen=True, slots=True)
class Processes:
    """Who is known to work on the store."""

    nodes: list[Node]
    """Those that tell of themselves, with those that died within a day; and those of a former version that have
    something open, or in which an exit rests."""
    journals: int
    """How many journals of usage were billed within the last BILLED seconds; each process has one."""
    billed_at: int
    """When the last of them was billed; 0 for none."""


def alive(node: Node, *, now: int) -> bool:
    """Whether a process has told something of late; else it has died, or cannot reach the store."""
    return node.seen_at >= now - STALE


def processes(actor_id: ActorId, *, now: int) -> Unit[Processes]:
    """The processes that have told something of late, or have died.  Raises: Forbidden."""
    yield from operating(actor_id, change=False)
    found = yield from stored.listing(now - STALE, now)
    journals, billed_at = yield from stored.billed(now - BILLED)
    return Processes(found, journals, billed_at)
