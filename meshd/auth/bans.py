"""Bans as this process knows them, and the counting that goes on while the store is away.

The store is what counts: all processes and nodes record failures there, and each reads the active bans back once a
second.  A ban has two parts, the peer's address and the name that was tried, so that a stranger can lock nobody out
elsewhere, nor a neighbour behind the same address.  What a credential is called:

- a username: itself, in lower case, without what may be a selection, whichever accounts there are: to vary that is no
  way around a ban, and tells nothing;
- a user-id that no account can have: MALFORMED, one name for all of them;
- a token: `token:` and the beginning of its digest.  Repeating one wrong token bans that token alone, so that the next,
  right one works at once, and a neighbour's; trying many is trying many names, which bans the address ("*").
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
COUNTED_ONCE = 10
"""Seconds within which the same wrong credential from the same address counts once: urllib3 tries four times."""
_USERNAME = re.compile(r"[A-Za-z0-9.@+_-]{1,30}")
_UNSAVED = 1000


def name_of_user(username: str) -> str:
    base = stem(username)
    return base.lower() if can_be_user(base) else MALFORMED


def can_be_user(username: str) -> bool:
    """Whether an account may be called so."""
    return _USERNAME.fullmatch(username) is not None


def name_of_token(digest: bytes) -> str:
    return f"token:{digest[:8].hex()}"


class Failure(NamedTuple):
    """A wrong credential that the store has not been told of."""

    address: str
    name: str
    when: int
    """Seconds since the epoch."""


class BanTable:
    """by_address is empty while nobody is banned: the proxy asks that first."""

    def __init__(self) -> None:
        self.by_address: dict[str, dict[str, int]] = {}
        self._added: list[Ban] = []
        self._unsaved: deque[Failure] = deque(maxlen=_UNSAVED)
        self._counted: Recent[tuple[bytes, str]] = Recent(10_000, COUNTED_ONCE)

    def add(self, ban: Ban) -> None:
        """One that was just made, here."""
        self._added.append(ban)
        self._enter(ban)

    def reading(self) -> None:
        """The store is about to be read: what is added from now on may be missing in what it says."""
        self._added.clear()

    def replace(self, bans: Iterable[Ban]) -> None:
        """What the store says is active."""
        self.by_address = {}
        for ban in (*bans, *self._added):
            self._enter(ban)

    def left(self, address: str, name: str, now: int) -> int:
        """For how many more seconds this name is refused from this address; 0 for not at all."""
        names = self.by_address.get(address)
        if names is None:
            return 0
        return max(names.get(name, 0) - now, names.get(EVERY_NAME, 0) - now, 0)

    def counts(self, key: bytes, address: str, monotonic: float) -> bool:
        """Whether this wrong credential is to be counted: not if it was within the last ten seconds."""
        if self.counted(key, address, monotonic):
            return False
        self._counted.add((key, address), monotonic)
        return True

    def counted(self, key: bytes, address: str, monotonic: float) -> bool:
        return self._counted.fresh((key, address), monotonic)

    def failed(self, failure: Failure, *, limit: int, window: int, seconds: int, names_limit: int) -> None:
        """Count one here, since the store cannot: it is kept, to be told later, and bans in this process meanwhile."""
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
