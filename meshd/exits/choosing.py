"""Which exit a request leaves by: one decision, of the proxy's exits, the client's selection and a source of chance.

A country and an exclusion are conditions, a pin is a wish.  An exit that rests or is drained is none for now; a sticky
key that it has moves to another, or, where the client wants that, fails.
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
    """The exit, and what the client is to be told about it."""

    outlet: Outlet
    source: str = ""
    """The address to leave by; "" lets the kernel choose, or is the upstream proxy's business."""
    not_found: str = ""
    """The address asked for that is not among the exits."""
    pinned: bool = False
    """Whether the client asked for this very one: then no other will do if it fails."""
    moved: bool = False
    """Whether its sticky key means another one, which is not up."""

    @property
    def exit(self) -> Exit:
        return self.outlet.exit

    def label(self, selection: Selection, source: str) -> str:
        """What `X-ProxyMesh-IP` says: the very text that was asked for where that exit was taken.

        source: the address that the connection leaves by.
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
    now: float,
    at: float,
    owner: int = 0,
    tried: Container[Outlet] = (),
) -> Choice | Refusal:
    """The exit for one request or tunnel.

    now: of the clock that rests are counted by; at: seconds since the epoch; owner: the account, whose sticky keys mean
    addresses of a prefix that are its own; tried: those that failed for this request.
    """
    view = pool.view(selection.country)
    if view is None:
        return NO_EXIT

    avoid = selection.avoid

    def ready(outlet: Outlet) -> bool:
        return outlet.usable(now) and outlet not in tried and not (avoid and avoided(outlet.exit, avoid))

    if not selection.exit and not selection.prefer:  # most often the first one found will do: no more is asked
        key = selection.session
        outlet = view.meant(current(key, selection.ttl, at), avoid) if key else view.first_drawn(chance)
        if outlet is not None and outlet.exit.prefix is None and ready(outlet):
            return Choice(outlet, outlet.exit.source)

    def at_random(_: int) -> int:
        return chance.getrandbits(64)

    named = _named(view, selection, ready, at_random)
    if named is not None:
        return named
    if selection.session:
        return _sticky(view, selection, at, owner, ready)
    found = view.drawn(chance, ready)
    if found is None:
        return NO_EXIT
    return Choice(found, addressed(found.exit, "", avoid, at_random), selection.exit)


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


def candidates(view: View, selection: Selection, now: float) -> list[Outlet]:
    """Those of which one is drawn where no pin, preference or sticky key decides."""
    return [outlet for outlet in view.outlets if outlet.usable(now) and not avoided(outlet.exit, selection.avoid)]


def meant(view: View, selection: Selection, at: float) -> Outlet | None:
    """The one that the sticky key means, whether or not it is up."""
    return view.meant(current(selection.session, selection.ttl, at), selection.avoid)


def current(session: str, ttl: int, at: float) -> str:
    """The key that counts at that time: with a ttl another one every so many seconds.

    When it changes depends on the key, so that not all of them change at once.
    """
    if not ttl:
        return session
    return f"{session}\0{int(at + word(session) % ttl) // ttl}"


def _sticky(view: View, selection: Selection, at: float, owner: int, ready: Accept) -> Choice | Refusal:
    """ready: what can be used for this request."""
    key = current(selection.session, selection.ttl, at)
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
