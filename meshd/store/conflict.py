"""What is taken when a unique value is, in words that a caller may show."""

from __future__ import annotations

from meshd.store.interface import Conflict

_NOUNS = {
    "accounts": "username",
    "authorized_ips": "address",
    "authorized_hostnames": "hostname",
    "tokens": "token",
}


def taken(table: str) -> Conflict:
    """The Conflict of a unique value of that table."""
    return Conflict(f"this {_NOUNS.get(table, 'value')} is taken already")
