"""Who claims an address: accounts that list it, and hostnames that resolve to it; the family that was first keeps it.

`auth.claims` decides by these rows.
"""

# ruff: noqa: S608 (the texts are put together from constants of this package; every value is a parameter)

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from meshd.store.statements.rows import among
from meshd.store.statements.texts import searchable
from meshd.store.unit import Statement, Unit
from meshd.values.traces import Claim

FAMILY = "(select id from accounts where id = :family_id or parent_id = :family_id)"

OF_ADDRESSES = """
select c.address, c.account_id, f.family_id, c.hostname, f.since, c.since, c.left_at from (
    select address, account_id, '' as hostname, created_at as since, 0 as left_at from authorized_ips
    where address in {0}
    union all
    select address, account_id, hostname, since, left_at from hostname_addresses where address in {0}
) as c
join accounts as a on a.id = c.account_id
join address_claims as f on f.address = c.address and f.family_id = coalesce(a.parent_id, a.id)
"""


def of_addresses(addresses: Iterable[str]) -> Unit[dict[str, list[Claim]]]:
    """The claims by address, only of claimed ones; of each the earliest family first, and in it the earliest claim."""
    found: dict[str, list[Claim]] = {}
    for address, *row in (yield from among(OF_ADDRESSES, sorted({searchable(each) for each in addresses}))):
        found.setdefault(address, []).append(Claim(*row))
    for claims in found.values():
        claims.sort(key=lambda each: (each.first, each.family_id, each.since, each.account_id, each.hostname))
    return found


def of_address(address: str) -> Unit[list[Claim]]:
    """The claims of one address, the earliest family's first, as in of_addresses; [] where nobody claims it."""
    return (yield from of_addresses([address])).get(searchable(address), [])


STAKE = """
insert into address_claims (address, family_id, since)
select :address, :family_id, case when max(since) >= :now then max(since) + 1 else :now end
from address_claims where address = :address
on conflict (address, family_id) do nothing
"""


def stake(address: str, family_id: int, now: int) -> Unit[None]:
    """Note that the family claims the address, after all others that do; one that does already keeps its place."""
    yield Statement(STAKE, {"address": address, "family_id": family_id, "now": now})


RELEASE = f"""
delete from address_claims where family_id = :family_id
and not exists (
    select 1 from authorized_ips as i where i.address = address_claims.address and i.account_id in {FAMILY}
)
and not exists (
    select 1 from hostname_addresses as h where h.address = address_claims.address and h.account_id in {FAMILY}
)
"""


def release(family_id: int) -> Unit[None]:
    """End the family's place at every address that none of its accounts claims any more."""
    yield Statement(RELEASE, {"family_id": family_id})


class Stood(NamedTuple):
    """An address that a hostname resolves to, or resolved to."""

    address: str
    left_at: int
    """When the hostname ceased to resolve to the address; 0 while it does."""


def of_hostname(account_id: int, hostname: str) -> Unit[list[Stood]]:
    rows = yield Statement(
        """
        select address, left_at from hostname_addresses
        where account_id = :account_id and hostname = :hostname order by address
        """,
        {"account_id": account_id, "hostname": hostname},
    )
    return [Stood(*row) for row in rows]


def of_hostnames(account_id: int) -> Unit[dict[str, list[str]]]:
    """The addresses that each of the account's hostnames resolves to now."""
    rows = yield Statement(
        """
        select hostname, address from hostname_addresses
        where account_id = :account_id and left_at = 0 order by hostname, address
        """,
        {"account_id": account_id},
    )
    found: dict[str, list[str]] = {}
    for hostname, address in rows:
        found.setdefault(hostname, []).append(address)
    return found


def point(account_id: int, hostname: str, address: str, now: int) -> Unit[None]:
    """Note that the hostname resolves to the address from now on; another process may just have noted that too."""
    yield Statement(
        """
        insert into hostname_addresses (account_id, hostname, address, since)
        values (:account_id, :hostname, :address, :now)
        on conflict (account_id, hostname, address) do nothing
        """,
        {"account_id": account_id, "hostname": hostname, "address": address, "now": now},
    )


def mark(account_id: int, hostname: str, address: str, left_at: int) -> Unit[None]:
    """Note when the hostname ceased to resolve to the address; 0 where it resolves to it again."""
    yield Statement(
        """
        update hostname_addresses set left_at = :left_at
        where account_id = :account_id and hostname = :hostname and address = :address
        """,
        {"account_id": account_id, "hostname": hostname, "address": address, "left_at": left_at},
    )


def unpoint(account_id: int, hostname: str, addresses: Sequence[str]) -> Unit[None]:
    """Forget that the hostname resolved to these addresses."""
    for address in addresses:
        yield Statement(
            """
            delete from hostname_addresses
            where account_id = :account_id and hostname = :hostname and address = :address
            """,
            {"account_id": account_id, "hostname": hostname, "address": address},
        )


def unpoint_all(account_id: int, address: str) -> Unit[bool]:
    """Forget that any of the account's hostnames resolves or resolved to the address; whether one did."""
    rows = yield Statement(
        "delete from hostname_addresses where account_id = :account_id and address = :address returning hostname",
        {"account_id": account_id, "address": searchable(address)},
    )
    return bool(rows)


DISPUTED = """
select address from address_claims group by address having count(*) > 1 order by address limit :limit
"""


def disputed(limit: int) -> Unit[list[str]]:
    """At most `limit` addresses that several families claim."""
    rows = yield Statement(DISPUTED, {"limit": limit})
    return [row[0] for row in rows]
