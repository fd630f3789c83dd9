"""Names and passwords that open a host: checked by the slow hash in its threads, and remembered while they hold.

Nobody gets there whom an address rule keeps out, and an address that has given too many wrong passwords waits before
another is looked at.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable

from meshd.auth.credentials import BasicCredentials, read
from meshd.auth.guesses import Guess
from meshd.auth.passwords import Busy, Hasher
from meshd.auth.secrets import ban_address
from meshd.bounded import Bounded
from meshd.hosts.windows import Windows, new_memory
from meshd.http1.fields import Fields
from meshd.model import Refusal
from meshd.running.flights import Lines
from meshd.values.published import AccessList

REMEMBERED = 10_000
"""Verified credentials, of some 200 bytes each."""

FAILURES, FAILURE_SECONDS = 20, 60.0
"""Wrong passwords that an address may give in so many seconds: people mistype, and an office shares an address."""

NO_LOGIN = Refusal("no-login")
BUSY = Refusal("auth-unavailable", "too many passwords wait to be checked", retry_after=1)


def credential(fields: Fields) -> bytes | None:
    """The value of Authorization; None where there is none, or several: the upstream might read another one."""
    said = fields.all(b"authorization")
    return said[0] if len(said) == 1 else None


class SignIns:
    def __init__(self, hasher: Hasher, monotonic: Callable[[], float]) -> None:
        self._hasher = hasher
        self._monotonic = monotonic
        self._key = os.urandom(32)
        self._verified: Bounded[bytes, str] = Bounded(lambda: REMEMBERED)
        """Names by the keyed digest of a field and of the hash that it was found to fit."""
        self._failed = Windows(FAILURES, FAILURE_SECONDS, new_memory())
        self._lines = Lines()
        """One comparison of an address after the other: of many at once all but the first few meet the bound, and of
        many that are the same one is made."""

    def recall(self, access: AccessList, field: bytes | None) -> str | None:
        """Who has signed in by this value of Authorization, if it was verified before; else None.  No slow hash."""
        if field is None or not self._verified:
            return None
        return next((name for each in self._digests(access, field) if (name := self._verified.get(each))), None)

    async def check(self, access: AccessList, field: bytes | None, address: str) -> str | Refusal:
        """Who signs in; a Refusal where nobody does.  address: the client's."""
        said = read(field) if field is not None else None
        if field is None or not isinstance(said, BasicCredentials):
            return NO_LOGIN
        asker = ban_address(address)
        async with self._lines.hold(asker):
            return self.recall(access, field) or await self._compare(access, field, said, asker)

    async def _compare(self, access: AccessList, field: bytes, said: BasicCredentials, asker: str) -> str | Refusal:
        """Ask the slow hash: as wrong until it is found to be right."""
        began = self._monotonic()
        if wait := self._failed.take(asker, began):
            return Refusal("rate-requests", "too many wrong passwords", retry_after=wait)
        login = next((each for each in access.logins if each.username == said.username), None)
        encoded = login.password_hash if login is not None else ""
        try:
            compared = await self._hasher.verify(encoded, said.rest, Guess(asker, False))
        except Busy:
            self._failed.give_back(asker, began)
            return BUSY
        if login is None or not compared:
            return NO_LOGIN
        self._failed.give_back(asker, began)
        self._verified.put(self._digest(field, encoded), login.username)
        return login.username

    def _digests(self, access: AccessList, field: bytes) -> list[bytes]:
        """Under which a verified field would be remembered: one for the login that it names."""
        said = read(field)
        if not isinstance(said, BasicCredentials):
            return []
        hashes = [each.password_hash for each in access.logins if each.username == said.username]
        return [self._digest(field, encoded) for encoded in hashes]

    def _digest(self, field: bytes, encoded: str) -> bytes:
        return hashlib.blake2b(encoded.encode() + b"\0" + field, key=self._key, digest_size=32).digest()
