"""The contract: accounts and what belongs to them."""

from __future__ import annotations

from typing import Any

from meshd.model import Account, AuthorizedHostname, AuthorizedIP, Token, Usage, UsageEntry
from meshd.store.interface import Conflict, StoreError
from meshd.store.statements import (
    accounts,
    addresses,
    audit,
    bans,
    claims,
    hostnames,
    identities,
    newaccounts,
    proxies,
    tokens,
    withheld,
)
from meshd.store.unit import Statement, Unit
from tests.store.contract import (
    FEBRUARY,
    JANUARY,
    NOW,
    StoreContract,
    query,
)


class AccountContract(StoreContract):
    """Accounts and what belongs to them."""

    async def test_create(self) -> None:
        """What was created is what is found, whatever the case of the name."""
        made = await self.create(
            "Bob", first_name="B", last_name="O'B", email="b%20@x", monthly_limit=3, total_limit=2**60, plan="20"
        )
        self.assertEqual(
            made,
            Account(made.id, "Bob", None, "customer", "20", True, "B", "O'B", "b%20@x", 3, 2**60, 10, NOW, ""),
        )
        self.assertEqual(await self.store.run(accounts.by_id, made.id), made)
        self.assertEqual(await self.store.run(accounts.by_username, "bOB"), made)
        self.assertIsNone(await self.store.run(accounts.by_username, "bo"))

    async def test_many_at_once(self) -> None:
        """Each column of each, whatever all say alike and wherever they differ; of one that is taken, nothing."""
        parent = await self.create("parent")
        common: dict[str, Any] = {"parent_id": None, "role": "customer", "plan": "20", "password_hash": "", "now": NOW}
        differences: list[dict[str, Any]] = [
            {},
            {"email": "a@x.example"},
            {"plan": "10", "active": False},
            {"monthly_limit": 2**60, "total_ceiling": 7},
            {"password_hash": "h%s"},
            {"first_name": ":id", "last_name": "O'B"},
            {"billing_day": 31},
        ]
        for parent_id in (None, parent.id):
            for some in (differences[:1], differences[:2], differences[2:3] * 2, differences):
                prefix = f"{parent_id}.{len(some)}{len(some[0])}"
                rows = [
                    accounts.inserted(f"{prefix}.{n}", **{"billing_day": 3, **common, "parent_id": parent_id, **more})
                    for n, more in enumerate(some)
                ]
                ids = await self.store.run(newaccounts.create, rows)
                for row in rows:
                    found = await self.store.run(accounts.by_id, ids[row["username_key"]])
                    assert found is not None
                    told = {name: getattr(found, name) for name in row if name in Account.__dataclass_fields__}
                    self.assertEqual(told, {name: row[name] for name in told})
        again = [accounts.inserted(name, billing_day=3, **common) for name in ("PARENT", "fresh")]
        self.assertEqual(list(await self.store.run(newaccounts.create, again)), ["fresh"])

    async def test_username_taken(self) -> None:
        """A username is one whatever its case, over the whole installation."""
        parent = await self.create("bob")
        raised = await self.fails(
            Conflict,
            accounts.create,
            "BOB",
            parent_id=parent.id,
            role="customer",
            plan="10",
            password_hash="",
            billing_day=1,
            now=NOW,
        )
        self.assertEqual(str(raised), "this username is taken already")

    async def test_one_root(self) -> None:
        """There is one root account, and no second."""
        self.assertIsNone(await self.store.run(accounts.root))
        root = await self.create("admin", role="root")
        self.assertEqual(await self.store.run(accounts.root), root)
        other = await self.create("bob")
        await self.fails(Conflict, accounts.edit, other.id, role="root")

    async def test_edit(self) -> None:
        """Editing sets the columns that are given and leaves the others."""
        account = await self.create()
        edited = await self.store.run(accounts.edit, account.id, active=False, plan="50")
        self.assertEqual((edited.active, edited.plan, edited.username), (False, "50", "bob"))
        self.assertEqual(await self.store.run(accounts.edit, account.id), edited)
        self.assertIsNone(await self.store.run(accounts.edit, account.id + 1, plan="50"))
        await self.fails(TypeError, accounts.edit, account.id, username="eve")

    async def test_children(self) -> None:
        """A parent's sub-accounts come by name, nobody else's among them."""
        parent = await self.create("p")
        subs = [await self.create(name, parent) for name in ("b", "A")]
        await self.create("c", await self.create("other"))
        self.assertEqual(await self.store.run(accounts.children, parent.id), subs[::-1])
        self.assertEqual(await self.store.run(accounts.count_children, parent.id), 2)

    async def test_pages(self) -> None:
        """Pages by id cover every account once."""
        made = [await self.create(f"u{i}") for i in range(5)]
        first = await self.store.run(accounts.page, 0, 3)
        second = await self.store.run(accounts.page, first[-1].id, 3)
        self.assertEqual(first + second, made)
        self.assertEqual(await self.store.run(accounts.page, second[-1].id, 3), [])

    async def test_plans_held(self) -> None:
        """In a range of ids: each plan, how many have it, and one of them; a sub-account's is its parent's."""
        self.assertEqual(await self.store.run(accounts.newest), 0)
        first = await self.create("zoe", plan="gold")
        await self.create("kid", first, plan="trial")
        await self.create("amy", plan="gold")
        last = await self.create("bob", plan="20")
        self.assertEqual(await self.store.run(accounts.newest), last.id)
        held = await self.store.run(accounts.plans_held, 0, last.id)
        self.assertEqual(held, [("20", 1, "bob"), ("gold", 2, "amy")])
        self.assertEqual(await self.store.run(accounts.plans_held, first.id, last.id - 1), [("gold", 1, "amy")])

    async def test_delete(self) -> None:
        """Deletion leaves nothing of the account and its sub-accounts, except what they cost and the audit."""
        grand = await self.create("grand")
        parent = await self.create("parent", grand)
        sub = await self.create("sub", parent)
        for account in (parent, sub):
            await self.store.run(tokens.create, account.id, account.username.encode(), "", "", NOW)
            await self.store.run(addresses.add, account.id, f"192.0.2.{account.id}", "", NOW)
            await self.store.run(hostnames.add, account.id, f"{account.username}.example", NOW)
            await self.store.run(proxies.authorize, account.id, "us", NOW)
        await self.bill(1, UsageEntry(sub.id, parent.id, 7, 1, 2, 1), UsageEntry(parent.id, grand.id, 0, 10, 0, 1))
        await self.store.run(accounts.delete, parent.id)
        self.assertEqual(await self.store.run(accounts.page, 0, 9), [grand])
        for table in ("tokens", "authorized_ips", "authorized_hostnames", "proxy_authorizations", "usage_hours"):
            self.assertEqual(await self.store.run(query, f"select * from {table}"), [], table)
        self.assertEqual(await self.store.run(query, "select account_id, total_bytes from usage"), [(grand.id, 10)])

    async def test_ids_are_not_used_again(self) -> None:
        """A late bill of a deleted account must not reach a new one."""
        gone = await self.create()
        await self.store.run(accounts.delete, gone.id)
        self.assertGreater((await self.create()).id, gone.id)

    async def test_tokens(self) -> None:
        """A token's whole life."""
        account, other = await self.create(), await self.create("eve")
        made = await self.store.run(tokens.create, account.id, b"\0\xff'%", "label", "2026-03-01", NOW)
        second = await self.store.run(tokens.create, account.id, b"2", "", "", NOW)
        self.assertEqual(made, Token(made.id, account.id, "label", True, "2026-03-01", NOW))
        self.assertEqual(await self.store.run(tokens.by_digest, b"\0\xff'%"), made)
        self.assertIsNone(await self.store.run(tokens.by_digest, b"\0"))
        self.assertEqual(await self.store.run(tokens.by_id, made.id), made)
        self.assertEqual(await self.store.run(tokens.of_account, account.id), [made, second])
        self.assertEqual(await self.store.run(tokens.count, other.id), 0)
        choosy = await self.store.run(
            tokens.create, other.id, b"3", "", "", NOW, selection="session-%25:x", proxies=["us", "a-b"]
        )
        self.assertEqual((choosy.selection, choosy.proxies), ("session-%25:x", ("us", "a-b")))
        self.assertEqual(await self.store.run(tokens.by_digest, b"3"), choosy)
        self.assertFalse((await self.store.run(tokens.set_active, made.id, False)).active)
        self.assertTrue((await self.store.run(tokens.set_active, made.id, True)).active)
        await self.fails(Conflict, tokens.create, other.id, b"2", "", "", NOW)
        self.assertTrue(await self.store.run(tokens.delete, made.id))
        self.assertFalse(await self.store.run(tokens.delete, made.id))
        self.assertEqual(await self.store.run(tokens.count, account.id), 1)

    async def test_ids_from_outside(self) -> None:
        """A number that no id can be finds nothing."""
        for number in (0, -1, 2**63, 10**30):
            self.assertIsNone(await self.store.run(tokens.by_id, number))
            self.assertIsNone(await self.store.run(tokens.set_active, number, True))
            self.assertFalse(await self.store.run(tokens.delete, number))
            self.assertIsNone(await self.store.run(accounts.by_id, number))
            self.assertIsNone(await self.store.run(identities.load, number, NOW))

    async def test_deactivate_all(self) -> None:
        """A plan without tokens deactivates the account's and its sub-accounts', no others."""
        parent, other = await self.create("p"), await self.create("o")
        sub = await self.create("s", parent)
        made = [
            await self.store.run(tokens.create, account.id, str(i).encode(), "", "", NOW)
            for i, account in enumerate((parent, sub, other, sub))
        ]
        await self.store.run(tokens.set_active, made[3].id, False)
        self.assertEqual(await self.store.run(tokens.deactivate_all, parent.id), [made[0].id, made[1].id])
        self.assertTrue((await self.store.run(tokens.by_id, made[2].id)).active)

    async def test_addresses(self) -> None:
        """An account lists an address once; another may list it too."""
        bob, eve = await self.create("bob"), await self.create("eve")
        made = await self.store.run(addresses.add, bob.id, "192.0.2.1", "home", NOW)
        self.assertEqual(made, AuthorizedIP(bob.id, "192.0.2.1", "home", NOW))
        self.assertEqual(
            str(await self.fails(Conflict, addresses.add, bob.id, "192.0.2.1", "", NOW)).split()[1], "address"
        )
        self.assertEqual(await self.store.run(addresses.of_both, bob.id, "192.0.2.1"), made)
        self.assertIsNone(await self.store.run(addresses.of_both, eve.id, "192.0.2.1"))
        self.assertEqual(await self.store.run(addresses.of_account, bob.id), [made])
        self.assertFalse(await self.store.run(addresses.delete, eve.id, "192.0.2.1"))
        self.assertEqual(await self.store.run(addresses.count, eve.id), 0)
        await self.store.run(addresses.add, eve.id, "192.0.2.1", "", NOW)
        self.assertTrue(await self.store.run(addresses.delete, bob.id, "192.0.2.1"))
        self.assertEqual(await self.store.run(addresses.count, bob.id), 0)

    async def test_hostnames(self) -> None:
        """An account lists a hostname once; another may list it too."""
        bob, eve = await self.create("bob"), await self.create("eve")
        made = await self.store.run(hostnames.add, bob.id, "b.example", NOW)
        first = await self.store.run(hostnames.add, eve.id, "a.example", NOW)
        self.assertEqual(made, AuthorizedHostname(bob.id, "b.example", NOW))
        self.assertEqual(
            str(await self.fails(Conflict, hostnames.add, bob.id, "b.example", NOW)).split()[1], "hostname"
        )
        self.assertEqual(await self.store.run(hostnames.of_both, bob.id, "b.example"), made)
        self.assertIsNone(await self.store.run(hostnames.of_both, eve.id, "b.example"))
        self.assertEqual(await self.store.run(hostnames.of_account, bob.id), [made])
        other = await self.store.run(hostnames.add, eve.id, "b.example", NOW)
        self.assertEqual(await self.store.run(hostnames.page, ("", 0), 1), [first])
        self.assertEqual(await self.store.run(hostnames.page, ("a.example", eve.id), 5), [made, other])
        self.assertEqual(await self.store.run(hostnames.page, ("b.example", bob.id), 5), [other])
        self.assertTrue(await self.store.run(hostnames.delete, eve.id, "b.example"))
        self.assertFalse(await self.store.run(hostnames.delete, eve.id, "b.example"))
        self.assertTrue(await self.store.run(hostnames.delete, bob.id, "b.example"))
        self.assertEqual(await self.store.run(hostnames.count, bob.id), 0)

    async def test_the_oldest_come_first(self) -> None:
        """Addresses and hostnames are listed as they were added: within a second, and when the clock was set back."""
        bob = await self.create("bob")
        added = [(f"198.51.100.{last}", f"{letter}.example") for last, letter in ((9, "z"), (30, "c"), (2, "m"))]
        for number, (address, name) in enumerate(added):
            now = NOW - 60 * (number == 2)
            await self.store.run(addresses.add, bob.id, address, "", now)
            await self.store.run(hostnames.add, bob.id, name, now)
        listed = await self.store.run(addresses.of_account, bob.id)
        named = await self.store.run(hostnames.of_account, bob.id)
        self.assertEqual([(ip.address, host.hostname) for ip, host in zip(listed, named, strict=True)], added)
        await self.store.run(addresses.delete, bob.id, added[2][0])
        await self.store.run(addresses.add, bob.id, "192.0.2.1", "", NOW)
        listed = await self.store.run(addresses.of_account, bob.id)
        self.assertEqual([ip.address for ip in listed], ["198.51.100.9", "198.51.100.30", "192.0.2.1"])

    async def test_proxies(self) -> None:
        """Authorisations keep their order; a second of the same changes nothing."""
        bob = await self.create()
        authorized = [await self.store.run(proxies.authorize, bob.id, name, NOW) for name in ("us", "open", "us")]
        self.assertEqual(authorized, [True, True, False])
        self.assertEqual(await self.store.run(proxies.of_account, bob.id), ["us", "open"])
        self.assertTrue(await self.store.run(proxies.revoke, bob.id, "us"))
        self.assertFalse(await self.store.run(proxies.revoke, bob.id, "us"))
        self.assertEqual(await self.store.run(proxies.of_account, bob.id), ["open"])

    async def test_identity(self) -> None:
        """A sub-account's identity holds its parent, its parent's proxies and both usages, by every way of asking."""
        parent = await self.create("parent")
        sub = await self.create("Sub", parent, billing_day=1)
        await self.store.run(proxies.authorize, parent.id, "us", NOW)
        await self.store.run(proxies.authorize, parent.id, "open", NOW)
        token = await self.store.run(tokens.create, sub.id, b"d", "", "", NOW)
        await self.bill(1, UsageEntry(sub.id, parent.id, 0, 1, 2, 1), UsageEntry(parent.id, 0, 0, 4, 0, 1))
        found = await self.store.run(identities.load, sub.id, NOW)
        self.assertEqual((found.account, found.parent, found.proxies), (sub, parent, ("us", "open")))
        self.assertEqual(found.usage, Usage(sub.id, 3, 3, JANUARY))
        self.assertEqual(found.parent_usage, Usage(parent.id, 7, 7, JANUARY))
        self.assertEqual(await self.store.run(identities.by_usernames, ["SUB"], NOW), found)
        self.assertEqual(await self.store.run(identities.by_token, b"d", NOW), (found, token))
        alone = await self.store.run(identities.load, parent.id, FEBRUARY)
        self.assertEqual((alone.parent, alone.parent_usage, len(alone.proxies)), (None, None, 2))
        self.assertEqual(alone.usage, Usage(parent.id, 7, 0, FEBRUARY))

    async def test_the_longest_name(self) -> None:
        """Of several names that an account may have, the longest that there is; and those that read as another's."""
        short, long = await self.create("My"), await self.create("my-Session-1")
        await self.create("country-us")
        for names, expected in (
            (["my-session-1-ttl-5", "my-session-1", "my"], long),
            (["my", "my-SESSION-1"], long),
            (["my-session-2", "MY"], short),
            (["my-session-2", "mine"], None),
        ):
            found = await self.store.run(identities.by_usernames, names, NOW)
            self.assertEqual(found and found.account, expected)
        self.assertEqual(await self.store.run(accounts.twofold), frozenset({"my-session-1"}))

    async def test_hostile_texts(self) -> None:
        """Whatever a client wrote can be looked for, and finds nothing."""
        await self.create("bob")
        for text in ("bob\0", "\ud800", "'; drop table accounts --", "%", "x" * 100_000, "", ":id", "bob" + "x" * 99):
            self.assertIsNone(await self.store.run(identities.by_usernames, [text], NOW), text[:9])
            self.assertEqual(await self.store.run(claims.of_address, text), [], text[:9])
            self.assertIsNone(await self.store.run(addresses.of_both, 1, text), text[:9])
            self.assertIsNone(await self.store.run(hostnames.of_both, 1, text), text[:9])
            self.assertFalse(await self.store.run(withheld.held, 1, "proxy", text), text[:9])
            self.assertIsNone(await self.store.run(bans.find, text, text, NOW), text[:9])

    async def test_what_cannot_be_stored(self) -> None:
        """A value that no column holds is a StoreError, and the store goes on."""
        account = await self.create()
        await self.fails(StoreError, accounts.edit, account.id, total_limit=2**64)
        await self.fails(StoreError, accounts.edit, account.id, email="\ud800")
        await self.fails(StoreError, accounts.edit, account.id, total_limit=-1)
        await self.fails(StoreError, tokens.create, account.id + 1, b"", "", "", NOW)
        self.assertEqual(await self.store.run(accounts.by_id, account.id), account)

    async def test_the_audit_is_followed_by_numbers(self) -> None:
        """What comes after one, some of them, and the highest until a time; with where each came from."""
        account = await self.create()
        self.assertEqual((await self.store.run(audit.newest), await self.store.run(audit.until, NOW)), (0, 0))

        def caused() -> Unit[None]:
            for statement in audit.record(NOW + 9, "admin", "edit", account.id):
                yield Statement(statement.sql, {**statement.params, "way": "api", "request": "r-1"})

        for n in range(3):
            await self.store.run(audit.record, NOW + n, "admin", "edit", account.id)
        await self.store.run(caused)
        found = await self.store.run(audit.following, 1, 2)
        self.assertEqual([(each.id, each.at, each.way) for each in found], [(2, NOW + 1, ""), (3, NOW + 2, "")])
        (last,) = await self.store.run(audit.following, 3, 9)
        self.assertEqual((last.id, last.way, last.request, last.username), (4, "api", "r-1", "bob"))
        among = await self.store.run(audit.among, [1, 4, *range(100, 700)])
        self.assertEqual([each.id for each in among], [1, 4])
        self.assertEqual(await self.store.run(audit.until, NOW + 1), 2)
        self.assertEqual(await self.store.run(audit.newest), 4)

    async def test_audit(self) -> None:
        """The audit of an account comes newest first and outlives it."""
        account = await self.create()
        for n in range(3):
            await self.store.run(audit.record, NOW + n, "admin", "edit", account.id, f"plan={n}")
        await self.store.run(accounts.delete, account.id)
        found = await self.store.run(audit.of_account, account.id, 2)
        self.assertEqual([entry.detail for entry in found], ["plan=2", "plan=1"])
        self.assertEqual(found[0][:5], (NOW + 2, "admin", "edit", account.id, "plan=2"))
