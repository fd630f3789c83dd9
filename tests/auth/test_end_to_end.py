"""The whole service on its own store, with the real hash and the real clock."""

from __future__ import annotations

import time

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from meshd.auth.hostnames import HostnameWatch
from meshd.auth.passwords import PasswordHasher
from meshd.auth.proven import Proven
from meshd.auth.secrets import new_token, token_digest
from meshd.auth.service import AuthService
from meshd.dns.resolver import Resolver
from meshd.model import Account, Admission, Change, Refusal
from meshd.store.sqlite.store import SQLiteStore
from meshd.store.statements import accounts, addresses, changes, claims, hostnames, proxies, tokens
from tests.auth.world import PEER, basic, bearer, let_in, said
from tests.support.live import settings
from tests.support.stores import fresh_sqlite


class EndToEndTests(TestCase):
    async def installation(self) -> tuple[SQLiteStore, AuthService, Account]:
        store = await fresh_sqlite(self)
        resolver = Resolver(reactor)
        self.addCleanup(resolver.stop)
        hasher = PasswordHasher(reactor, Proven(None, reactor, time.time))
        service = AuthService(
            store,
            reactor,
            time.time,
            settings(),
            hasher,
            HostnameWatch(resolver, store, reactor, allow_private=True),
        )
        alice = await store.run(
            accounts.create,
            "alice",
            parent_id=None,
            role="customer",
            plan="10",
            password_hash=await hasher.hash("pä:ss"),
            billing_day=1,
            now=int(time.time()),
        )
        await store.run(proxies.authorize, alice.id, "us", 0)
        await service.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(service.stop()))
        return store, service, alice

    async def ask(self, service: AuthService, field: bytes | None, peer: str = PEER) -> Admission | Refusal:
        return await let_in(service, field, peer)

    async def test_every_way_in(self) -> None:
        """Password, sticky key, token and address, then remembered; and out again by a change."""
        store, service, alice = await self.installation()
        secret = new_token()
        token = await store.run(tokens.create, alice.id, token_digest(secret), "", "", 0)
        await store.run(claims.stake, "198.51.100.7", alice.id, 0)
        await store.run(addresses.add, alice.id, "198.51.100.7", "", 0)
        ways = [(basic("Alice:pä:ss"), PEER), (basic("alice:key:pä:ss"), PEER), (bearer(secret), PEER)]
        for field, peer in [*ways, (None, "198.51.100.7")]:
            answer = await self.ask(service, field, peer)
            self.assertEqual(said(answer), "alice")
            self.assertIs(service.recall("us", peer, field, None), answer)
        self.assertEqual(said(await self.ask(service, None)), "auth-required")
        admission = await self.ask(service, bearer(secret))
        assert isinstance(admission, Admission)
        await store.run(tokens.set_active, token.id, False)
        await store.run(changes.publish, alice.id)
        service.forget((await store.run(changes.since, 0, 10))[-1])
        self.assertEqual(said(await self.ask(service, bearer(secret))), "auth-invalid")
        self.assertEqual(said(await service.still(admission, "us")), "auth-invalid")

    async def test_four_wrong_ones(self) -> None:
        """A ban, at the proxy and at the API, and none for the others."""
        _, service, _ = await self.installation()
        for number in range(4):
            self.assertEqual(said(await self.ask(service, basic(f"alice:{number}"))), "auth-invalid")
        self.assertEqual(said(await self.ask(service, basic("alice:pä:ss"))), "auth-banned")
        self.assertEqual(said(await service.sign_in(PEER, basic("alice:pä:ss"))), "auth-banned")
        self.assertEqual(said(await self.ask(service, basic("alice:pä:ss"), "203.0.113.10")), "alice")

    async def test_a_hostname(self) -> None:
        """A name that the machine's own resolver knows."""
        store, service, alice = await self.installation()
        await store.run(hostnames.add, alice.id, "localhost", 0)
        service.forget(Change(1, alice.id))
        for _ in range(200):
            answer = await self.ask(service, None, "127.0.0.1")
            if isinstance(answer, Admission):
                break
            service.forget(Change(1, alice.id))
            await store.run(accounts.root)
        self.assertEqual(said(answer), "alice")

    async def test_a_store_that_is_closed(self) -> None:
        """The known go on, the unknown are refused, nothing raises."""
        store, service, _ = await self.installation()
        right = basic("alice:pä:ss")
        await self.ask(service, right)
        await store.stop()
        self.assertEqual(said(await self.ask(service, right)), "alice")
        self.assertEqual(said(await self.ask(service, basic("alice:wrong"))), "auth-unavailable")
        self.assertEqual(said(await self.ask(service, None)), "auth-unavailable")
