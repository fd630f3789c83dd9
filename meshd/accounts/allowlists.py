"""Addresses and hostnames whose connections are an account's without any credential.

Several accounts may list the same address: the first keeps it, the others' entries are disputed, and come into force
when the first is gone.  That an address is another account's is told to the operator, and else only to those who ask
from that very address, where anybody can see whose it is.  Customers may add public addresses; the operator may also
add addresses of private networks, since a proxy for an office is used from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from meshd.accounts import entitlement, validate, withholding
from meshd.accounts.errors import Invalid, PlanLimitReached
from meshd.accounts.ownership import ActorId, Operator, Subject, own
from meshd.accounts.trail import conclude
from meshd.auth.claims import contested, counting
from meshd.auth.secrets import normal_address
from meshd.model import Account, AuthorizedHostname, AuthorizedIP
from meshd.store.statements import accounts, addresses, claims, hostnames
from meshd.store.unit import Unit
from meshd.topology import Plan
from meshd.values.traces import Claim


def ips(actor_id: ActorId, username: str | None, *, at: int, peer: str = "") -> Unit[list[AuthorizedIP]]:
    """The account's addresses, oldest first.  peer: the address that the question came from; "" for none."""
    subject = yield from own(actor_id, username, change=False)
    listed = yield from addresses.of_account(subject.account.id)
    found = yield from claims.of_addresses(each.address for each in listed)
    return [_judged(subject, each, found.get(each.address, ()), at, peer) for each in listed]


def add_ip(
    actor_id: ActorId,
    username: str | None,
    ip: str,
    label: str,
    *,
    plans: Mapping[str, Plan],
    now: int,
    peer: str = "",
) -> Unit[AuthorizedIP]:
    """Add an address.  Raises: Invalid (fields `ip`, `label`), PlanLimitReached, NotYours, Forbidden."""
    private = isinstance(actor_id, Operator)
    validate.require(ip=validate.address(ip, private=private), label=validate.label(label))
    subject = yield from own(actor_id, username)
    plan = yield from entitlement.held(subject.account, plans)
    address, account_id = normal_address(ip) or ip, subject.account.id
    if (yield from addresses.of_both(account_id, address)) is not None:
        raise Invalid({"ip": ["IP address is already authorized"]})
    yield from withholding.require_free(subject, "ip", address)
    if (yield from addresses.count(account_id)) >= plan.ips:
        raise PlanLimitReached(f"plan {plan.name} allows {plan.ips} authenticated IPs")
    yield from claims.stake(address, subject.family_id, now)
    added = yield from addresses.add(account_id, address, label, now, token_id=subject.origin)
    yield from withholding.given(subject, "ip", address)
    judged = _judged(subject, added, (yield from claims.of_address(address)), now, peer)
    detail = f"{address}, which an earlier claim keeps" if judged.contested else address
    yield from conclude(subject.by, "ip.add", account_id, detail, now)
    return judged


def delete_ip(actor_id: ActorId, username: str | None, ip: str, *, now: int) -> Unit[None]:
    """Remove an address; one that the operator removes, the account cannot get back itself nor by its hostnames.
    Raises: Invalid (field `ip`) where the address is not the account's, NotYours.
    """
    subject = yield from own(actor_id, username)
    address = normal_address(ip) or ip
    yield from accounts.lock(subject.family_id)  # waits for an entry that is being added, to find it
    gone = yield from addresses.delete(subject.account.id, address)
    if subject.by_operator:
        gone = (yield from claims.unpoint_all(subject.account.id, address)) or gone
    if not gone:
        raise Invalid({"ip": ["IP address is not authorized"]})
    yield from claims.release(subject.family_id)
    yield from withholding.take(subject, "ip", address, now)
    yield from conclude(subject.by, "ip.delete", subject.account.id, address, now)


def hosts(actor_id: ActorId, username: str | None, *, at: int, peer: str = "") -> Unit[list[AuthorizedHostname]]:
    """The account's hostnames, oldest first.  peer: the address that the question came from; "" for none."""
    subject = yield from own(actor_id, username, change=False)
    listed = yield from hostnames.of_account(subject.account.id)
    resolved = yield from claims.of_hostnames(subject.account.id)
    found = yield from claims.of_addresses(address for each in resolved.values() for address in each)
    return [_placed(subject, each, resolved.get(each.hostname, ()), found, at, peer) for each in listed]


def add_hostname(
    actor_id: ActorId, username: str | None, domain: str, *, plans: Mapping[str, Plan], now: int
) -> Unit[AuthorizedHostname]:
    """Add a hostname.  Raises: Invalid (field `domain`), PlanLimitReached, NotYours, Forbidden."""
    validate.require(domain=validate.hostname(domain, private=isinstance(actor_id, Operator)))
    subject = yield from own(actor_id, username)
    plan = yield from entitlement.held(subject.account, plans)
    name = validate.normal_hostname(domain)
    if (yield from hostnames.of_both(subject.account.id, name)) is not None:
        raise Invalid({"domain": ["Hostname is already authorized"]})
    yield from withholding.require_free(subject, "hostname", name)
    if (yield from hostnames.count(subject.account.id)) >= plan.hostnames:
        raise PlanLimitReached(f"plan {plan.name} allows {plan.hostnames} authenticated hostnames")
    added = yield from hostnames.add(subject.account.id, name, now, token_id=subject.origin)
    yield from withholding.given(subject, "hostname", name)
    yield from conclude(subject.by, "hostname.add", subject.account.id, name, now)
    return added


def delete_hostname(actor_id: ActorId, username: str | None, domain: str, *, now: int) -> Unit[None]:
    """Remove a hostname; one that the operator removes, the account cannot get back by itself.
    Raises: Invalid (field `domain`) where the hostname is not the account's, NotYours.
    """
    subject = yield from own(actor_id, username)
    name = validate.normal_hostname(domain)
    yield from accounts.lock(subject.family_id)  # waits for an entry that is being added, to find it
    if not (yield from hostnames.delete(subject.account.id, name)):
        raise Invalid({"domain": ["Hostname is not authorized"]})
    yield from claims.release(subject.family_id)
    yield from withholding.take(subject, "hostname", name, now)
    yield from conclude(subject.by, "hostname.delete", subject.account.id, name, now)


class Dispute(NamedTuple):
    """One claim of an address that several accounts claim."""

    address: str
    username: str
    claim: Claim
    keeps: bool
    """Whether this claim is the one in force."""


def disputes(limit: int, *, at: int) -> Unit[list[Dispute]]:
    """For the operator: the claims, at the second `at`, of up to `limit` addresses that several families claim."""
    found = yield from claims.of_addresses((yield from claims.disputed(limit)))
    names: dict[int, str] = {}
    for account_id in sorted({each.account_id for several in found.values() for each in several}):
        account = yield from accounts.by_id(account_id)
        names[account_id] = account.username if account else ""
    return [
        Dispute(address, names[each.account_id], each, each == known[0])
        for address, several in sorted(found.items())
        for known in [counting(several, at)]
        for each in known
    ]


def _judged(subject: Subject, entry: AuthorizedIP, found: Sequence[Claim], at: int, peer: str) -> AuthorizedIP:
    rival = contested(found, entry.account_id, at)
    return replace(
        entry,
        contested=rival is not None,
        disputed=rival is not None and _may_know(subject, rival, entry.address, peer),
    )


def _placed(
    subject: Subject,
    entry: AuthorizedHostname,
    resolved: Sequence[str],
    found: Mapping[str, Sequence[Claim]],
    at: int,
    peer: str,
) -> AuthorizedHostname:
    rivals = {each: contested(found.get(each, ()), entry.account_id, at) for each in resolved}
    disputed = (each for each, rival in rivals.items() if rival and _may_know(subject, rival, each, peer))
    return replace(entry, addresses=tuple(resolved), disputed=tuple(disputed))


def _may_know(subject: Subject, rival: Claim, address: str, peer: str) -> bool:
    """Whether the one who asks may know of the rival: the operator, anybody at that address, the rival's parent."""
    if subject.by_operator or normal_address(peer) == address:
        return True
    return isinstance(subject.actor, Account) and rival.family_id == subject.actor.id
