"""Addresses and hostnames whose connections are an account's without any credential.

Each belongs to one account of the whole installation: one that another account claims is refused with the same words
as one that the account has already, so that nobody learns whose it is.  Customers may add what is public; the operator
also addresses of private networks, since a proxy for an office is used from there.
"""

from __future__ import annotations

from collections.abc import Mapping

from meshd.accounts import entitlement, validate
from meshd.accounts.errors import Invalid, PlanLimitReached
from meshd.accounts.ownership import ActorId, Operator, own
from meshd.accounts.trail import concluded
from meshd.auth.secrets import normal_address
from meshd.model import AuthorizedHostname, AuthorizedIP
from meshd.store.statements import addresses, hostnames
from meshd.store.unit import Unit
from meshd.topology import Plan


def ips(actor_id: ActorId, username: str | None) -> Unit[list[AuthorizedIP]]:
    """The account's addresses, oldest first."""
    subject = yield from own(actor_id, username, change=False)
    return (yield from addresses.of_account(subject.account.id))


def add_ip(
    actor_id: ActorId, username: str | None, ip: str, label: str, *, plans: Mapping[str, Plan], now: int
) -> Unit[AuthorizedIP]:
    """Add an address.  Invalid (fields `ip`, `label`), PlanLimitReached, NotYours."""
    private = isinstance(actor_id, Operator)
    validate.require(ip=validate.address(ip, private=private), label=validate.label(label))
    subject = yield from own(actor_id, username)
    plan = yield from entitlement.held(subject.account, plans)
    address = normal_address(ip) or ip
    if (yield from addresses.by_address(address)) is not None:
        raise Invalid({"ip": ["IP address is already authorized"]})
    if (yield from addresses.count(subject.account.id)) >= plan.ips:
        raise PlanLimitReached(f"plan {plan.name} allows {plan.ips} authenticated IPs")
    added = yield from addresses.add(subject.account.id, address, label, now)
    yield from concluded(subject.by, "ip.add", subject.account.id, address, now)
    return added


def delete_ip(actor_id: ActorId, username: str | None, ip: str, *, now: int) -> Unit[None]:
    """Remove an address.  Invalid (field `ip`) where it is not the account's, NotYours."""
    subject = yield from own(actor_id, username)
    address = normal_address(ip) or ip
    if not (yield from addresses.delete(subject.account.id, address)):
        raise Invalid({"ip": ["IP address is not authorized"]})
    yield from concluded(subject.by, "ip.delete", subject.account.id, address, now)


def hosts(actor_id: ActorId, username: str | None) -> Unit[list[AuthorizedHostname]]:
    """The account's hostnames, oldest first."""
    subject = yield from own(actor_id, username, change=False)
    return (yield from hostnames.of_account(subject.account.id))


def add_hostname(
    actor_id: ActorId, username: str | None, domain: str, *, plans: Mapping[str, Plan], now: int
) -> Unit[AuthorizedHostname]:
    """Add a hostname.  Invalid (field `domain`), PlanLimitReached, NotYours."""
    validate.require(domain=validate.hostname(domain, private=isinstance(actor_id, Operator)))
    subject = yield from own(actor_id, username)
    plan = yield from entitlement.held(subject.account, plans)
    name = validate.normal_hostname(domain)
    if (yield from hostnames.by_hostname(name)) is not None:
        raise Invalid({"domain": ["Hostname is already authorized"]})
    if (yield from hostnames.count(subject.account.id)) >= plan.hostnames:
        raise PlanLimitReached(f"plan {plan.name} allows {plan.hostnames} authenticated hostnames")
    added = yield from hostnames.add(subject.account.id, name, now)
    yield from concluded(subject.by, "hostname.add", subject.account.id, name, now)
    return added


def delete_hostname(actor_id: ActorId, username: str | None, domain: str, *, now: int) -> Unit[None]:
    """Remove a hostname.  Invalid (field `domain`) where it is not the account's, NotYours."""
    subject = yield from own(actor_id, username)
    name = validate.normal_hostname(domain)
    if not (yield from hostnames.delete(subject.account.id, name)):
        raise Invalid({"domain": ["Hostname is not authorized"]})
    yield from concluded(subject.by, "hostname.delete", subject.account.id, name, now)
