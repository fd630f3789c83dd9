"""The slow hash in its threads."""

from __future__ import annotations

from threading import Event

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import TestCase

from meshd.auth import passwords
from meshd.auth.passwords import Busy, PasswordHasher, hash_now


class PasswordHasherTests(TestCase):
    def setUp(self) -> None:
        self.hasher = PasswordHasher(reactor, workers=1, queue=1)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.hasher.stop()))

    def blocked(self) -> Event:
        """Hashes wait for this."""
        gate = Event()
        self.patch(passwords, "hash_now", lambda password: gate.wait(10) and f"hash of {password}")
        self.addCleanup(gate.set)
        return gate

    def hash(self, password: str) -> Deferred[str]:
        return Deferred.fromCoroutine(self.hasher.hash(password))

    async def test_verify(self) -> None:
        """The password is right, another is not, and the encoded form is argon2id with the costs chosen."""
        encoded = await self.hasher.hash("pässword")
        self.assertTrue(encoded.startswith("$argon2id$v=19$m=19456,t=2,p=1$"))
        self.assertTrue(await self.hasher.verify(encoded, "pässword"))
        self.assertFalse(await self.hasher.verify(encoded, "Pässword"))

    async def test_spellings_of_one_letter(self) -> None:
        """A composed and a decomposed accent are one password."""
        self.assertTrue(await self.hasher.verify(hash_now("p\u00e4"), "pa\u0308"))

    async def test_nobody(self) -> None:
        """Where there is no hash, a password is hashed all the same, with the same costs, and is wrong."""
        hashed = []
        argon2 = passwords._ARGON2
        self.patch(passwords, "_ARGON2", self)
        self.verify_with = lambda encoded, password: hashed.append(encoded) or argon2.verify(encoded, password)
        self.assertFalse(await self.hasher.verify("", ""))
        self.assertEqual([encoded[:31] for encoded in hashed], ["$argon2id$v=19$m=19456,t=2,p=1$"])

    def verify(self, encoded: str, password: bytes) -> bool:
        return bool(self.verify_with(encoded, password))

    async def test_what_is_no_hash(self) -> None:
        """An encoded form that cannot be read is nobody's password, not an error."""
        for encoded in ("plain", "$argon2id$broken", "pbkdf2_sha256$1$a$b"):
            self.assertFalse(await self.hasher.verify(encoded, "plain"))

    async def test_any_text_can_be_hashed(self) -> None:
        """Not even a lone surrogate is an error."""
        self.assertFalse(await self.hasher.verify(hash_now("a"), "\ud800"))

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
        for one in (first, second):
            one.cancel()
            self.failureResultOf(one, CancelledError)
        self.failureResultOf(self.hash("c"), Busy)
        gate.set()

    async def test_stop_finishes_what_waits(self) -> None:
        """What was taken is answered, and nothing more is taken."""
        gate = self.blocked()
        first = self.hash("a")
        stopped = Deferred.fromCoroutine(self.hasher.stop())
        self.assertNoResult(stopped)
        self.failureResultOf(self.hash("b"), Busy)
        gate.set()
        self.assertEqual(await first, "hash of a")
        await stopped

    async def test_stop_unused(self) -> None:
        """One that never hashed stops too."""
        await PasswordHasher(reactor).stop()
