"""What ends where somebody else sets an account's password: whoever knew the old one may have more than that.

Sign-ins always end.  Unless whoever sets the password says that nobody else knew the old one, the account's API keys
and access tokens end too, which its holder alone sees, and a top-level account's bearer tokens are put out of use until
the holder activates those she knows.  A sub-account's bearer tokens are its parent's, whose password alone makes them.
"""

from __future__ import annotations

from meshd.auth import sessions
from meshd.model import Account
from meshd.store.statements import refreshes, tokens
from meshd.store.unit import Unit


def end_others(account: Account, *, keep: bool = False) -> Unit[str]:
    """End what the account, which is locked, is signed in by, as above; what the audit says of it.

    keep: whether keys and tokens stay, as where the password was forgotten.
    """
    yield from sessions.end_all(account.id)
    yield from refreshes.end_all(account.id)
    if keep:
        return "keys and tokens stay"
    ended = yield from tokens.end_keys(account.id)
    stopped = [] if account.parent_id is not None else (yield from tokens.deactivate_own(account.id))
    facts = (("keys ended", ended), ("bearer tokens deactivated", len(stopped)))
    return ", ".join(f"{what}: {count}" for what, count in facts if count)
