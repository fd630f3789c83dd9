"""What a field that says who asks is remembered by: a digest keyed with a secret of this process.

What one field says is not what the same bytes say in another, so each has a key of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b


class FieldDigests:
    """Of `Proxy-Authorization` and `Authorization` at the proxy, and of `Authorization` at the API."""

    __slots__ = ("api", "origin", "proxy")

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self.proxy, self.origin, self.api = (_keyed(random(32)) for _ in range(3))


def _keyed(key: bytes) -> Callable[[bytes], bytes]:
    """Copying a keyed state is quicker than keying another."""
    keyed = blake2b(key=key, digest_size=16)

    def digest(field: bytes) -> bytes:
        state = keyed.copy()
        state.update(field)
        return state.digest()

    return digest
