"""What a credential's field is remembered by: a digest keyed with a secret of this process.

The same bytes say one thing in one field and another in the next, so each field has a key of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b


class FieldDigests:
    """Functions that digest `Proxy-Authorization` and `Authorization` at the proxy, `Authorization` at the APIs of
    meshd's own, below `/v1` and of published hosts, and what forms of pages hold.
    """

    __slots__ = ("api", "hosts", "origin", "page", "proxy", "v1")

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self.proxy, self.origin, self.api, self.v1, self.page, self.hosts = (_keyed(random(32)) for _ in range(6))


def _keyed(key: bytes) -> Callable[[bytes], bytes]:
    """A function that digests with this key.  Copying a keyed state is quicker than keying another."""
    keyed = blake2b(key=key, digest_size=16)

    def digest(field: bytes) -> bytes:
        state = keyed.copy()
        state.update(field)
        return state.digest()

    return digest
