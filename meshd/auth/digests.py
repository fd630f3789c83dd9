"""What a field that says who asks is remembered by: a digest keyed with a secret of this process.

What one field says is not what the same bytes say in another, so each has a key of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b


class FieldDigests:
    """Of `Proxy-Authorization` and `Authorization` at the proxy, and of `Authorization` at the API."""

    __slots__ = ("_api", "_origin", "_proxy")

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._proxy, self._origin, self._api = (blake2b(key=random(32), digest_size=16) for _ in range(3))

    def proxy(self, field: bytes) -> bytes:
        return _digest(self._proxy, field)

    def origin(self, field: bytes) -> bytes:
        return _digest(self._origin, field)

    def api(self, field: bytes) -> bytes:
        return _digest(self._api, field)


def _digest(keyed: blake2b, field: bytes) -> bytes:
    """Copying a keyed state is quicker than keying another."""
    digest = keyed.copy()
    digest.update(field)
    return digest.digest()
