"""Values about what accounts and tokens leave in the store: claims to addresses, and what a token has made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Claim:
    """An account's claim to an address: clients that come from there are to be let in as the account's."""

    account_id: int
    family_id: int
    """The parent's id, or the account's own."""
    hostname: str
    """The name that stands for the address; "" where the address itself is listed."""
    first: int
    """Since when the family has claimed the address without a break; made to order, so at times ahead of the clock."""
    since: int
    """Since when this claim has existed."""
    left_at: int
    """When the hostname ceased to have the address; 0 while it has it, and without a hostname."""


class Entry(NamedTuple):
    """Something that an account, named by its username, has: an address, a hostname or a proxy."""

    username: str
    name: str


class Made(NamedTuple):
    """What a token has made and still exists, by kind."""

    sub_accounts: tuple[str, ...] = ()
    passwords: tuple[str, ...] = ()
    """Usernames of accounts that have a password set by the token, without the sub-accounts that the token made."""
    ips: tuple[Entry, ...] = ()
    """Addresses added with the token or with a password that the token set; `hostnames` and `proxies` likewise."""
    hostnames: tuple[Entry, ...] = ()
    proxies: tuple[Entry, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """How many things of each kind the token has made, without the kinds of which there are none."""
        return {kind: len(entries) for kind, entries in self._asdict().items() if entries}
