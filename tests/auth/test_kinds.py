"""Tokens of each kind count where they belong, and nowhere else."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.auth.secrets import new_token, token_digest
from meshd.model import Admission
from meshd.selection import NONE
from meshd.store.statements import accounts, tokens
from meshd.values.tokens import HOSTS, MESHD, V1, Kinds, TokenKind
from tests.auth.world import NOON, PEER, World, basic, bearer, said

WHERE: dict[str, Kinds] = {"meshd's own": MESHD, "/v1": V1, "published hosts": HOSTS}


class KindTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(self)
        self.alice = self.world.account("alice", "secret")

    def secret(self, kind: TokenKind) -> tuple[str, int]:
        secret = new_token()
        made: Any = self.world.store.now(tokens.create, self.alice.id, token_digest(secret), "", "", NOON, kind=kind)
        return secret, made.id

    def sign_in(self, field: bytes, kinds: Kinds) -> str:
        return said(self.world.now(self.world.service.sign_in(PEER, field, kinds=kinds)))

    def test_where_each_kind_counts(self) -> None:
        """At one of the APIs; at the proxy none but the plain one; a meter's nowhere."""
        for kind, wanted in (
            ("", "meshd's own"),
            ("key", "/v1"),
            ("access", "/v1"),
            ("hosts", "published hosts"),
            ("session", "published hosts"),
            ("meter", ""),
        ):
            for where, kinds in WHERE.items():
                world = self.world = World(self)
                self.alice = world.account("alice", "secret")
                secret, _ = self.secret(kind)  # type: ignore[arg-type]
                outcomes = [self.sign_in(bearer(secret), kinds) for _ in range(2)]
                self.assertEqual(outcomes, ["alice" if where == wanted else "auth-invalid"] * 2, (kind, where))
                if where != wanted:
                    continue
                others = {name: self.sign_in(bearer(secret), other) for name, other in WHERE.items() if name != where}
                self.assertEqual(set(others.values()), {"auth-invalid"}, kind)
                self.assertEqual(world.reason(bearer(secret)), "alice" if kind == "" else "auth-invalid", kind)

    def test_a_password_counts_at_meshds_own_alone(self) -> None:
        """Elsewhere it is nothing that could be read."""
        fields = {where: self.sign_in(basic("alice:secret"), kinds) for where, kinds in WHERE.items()}
        self.assertEqual(fields, {"meshd's own": "alice", "/v1": "auth-invalid", "published hosts": "auth-invalid"})

    def test_that_it_was_used_is_noted(self) -> None:
        """For people to see; within a minute once."""
        secret, token_id = self.secret("hosts")
        self.sign_in(bearer(secret), HOSTS)
        token = self.world.store.now(tokens.by_id, token_id)
        assert token is not None
        self.assertEqual(token.used_at, NOON)

    def test_what_ends_it(self) -> None:
        """Its deletion, and that its account is off."""
        secret, token_id = self.secret("hosts")
        self.assertEqual(self.sign_in(bearer(secret), HOSTS), "alice")
        self.world.edit(self.alice, active=False)
        self.world.changed(self.alice)
        self.assertEqual(self.sign_in(bearer(secret), HOSTS), "account-inactive")
        self.world.edit(self.alice, active=True)
        self.world.store.now(tokens.delete, token_id)
        self.world.changed(self.alice)
        self.assertEqual(self.sign_in(bearer(secret), HOSTS), "auth-invalid")


class MeterTests(SynchronousTestCase):
    """Who pays for a published host goes on as long as the account may."""

    def test_still(self) -> None:
        """Whatever proxies, passwords and tokens the account has; not once it is off, or gone."""
        world = World(self)
        owner = world.account("owner", "secret")
        identity = world.ask(basic("owner:secret"))
        assert isinstance(identity, Admission)
        admission = Admission(identity.identity, "meter", "7", 7, NONE, "")
        self.assertIsNone(world.still(admission, "published"))
        world.edit(owner, password_hash="hash:other", last_name="x")
        self.assertIsNone(world.still(admission, "published"))
        world.edit(owner, active=False)
        self.assertEqual(said(world.still(admission, "published")), "account-inactive")
        world.store.now(accounts.delete, owner.id)
        self.assertEqual(said(world.still(admission, "published")), "auth-invalid")
