"""An account's PAC file: found by a key that its holder makes, replaces and takes away.

Browsers fetch such a file without a credential, so the key stands in its URL; it shows hosts and ports of the account's
proxies, and opens nothing.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode

from meshd.accounts.ownership import ActorId, locked, own
from meshd.accounts.trail import conclude
from meshd.store.statements import pacfiles as stored
from meshd.store.statements import proxies
from meshd.store.unit import Unit

SECRET_BYTES = 24
"""Random bytes of a key: nobody finds one by trying."""

LONGEST = 64
"""Characters of a key that are looked for."""


def secret_of(random: bytes) -> str:
    """A key of SECRET_BYTES random bytes."""
    return urlsafe_b64encode(random).decode("ascii")


def shown(actor_id: ActorId, username: str | None) -> Unit[str]:
    """The account's key; "" for none.  Raises: NotYours, NotFound."""
    subject = yield from own(actor_id, username, change=False)
    return (yield from stored.of_account(subject.account.id))


def create(actor_id: ActorId, username: str | None, secret: str, *, now: int) -> Unit[None]:
    """Give the account that key; the one that it may have had finds nothing any more.
    Raises: NotYours, NotFound, Forbidden.
    """
    subject = yield from locked((yield from own(actor_id, username)))
    yield from stored.put(subject.account.id, secret, now)
    yield from conclude(subject.by, "pac.create", subject.account.id, "", now)


def delete(actor_id: ActorId, username: str | None, *, now: int) -> Unit[None]:
    """Take the account's key; nothing changes where it has none.  Raises: NotYours, NotFound, Forbidden."""
    subject = yield from own(actor_id, username)
    if (yield from stored.remove(subject.account.id)):
        yield from conclude(subject.by, "pac.delete", subject.account.id, "", now)


def names(secret: str) -> Unit[list[str] | None]:
    """The names of the proxies of the account whose key that is, in their order; None where it is nobody's.

    An account that is not active has them too: its proxies refuse it, and its browsers are not to go without.
    """
    family_id = yield from stored.family_of(secret)
    return None if family_id is None else (yield from proxies.of_account(family_id))
