"""Accounts and tokens that are for a proxy which the settings do not have: told before it bites, and moved.

A proxy that is renamed in the settings is another one.  Whoever was authorised for the old name is moved to the new one
by `proxy move`; for a day the new name stands for the old one too, so that nobody is locked out whichever comes first,
the move or the new settings, in whichever process.
"""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple

from meshd.accounts.errors import NotFound
from meshd.accounts.ownership import Operator
from meshd.store.statements import audit, changes, moves
from meshd.store.unit import Unit

BATCH = 2000
"""Accounts a transaction: the daemon's own writes wait for milliseconds."""


class Stray(NamedTuple):
    """A proxy that is not in the settings, and who is for it."""

    proxy: str
    accounts: int
    tokens: int

    @property
    def who(self) -> str:
        """`10 accounts and 1 token`."""
        counts = {"account": self.accounts, "token": self.tokens}
        return " and ".join(f"{number:,} {noun}{'s' * (number != 1)}" for noun, number in counts.items() if number)


def strays(known: Container[str]) -> Unit[list[Stray]]:
    """By name; known: the proxies of the settings."""
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
    """One line for the operator, with what to do."""
    return (
        f"there is no proxy {stray.proxy!r} in the settings, but there are {stray.who} for it: "
        f"`meshd proxy move {stray.proxy} NAME` moves them to another"
    )


def begin(operator: Operator, old: str, new: str, *, known: Container[str], now: int) -> Unit[int]:
    """Open the move: tokens and what is withheld at once; how many tokens.  NotFound where nobody is for the old one.

    While the settings have the old one too, nobody may use it in place of the new one.
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
    """Move the next accounts; how many, 0 at the end."""
    moved = yield from moves.move(old, new, BATCH, operator.name, f"{old} to {new}", now)
    if moved:
        yield from changes.publish(0)
    return moved
