"""Who signs in at a page."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.model import Admission, Refusal
from tests.auth.world import PEER, World


class EntranceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(self)
        self.world.account("alice", "secret", email="ann@mail.example")

    def enter(self, typed: str, username: str, password: str, peer: str = PEER) -> Admission | Refusal:
        return self.world.now(self.world.service.entrance.enter(peer, typed, username, password))

    def hashes(self, *tries: tuple[str, str, str]) -> list[int]:
        """How many slow hashes each try takes, from an address of its own."""
        found = []
        for number, each in enumerate(tries):
            before = len(self.world.hasher.runs)
            self.assertIsInstance(self.enter(*each, peer=f"198.51.100.{number}"), Refusal)
            found.append(len(self.world.hasher.runs) - before)
        return found

    def test_a_spared_hash_links_no_names(self) -> None:
        """A wrong password that was tried under a username is hashed again under the e-mail address of that account, as
        under those of nobody: how long the answer takes does not tell that both are one account's.
        """
        known = (("alice", "alice", "no"), ("ann@mail.example", "alice", "no"))
        nobody = (("zoe", "zoe", "no"), ("zoe@mail.example", "zoe@mail.example", "no"))
        self.assertEqual(self.hashes(*known), self.hashes(*nobody))
        self.assertEqual(self.hashes(*reversed(known)), self.hashes(*reversed(nobody)))

    def test_under_one_name_it_is_spared(self) -> None:
        self.assertEqual(self.hashes(("alice", "alice", "no"), ("ALICE", "alice", "no")), [1, 0])

    def test_who_is_right_is_let_in_by_both(self) -> None:
        for typed in ("alice", "ann@mail.example"):
            self.assertIsInstance(self.enter(typed, "alice", "secret"), Admission)
