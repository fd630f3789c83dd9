"""Who pays for what is published: each host, stream and forward has a token of its own, which nobody can use.

The ledger counts the bytes of a host under its owner and that token: with the same journal, the same limits and the
same bill as all other traffic of the account.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from meshd.accounts.published.telling import announce
from meshd.auth.terms import terms_of
from meshd.model import Account, Admission, Identity
from meshd.selection import NONE as NO_SELECTION
from meshd.store.statements import accounts, identities, tokens
from meshd.store.statements import published as stored
from meshd.store.unit import Unit
from meshd.topology import Plan

MOST_AT_ONCE = 1000
"""Rows that one round passes on: each needs a token of its new owner's."""


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
