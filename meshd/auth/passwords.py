"""The slow hash, argon2id, in threads of its own.

One hash takes some 30 ms and 19 MiB: on the reactor's thread it would stop every connection for that long, and the
reactor's shared pool would make name look-ups wait for it.  The queue is bounded, since what anybody may ask for must
be: over the bound it is Busy, and the answer 503.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from collections.abc import Callable
from hashlib import sha256
from hmac import compare_digest
from typing import Any, NamedTuple, Protocol, TypeVar
from unicodedata import normalize

from argon2 import PasswordHasher as Argon2
from argon2 import extract_parameters
from argon2.exceptions import HashingError, InvalidHashError
from argon2.low_level import hash_secret_raw
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from meshd.running.detached import Detached

T = TypeVar("T")

_ARGON2 = Argon2(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""OWASP's second choice: 33 ms a hash where the library's default takes 170 ms and 64 MiB."""

_TRACE = 8
"""Bytes: two different guesses have the same trace once in 2**64."""


class Busy(Exception):
    """More passwords wait to be hashed than are allowed to."""


class Compared(NamedTuple):
    """A password beside an encoded hash."""

    right: bool
    trace: bytes
    """What the slow hash of a wrong one came to, cut short: the same for the same password and encoded hash, and to try
    out a guess at it takes a slow hash too.  b"" where there is none.
    """

    def __bool__(self) -> bool:
        """A tuple would be true whatever is in it."""
        return self.right


class Hasher(Protocol):
    """What a service asks of PasswordHasher."""

    async def hash(self, password: str) -> str: ...

    async def verify(self, encoded: str, password: str) -> Compared: ...

    async def stop(self) -> None: ...


class PasswordHasher:
    """hash and verify, at most so many (workers) at once and so many more (queue) waiting."""

    def __init__(self, reactor: Any, *, workers: int = 2, queue: int = 64) -> None:
        self._reactor = reactor
        self._pool = ThreadPool(0, max(workers, 1), name="passwords")
        self._bound = max(workers, 1) + queue
        self._hashes = Detached()
        self._stopped = False
        self._dummy = _unknown()

    async def hash(self, password: str) -> str:
        """The encoded form to store.  Busy."""
        return await self._run(hash_now, password)

    async def verify(self, encoded: str, password: str) -> Compared:
        """Whether this is the password; "" (nobody's hash) takes as long and is never right.  Busy."""
        return await self._run(_verify_now, encoded or self._dummy, password)

    async def stop(self) -> None:
        """Take no more, and finish what waits."""
        self._stopped = True
        await self._hashes.ended()
        if self._pool.started:
            self._pool.stop()

    async def _run(self, work: Callable[..., T], *args: str) -> T:
        if self._stopped or len(self._hashes) >= self._bound:
            raise Busy
        if not self._pool.started:
            self._pool.start()
        # Whoever waits may go away; the thread is busy all the same, so it is counted until it is done.
        return await self._hashes.run(deferToThreadPool(self._reactor, self._pool, work, *args))


def hash_now(password: str) -> str:
    """The encoded form to store; blocks for some 30 ms."""
    return _ARGON2.hash(_prepared(password))


def _verify_now(encoded: str, password: str) -> Compared:
    try:
        expected, found = _hashed_as(encoded, _prepared(password))
    except (InvalidHashError, HashingError, ValueError):
        return Compared(False, b"")
    right = compare_digest(expected, found)
    return Compared(right, b"" if right else sha256(found).digest()[:_TRACE])


def _hashed_as(encoded: str, password: bytes) -> tuple[bytes, bytes]:
    """The hash that is encoded, and the password's with the same salt and costs."""
    costs = extract_parameters(encoded)
    salt, expected = (b64decode(f"{part}==") for part in encoded.split("$")[-2:])
    found = hash_secret_raw(
        password,
        salt,
        time_cost=costs.time_cost,
        memory_cost=costs.memory_cost,
        parallelism=costs.parallelism,
        hash_len=len(expected),
        type=costs.type,
        version=costs.version,
    )
    return expected, found


def _prepared(password: str) -> bytes:
    """One spelling for what looks the same: keyboards differ in how they compose an accent (RFC 8265)."""
    return normalize("NFC", password).encode("utf-8", "surrogatepass")


def _unknown() -> str:
    """The hash of a password that nobody knows: random bytes in the place of a result."""
    salt, result = (b64encode(os.urandom(size)).rstrip(b"=").decode() for size in (16, 32))
    return f"$argon2id$v=19$m=19456,t=2,p=1${salt}${result}"
