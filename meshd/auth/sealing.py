"""Secrets that are told again: sealed by a key that is not in the store, so that whoever reads the store has none."""

from __future__ import annotations

import os
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
"""Drawn for each seal: by chance two are the same after some 2**48 seals, and meshd seals once for each password."""


class Seals:
    """Passwords of accounts, each sealed (AES-256-GCM) for one account and one hash of its password.

    Another account's, and the copy of a password that was changed since, cannot be opened.
    """

    __slots__ = ("_cipher", "_random")

    def __init__(self, key: bytes, random: Callable[[int], bytes] = os.urandom) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"the key has {len(key)} bytes in place of {KEY_BYTES}")
        self._cipher = AESGCM(key)
        self._random = random

    def seal(self, password: str, account_id: int, password_hash: str) -> bytes:
        """What the store may hold of a password beside its hash."""
        nonce = self._random(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, password.encode(), _bound_to(account_id, password_hash))

    def open(self, sealed: bytes, account_id: int, password_hash: str) -> str | None:
        """The password; None where it was sealed by another key, for another account, or for a former password."""
        nonce, content = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, content, _bound_to(account_id, password_hash)).decode()
        except (InvalidTag, ValueError):
            return None


def _bound_to(account_id: int, password_hash: str) -> bytes:
    return f"{account_id} {password_hash}".encode()
