"""Sign-ins at the API of published hosts as it tells and records them: begun, renewed, over, failed."""

from __future__ import annotations

from hmac import compare_digest

from meshd.accounts import hostaudit, hosttokens
from meshd.accounts.hosttokens import Renewed
from meshd.accounts.published.rights import READERS
from meshd.auth.sessions import proof
from meshd.model import Account, Token
from meshd.store.statements import accounts, refreshes, tokens
from meshd.store.unit import Unit


def begin(account_id: int, *, access: bytes, refresh: bytes, address: str, now: int) -> Unit[Renewed]:
    """As hosttokens.begin(), recorded.  Raises: Forbidden."""
    begun = yield from hosttokens.begin(account_id, access=access, refresh=refresh, now=now)
    yield from _told("login", begun.account, address, now)
    return begun


def failed(typed: str, *, address: str, now: int) -> Unit[None]:
    """Record a sign-in that was refused.  typed: the name, which may be nobody's."""
    yield from hostaudit.record(at=now, action="login_failed", resource_type="session", username=typed, address=address)


def end(*, token_id: int, refresh: bytes, address: str, now: int) -> Unit[None]:
    """As hosttokens.end(), recorded."""
    account_id = yield from hosttokens.end(token_id=token_id, refresh=refresh, now=now)
    account = (yield from accounts.by_id(account_id)) if account_id else None
    if account is not None:
        yield from _told("logout", account, address, now)


def of_refresh(digest: bytes, now: int) -> Unit[Account | None]:
    """Whose sign-in it is that a secret with this digest could renew; None for nobody's."""
    found = yield from refreshes.taken(digest)
    account = (yield from accounts.by_id(found.account_id)) if found is not None else None
    if found is None or account is None or found.spent or found.until <= now:
        return None
    holds = account.active and account.role in READERS and compare_digest(proof(account), found.proof)
    return account if holds else None


def token_of(token_id: int) -> Unit[Token | None]:
    """The token that a request was signed by, as it is now."""
    return (yield from tokens.by_id(token_id))


def _told(action: str, account: Account, address: str, now: int) -> Unit[None]:
    yield from hostaudit.record(
        at=now,
        action=action,
        resource_type="session",
        account_id=account.id,
        username=account.username,
        email=account.email,
        address=address,
    )
