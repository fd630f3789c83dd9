"""What the logs may say of a credential that was refused."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.auth.bans import name_of_token
from meshd.auth.secrets import new_token, token_digest
from meshd.model import Account, Admission, Refusal, Tried
from meshd.store.statements import tokens
from tests.auth.world import PEER, World, basic, bearer


class TriedTests(SynchronousTestCase):
    """alice with a token, bob who is inactive, carol who may not use this proxy."""

    def setUp(self) -> None:
        self.world = World(self)
        self.peers = 0
        self.alice = self.world.account("Alice", "secret")
        self.bob = self.world.account("Bob", "secret", active=False)
        self.carol = self.world.account("carol", "secret", parent=self.alice)
        self.secret, self.token = self.world.token(self.alice)
        self.world.store.now(tokens.set_active, self.token.id, False)

    def tried(self, answer: Admission | Refusal) -> Tried | None:
        assert isinstance(answer, Refusal), answer
        return answer.tried

    def both(self, field: bytes) -> set[Tried | None]:
        """At the proxy and the API, decided anew and remembered; from an address of its own, where nobody is banned."""
        self.peers += 1
        peer = f"198.51.100.{self.peers}"
        ways = (self.world.ask, self.world.ask, self.world.sign_in, self.world.sign_in)
        return {self.tried(ask(field, peer=peer)) for ask in ways}

    def named(self, account: Account, name: str = "") -> set[Tried | None]:
        return {Tried(name or account.username, account.id)}

    def test_a_wrong_password(self) -> None:
        """The name as bans know it, and the account, if there is one of that name."""
        self.assertEqual(self.both(basic("ALICE:wrong")), self.named(self.alice, "alice"))
        self.assertEqual(self.both(basic("nobody:wrong")), {Tried("nobody")})

    def test_a_selection_is_no_part_of_the_name(self) -> None:
        """At the proxy."""
        for number in range(3):
            answer = self.world.ask(basic(f"alice-session-{number}:wrong"))
            self.assertEqual(self.tried(answer), Tried("alice", self.alice.id))

    def test_a_wrong_token(self) -> None:
        """The beginning of its digest; whose it was, if it was somebody's."""
        unknown = new_token()
        name = name_of_token(token_digest(self.secret))
        self.assertEqual(self.both(bearer(self.secret)), {Tried(name, self.alice.id)})
        self.assertEqual(self.both(basic(f"{self.secret}:")), {Tried(name, self.alice.id)})
        self.assertEqual(self.both(bearer(unknown)), {Tried(name_of_token(token_digest(unknown)))})

    def test_no_secret_is_a_name(self) -> None:
        """Neither a token in the user name's place, mistyped or not, nor what no account can be called, nor a field."""
        cut, mistyped = self.secret[:-1], f"{self.secret[:-1]}{'A' if self.secret[-1] != 'A' else 'B'}"
        for userinfo in (f"{cut}:", f"{mistyped}:", "correct horse battery:", "pass/word!:", f"{self.secret}x:y"):
            self.assertEqual(self.both(basic(userinfo)), {Tried("(malformed)")}, userinfo)
        for field in (b"Basic ***", b"Digest username=alice", b"", basic("a" * 256 + ":"), bearer("a" * 300)):
            self.assertEqual(self.both(field), {Tried("(malformed)")}, field)

    def test_banned(self) -> None:
        """The account too, where it is remembered."""
        for number in range(4):
            self.world.ask(basic(f"alice:wrong{number}"))
        self.assertEqual(self.tried(self.world.ask(basic("alice:secret"))), Tried("alice"))
        self.assertIsInstance(self.world.ask(basic("alice:secret"), peer="192.0.2.7"), Admission)
        self.assertEqual(self.tried(self.world.ask(basic("alice:secret"))), Tried("alice", self.alice.id))

    def test_who_is_right_and_may_not_pass(self) -> None:
        """By name and number, and by the token that was used."""
        self.assertEqual(self.both(basic("bob:secret")), self.named(self.bob))
        self.assertEqual(self.tried(self.world.ask(basic("carol:secret"), proxy="open")), Tried("carol", self.carol.id))
        self.assertEqual(self.tried(self.world.ask(basic("alice-country-usa:secret"))), Tried("Alice", self.alice.id))
        secret, token = self.world.token(self.bob)
        for field in (bearer(secret), basic(f"x-country-usa:{secret}")):
            self.assertEqual(self.tried(self.world.ask(field)), Tried("Bob", self.bob.id, token.id))

    def test_while_the_store_is_away(self) -> None:
        """The name all the same."""
        self.world.store.away = True
        self.assertEqual(self.tried(self.world.ask(basic("alice:secret"))), Tried("alice"))

    def test_nobody(self) -> None:
        """Without a credential there is nothing to tell."""
        for _ in range(2):
            self.assertIsNone(self.tried(self.world.ask(None, peer=PEER)))
        self.assertIsNone(self.tried(self.world.sign_in(None)))
