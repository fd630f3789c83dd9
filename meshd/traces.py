"""What accounts and tokens leave in the store: claims of addresses, and what a token has made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Claim:
    """That an account says of an address: who comes from there is mine."""

    account_id: int
    family_id: int
    """The parent's id, or the account's own."""
    hostname: str
    """The name that stands for the address; "" where the address itself is listed."""
    first: int
    """Since when the family has claimed the address without a break; made to order, so at times ahead of the clock."""
    since: int
    """Since when this claim of it has been there."""
    left_at: int
    """When the name ceased to stand for the address; 0 while it does."""


class Entry(NamedTuple):
    """Something that is an account's: an address, a hostname, a proxy."""

    username: str
    name: str


class Made(NamedTuple):
    """What a token has made and what is there still, by kind."""

    sub_accounts: tuple[str, ...] = ()
    passwords: tuple[str, ...] = ()
    """Usernames of those whose password is one that the token set, beyond those that it made."""
    ips: tuple[Entry, ...] = ()
    """Those too that were added by such a password, as is the rest."""
    hostnames: tuple[Entry, ...] = ()
    proxies: tuple[Entry, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """How many of each kind, where there are any."""
        return {kind: len(entries) for kind, entries in self._asdict().items() if entries}
