"""`Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a creation that is sent twice is made once.

The store keeps a digest of the key, and the answer encrypted under a key derived from it (HKDF, AES-GCM), since an
answer may hold a password or a token that is shown once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import sha256
from typing import TypeVar

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from meshd.accounts import repeats
from meshd.accounts.repeats import Repeat
from meshd.store.unit import Unit
from meshd.web.call import Call
from meshd.web.forms import FormError
from meshd.web.problems import Worded
from meshd.web.reply import Reply
from meshd.web.room import Caller
from meshd.web.services import Services

T = TypeVar("T")

FIELD = "Idempotency-Key"
_KEY = re.compile(rb'"?([\x21\x23-\x5b\x5d-\x7e]{16,255})"?\Z')
"""Sixteen characters at least: with fewer, a thief of the store could try them all.  The draft has quotes around it."""

_NONCE = 12
"""Bytes of a nonce of AES-GCM (NIST SP 800-38D, 8.2.2)."""


async def create(
    services: Services,
    caller: Caller,
    change: Callable[[], Unit[T]],
    shown: Callable[[T], object],
    where: Callable[[T], str],
) -> Reply:
    """Make the change and answer 201 with what is shown of it, once for each Idempotency-Key.

    where: the path of what was made, for `Location`.
    """
    key = _key_of(caller.call)
    if key is None:
        made = await services.accounts.perform(change)
        return Reply(shown(made), 201, (("Location", where(made)),))
    sealing = _Sealing(key, caller.id, services.random)
    repeat = Repeat(sha256(b"%d %s" % (caller.id, key)).digest(), _asked(caller.call), sealing.seal)

    def answer(value: T) -> bytes:
        return where(value).encode() + b"\n" + Reply(shown(value)).content()

    kept = await services.accounts.perform(repeats.once, repeat, change, answer, now=services.now())
    location, _, body = sealing.open(kept.sealed).partition(b"\n")
    again = () if kept.now else (("Idempotency-Replayed", "true"),)
    return Reply(body, 201, (("Location", location.decode()), *again))


class _Sealing:
    """Encrypts answers under a key that only the client's key gives, and opens them again."""

    def __init__(self, key: bytes, caller_id: int, random: Callable[[int], bytes]) -> None:
        self._cipher = AESGCM(HKDF(SHA256(), 32, None, b"meshd answer %d" % caller_id).derive(key))
        self._random = random

    def seal(self, plain: bytes) -> bytes:
        nonce = self._random(_NONCE)
        return nonce + self._cipher.encrypt(nonce, plain, None)

    def open(self, sealed: bytes) -> bytes:
        return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], None)


def _key_of(call: Call) -> bytes | None:
    """The client's key; None where it sent none.  Raises: FormError for one that is too short or malformed."""
    field = call.header(FIELD.lower().encode())
    if field is None:
        return None
    found = _KEY.match(field.strip())
    if found is None:
        raise FormError({FIELD: Worded("must have 16 to 255 visible ASCII characters, as a UUID has")})
    return found[1]


def _asked(call: Call) -> bytes:
    return sha256(b"\n".join((call.method.encode(), call.path.encode("latin-1"), call.body))).digest()
