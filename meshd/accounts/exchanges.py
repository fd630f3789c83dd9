"""What is open now, in all processes, and ending it: an account's holder for its family, operators for everybody.

Where a process has very many, it tells of those with most bytes and of the oldest ones only; how many there are in all
is always told.  One that is not told of can be ended by its id, with the name of its account.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from meshd.accounts.errors import NotFound, NotYours
from meshd.accounts.ownership import ActorId, Operator, Subject, acting, operating, own
from meshd.accounts.trail import conclude
from meshd.model import Account
from meshd.store.statements import accounts, opened
from meshd.store.statements.opened import Ending, Snapshot
from meshd.store.statements.texts import searchable
from meshd.store.unit import Unit
from meshd.values.exchanges import OpenExchange

STALE = 60
"""Seconds after which a snapshot is not believed any more: its process has died, or cannot reach the store."""

ID_LENGTH = 64
"""Characters of an id, and more than any has."""


class Open(NamedTuple):
    """An exchange that was open when its process last told."""

    node: str
    """The process."""
    seen_at: int
    exchange: OpenExchange


@dataclass(frozen=True, slots=True)
class OpenPage:
    """What is open, the oldest first."""

    rows: list[Open]
    total: int
    """Of everybody: how many exchanges all processes have open.  Of one family, or by one exit: how many are known."""
    complete: bool
    """Whether nothing is open that is not known here."""


def of_family(actor_id: ActorId, username: str | None, *, exit_: str = "", limit: int, now: int) -> Unit[OpenPage]:
    """What an account (None: the actor's own) and its sub-accounts have open, at most `limit`.  Raises: NotYours."""
    subject = yield from own(actor_id, username, change=False)
    account_id, found = subject.account.id, (yield from opened.read(now - STALE))

    def theirs(exchange: OpenExchange) -> bool:
        return account_id in (exchange.account_id, exchange.family_id) and _leaves_by(exchange, exit_)

    return _page(found, theirs, limit)


def of_everybody(actor_id: ActorId, *, exit_: str = "", limit: int, now: int) -> Unit[OpenPage]:
    """What all accounts have open, or what leaves by one exit, at most `limit`.  Raises: Forbidden."""
    yield from operating(actor_id, change=False)
    found = yield from opened.read(now - STALE)
    page = _page(found, lambda exchange: _leaves_by(exchange, exit_), limit)
    return page if exit_ else OpenPage(page.rows, sum(each.total for each in found), page.complete)


def _leaves_by(exchange: OpenExchange, exit_: str) -> bool:
    """Whether that exit is the exchange's, by its name or as the client was told; "" for any."""
    return exit_ in ("", exchange.way, exchange.exit)


def _page(snapshots: list[Snapshot], wanted: Callable[[OpenExchange], bool], limit: int) -> OpenPage:
    rows = [Open(each.node, each.at, one) for each in snapshots for one in each.exchanges if wanted(one)]
    rows.sort(key=lambda row: (row.exchange.began, row.exchange.id))
    complete = len(rows) <= limit and all(each.total <= len(each.exchanges) for each in snapshots)
    return OpenPage(rows[:limit], len(rows), complete)


def end(actor_id: ActorId, exchange_id: str, username: str | None = None, *, now: int) -> Unit[str]:
    """Have an open exchange ended, by whichever process has it; the name of its account.

    username: the account that the exchange is of, where no snapshot tells.
    Raises: NotFound, also for another's exchange; NotYours for another's name; Forbidden for a confined token.
    """
    exchange_id = searchable(exchange_id[:ID_LENGTH])
    found = yield from _find(exchange_id, now)
    if username is None:
        subject = yield from _holder(actor_id, found.account_id if found else 0, exchange_id)
    else:
        subject = yield from _named(actor_id, username)
        if found is not None and found.account_id != subject.account.id:
            if subject.by_operator:
                raise NotFound(f"exchange {exchange_id!r} is none of that account's")
            found = None  # what is not told apart from one that has ended tells nobody what others have open
    account = subject.account
    reason = "ended-by-operator" if subject.by_operator else "ended-by-holder"
    yield from opened.ask_to_end(Ending(account.id, exchange_id, reason), now)
    target = f" to {found.host}:{found.port}" if found else ""
    yield from conclude(subject.by, "exchange.end", account.id, f"{exchange_id}{target}", now)
    return account.username


def _find(exchange_id: str, now: int) -> Unit[OpenExchange | None]:
    for snapshot in (yield from opened.read(now - STALE)):
        for exchange in snapshot.exchanges:
            if exchange.id == exchange_id:
                return exchange
    return None


def _holder(actor_id: ActorId, account_id: int, exchange_id: str) -> Unit[Subject]:
    """The account that has the exchange.  Raises: NotFound where there is none, and where it is not the actor's."""
    account = (yield from accounts.by_id(account_id)) if account_id else None
    if account is not None:
        try:
            return (yield from _named(actor_id, account.username))
        except NotYours:
            pass
    else:
        yield from acting(actor_id, change=True)
    raise NotFound(f"no exchange {exchange_id!r} is known to be open; it may have ended, or name its account")


def _named(actor_id: ActorId, username: str) -> Unit[Subject]:
    """The account of that name, which may be the actor's own.  Raises: NotYours, NotFound, Forbidden."""
    actor = yield from acting(actor_id, change=True)
    own_name = not isinstance(actor, Operator) and (yield from _is(actor, username))
    return (yield from own(actor_id, None if own_name else username))


def _is(actor: Account, username: str) -> Unit[bool]:
    account = yield from accounts.by_username(username)
    return account is not None and account.id == actor.id
