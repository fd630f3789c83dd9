"""Which exit a request leaves by: one decision, of the proxy's exits, the client's selection and a source of chance.

A country, a place in it, a tier and an exclusion are conditions, a pinned exit is a wish.  An exit that rests or is
drained is not chosen; a sticky key that means such an exit moves to another, or is refused where the selection is
strict.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from random import Random
from typing import NamedTuple

from meshd.exits.outlets import Outlet
from meshd.exits.pools import Pool, View, addressed, avoided
from meshd.exits.sticky import Accept, word
from meshd.model import Refusal
from meshd.selection import Selection, plain
from meshd.topology import Exit

NO_EXIT = Refusal("no-exit")
GONE = Refusal("session-exit-gone")


class Choice(NamedTuple):
    """The exit that was chosen, and what the client is told about the choice."""

    outlet: Outlet
    source: str = ""
    """The local address to connect from; "" where the kernel chooses it, or an upstream proxy connects."""
    not_found: str = ""
    """The exit, by name or address, that the client pinned and that could not be taken; "" for none."""
    pinned: bool = False
    """Whether the client pinned this very exit: no other is tried if this exit fails."""
    moved: bool = False
    """Whether the sticky key means another exit, which cannot be used now."""

    @property
    def exit(self) -> Exit:
        return self.outlet.exit

    def label(self, selection: Selection, source: str) -> str:
        """The value of `X-ProxyMesh-IP`: the client's own spelling where the client pinned this exit.

        source: the local address of the connection.
        """
        if self.pinned and selection.exit:
            return selection.exit
        exit_ = self.outlet.exit
        return exit_.address or (exit_.name if exit_.upstream else source)


def choose(
    pool: Pool,
    selection: Selection,
    chance: Random,
    *,
    monotonic: float,
    now: float,
    owner: int = 0,
    tried: Container[Outlet] = (),
) -> Choice | Refusal:
    """The exit for one request or tunnel.

    monotonic, now: seconds, for rests, and those since the epoch, for sticky keys; owner: the account's id, as equal
    keys of two accounts mean different addresses of a prefix; tried: exits that failed for this request.
    """
    wide = not (selection.city or selection.region or selection.tier)
    if (view := pool.view(selection.country) if wide else seen(pool, selection)) is None:
        return NO_EXIT
    avoid = selection.avoid
    if not (selection.exit or selection.prefer or avoid):  # the common case: the first exit found will do
        key = selection.session
        outlet = view.meant(current(key, selection.ttl, now), avoid) if key else view.first_drawn(chance)
        if outlet is not None and outlet.exit.prefix is None and outlet.usable(monotonic) and outlet not in tried:
            return Choice(outlet, outlet.source)

    def ready(outlet: Outlet) -> bool:
        return outlet.usable(monotonic) and outlet not in tried and not (avoid and avoided(outlet.exit, avoid))

    def at_random(_: int) -> int:
        return chance.getrandbits(64)

    if (named := _named(view, selection, ready, at_random)) is not None:
        return named
    if selection.session:
        return _sticky(view, selection, now, owner, ready)
    found = view.drawn(chance, ready)
    if found is None:
        return NO_EXIT
    return Choice(found, addressed(found.exit, "", avoid, at_random), selection.exit)


def seen(pool: Pool, selection: Selection) -> View | None:
    """The exits that meet the conditions of place and tier; None where there are none."""
    if selection.city or selection.region or selection.tier:
        return pool.narrowed(selection.country, selection.region, selection.city, selection.tier)
    return pool.view(selection.country)


def _named(view: View, selection: Selection, ready: Accept, bits: Callable[[int], int]) -> Choice | None:
    """The exit that is asked for by name or address, or the one that is preferred; None where neither can be used."""
    avoid = selection.avoid
    for asked in (selection.exit, selection.prefer):
        outlet = view.named(asked) if asked and plain(asked) not in avoid else None
        if outlet is not None and ready(outlet):
            pinned = asked is selection.exit
            source = addressed(outlet.exit, asked, avoid, bits)
            return Choice(outlet, source, "" if pinned else selection.exit, pinned=pinned)
    return None


def candidates(view: View, selection: Selection, monotonic: float) -> list[Outlet]:
    """The exits of which one is drawn where no pin, preference or sticky key decides."""
    return [outlet for outlet in view.outlets if outlet.usable(monotonic) and not avoided(outlet.exit, selection.avoid)]


def meant(view: View, selection: Selection, now: float) -> Outlet | None:
    """The exit that the sticky key means, whether or not that exit can be used now."""
    return view.meant(current(selection.session, selection.ttl, now), selection.avoid)


def current(session: str, ttl: int, now: float) -> str:
    """The key to look up at that time (seconds since the epoch): with a ttl a different one every ttl seconds.

    The moment of the change depends on the key, so that not all keys change at once.
    """
    if not ttl:
        return session
    return f"{session}\0{int(now + word(session) % ttl) // ttl}"


def _sticky(view: View, selection: Selection, now: float, owner: int, ready: Accept) -> Choice | Refusal:
    """Choose by the sticky key; ready: whether an exit can be used for this request."""
    key = current(selection.session, selection.ttl, now)
    own = found = view.meant(key, selection.avoid)
    if own is not None and not ready(own):
        if selection.strict:
            return GONE
        found = view.finder.find(key, ready)
    if found is None:
        return NO_EXIT
    name = found.exit.name
    source = addressed(found.exit, "", selection.avoid, lambda attempt: word(f"{name}\0{owner}\0{key}\0{attempt}"))
    return Choice(found, source, selection.exit, moved=found is not own)
