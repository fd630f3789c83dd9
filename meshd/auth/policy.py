"""May an admitted account pass: what depends on the account and the proxy alone.  Byte limits are the ledger's."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace

from meshd.model import Admission, Identity, Refusal, Token, Tried
from meshd.values.times import end_of

REQUIRED = Refusal("auth-required")
INVALID = Refusal("auth-invalid")
"""For wrong, unknown, expired and deactivated credentials: an answer that tells them apart tells too much."""
UNAVAILABLE = Refusal("auth-unavailable", retry_after=1)
INACTIVE = Refusal("account-inactive")
NOT_AUTHORIZED = Refusal("proxy-not-authorized")


def inactive(identity: Identity) -> Refusal | None:
    """The refusal of an account that is inactive or expired, or whose parent is; None where it is active."""
    parent = identity.parent
    active = identity.account.active and (parent is None or parent.active)
    return None if active and not identity.expired else INACTIVE


def may_pass(identity: Identity, proxy: str, only: Set[str] = frozenset()) -> Refusal | None:
    """Why the account may not use the proxy; None where it may.  only: the proxies its token is for; empty for all."""
    if refusal := inactive(identity):
        return refusal
    return None if proxy in identity.proxies and (not only or proxy in only) else NOT_AUTHORIZED


def open_to(identity: Identity, only: Set[str] = frozenset()) -> frozenset[str]:
    """The proxies that may_pass lets the account use.  only: the proxies that its token is for; empty for all."""
    if inactive(identity):
        return frozenset()
    names = frozenset(identity.proxies)
    return names & only if only else names


def banned(seconds: int) -> Refusal:
    return Refusal("auth-banned", retry_after=seconds)


def of_name(refusal: Refusal, name: str, account_id: int = 0) -> Refusal:
    """The refusal with what bans call the tried credential, and that name's account where it is known: for logs."""
    return replace(refusal, tried=Tried(name, account_id))


def of_account(refusal: Refusal, admission: Admission, *, admitted: bool = False) -> Refusal:
    """The refusal with the account whose credential was right, and that may not pass all the same: for logs.

    admitted: whether the account may pass, and only what it asks for may not.
    """
    account = admission.identity.account
    return replace(refusal, tried=Tried(account.username, account.id, admission.token_id, admitted))


def token_valid(token: Token, now: float) -> bool:
    """Whether the token is active and not past its end."""
    return token.active and now < token_end(token)


def token_end(token: Token) -> float:
    """The first epoch second at which the token is no longer valid; infinity where it does not expire."""
    return end_of(token.expires_on)


def account_end(identity: Identity) -> float:
    """The first epoch second at which the account or its parent is expired; infinity for never, and where it is."""
    if identity.expired:
        return float("inf")
    parent = identity.parent
    return min(end_of(identity.account.expires_on), end_of(parent.expires_on if parent else ""))
