"""Who used an exit at some time, as far as the store can tell: for an operator whom somebody has complained to.

The store has the newest exchanges of each account for a while, and what is open; the exchange log has all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from meshd.accounts.exchanges import STALE
from meshd.accounts.ownership import ActorId, operating
from meshd.store.statements import accounts, activity, opened
from meshd.store.unit import Unit
from meshd.topology import Exit
from meshd.values.exchanges import OpenExchange, PastExchange

MOST = 10_000
"""Exchanges in one answer."""


class User(NamedTuple):
    """One exchange that left by the exit, and whose it was."""

    began: int
    """Milliseconds since the epoch; `ended` too."""
    ended: int
    """0 for one that is open."""
    request: str
    """The id of the exchange."""
    account_id: int
    username: str
    token_id: int
    proxy: str
    client: str
    method: str
    host: str
    port: int
    exit: str
    """As the client was told."""
    up: int
    down: int


@dataclass(frozen=True, slots=True)
class Users:
    """The exchanges, the oldest first."""

    rows: list[User]
    more: bool
    """Whether there are others: ask for a shorter time."""
    since: int
    """The end, in milliseconds, of the oldest exchange that the store keeps of anybody; 0 where it keeps none.
    Of a busy account it keeps the newest ones only."""


def ways(name: str, exits: Iterable[Exit]) -> list[str]:
    """What an exit may have been called where it was used: the name, and its address in the settings, if it has one."""
    return sorted({name, *(each.address for each in exits if each.name == name and each.address)})


def users(actor_id: ActorId, ways: Sequence[str], *, since: int, until: int, limit: int, now: int) -> Unit[Users]:
    """The exchanges that were open, by an exit with one of these names, at any time from `since` to `until` (seconds).

    ways: the exit's name in the settings, and what else it may have been called.  Raises: Forbidden.
    """
    yield from operating(actor_id, change=False)
    limit = max(1, min(limit, MOST))
    past = yield from activity.by_exit(ways, since * 1000, until * 1000 + 999, limit + 1)
    names = yield from accounts.names_of({row.account_id for row in past})
    found = [_past(row, names.get(row.account_id, "")) for row in past]
    for snapshot in (yield from opened.read(now - STALE)):
        for each in snapshot.exchanges:
            if each.began <= until * 1000 + 999 and since <= snapshot.at and {each.way, each.exit} & set(ways):
                found.append(_open(each))
    found = list({row.request: row for row in reversed(found)}.values())  # one that ended since counts as ended
    found.sort(key=lambda row: (row.began, row.request))
    return Users(found[:limit], len(found) > limit, (yield from activity.oldest()))


def _past(row: PastExchange, username: str) -> User:
    whose = (row.account_id, username, row.token_id, row.proxy, row.client)
    return User(row.began, row.ended, row.request, *whose, row.method, row.host, row.port, row.exit, row.up, row.down)


def _open(row: OpenExchange) -> User:
    whose = (row.account_id, row.username, row.token_id, row.proxy, row.client)
    return User(row.began, 0, row.id, *whose, row.method, row.host, row.port, row.exit, row.up, row.down)
