"""Which proxies an account may use: a list in the order of authorisation; a sub-account has its parent's.

A customer adds and removes what her plan includes; what the operator took away, only the operator gives back.
"""

from __future__ import annotations

from collections.abc import Mapping

from meshd.accounts import entitlement, withholding
from meshd.accounts.errors import Invalid, PlanLimitReached
from meshd.accounts.ownership import ActorId, Subject, managed, own
from meshd.accounts.trail import conclude
from meshd.auth.secrets import normal_address
from meshd.store.statements import accounts, withheld
from meshd.store.statements import proxies as stored
from meshd.store.statements.withheld import Withheld
from meshd.store.unit import Unit
from meshd.topology import Plan, ProxyHost


def authorized(actor_id: ActorId, username: str | None = None) -> Unit[list[str]]:
    """The names of the account's proxies, in the order of authorisation; a sub-account's are its parent's."""
    subject = yield from own(actor_id, username, change=False)
    return (yield from stored.of_account(subject.family_id))


def of_account(actor_id: ActorId, username: str | None = None) -> Unit[tuple[list[str], list[Withheld]]]:
    """The names of an account's proxies, in order, and those that the operator has taken; of a sub-account's parent."""
    subject = yield from own(actor_id, username, change=False)
    names = yield from stored.of_account(subject.family_id)
    return names, (yield from withheld.of_account(subject.family_id, "proxy"))


def recognised(text: str, known: Mapping[str, ProxyHost]) -> ProxyHost | None:
    """The proxy of that name, `domain:port`, domain or first label of its domain; None for no proxy's, or for two's."""
    asked = text.strip().lower().removesuffix(".")
    by_name = {proxy.name.lower(): proxy for proxy in known.values()}
    if asked in by_name:
        return by_name[asked]
    found = [proxy for proxy in known.values() if asked in _spellings(proxy)]
    return found[0] if len(found) == 1 else None


def host_of(proxy: ProxyHost) -> str:
    """The proxy's domain, without the port."""
    return proxy.domain.rpartition(":")[0] or proxy.domain


def authorize(
    actor_id: ActorId,
    username: str | None,
    proxy: str,
    *,
    known: Mapping[str, ProxyHost],
    plans: Mapping[str, Plan],
    now: int,
) -> Unit[ProxyHost]:
    """Authorise the account for a proxy; nothing changes where it is already.
    Raises: Invalid (field `proxy`), PlanLimitReached, NotYours, Forbidden.
    """
    host = recognised(proxy, known)
    if host is None:
        raise _unknown(proxy)
    subject = yield from _holder(actor_id, username)
    plan = yield from entitlement.held(subject.account, plans)
    names = yield from stored.of_account(subject.account.id)
    if host.name in names:
        return host
    yield from withholding.require_free(subject, "proxy", host.name)
    _refuse_beyond(plan, host.name, len(names))
    yield from stored.authorize(subject.account.id, host.name, now, token_id=subject.origin)
    yield from withholding.given(subject, "proxy", host.name)
    yield from conclude(subject.by, "proxy.authorize", subject.account.id, host.name, now)
    return host


def revoke(
    actor_id: ActorId, username: str | None, proxy: str, *, known: Mapping[str, ProxyHost], now: int
) -> Unit[None]:
    """Take a proxy from the account; nothing changes where the account does not have it.

    A name that the settings no longer have can still be revoked where the account holds it.  What the operator revokes
    is withheld from now on, whether or not the account had it.
    Raises: Invalid (field `proxy`), NotYours.
    """
    subject = yield from _holder(actor_id, username)
    host = recognised(proxy, known)
    name = host.name if host is not None else proxy
    yield from accounts.lock(subject.account.id)  # waits for one that is being added, to find it
    gone = yield from stored.revoke(subject.account.id, name)
    if not gone and host is None:
        raise _unknown(proxy)
    if not subject.by_operator:
        yield from withheld.give_back(subject.account.id, "proxy", name, "plan")  # no plan brings back what she removed
    kept = yield from withholding.take(subject, "proxy", name, now)
    if gone or kept:
        yield from conclude(subject.by, "proxy.revoke", subject.account.id, name, now)


def _holder(actor_id: ActorId, username: str | None) -> Unit[Subject]:
    subject = yield from managed(actor_id, username)
    if subject.account.parent_id is not None:
        raise Invalid({"username": ["A sub-account has its parent's proxies."]})
    return subject


def _refuse_beyond(plan: Plan, name: str, count: int) -> None:
    if not entitlement.includes(plan, name):
        raise PlanLimitReached(f"plan {plan.name} does not include the proxy {name}")
    if count >= plan.proxies:
        raise PlanLimitReached(f"plan {plan.name} allows {plan.proxies} {'proxy' if plan.proxies == 1 else 'proxies'}")


def _spellings(proxy: ProxyHost) -> tuple[str, ...]:
    domain, host = proxy.domain.lower(), host_of(proxy).lower()
    return (domain, host) if normal_address(host.strip("[]")) else (domain, host, host.partition(".")[0])


def _unknown(proxy: str) -> Invalid:
    return Invalid({"proxy": [f"There is no proxy {proxy[:100]!r}."]})
