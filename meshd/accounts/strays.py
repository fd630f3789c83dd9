"""Accounts and tokens that are for a proxy which the settings do not have: found in time, and moved to another proxy.

A proxy that is renamed in the settings is another one.  Whoever was authorised for the old name is moved to the new one
by `proxy move`; for a day whoever has the new one may use the old one too, so that nobody is locked out whichever comes
first, the move or the new settings, in whichever process.
"""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple

from meshd.accounts.errors import NotFound
from meshd.accounts.ownership import Operator
from meshd.store.statements import audit, changes, moves
from meshd.store.unit import Unit

BATCH = 2000
"""Accounts that are moved in one transaction, for which the daemon's own writes wait: milliseconds."""


class Stray(NamedTuple):
    """A proxy that is not in the settings, and how many accounts and tokens are for it."""

    proxy: str
    accounts: int
    tokens: int

    @property
    def who(self) -> str:
        """Both numbers in words: `10 accounts and 1 token`."""
        counts = {"account": self.accounts, "token": self.tokens}
        return " and ".join(f"{number:,} {noun}{'s' * (number != 1)}" for noun, number in counts.items() if number)


def strays(known: Container[str]) -> Unit[list[Stray]]:
    """The proxies that accounts or tokens are for and the settings lack, by name.  known: the settings' proxies."""
    tokens: dict[str, int] = {}
    for proxies, number in (yield from moves.confinements()):
        for name in proxies:
            tokens[name] = tokens.get(name, 0) + number
    accounts: dict[str, int] = {}
    for name in (yield from moves.names()):
        if name not in known:
            accounts[name] = yield from moves.count(name)
    gone = sorted(accounts.keys() | {name for name in tokens if name not in known})
    return [Stray(name, accounts.get(name, 0), tokens.get(name, 0)) for name in gone]


def told(stray: Stray) -> str:
    """The line that tells the operator of a stray, and what to do about it."""
    return (
        f"there is no proxy {stray.proxy!r} in the settings, but there are {stray.who} for it: "
        f"`meshd proxy move {stray.proxy} NAME` moves them to another"
    )


def begin(operator: Operator, old: str, new: str, *, known: Container[str], now: int) -> Unit[int]:
    """Begin a move: move tokens and what is withheld at once; how many tokens.  Accounts follow by proceed().

    For a day whoever has the new proxy may use the old one too, unless the settings (known) still have the old one.
    Raises: NotFound where nobody is for the old proxy.
    """
    if old == new:
        raise NotFound(f"{old!r} is the proxy itself")
    found = [each for each in (yield from moves.confined()) if old in each[2]]
    if not found and not (yield from moves.count(old)):
        raise NotFound(f"nobody is for a proxy {old!r}")
    if old not in known:
        yield from moves.remember(old, new, now)
    yield from moves.withhold(old, new)
    if old not in known:
        yield from moves.stop_withholding(old)
    for token_id, account_id, proxies in found:
        yield from moves.confine(token_id, tuple(dict.fromkeys(new if name == old else name for name in proxies)))
        yield from audit.record(now, operator.name, "proxy.move", account_id, f"token {token_id}: {old} to {new}")
    yield from changes.publish(0)
    return len(found)


def proceed(operator: Operator, old: str, new: str, *, now: int) -> Unit[int]:
    """Move the next accounts, at most BATCH; how many, 0 at the end."""
    moved = yield from moves.move(old, new, BATCH, operator.name, f"{old} to {new}", now)
    if moved:
        yield from changes.publish(0)
    return moved
