"""Whose an address is that several accounts claim: the family's that claimed it first, for as long as it does.

A claim begins when an account lists the address, or when meshd first finds that a hostname of the account resolves to
it, not when that name was listed: who points a name at an address that is another's already comes after.  A claim ends
when its entry is removed, or HOLD after the name ceased to resolve to the address; a name that cannot be looked up
keeps its claims for KEPT.  Only then does the next claim count.
"""

from __future__ import annotations

from collections.abc import Sequence, Set

from meshd.store.statements import accounts, claims, hostnames, withheld
from meshd.store.unit import Unit
from meshd.values.traces import Claim

HOLD = 900
"""Seconds that a name which has left an address keeps others from it: name servers do not all answer alike."""
KEPT = 86_400
"""Seconds that a name's claims outlive its last answer."""
MOST = 32
"""Addresses that one name claims, those that it left a while ago included: a name resolves to sixteen at a time."""


def counting(found: Sequence[Claim], now: int) -> list[Claim]:
    """The claims that count at the second `now`, in the same order."""
    return [each for each in found if not each.left_at or now - each.left_at < HOLD]


def admitted(found: Sequence[Claim], hostname: str, now: int) -> Claim | None:
    """The claim by which a client at the address comes in, if any.  found: the address's claims, the earliest first.

    hostname: the name that resolves to the address as this process sees it; "" for none.
    """
    known = counting(found, now)
    return next((c for c in known if c.family_id == known[0].family_id and c.hostname in ("", hostname)), None)


def contested(found: Sequence[Claim], account_id: int, now: int) -> Claim | None:
    """The claim that keeps the address from the account; None where nobody else's does."""
    known = counting(found, now)
    return known[0] if known and known[0].account_id != account_id else None


def leads(found: Sequence[Claim], account_id: int, now: int) -> bool:
    """Whether, of all claims of the address by hostname, the first family's earliest one is the account's."""
    known = counting(found, now)
    named = [each for each in known if each.family_id == known[0].family_id and each.hostname]
    return bool(named) and named[0].account_id == account_id


def stand(account_id: int, hostname: str, addresses: Set[str], now: int) -> Unit[frozenset[str]]:
    """Note what the account's hostname resolves to now; those of the addresses that are the account's own.

    An address that the operator took from the account's family is not claimed anew.
    """
    account = yield from accounts.by_id(account_id)
    if account is None or (yield from hostnames.of_both(account_id, hostname)) is None:
        return frozenset()
    family_id = account.parent_id or account.id
    stood = yield from claims.of_hostname(account_id, hostname)
    dead = [each.address for each in stood if each.left_at and now - each.left_at >= HOLD]
    known = {each.address: each.left_at for each in stood if each.address not in dead}
    if dead:
        yield from claims.unpoint(account_id, hostname, dead)
        yield from claims.release(family_id)
    for address in sorted(known.keys() - addresses):
        if not known[address]:
            yield from claims.mark(account_id, hostname, address, now)
    for address in sorted(addresses):
        if known.get(address):
            yield from claims.mark(account_id, hostname, address, 0)
    for address in sorted(addresses - known.keys())[: max(MOST - len(known), 0)]:
        if not (yield from withheld.held(family_id, "ip", address)):
            yield from claims.stake(address, family_id, now)
            yield from claims.point(account_id, hostname, address, now)
    found = yield from claims.of_addresses(addresses)
    return frozenset(each for each in addresses if leads(found.get(each, ()), account_id, now))
