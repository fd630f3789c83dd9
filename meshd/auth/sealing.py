"""Secrets that are told again: sealed by a key that is not in the store, so that whoever reads the store has none."""

from __future__ import annotations

import os
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
"""Drawn for each seal: by chance two are the same after some 2**48 seals, and meshd seals once for each secret."""


class Seals:
    """Secrets, each sealed (AES-256-GCM) for what it is about: moved to another row, it cannot be opened.

    A password is sealed for one account and one hash of that password: the copy of one that was changed since cannot
    be opened either.
    """

    __slots__ = ("_cipher", "_random")

    def __init__(self, key: bytes, random: Callable[[int], bytes] = os.urandom) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"the key has {len(key)} bytes in place of {KEY_BYTES}")
        self._cipher = AESGCM(key)
        self._random = random

    def seal(self, password: str, account_id: int, password_hash: str) -> bytes:
        """What the store may hold of a password beside its hash."""
        return self._sealed(password.encode(), _password_of(account_id, password_hash))

    def open(self, sealed: bytes, account_id: int, password_hash: str) -> str | None:
        """The password; None where it was sealed by another key, for another account, or for a former password."""
        opened = self._opened(sealed, _password_of(account_id, password_hash))
        try:
            return None if opened is None else opened.decode()
        except UnicodeDecodeError:
            return None

    def seal_bytes(self, data: bytes, about: str) -> bytes:
        """What the store may hold of another secret.  about: whose it is and which, such as `certificate 7`."""
        return self._sealed(data, _secret_of(about))

    def open_bytes(self, sealed: bytes, about: str) -> bytes | None:
        """The secret; None where it was sealed by another key, or about something else."""
        return self._opened(sealed, _secret_of(about))

    def _sealed(self, data: bytes, bound_to: bytes) -> bytes:
        nonce = self._random(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, data, bound_to)

    def _opened(self, sealed: bytes, bound_to: bytes) -> bytes | None:
        nonce, content = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, content, bound_to)
        except (InvalidTag, ValueError):
            return None


def _password_of(account_id: int, password_hash: str) -> bytes:
    return f"{account_id} {password_hash}".encode()


def _secret_of(about: str) -> bytes:
    """Never that of a password, which begins with a number."""
    return f"secret {about}".encode()
