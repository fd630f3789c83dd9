"""Names and passwords that open a host: what is compared, and what counts."""

from __future__ import annotations

from base64 import b64encode

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.auth.passwords import Busy
from meshd.hosts.signin import BUSY, FAILURE_SECONDS, FAILURES, NO_LOGIN, SignIns
from meshd.model import Refusal
from meshd.values.published import AccessList, Login
from tests.auth.world import CountingHasher

ACCESS = AccessList(5, "office", logins=(Login("ann", "hash:pw"), Login("bob", "hash:other")))
PEER, OTHER = "192.0.2.1", "192.0.2.2"


def basic(name: str, password: str) -> bytes:
    return b"Basic " + b64encode(f"{name}:{password}".encode())


class SignInsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.hasher = CountingHasher()
        self.signins = SignIns(self.hasher, self.clock.seconds)

    def begin(self, name: str, password: str, peer: str = PEER) -> Deferred[str | Refusal]:
        return Deferred.fromCoroutine(self.signins.check(ACCESS, basic(name, password), peer))

    def check(self, name: str, password: str, peer: str = PEER) -> str | Refusal:
        return self.successResultOf(self.begin(name, password, peer))

    def hold(self) -> Deferred[None]:
        """Let the slow hash take until this fires."""
        gate: Deferred[None] = Deferred()
        self.hasher.gate = gate
        return gate

    def test_many_guesses_at_once_meet_the_bound(self) -> None:
        gate = self.hold()
        guesses = [self.begin("ann", f"no{number}") for number in range(3 * FAILURES)]
        other = self.begin("ann", "pw", OTHER)
        gate.callback(None)
        found = [self.successResultOf(each) for each in guesses]
        self.assertEqual(found[:FAILURES], [NO_LOGIN] * FAILURES)
        self.assertEqual({each.reason for each in found[FAILURES:] if isinstance(each, Refusal)}, {"rate-requests"})
        self.assertEqual(len(self.hasher.runs), FAILURES + 1)
        self.assertEqual(self.successResultOf(other), "ann", "another address has nothing to do with it")
        self.clock.advance(FAILURE_SECONDS * 17 / 16)
        self.assertEqual(self.check("ann", "pw"), "ann")

    def test_right_ones_count_for_nothing(self) -> None:
        """However many come at once, after whatever was wrong; those that are the same are compared once."""
        for number in range(FAILURES - 1):
            self.assertEqual(self.check("ann", f"no{number}"), NO_LOGIN)
        before = len(self.hasher.runs)
        gate = self.hold()
        asked = [self.begin(*each) for each in (("ann", "pw"), ("bob", "other")) * FAILURES]
        gate.callback(None)
        self.assertEqual([self.successResultOf(each) for each in asked], ["ann", "bob"] * FAILURES)
        self.assertEqual(self.hasher.runs[before:], ["pw", "other"])
        self.assertEqual(self.check("ann", "no"), NO_LOGIN)
        self.assertIn("rate-requests", str(self.check("ann", "not")))

    def test_what_could_not_be_compared_counts_for_nothing(self) -> None:
        self.hasher.fails = Busy()
        self.assertEqual([self.check("ann", "no") for _ in range(2 * FAILURES)], [BUSY] * 2 * FAILURES)
        self.hasher.fails = None
        self.assertEqual(self.check("ann", "pw"), "ann")

    def test_what_fails_otherwise_was_wrong(self) -> None:
        """Nobody is let in by a fault, nor guesses for nothing by it."""
        self.hasher.fails = RuntimeError("a fault")
        for number in range(FAILURES):
            self.failureResultOf(self.begin("ann", f"no{number}"), RuntimeError)
        self.hasher.fails = None
        self.assertIn("rate-requests", str(self.check("ann", "no")))

    def test_nobodys_name_takes_as_long(self) -> None:
        self.assertEqual([self.check("eve", "x"), self.check("ann", "x")], [NO_LOGIN, NO_LOGIN])
        self.assertEqual(self.hasher.runs, ["x", "x"])
