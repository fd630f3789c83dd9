"""May an admitted account pass: what depends on the account and the proxy alone.  Byte limits are the ledger's."""

from __future__ import annotations

from calendar import timegm
from collections.abc import Set
from dataclasses import replace
from datetime import date, timedelta

from meshd.model import Admission, Identity, Refusal, Token, Tried

REQUIRED = Refusal("auth-required")
INVALID = Refusal("auth-invalid")
"""One for wrong, unknown, expired and deactivated: an answer that tells them apart tells too much."""
UNAVAILABLE = Refusal("auth-unavailable", retry_after=1)
INACTIVE = Refusal("account-inactive")
NOT_AUTHORIZED = Refusal("proxy-not-authorized")


def inactive(identity: Identity) -> Refusal | None:
    """A sub-account needs its parent to be active too."""
    parent = identity.parent
    active = identity.account.active and (parent is None or parent.active)
    return None if active else INACTIVE


def may_pass(identity: Identity, proxy: str, only: Set[str] = frozenset()) -> Refusal | None:
    """None where it may.  only: the proxies that its token is for; empty for all that the account may use."""
    if refusal := inactive(identity):
        return refusal
    return None if proxy in identity.proxies and (not only or proxy in only) else NOT_AUTHORIZED


def open_to(identity: Identity, only: Set[str] = frozenset()) -> frozenset[str]:
    """The proxies that may_pass lets it use."""
    if inactive(identity):
        return frozenset()
    names = frozenset(identity.proxies)
    return names & only if only else names


def banned(seconds: int) -> Refusal:
    return Refusal("auth-banned", retry_after=seconds)


def of_name(refusal: Refusal, name: str, account_id: int = 0) -> Refusal:
    """With what bans call the credential that was tried, and the account of that name where it is known: for logs."""
    return replace(refusal, tried=Tried(name, account_id))


def of_account(refusal: Refusal, admission: Admission) -> Refusal:
    """With the account whose credential was right, and may not pass all the same."""
    account = admission.identity.account
    return replace(refusal, tried=Tried(account.username, account.id, admission.token_id))


def token_valid(token: Token, today: str) -> bool:
    """Whether it is active and, on this ISO date (UTC), not past its last day."""
    return token.active and (not token.expires_on or today <= token.expires_on)


def token_end(token: Token) -> float:
    """The first second (UTC) at which it is no longer valid."""
    if not token.expires_on:
        return float("inf")
    return float(timegm((date.fromisoformat(token.expires_on) + timedelta(days=1)).timetuple()))
