"""Which exit a request leaves by: one pure function of the proxy's exits, the client's wishes and a random number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from meshd.topology import Exit


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a client asked for; the empty value of each means nothing."""

    ip: str = ""
    """This exit, or any other with a note in the answer."""
    prefer: str = ""
    """This exit, or silently any other."""
    avoid: frozenset[str] = frozenset()
    country: str = ""
    """ISO 3166 alpha-2, upper case."""
    session: str = ""
    """A sticky key: the same key leaves by the same exit while it is up."""


NO_WISHES = Wishes()


@dataclass(frozen=True, slots=True)
class Choice:
    """The exit, and the address asked for that is not among the exits ("" where there is none)."""

    exit: Exit
    not_found: str = ""

    def label(self, wishes: Wishes, source: str) -> str:
        """What `X-ProxyMesh-IP` says: the very text that was asked for where that exit was taken.

        source: the address that the connection leaves by.
        """
        exit_ = self.exit
        if wishes.ip and wishes.ip in {exit_.address, exit_.name}:
            return wishes.ip
        return exit_.address or source


def choose(exits: Sequence[Exit], wishes: Wishes, draw: float) -> Choice | None:
    """The exit for one request or tunnel; None where none fits.

    draw: uniform in [0, 1), the only chance in it.  A country or an exclusion is a condition, a pin is a wish.
    """
    if wishes is NO_WISHES:
        return Choice(exits[int(draw * len(exits))]) if exits else None
    fit = [exit_ for exit_ in exits if _fits(exit_, wishes)]
    if not fit:
        return None
    for asked in (wishes.ip, wishes.prefer):
        for exit_ in fit:
            if asked and asked in {exit_.address, exit_.name}:
                return Choice(exit_, wishes.ip if asked != wishes.ip else "")
    if wishes.session:
        return Choice(max(fit, key=lambda exit_: _affinity(exit_, wishes.session)), wishes.ip)
    return Choice(fit[int(draw * len(fit))], wishes.ip)


def _fits(exit_: Exit, wishes: Wishes) -> bool:
    if wishes.country and exit_.country != wishes.country:
        return False
    return exit_.address not in wishes.avoid and exit_.name not in wishes.avoid


def _affinity(exit_: Exit, session: str) -> bytes:
    """Rendezvous hashing: when an exit leaves, only its own sessions move."""
    return blake2b(f"{exit_.name}\0{session}".encode(), digest_size=8).digest()
