"""Names that people sign in by: the account's username, or its e-mail address.

A top-level account's are its own, and nobody takes them; a sub-account's are its parent's to choose, and give way.  Who
takes an address, and who gives a sub-account a name that may be one, queue: the second sees what the first has taken.
"""

from __future__ import annotations

from meshd.accounts import validate
from meshd.accounts.errors import Taken
from meshd.store.statements import accounts, changes
from meshd.store.unit import Unit

ROOT_NAME = "admin"


def require_free(username: str, *, below: bool = False) -> Unit[None]:
    """Check a username, a sub-account's (`below`) against addresses too; whoever takes that address meanwhile queues
    until this unit ends.  Raises: Invalid; Taken, as the root's.
    """
    validate.require(username=validate.username(username))
    may_be_address = below and "@" in username
    if may_be_address:
        yield from changes.queue()
    known = yield from accounts.by_username(username)
    addressed = (yield from accounts.by_email(username, 1)) if may_be_address else []
    if known is not None or username.lower() == ROOT_NAME or any(each.parent_id is None for each in addressed):
        raise Taken({"username": ["This username is taken."]})


def require_unused(email: str, but: int = 0) -> Unit[None]:
    """Raises: Taken (field `email`) where an account other than `but` signs in by that address, whatever the case.

    A name counts whoever's it is; a sub-account's address does not: it gives way, as at the sign-in.
    """
    named = yield from accounts.by_username(email)
    known = [each for each in (yield from accounts.by_email(email, 2)) if each.parent_id is None]
    if any(each is not None and each.id != but for each in (named, *known)):
        raise Taken({"email": ["The email has already been taken."]})


def sign_in_name(typed: str) -> Unit[str]:
    """The username that somebody means who signs in: what was typed, or else whose e-mail address alone that is.

    What a parent calls a sub-account, or says of its address, is about nobody else: it counts where it is no other
    account's name or address.  Asks the store the same whatever is found.
    """
    named = yield from accounts.by_username(typed)
    known = yield from accounts.by_email(typed, 2)
    on_top = [each for each in known if each.parent_id is None]
    if named is not None and (named.parent_id is None or len(on_top) != 1):
        return typed
    of_address = on_top or known
    return of_address[0].username if len(of_address) == 1 else typed
