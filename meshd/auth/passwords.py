"""The slow hash, argon2id, in threads of its own.

One hash takes some 30 ms and 19 MiB: on the reactor's thread it would stop every connection for that long, and the
reactor's shared pool would make name look-ups wait for it.  Who comes while every thread hashes waits for a turn; how
many may is bounded, since anybody may cause hashes: who gives way is told so by Busy, and a client is answered 503.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from contextlib import suppress
from hashlib import sha256
from hmac import compare_digest
from threading import get_native_id, local
from typing import Any, NamedTuple, Protocol, TypeVar
from unicodedata import normalize

from argon2 import PasswordHasher as Argon2
from argon2 import extract_parameters
from argon2.exceptions import HashingError, InvalidHashError
from argon2.low_level import hash_secret_raw
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from meshd.auth.guesses import Guess, Guesses, set_by
from meshd.auth.proven import Proven
from meshd.running.cause import ASKER
from meshd.running.detached import Detached
from meshd.values.samples import Sample

T = TypeVar("T")
R = TypeVar("R")

NICE = 10
"""What is added to the niceness of the threads that hash."""

_ARGON2 = Argon2(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""OWASP's second choice: 33 ms a hash where the library's default takes 170 ms and 64 MiB."""

_TRACE = 8
"""Bytes of a trace: two different guesses have the same trace once in 2**64."""


class Busy(Exception):
    """As many passwords as are allowed wait to be hashed, or this one has waited for too long."""


class Compared(NamedTuple):
    """What comparing a password with an encoded hash gave."""

    right: bool
    trace: bytes
    """The beginning of a wrong password's slow hash; b"" for a right one.

    Equal for the same password and encoded hash; testing a guess against it costs a slow hash too.
    """

    def __bool__(self) -> bool:
        """`right`, since a tuple would be true whatever its items."""
        return self.right


class Hasher(Protocol):
    """The interface of PasswordHasher."""

    async def hash(self, password: str) -> str: ...

    async def verify(self, encoded: str, password: str, guess: Guess) -> Compared: ...

    def knows(self, encoded: str, password: str) -> bool: ...

    def forgive(self, guess: Guess) -> None: ...

    def purge(self) -> None: ...

    async def stop(self) -> None: ...


class PasswordHasher:
    """Hashes and verifies in `workers` threads, with at most `queue` passwords waiting for their turn."""

    def __init__(self, reactor: Any, proven: Proven, *, workers: int = 2, queue: int = 4096) -> None:
        """proven: what was found right before, perhaps by the process before this one."""
        self._reactor = reactor
        self._proven = proven
        self._workers = max(workers, 1)
        self._pool = ThreadPool(0, self._workers, name="passwords")
        self._queue = queue
        self._guesses: Guesses[Deferred[None]] = Guesses(queue, reactor.seconds, self._refuse)
        self._busy = 0
        """Threads that hash, or are about to."""
        self._hashes = Detached()
        self._stopped = False
        self._done = self._refused = 0
        """How many passwords were hashed, and how many were given up."""
        self._dummy = _unknown()
        self._lowered = local()

    async def hash(self, password: str) -> str:
        """The encoded hash to store, made in the turn of whoever's request it is.  Raises: Busy."""
        guess = set_by(ASKER.get())
        encoded = await self._run(guess, hash_now, password)
        self._guesses.forgive(guess)
        return encoded

    async def verify(self, encoded: str, password: str, guess: Guess) -> Compared:
        """Compare a password with an encoded hash; "" (nobody's) takes as long and is never right.

        guess: where the password came from, for its turn.  Raises: Busy.
        """
        if self.knows(encoded, password):
            return Compared(True, b"")
        compared = await self._run(guess, _verify_now, encoded or self._dummy, password)
        if compared.right:
            self._guesses.forgive(guess)
            self._proven.note(encoded, password)
        return compared

    def knows(self, encoded: str, password: str) -> bool:
        """Whether the password was found to be that of the encoded hash within the last day; no slow hash."""
        return self._proven.knows(encoded, password)

    def forgive(self, guess: Guess) -> None:
        """Have a guess that was wrong not count for later turns: it was a reading of a credential that is right."""
        self._guesses.forgive(guess)

    def purge(self) -> None:
        """Refuse those whose answer does not matter any more, which happens of itself only when their turn comes."""
        self._guesses.purge()

    def samples(self) -> Iterable[Sample]:
        """How many were hashed and were not, and how many wait and may wait."""
        yield "auth_hashes_total", (), float(self._done)
        yield "auth_hashes_refused_total", (), float(self._refused)
        yield "auth_hashes_waiting", (), float(len(self._guesses))
        yield "auth_hashes_waiting_max", (), float(self._queue)

    async def stop(self) -> None:
        """Refuse new passwords from now on and those that wait, and wait for those that are being hashed."""
        self._stopped = True
        while (turn := self._guesses.take()) is not None:
            self._refuse(turn)
        await self._hashes.ended()
        self._proven.close()
        if self._pool.started:
            self._pool.stop()

    async def _run(self, guess: Guess, work: Callable[..., T], *args: str) -> T:
        if self._stopped:
            raise Busy
        turn: Deferred[None] = Deferred(self._guesses.leave)
        self._guesses.put(guess, turn)
        self._begin()
        await turn
        try:
            if not self._pool.started:
                self._pool.start()
            hashed = deferToThreadPool(self._reactor, self._pool, self._at_low_priority, work, *args)
        except BaseException:
            self._ended(None)
            raise
        hashed.addBoth(self._ended)
        # A caller may be cancelled while the thread still works, so the hash counts until the thread is done.
        return await self._hashes.run(hashed)

    def _begin(self) -> None:
        """Let those begin whose turn it is, as many as threads are free."""
        while self._busy < self._workers and (turn := self._guesses.take()) is not None:
            self._busy += 1
            turn.callback(None)

    def _refuse(self, turn: Deferred[None]) -> None:
        self._refused += 1
        turn.errback(Busy())

    def _ended(self, result: R) -> R:
        self._busy -= 1
        self._done += 1
        self._begin()
        return result

    def _at_low_priority(self, work: Callable[..., T], *args: str) -> T:
        """Work in this thread at a low priority: where a core is wanted by both, bytes go before passwords."""
        if not hasattr(self._lowered, "done"):
            self._lowered.done = True
            with suppress(OSError):  # where a sandbox forbids it
                os.setpriority(os.PRIO_PROCESS, get_native_id(), NICE)
        return work(*args)


def hash_now(password: str) -> str:
    """The encoded hash to store; blocks for some 30 ms."""
    return _ARGON2.hash(_prepared(password))


def _verify_now(encoded: str, password: str) -> Compared:
    try:
        expected, found = _hashed_as(encoded, _prepared(password))
    except (InvalidHashError, HashingError, ValueError):
        return Compared(False, b"")
    right = compare_digest(expected, found)
    return Compared(right, b"" if right else sha256(found).digest()[:_TRACE])


def _hashed_as(encoded: str, password: bytes) -> tuple[bytes, bytes]:
    """The hash that `encoded` holds, and the password's hash with the same salt and costs."""
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
    """An encoded hash that no password matches: random bytes in the place of a result."""
    salt, result = (b64encode(os.urandom(size)).rstrip(b"=").decode() for size in (16, 32))
    return f"$argon2id$v=19$m=19456,t=2,p=1${salt}${result}"
