"""Who pays for what is published: each host, stream and forward has a token of its own, which nobody can use.

The ledger counts the bytes of a host under its owner and that token: with the same journal, the same limits and the
same bill as all other traffic of the account.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from meshd.accounts.ownership import ActorId
from meshd.accounts.published.rights import acting
from meshd.accounts.published.rows import Row
from meshd.accounts.published.telling import announce
from meshd.auth.terms import terms_of
from meshd.model import Account, Admission, Identity
from meshd.selection import NONE as NO_SELECTION
from meshd.store.statements import accounts, identities, series, tokens
from meshd.store.statements import published as stored
from meshd.store.unit import Unit
from meshd.topology import Plan
from meshd.values.times import DAY

DAYS = 30
"""Of which it is told what a host has moved, the running one (UTC) among them."""

MOST_AT_ONCE = 1000
"""Rows that one round passes on: each needs a token of its new owner's."""


class Moved(NamedTuple):
    """Bytes of visitors up and down, and what they asked for."""

    up: int
    down: int
    exchanges: int


def metered(owner_id: int, label: str, now: int) -> Unit[int]:
    """The id of a new token for the bytes of one resource.  Its secret is thrown away: nothing signs in by it."""
    token = yield from tokens.create(owner_id, os.urandom(32), label, "", now, kind="meter")
    return token.id


def owner(actor: Account | None) -> Unit[int]:
    """The id of the account that pays for what the actor makes: its own, or the root's where no account asks."""
    if actor is not None:
        return actor.id
    root = yield from accounts.root()
    return 0 if root is None else root.id


def admission(identity: Identity, token_id: int, plans: Mapping[str, Plan]) -> Admission:
    """The owner of a published host as one who was let in, for the ledger: its bytes are the owner's, under that token.

    Whoever is inactive is let in nowhere, which `auth.policy.inactive` tells.  Raises: ValueError for rules that cannot
    be read.
    """
    terms = terms_of(identity, plans, "")
    return Admission(identity, "meter", str(token_id), token_id, NO_SELECTION, "", terms=terms)


def moved(actor_id: ActorId, rows: Iterable[Row], now: int) -> Unit[dict[int, Moved]]:
    """By id what each of these resources that moves bytes has moved within the last DAYS, today among them: since it is
    its present owner's.  Raises: Forbidden.
    """
    yield from acting(actor_id, change=False)
    by_owner: dict[int, dict[int, int]] = {}
    for row in rows:
        if row.token_id:
            by_owner.setdefault(row.owner_id, {})[row.token_id] = row.id
    since = now - now % DAY - (DAYS - 1) * DAY
    found: dict[int, Moved] = {}
    for owner_id, ids in by_owner.items():
        sums = yield from series.of_tokens(owner_id, ids, since, DAYS)
        found |= {id_: Moved(*sums.get(token, (0, 0, 0))) for token, id_ in ids.items()}
    return found


def holders(ids: Iterable[int], at: int) -> Unit[dict[int, Identity]]:
    """By id those of the accounts that are there, as they stand at the second `at`."""
    found: dict[int, Identity] = {}
    for each in sorted(set(ids)):
        identity = yield from identities.load(each, at)
        if identity is not None:
            found[each] = identity
    return found


def pass_on(gone_id: int, now: int) -> Unit[bool]:
    """Let the root account pay from now on for what an account has made that is about to be deleted; whether there was
    anything.  The account's row must be locked; what is passed on is published here.
    """
    if not (yield from stored.of_owner(gone_id, 1)):
        return False
    root = yield from accounts.root()
    yield from stored.lock()
    moved: list[int] = []
    while rows := (yield from stored.of_owner(gone_id, MOST_AT_ONCE)):
        for each in rows:
            wanted = root is not None and each.token_id
            token_id = (yield from metered(root.id, f"{each.kind} {each.id}", now)) if root and wanted else 0
            yield from stored.give(each.id, root.id if root else 0, token_id)
            moved.append(each.id)
    yield from announce(moved)
    return True
