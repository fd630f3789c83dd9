"""Which exit a request leaves by: one decision, of the proxy's exits, the client's wishes and a source of chance.

A country and an exclusion are conditions, a pin is a wish.  An exit that rests or is drained is none for now; a sticky
key that it has moves to another, or, where the client wants that, fails.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from meshd.exits.outlets import Outlet
from meshd.exits.pools import Pool, View, addressed, avoided, plain
from meshd.exits.sticky import Accept, word
from meshd.model import Refusal
from meshd.selection import NONE, Selection
from meshd.topology import Exit

NO_EXIT = Refusal("no-exit")
GONE = Refusal("session-exit-gone")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a client asked for; the empty value of each means nothing."""

    ip: str = ""
    """This exit, or any other with a note in the answer."""
    prefer: str = ""
    """This exit, or silently any other."""
    avoid: frozenset[str] = frozenset()
    """Names and addresses, these as `plain` has them."""
    country: str = ""
    """ISO 3166 alpha-2, upper case."""
    session: str = ""
    """A sticky key: the same key leaves by the same exit while it is up."""
    ttl: int = 0
    """Seconds after which the key means another exit; 0 for never."""
    strict: bool = False
    """Whether a key whose exit is not up fails rather than moves."""


NO_WISHES = Wishes()


def joined(wishes: Wishes, selection: Selection) -> Wishes:
    """What a request asks for where its fields, one by one, win over its credential; what both avoid is avoided."""
    if selection is NONE:
        return wishes
    session = wishes.session or selection.session
    avoid = wishes.avoid | frozenset(map(plain, selection.avoid)) if selection.avoid else wishes.avoid
    return Wishes(
        ip=wishes.ip or ("" if wishes.prefer else selection.exit),
        prefer=wishes.prefer,
        avoid=avoid,
        country=wishes.country or selection.country,
        session=session,
        ttl=wishes.ttl or selection.ttl,
        strict=bool(session) and (wishes.strict or selection.strict),
    )


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

    def label(self, wishes: Wishes, source: str) -> str:
        """What `X-ProxyMesh-IP` says: the very text that was asked for where that exit was taken.

        source: the address that the connection leaves by.
        """
        if self.pinned and wishes.ip:
            return wishes.ip
        exit_ = self.outlet.exit
        return exit_.address or (exit_.name if exit_.upstream else source)


def choose(
    pool: Pool,
    wishes: Wishes,
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
    view = pool.view(wishes.country)
    if view is None:
        return NO_EXIT

    def ready(outlet: Outlet) -> bool:
        return outlet.usable(now) and outlet not in tried and not (wishes.avoid and avoided(outlet.exit, wishes.avoid))

    if not wishes.ip and not wishes.prefer:  # most often the first one found will do, and no further question is asked
        key = wishes.session
        outlet = view.meant(current(key, wishes.ttl, at), wishes.avoid) if key else view.first_drawn(chance)
        if outlet is not None and outlet.exit.prefix is None and ready(outlet):
            return Choice(outlet, outlet.exit.source)

    def at_random(_: int) -> int:
        return chance.getrandbits(64)

    for asked in (wishes.ip, wishes.prefer):
        outlet = view.named(asked) if asked and plain(asked) not in wishes.avoid else None
        if outlet is not None and ready(outlet):
            pinned = asked is wishes.ip
            source = addressed(outlet.exit, asked, wishes.avoid, at_random)
            return Choice(outlet, source, "" if pinned else wishes.ip, pinned=pinned)
    if wishes.session:
        return _sticky(view, wishes, at, owner, ready)
    found = view.drawn(chance, ready)
    if found is None:
        return NO_EXIT
    return Choice(found, addressed(found.exit, "", wishes.avoid, at_random), wishes.ip)


def candidates(view: View, wishes: Wishes, now: float) -> list[Outlet]:
    """Those of which one is drawn where no pin, preference or sticky key decides."""
    return [outlet for outlet in view.outlets if outlet.usable(now) and not avoided(outlet.exit, wishes.avoid)]


def meant(view: View, wishes: Wishes, at: float) -> Outlet | None:
    """The one that the sticky key means, whether or not it is up."""
    return view.meant(current(wishes.session, wishes.ttl, at), wishes.avoid)


def current(session: str, ttl: int, at: float) -> str:
    """The key that counts at that time: with a ttl another one every so many seconds.

    When it changes depends on the key, so that not all of them change at once.
    """
    if not ttl:
        return session
    return f"{session}\0{int(at + word(session) % ttl) // ttl}"


def _sticky(view: View, wishes: Wishes, at: float, owner: int, ready: Accept) -> Choice | Refusal:
    """ready: what can be used for this request."""
    key = current(wishes.session, wishes.ttl, at)
    own = found = view.meant(key, wishes.avoid)
    if own is not None and not ready(own):
        if wishes.strict:
            return GONE
        found = view.finder.find(key, ready)
    if found is None:
        return NO_EXIT
    name = found.exit.name
    source = addressed(found.exit, "", wishes.avoid, lambda attempt: word(f"{name}\0{owner}\0{key}\0{attempt}"))
    return Choice(found, source, wishes.ip, moved=found is not own)
