"""The contract: what is published, as several processes change and read it at once."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import gatherResults

from meshd.accounts import hosttokens
from meshd.accounts.errors import InUse
from meshd.accounts.published import acme, reading, resources
from meshd.store.interface import Conflict
from meshd.store.statements import published, tokens
from meshd.store.statements.published import Port
from meshd.values.published import Kind
from tests.store.contract import NOW, StoreContract, start

HOST: dict[str, Any] = {"forward_host": "10.0.0.1", "forward_port": 80}


class PublishedContract(StoreContract):
    """Rules over several rows hold, and nobody misses a change."""

    async def setUp(self) -> None:
        await super().setUp()
        self.admin = await self.create("admin", role="admin")
        self.other = await self.open()

    async def made(self, *names: str, store: Any = None, kind: Kind = "proxy-hosts", **given: Any) -> Any:
        settings = {**HOST, "domain_names": list(names), **given} if kind == "proxy-hosts" else given
        return await (store or self.store).run(resources.create, self.admin.id, kind, settings, now=NOW)

    async def outcomes(self, *attempts: Any) -> list[str]:
        """The names of what each attempt raised; "" for those that passed."""

        async def outcome(attempt: Any) -> str:
            try:
                await attempt
            except (InUse, Conflict) as refused:
                return type(refused).__name__
            return ""

        return sorted(await gatherResults([start(outcome(attempt)) for attempt in attempts]))

    async def test_a_race_for_a_name(self) -> None:
        """One host has it, whoever asks at the same time."""
        attempts = [
            self.made("a.b", f"{number}.b", store=store) for number, store in enumerate((self.store, self.other) * 3)
        ]
        self.assertEqual(await self.outcomes(*attempts), ["", *["InUse"] * 5])

    async def test_a_race_for_a_port(self) -> None:
        """On all interfaces and on one."""
        forward = {**HOST, "incoming_port": 7000, "kind": "port-forwards"}
        attempts = [
            self.made(store=store, interface=interface, **forward)
            for store, interface in ((self.store, ""), (self.other, "eth0"), (self.store, "eth0"), (self.other, ""))
        ]
        self.assertEqual((await self.outcomes(*attempts))[1:], ["InUse"] * 3)

    async def test_a_list_that_is_deleted_while_a_host_takes_it(self) -> None:
        """The host has it and the list is there, or neither."""
        for number in range(5):
            guard = await self.made(kind="access-lists", name="n")
            deletion = self.other.run(resources.delete, self.admin.id, "access-lists", guard.id, now=NOW)
            taking = self.made(f"{number}.b", access_list_id=guard.id)
            results = await gatherResults([start(self.tried(each)) for each in (deletion, taking)])
            self.assertEqual(sum(results), 1)

    async def tried(self, attempt: Any) -> bool:
        try:
            await attempt
        except Exception:
            return False
        return True

    async def test_names_and_ports_are_ones(self) -> None:
        """Also to whoever did not look."""
        one, two = await self.made("a.b"), await self.made("c.b")
        await self.fails(Conflict, published.set_names, two.id, ["c.b", "a.b"])
        ports = [Port("tcp", 1, "", "")]
        await self.store.run(published.set_ports, one.id, ports)
        await self.fails(Conflict, published.set_ports, two.id, ports)

    async def test_nobody_misses_a_change(self) -> None:
        """However changes of several processes meet, who follows by numbers ends where the store is."""
        known: dict[int, Any] = {}
        revision = 0
        for turn in range(4):
            work = [
                start(self.made(f"{turn}-{number}.b", store=store))
                for number, store in enumerate((self.store, self.other) * 3)
            ]
            while True:
                over = all(each.called for each in work)  # before it is read: what comes after that may be missing
                news = await self.other.run(reading.newer, revision, 3)
                known.update((row.id, row) for row in news.rows)
                revision = news.revision
                if over and not news.rows:
                    break
            await gatherResults(work)
            self.assertEqual(len(known), 6 * (turn + 1))

    async def test_a_certificate_is_obtained_by_one(self) -> None:
        """Of several processes that find it due."""
        row = await self.made(kind="certificates", domain_names=["a.b"])
        until = NOW + acme.LEASE
        claims = [start(store.run(acme.claim, row.id, "n", until)) for store in (self.store, self.other) * 3]
        self.assertEqual(sum(await gatherResults(claims)), 1)

    async def test_a_sign_in_is_renewed_once(self) -> None:
        """Of two that use the same secret at once one is a thief, and both are out."""
        digests = {"access": b"a" * 32, "refresh": b"r" * 32}
        await self.store.run(hosttokens.begin, self.admin.id, **digests, now=NOW)
        renewals = [
            start(store.run(hosttokens.renew, b"r" * 32, access=bytes([n]) * 32, refresh=bytes([n + 9]) * 32, now=NOW))
            for n, store in enumerate((self.store, self.other))
        ]
        found = await gatherResults(renewals)
        self.assertEqual(sum(each is not None for each in found), 1)
        self.assertEqual(await self.store.run(tokens.of_account, self.admin.id, "session"), [])
