"""Bans as this process knows them, and the counting that goes on while the store is away.

The store is what counts: all processes and nodes record failures there, and each reads the active bans back once a
second.  A ban has two parts, the peer's address and the name that was tried, so that a stranger can lock nobody out
elsewhere, nor a neighbour behind the same address.  What a credential is called:

- a username: itself, in lower case, without what may be a selection, whichever accounts there are: to vary the
  selection is no way around a ban, and tells nothing of the accounts;
- a user-id that no account can have: MALFORMED, one name for all of them;
- a token: `token:` and the beginning of its digest.  Repeating one wrong token bans that token alone, so that the next,
  right one works at once, and a neighbour's; trying many is trying many names, which bans the address ("*").

A name whose credential was right at an address shortly before that whole address was banned is spared this ban alone.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from meshd.auth.recent import Recent
from meshd.model import Ban
from meshd.selection import stem

EVERY_NAME = "*"
MALFORMED = "(malformed)"
MOST_COUNTED = 10_000
"""Wrong credentials that this process remembers to have counted.  The store remembers them too, and for longer."""
_USERNAME = re.compile(r"[A-Za-z0-9.@+_-]{1,30}")
_UNSAVED = 1000


def name_of_user(username: str) -> str:
    base = stem(username)
    return base.lower() if can_be_user(base) else MALFORMED


def can_be_user(username: str) -> bool:
    """Whether an account may have this username."""
    return _USERNAME.fullmatch(username) is not None


def name_of_token(digest: bytes) -> str:
    return f"token:{digest[:8].hex()}"


class Failure(NamedTuple):
    """A wrong credential that the store has not been told of."""

    address: str
    name: str
    when: int
    """Seconds since the epoch."""
    trace: str = ""
    """What tells this credential from the name's others, so that it counts once; "" where each time counts."""


class BanTable:
    """The ends of the bans, by address and name.  by_address is empty while nobody is banned: the quick first test."""

    def __init__(self) -> None:
        self.by_address: dict[str, dict[str, int]] = {}
        self._added: list[Ban] = []
        self._spared: dict[str, dict[str, bool]] = {}
        """By address that is banned whole: the names that are spared that ban, and whether the store knows so."""
        self._unsaved: deque[Failure] = deque(maxlen=_UNSAVED)
        self._counted: Recent[tuple[bytes, str], bool] = Recent(MOST_COUNTED, 0)

    def add(self, ban: Ban) -> None:
        """Enter a new ban, which a reading of the store that has begun already may lack."""
        self._added.append(ban)
        self._enter(ban)

    def reading(self) -> None:
        """Note that the store is about to be read: bans that are added from now on may be missing in its answer."""
        self._added.clear()

    def replace(self, bans: Iterable[Ban], spared: Iterable[Ban] = ()) -> None:
        """Adopt the bans that the store says are active, and the names that it says are spared their address's ban."""
        self.by_address = {}
        for ban in (*bans, *self._added):
            self._enter(ban)
        self._spared = {address: self._spared.get(address, {}) for address, _ in self.whole()}
        for each in spared:
            if each.address in self._spared:
                self._spared[each.address][each.username] = True

    def whole(self) -> list[tuple[str, int]]:
        """The addresses of which every name is banned, each with the epoch second at which that ban ends."""
        return [(address, names[EVERY_NAME]) for address, names in self.by_address.items() if EVERY_NAME in names]

    def spare(self, address: str, names: Iterable[str]) -> None:
        """Spare these names the ban of their whole address, if there is one, for as long as that ban lasts."""
        if EVERY_NAME in self.by_address.get(address, ()):
            known = self._spared.setdefault(address, {})
            for name in names:
                known.setdefault(name, False)

    def spares(self, address: str, name: str) -> bool:
        return name in self._spared.get(address, ())

    def unpublished(self) -> list[Ban]:
        """The names that are spared a ban, with its end, and that the store has not been told of."""
        found: list[Ban] = []
        for address, until in self.whole():
            names = self._spared.get(address, {})
            found += [Ban(address, name, until) for name, told in names.items() if not told]
        return found

    def published(self, spared: Iterable[Ban]) -> None:
        for each in spared:
            self._spared.get(each.address, {})[each.username] = True

    def left(self, address: str, name: str, now: int) -> int:
        """For how many more seconds this name is refused from this address; 0 for not at all."""
        names = self.by_address.get(address)
        if names is None:
            return 0
        whole = 0 if self.spares(address, name) else names.get(EVERY_NAME, 0)
        return max(names.get(name, 0) - now, whole - now, 0)

    def counts(self, guess: bytes, address: str, monotonic: float, window: float) -> bool:
        """Note a wrong credential, and tell whether to count it: not if it was counted within the window (seconds)."""
        if self.counted(guess, address, monotonic, window):
            return False
        self._counted.add((guess, address), monotonic, True)
        return True

    def counted(self, guess: bytes, address: str, monotonic: float, window: float) -> bool:
        return self._counted.within((guess, address), monotonic, window) is not None

    def failed(self, failure: Failure, *, limit: int, window: int, seconds: int, names_limit: int) -> None:
        """Count a failure here while the store cannot: keep it, to tell the store later, and ban in this process."""
        self._unsaved.append(failure)
        since = failure.when - window
        here = [known.name for known in self._unsaved if known.address == failure.address and known.when > since]
        until = failure.when + seconds
        if len(set(here)) >= names_limit:
            self.add(Ban(failure.address, EVERY_NAME, until))
        elif here.count(failure.name) >= limit:
            self.add(Ban(failure.address, failure.name, until))

    def unsaved(self) -> Failure | None:
        """The oldest failure that the store has not been told of."""
        return self._unsaved[0] if self._unsaved else None

    def saved(self, failure: Failure) -> None:
        if self._unsaved and self._unsaved[0] is failure:
            self._unsaved.popleft()

    def _enter(self, ban: Ban) -> None:
        names = self.by_address.setdefault(ban.address, {})
        names[ban.username] = max(names.get(ban.username, 0), ban.until)
