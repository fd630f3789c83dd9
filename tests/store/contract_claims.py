"""The contract: who claims an address, what is held back, and whom a proxy's customers were given to."""

from __future__ import annotations

from meshd.store.interface import StoreError
from meshd.store.statements import addresses, claims, hostnames, moves, proxies, tokens, withheld
from meshd.values.traces import Claim
from tests.store.contract import NOW, StoreContract, query

IP, OTHER = "192.0.2.1", "2001:db8::1"


class ClaimContract(StoreContract):
    """Claims of addresses."""

    async def test_in_the_order_in_which_they_came(self) -> None:
        """By families, and within one by time; a claim of the same second, or of a clock that went back, is later."""
        bob, eve = await self.create("bob"), await self.create("eve")
        kid = await self.create("kid", bob)
        for account, family, now in ((eve, eve, NOW), (kid, bob, NOW - 50), (bob, bob, NOW)):
            await self.store.run(claims.stake, IP, family.id, now)
            await self.store.run(addresses.add, account.id, IP, "", now)
        found = await self.store.run(claims.of_address, IP)
        expected = [
            Claim(eve.id, eve.id, "", NOW, NOW, 0),
            Claim(kid.id, bob.id, "", NOW + 1, NOW - 50, 0),
            Claim(bob.id, bob.id, "", NOW + 1, NOW, 0),
        ]
        self.assertEqual(found, expected)
        self.assertEqual(await self.store.run(claims.of_addresses, [OTHER, IP]), {IP: expected})
        self.assertEqual(await self.store.run(claims.disputed, 9), [IP])

    async def test_names(self) -> None:
        """What they stand for, and have left; a name that goes takes all of it along."""
        bob = await self.create("bob")
        await self.store.run(hostnames.add, bob.id, "a.example", NOW)
        for address in (IP, OTHER):
            await self.store.run(claims.stake, address, bob.id, NOW)
            await self.store.run(claims.point, bob.id, "a.example", address, NOW)
        await self.store.run(claims.mark, bob.id, "a.example", IP, NOW + 5)
        self.assertEqual(await self.store.run(claims.of_hostname, bob.id, "a.example"), [(IP, NOW + 5), (OTHER, 0)])
        self.assertEqual(await self.store.run(claims.of_hostnames, bob.id), {"a.example": [OTHER]})
        found = await self.store.run(claims.of_address, IP)
        self.assertEqual(found, [Claim(bob.id, bob.id, "a.example", NOW, NOW, NOW + 5)])
        await self.store.run(claims.point, bob.id, "a.example", IP, NOW + 9)
        self.assertEqual(await self.store.run(claims.of_address, IP), found)
        await self.fails(StoreError, claims.point, bob.id, "b.example", IP, NOW)
        self.assertTrue(await self.store.run(claims.unpoint_all, bob.id, IP))
        self.assertFalse(await self.store.run(claims.unpoint_all, bob.id, IP))
        await self.store.run(hostnames.delete, bob.id, "a.example")
        self.assertEqual(await self.store.run(query, "select * from hostname_addresses"), [])

    async def test_a_place_is_lost_with_the_last_claim(self) -> None:
        """Of the family, and of that address alone."""
        bob = await self.create("bob")
        kid = await self.create("kid", bob)
        await self.store.run(hostnames.add, kid.id, "a.example", NOW)
        for address in (IP, OTHER):
            await self.store.run(claims.stake, address, bob.id, NOW)
            await self.store.run(addresses.add, bob.id, address, "", NOW)
        await self.store.run(claims.point, kid.id, "a.example", IP, NOW)
        await self.store.run(addresses.delete, bob.id, IP)
        await self.store.run(claims.release, bob.id)
        self.assertEqual(len(await self.store.run(claims.of_address, IP)), 1)
        await self.store.run(claims.unpoint, kid.id, "a.example", [IP])
        await self.store.run(claims.release, bob.id)
        self.assertEqual(await self.store.run(query, "select address from address_claims"), [(OTHER,)])

    async def test_withheld(self) -> None:
        """By kind; what the operator holds back no plan takes over, and the other way round it does."""
        bob = await self.create("bob")
        hold, held = withheld.hold, withheld.held
        self.assertTrue(await self.store.run(hold, bob.id, "proxy", "us", "plan", NOW, ""))
        self.assertFalse(await self.store.run(held, bob.id, "proxy", "us"))
        self.assertTrue(await self.store.run(hold, bob.id, "proxy", "us", "operator", NOW, "anna"))
        self.assertFalse(await self.store.run(hold, bob.id, "proxy", "us", "plan", NOW, ""))
        self.assertFalse(await self.store.run(hold, bob.id, "proxy", "us", "operator", NOW, "otto"))
        self.assertTrue(await self.store.run(held, bob.id, "proxy", "us"))
        self.assertFalse(await self.store.run(held, bob.id, "ip", "us"))
        self.assertEqual(await self.store.run(withheld.of_account, bob.id, "proxy"), [("us", NOW, "anna")])
        self.assertEqual(await self.store.run(withheld.of_accounts, [bob.id, 99], "proxy"), {bob.id: ["us"]})
        self.assertFalse(await self.store.run(withheld.give_back, bob.id, "proxy", "us", "plan"))
        self.assertTrue(await self.store.run(withheld.give_back, bob.id, "proxy", "us"))
        self.assertEqual(await self.store.run(withheld.of_account, bob.id, "proxy"), [])

    async def test_moves(self) -> None:
        """Names are found without reading each account; so many accounts at a time go over."""
        made = [await self.create(f"u{number}") for number in range(5)]
        for account in made:
            for name in ("us", "open"):
                await self.store.run(proxies.authorize, account.id, name, NOW)
        self.assertEqual(await self.store.run(moves.names), ["open", "us"])
        self.assertEqual(await self.store.run(moves.count, "us"), 5)
        await self.store.run(tokens.create, made[0].id, b"1", "", "", NOW, proxies=["us", "eu"])
        self.assertEqual(await self.store.run(moves.confinements), [(("us", "eu"), 1)])
        moved = [await self.store.run(moves.move, "us", "eu", 3, "anna", "us to eu", NOW) for _ in range(3)]
        self.assertEqual(moved, [3, 2, 0])
        self.assertEqual(await self.store.run(proxies.of_accounts, [made[4].id]), {made[4].id: ["eu", "open"]})

    async def test_tokens_that_a_plan_ends(self) -> None:
        """Are told from those that somebody else did; one that is not active is held by nobody."""
        bob = await self.create("bob")
        first, second = [await self.store.run(tokens.create, bob.id, bytes([n]), "", "", NOW) for n in (1, 2)]
        await self.store.run(tokens.set_active, first.id, False, "operator")
        self.assertEqual(await self.store.run(tokens.deactivate_all, bob.id), [second.id])
        self.assertEqual([each.id for each in await self.store.run(tokens.ended_by_plan, bob.id)], [second.id])
        self.assertEqual((await self.store.run(tokens.by_id, first.id)).ended_by, "operator")
        self.assertFalse(await self.store.run(tokens.hold, second.id))
        self.assertEqual((await self.store.run(tokens.set_active, second.id, True)).ended_by, "")
        self.assertTrue(await self.store.run(tokens.hold, second.id))
        self.assertEqual(await self.store.run(tokens.count_active, bob.id), 1)
        self.assertEqual(await self.store.run(tokens.locked, 99), None)
