"""The slow hash in its threads."""

from __future__ import annotations

import os
import time
from threading import Event
from typing import Any

from argon2 import PasswordHasher as Argon2
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.trial.unittest import TestCase

from meshd.auth import passwords
from meshd.auth.guesses import Guess
from meshd.auth.passwords import Busy, Compared, PasswordHasher, hash_now
from meshd.auth.proven import Proven

STRANGER = Guess("192.0.2.1", False)


def proven() -> Proven:
    return Proven(None, reactor, time.time)


class PasswordHasherTests(TestCase):
    def setUp(self) -> None:
        self.hasher = PasswordHasher(reactor, proven(), workers=1, queue=1)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.hasher.stop()))

    def blocked(self) -> Event:
        """Hashes wait for this."""
        gate = Event()
        self.patch(passwords, "hash_now", lambda password: gate.wait(60) and f"hash of {password}")
        self.addCleanup(gate.set)
        return gate

    def hash(self, password: str) -> Deferred[str]:
        return Deferred.fromCoroutine(self.hasher.hash(password))

    async def test_verify(self) -> None:
        """The password is right, another is not, and the encoded form is argon2id with the costs chosen."""
        encoded = await self.hasher.hash("pässword")
        self.assertTrue(encoded.startswith("$argon2id$v=19$m=19456,t=2,p=1$"))
        self.assertEqual(await self.hasher.verify(encoded, "pässword", STRANGER), Compared(True, b""))
        wrong = await self.hasher.verify(encoded, "Pässword", STRANGER)
        self.assertEqual((wrong.right, bool(wrong), bool(Compared(True, b""))), (False, False, True))

    async def test_what_was_right_is_not_hashed_again(self) -> None:
        """For the same encoded hash; a wrong password is hashed each time."""
        hashed: list[bytes] = []
        argon2 = passwords.hash_secret_raw
        encoded, again = hash_now("a"), hash_now("a")

        def hash_(what: bytes, *salt: bytes, **costs: Any) -> bytes:
            hashed.append(what)
            return argon2(what, *salt, **costs)

        self.patch(passwords, "hash_secret_raw", hash_)
        for against, password in ((encoded, "a"), (encoded, "a"), (encoded, "b"), (encoded, "b"), (again, "a")):
            compared = await self.hasher.verify(against, password, STRANGER)
            self.assertEqual(compared.right, password == "a")
        self.assertEqual(hashed, [b"a", b"b", b"b", b"a"])

    async def test_spellings_of_one_letter(self) -> None:
        """A composed and a decomposed accent are one password."""
        self.assertTrue((await self.hasher.verify(hash_now("p\u00e4"), "pa\u0308", STRANGER)).right)

    async def test_nobody(self) -> None:
        """Where there is no hash, a password is hashed all the same, with the same costs, and is wrong."""
        hashed = []
        argon2 = passwords.hash_secret_raw
        self.patch(
            passwords, "hash_secret_raw", lambda *what, **costs: hashed.append(dict(costs)) or argon2(*what, **costs)
        )
        self.assertFalse((await self.hasher.verify("", "", STRANGER)).right)
        self.assertFalse((await self.hasher.verify(hash_now("a"), "b", STRANGER)).right)
        self.assertEqual(*hashed)
        self.assertEqual((hashed[0]["time_cost"], hashed[0]["memory_cost"]), (2, 19 * 1024))

    async def test_the_trace_of_a_wrong_one(self) -> None:
        """The same for the same password and hash, whoever computes it; another for another of either."""
        encoded, again = hash_now("a"), hash_now("a")
        other = PasswordHasher(reactor, proven())
        traces = [
            (await hasher.verify(*words, STRANGER)).trace
            for hasher, *words in (
                (self.hasher, encoded, "wrong"),
                (other, encoded, "wrong"),
                (self.hasher, encoded, "wrong too"),
                (self.hasher, again, "wrong"),
            )
        ]
        await other.stop()
        self.assertEqual(len(set(traces)), 3)
        self.assertEqual((traces[0], len(traces[0])), (traces[1], 8))

    async def test_other_costs(self) -> None:
        """An encoded hash is compared with the costs that it has been made with."""
        encoded = Argon2(time_cost=1, memory_cost=64, parallelism=2, hash_len=20, salt_len=9).hash("brought along")
        self.assertTrue((await self.hasher.verify(encoded, "brought along", STRANGER)).right)
        self.assertFalse((await self.hasher.verify(encoded, "brought alone", STRANGER)).right)

    async def test_what_is_no_hash(self) -> None:
        """An encoded form that cannot be read is nobody's password, not an error."""
        broken = hash_now("plain").replace("m=19456", "m=1")
        for encoded in ("plain", "$argon2id$broken", "pbkdf2_sha256$1$a$b", broken, broken[:-40]):
            self.assertEqual(await self.hasher.verify(encoded, "plain", STRANGER), Compared(False, b""))

    async def test_any_text_can_be_hashed(self) -> None:
        """Not even a lone surrogate is an error."""
        self.assertFalse((await self.hasher.verify(hash_now("a"), "\ud800", STRANGER)).right)

    async def test_the_queue_is_bounded(self) -> None:
        """One at work, one waiting; the third is refused at once, and there is room again when they are done."""
        gate = self.blocked()
        first, second = self.hash("a"), self.hash("b")
        self.failureResultOf(self.hash("c"), Busy)
        gate.set()
        self.assertEqual([await first, await second], ["hash of a", "hash of b"])
        self.assertEqual(await self.hasher.hash("d"), "hash of d")

    async def test_who_goes_away_still_takes_room(self) -> None:
        """A thread that hashes for nobody is busy all the same: hanging up does not open the queue."""
        gate = self.blocked()
        first, second = self.hash("a"), self.hash("b")
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.failureResultOf(self.hash("c"), Busy)
        gate.set()
        self.assertEqual(await second, "hash of b")

    async def test_who_goes_away_while_waiting_waits_no_more(self) -> None:
        """No thread hashes for nobody, and another may wait instead."""
        gate = self.blocked()
        first, second = self.hash("a"), self.hash("b")
        second.cancel()
        self.failureResultOf(second, CancelledError)
        third = self.hash("c")
        gate.set()
        self.assertEqual([await first, await third], ["hash of a", "hash of c"])

    async def test_turns(self) -> None:
        """Who is known goes before a stranger who came earlier, and a right guess is forgiven."""
        hasher = PasswordHasher(reactor, proven(), workers=1)
        self.addCleanup(lambda: Deferred.fromCoroutine(hasher.stop()))
        gate, order = Event(), []
        argon2 = passwords.hash_secret_raw

        def hashed(what: bytes, *salt: bytes, **costs: Any) -> bytes:
            order.append(what)
            return argon2(what, *salt, **costs)

        self.patch(passwords, "hash_secret_raw", hashed)
        encoded = Argon2(time_cost=1, memory_cost=64).hash("right")
        self.patch(passwords, "hash_now", lambda password: gate.wait(60) and "")
        first = Deferred.fromCoroutine(hasher.hash("a"))
        asked = [
            Deferred.fromCoroutine(hasher.verify(encoded, password, Guess("192.0.2.1", known)))
            for password, known in (("wrong", False), ("right", False), ("known", True))
        ]
        gate.set()
        await gatherResults([first, *asked])
        self.assertEqual(order, [b"known", b"wrong", b"right"])
        self.assertGreater(hasher._guesses.owed("192.0.2.1"), 5.9)

    async def test_stop_finishes_what_has_begun(self) -> None:
        """What is being hashed is answered; what waits is refused, and so is what comes."""
        gate = self.blocked()
        first, second = self.hash("a"), self.hash("c")
        stopped = Deferred.fromCoroutine(self.hasher.stop())
        self.failureResultOf(second, Busy)
        self.assertNoResult(stopped)
        self.failureResultOf(self.hash("b"), Busy)
        gate.set()
        self.assertEqual(await first, "hash of a")
        await stopped

    async def test_a_thread_that_cannot_be_started(self) -> None:
        """Costs one caller, and not the thread's place for ever."""
        real = passwords.deferToThreadPool

        def unable(*what: Any) -> None:
            raise RuntimeError("can't start new thread")

        self.patch(passwords, "deferToThreadPool", unable)
        self.failureResultOf(self.hash("a"), RuntimeError)
        self.patch(passwords, "deferToThreadPool", real)
        self.assertTrue((await self.hash("b")).startswith("$argon2id$"))

    async def test_where_priorities_are_forbidden(self) -> None:
        def forbidden(*what: int) -> None:
            raise PermissionError

        self.patch(os, "setpriority", forbidden)
        self.assertTrue((await self.hash("a")).startswith("$argon2id$"))

    async def test_stop_unused(self) -> None:
        """One that never hashed stops too."""
        await PasswordHasher(reactor, proven()).stop()
