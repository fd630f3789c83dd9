"""Which upstream takes a request.  Pure.

The policies by hash weigh each upstream against the key (rendezvous hashing): where one is gone, only what was its own
goes elsewhere, and comes back with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from random import Random
from typing import Protocol, TypeVar

from meshd.values.published import Policy


class Candidate(Protocol):
    """An upstream that may be chosen."""

    @property
    def key(self) -> bytes:
        """What tells it from the others, always the same."""

    @property
    def open(self) -> int:
        """How many requests it has under way."""


C = TypeVar("C", bound=Candidate)


def choose(policy: Policy, candidates: Sequence[C], *, turn: int, address: str, uri: bytes, chance: Random) -> C:
    """One of the candidates, of which there is at least one, in the order of the settings.

    turn: counts the requests of the host; address: the client's; uri: path and query.
    """
    if len(candidates) == 1 or policy == "first":
        return candidates[0]
    match policy:
        case "random":
            return chance.choice(candidates)
        case "ip_hash":
            return _heaviest(candidates, address.encode())
        case "uri_hash":
            return _heaviest(candidates, uri)
        case "least_conn":
            least = min(each.open for each in candidates)
            idlest = [each for each in candidates if each.open == least]
            return idlest[turn % len(idlest)]
    return candidates[turn % len(candidates)]


def _heaviest(candidates: Sequence[C], key: bytes) -> C:
    return max(candidates, key=lambda each: blake2b(key, digest_size=8, key=each.key[:64]).digest())
