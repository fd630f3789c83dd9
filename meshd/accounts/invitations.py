"""Invitations, by whose codes people register where the settings say `invite`: the operator's to make and to take back.

The code never comes here: an invitation is made from its digest.  Making one publishes no change, since it lets nobody
pass who has an account.
"""

from __future__ import annotations

import os
from base64 import b32encode
from hashlib import sha256
from typing import NamedTuple

from meshd.accounts import cursors, validate
from meshd.accounts.errors import Invalid, NotFound
from meshd.accounts.ownership import ActorId, name_of, operating
from meshd.store.statements import audit
from meshd.store.statements import invitations as stored
from meshd.store.statements.invitations import Invitation
from meshd.store.unit import Unit

__all__ = ["Invitation", "Page", "code_digest", "create", "delete", "listing", "new_code", "require", "used"]

MOST = 1000
"""Invitations of one page at most."""
KIND = "invitations"

MOST_USES = 1_000_000
LONGEST = 100
"""Characters of a code as somebody may type it."""
_RANDOM_BYTES = 10
"""Eighty random bits: too many to be guessed by registering, few enough to be read out."""


class Page(NamedTuple):
    """A part of all invitations, the newest first."""

    rows: list[Invitation]
    cursor: str
    """Where the next page begins; "" where they end."""


def new_code() -> str:
    """A fresh code, such as `k3vq-7d2m-xw5p-aa6t`."""
    code = b32encode(os.urandom(_RANDOM_BYTES)).decode("ascii").lower()
    return "-".join(code[at : at + 4] for at in range(0, len(code), 4))


def code_digest(code: str) -> bytes:
    """What the store keeps of a code, whatever stands between its parts and in whichever case it is typed."""
    bare = "".join(char for char in code[:LONGEST] if char.isascii() and char.isalnum()).lower()
    return sha256(b"invitation:" + bare.encode("ascii")).digest()


def create(actor_id: ActorId, *, digest: bytes, label: str, uses: int, until: int, now: int) -> Unit[Invitation]:
    """Make an invitation.  uses: how many people it lets register; until: its end as an epoch second, 0 for none.
    Raises: Invalid (fields `label`, `uses`, `until`), Forbidden.
    """
    validate.require(
        label=validate.label(label),
        uses=None if 1 <= uses <= MOST_USES else f"Enter a number from 1 to {MOST_USES}.",
        until=None if until == 0 or until > now else "Enter a time to come.",
    )
    by = name_of((yield from operating(actor_id, change=True)))
    made = yield from stored.create(digest, label, uses, until, now, by)
    yield from audit.record(now, by, "invitation.create", 0, f"invitation {made.id}: {label}".rstrip(": "))
    return made


def listing(actor_id: ActorId, *, cursor: str = "", limit: int = 100) -> Unit[Page]:
    """All invitations, the newest first, those too that do no more.
    Raises: Invalid (fields `cursor`, `limit`), Forbidden.
    """
    validate.require(limit=None if 1 <= limit <= MOST else f"Enter a number from 1 to {MOST}.")
    yield from operating(actor_id, change=False)
    after = cursors.read(KIND, cursor, (int,))
    found = yield from stored.page(int(after[0]) if after else None, limit + 1)
    return Page(found[:limit], cursors.written(KIND, (found[limit - 1].id,) if len(found) > limit else None))


def delete(actor_id: ActorId, invitation_id: int, *, now: int) -> Unit[None]:
    """Take an invitation back; who has registered by it stays.  Raises: NotFound, Forbidden."""
    by = name_of((yield from operating(actor_id, change=True)))
    label = yield from stored.delete(invitation_id)
    if label is None:
        raise NotFound(f"there is no invitation {invitation_id}")
    yield from audit.record(now, by, "invitation.delete", 0, f"invitation {invitation_id}: {label}".rstrip(": "))


def require(code: str, field: str, now: int) -> Unit[None]:
    """Raises: Invalid (that field) for a code that does not do, or not any more."""
    if not code or not (yield from stored.does(code_digest(code), now)):
        raise _refused(code, field)


def used(code: str, field: str, now: int) -> Unit[int]:
    """Use the invitation of this code up by one, as part of what it lets somebody do; its id.
    Raises: Invalid (that field) for a code that does not do, or not any more.
    """
    found = (yield from stored.take(code_digest(code), now)) if code else 0
    if not found:
        raise _refused(code, field)
    return found


def _refused(code: str, field: str) -> Invalid:
    return Invalid({field: ["This code of invitation is not valid." if code else "A code of invitation is needed."]})
