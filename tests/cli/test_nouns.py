from __future__ import annotations

import os
import re
import time

from meshd.accounts import allowlists, subaccounts
from meshd.accounts.ownership import ByToken
from meshd.accounts.profile import NewAccount
from meshd.auth.claims import stand
from meshd.auth.secrets import looks_like_token, token_digest
from meshd.model import Ban, UsageEntry
from meshd.store.statements import bans, tokens, usage
from meshd.topology import PLANS
from tests.cli.support import CommandCase, named


class TokenTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.customer("alice")

    def test_create(self) -> None:
        """The secret is printed once; the store has its digest, and no other command shows it."""
        result = self.done("token", "create", "alice", "--label", "prod", "--expires", "2099-12-31")
        secret = result.facts["token"]
        self.assertTrue(looks_like_token(secret))
        stored = self.store().run(tokens.by_digest, token_digest(secret))
        assert stored is not None
        self.assertEqual(("prod", "2099-12-31", True), (stored.label, stored.expires_on, stored.active))
        for argv in (["token", "list", "alice"], ["token", "list", "alice", "--json"], ["audit", "alice"]):
            self.assertNotIn(secret, self.done(*argv).out)

    def test_json(self) -> None:
        """The fields of the API document."""
        shown = self.done("token", "create", "alice", "--json").json
        self.assertEqual({"id", "label", "is_active", "expires_at", "created_at", "token"}, set(shown))
        self.assertEqual((1, "", True, None), (shown["id"], shown["label"], shown["is_active"], shown["expires_at"]))
        del shown["token"]
        self.assertEqual([shown], self.done("token", "list", "alice", "--json").json)

    def test_set(self) -> None:
        """Another label and another end, by the token's number."""
        self.done("token", "create", "alice", "--expires", "2099-12-31T23:59")
        changed = self.done("token", "set", "1", "--label", "prod", "--expires", "2099-12-30T10:00").facts
        self.assertEqual(("prod", "2099-12-30T10:00"), (changed["label"], changed["expires"]))
        self.assertEqual("never", self.done("token", "set", "alice", "1", "--expires", "never").facts["expires"])
        self.refused("expires_at: This time is in the past.", "token", "set", "1", "--expires", "2020-01-01T00:00")
        self.refused("there is no such token", "token", "set", "9", "--label", "x")
        self.misused("token", "set", "1")

    def test_last_used(self) -> None:
        """Shown as soon as one of them was."""
        self.done("token", "create", "alice")
        self.done("token", "create", "alice")
        self.assertNotIn("USED", self.done("token", "list", "alice").out)
        at = 1_770_000_000
        self.store().run(usage.apply, "j", 1, at, [UsageEntry(1, 0, 2, 1, 0, 1)])
        header, first, second = self.done("token", "list", "alice").rows
        self.assertEqual((["LAST", "USED"], "never"), (header[-2:], first[-1]))
        self.assertEqual(["2026-02-02", "02:40:00"], second[-2:])
        listed = self.done("token", "list", "alice", "--json").json
        self.assertEqual([None, "2026-02-02T02:40:00Z"], [row.get("last_used_at") for row in listed])

    def test_select(self) -> None:
        """What a token asks for and is for; shown where one has it, and refused with key and place."""
        shown = self.done("token", "create", "alice", "--select", "Country-us-strict", "--proxies", " local, ")
        self.assertEqual(("country-us-strict", "local"), (shown.facts["selection"], shown.facts["proxies"]))
        self.done("token", "create", "alice")
        listed = self.done("token", "list", "alice", "--json").json
        self.assertEqual(("country-us-strict", ["local"]), (listed[0]["selection"], listed[0]["proxies"]))
        self.assertEqual({"selection", "proxies"}, set(listed[0]) - set(listed[1]))
        rows = self.done("token", "list", "alice").rows
        self.assertEqual(["SELECTION", "PROXIES"], rows[0][-2:])
        self.assertEqual((["country-us-strict", "local"], "all"), (rows[1][-2:], rows[2][-1]))
        for line, option, text in (
            (
                "selection: exit at character 12: no exit can have this name or address.",
                "--select",
                "country-us-exit-%2C",
            ),
            ("proxies: The account is not authorized for a proxy 'us'.", "--proxies", "local,us"),
        ):
            self.refused(line, "token", "create", "alice", option, text)

    def test_switching(self) -> None:
        """By id alone, or by account and id, which guards against a wrong number."""
        self.customer("bob")
        self.done("token", "create", "alice")
        for argv, active in ((["deactivate", "1"], "no"), (["activate", "alice", "1"], "yes")):
            self.assertEqual(active, self.done("token", *argv).facts["active"])
        self.refused("bob has no token 1", "token", "delete", "bob", "1")
        self.done("token", "delete", "alice", "1")
        self.refused("there is no such token", "token", "delete", "1")
        self.assertEqual([["ID", "LABEL", "ACTIVE", "EXPIRES", "CREATED"]], self.done("token", "list", "alice").rows)

    def test_refused(self) -> None:
        """One line says why."""
        self.customer("poor", "--plan", "trial")
        for line, argv in (
            ("there is no account named 'nobody'", ["nobody"]),
            ("plan trial does not support bearer tokens", ["poor"]),
            (
                "expires_at: Enter a date as YYYY-MM-DD, or a time as YYYY-MM-DDTHH:MM (UTC).",
                ["alice", "--expires", "tomorrow"],
            ),
            ("expires_at: This day is in the past.", ["alice", "--expires", "2020-01-01"]),
            ("label: Use at most 100 characters.", ["alice", "--label", "x" * 101]),
        ):
            with named(argv):
                self.refused(line, "token", "create", *argv)
        self.misused("token", "activate", "x")
        self.misused("token", "delete")


class EndedTokenTests(CommandCase):
    def test_what_a_token_had_made(self) -> None:
        """Told where it is put out of use and where it is deleted; nothing where it has made nothing."""
        self.customer("alice")
        self.customer("kid", "--parent", "alice")
        for _ in range(2):
            self.done("token", "create", "alice")
        by_token, made = ByToken(1, 1), {"plans": PLANS, "now": int(time.time())}
        run = self.store().run
        run(allowlists.add_ip, by_token, "kid", "93.184.216.34", "", **made)
        run(subaccounts.create, by_token, NewAccount(username="planted"), **made)
        shown = self.done("token", "deactivate", "alice", "1", "--json").json
        self.assertEqual(
            {"sub_accounts": ["planted"], "ips": [{"username": "kid", "name": "93.184.216.34"}]}, shown["made"]
        )
        self.assertEqual("operator", shown["deactivated_by"])
        self.assertIn("DEACTIVATED BY", self.done("token", "list", "alice").out)
        result = self.done("token", "delete", "alice", "1")
        self.assertEqual("93.184.216.34 of kid", result.facts["made ips"])
        self.assertEqual("planted", result.facts["made sub-accounts"])
        self.assertIn("still there", result.err)
        quiet = self.done("token", "delete", "alice", "2")
        self.assertEqual(("deleted  token 2\n", ""), (quiet.out, quiet.err))


class AllowlistTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.customer("alice")
        self.customer("bob")

    def test_ips(self) -> None:
        """Added, listed, deleted; an address of the local network is taken with a warning."""
        self.assertEqual("", self.done("ip", "add", "alice", "93.184.216.34", "--label", "the office").err)
        warned = self.done("ip", "add", "alice", "::ffff:127.0.0.1")
        self.assertIn("127.0.0.1 is no public address", warned.err)
        listed = self.done("ip", "list", "alice", "--json").json
        found = [(row["ip"], row["label"]) for row in listed]
        self.assertEqual([("127.0.0.1", ""), ("93.184.216.34", "the office")], sorted(found))
        self.done("ip", "delete", "alice", "127.0.0.1")
        self.assertEqual(1, len(self.done("ip", "list", "alice", "--json").json))

    def test_ips_refused(self) -> None:
        """On the list already, no single address, not there."""
        self.done("ip", "add", "alice", "93.184.216.34")
        self.refused("ip: IP address is already authorized", "ip", "add", "alice", "93.184.216.34")
        self.refused("ip: Enter one IPv4 or IPv6 address.", "ip", "add", "bob", "10.0.0.0/8")
        self.refused("ip: No client connects from this address.", "ip", "add", "bob", "0.0.0.0")
        self.refused("ip: IP address is not authorized", "ip", "delete", "bob", "93.184.216.34")
        self.refused("there is no account named 'nobody'", "ip", "list", "nobody")

    def test_disputed(self) -> None:
        """Who adds what another has is told; both are shown, and who keeps it."""
        self.done("ip", "add", "alice", "93.184.216.34")
        result = self.done("ip", "add", "bob", "93.184.216.34")
        self.assertIn("93.184.216.34 is claimed by another account, which keeps it", result.err)
        self.assertEqual([True], [row["disputed"] for row in self.done("ip", "list", "bob", "--json").json])
        self.assertEqual(["IP", "LABEL", "ADDED", "DISPUTED"], self.done("ip", "list", "bob").rows[0])
        self.assertEqual(["IP", "LABEL", "ADDED"], self.done("ip", "list", "alice").rows[0])
        self.done("hostname", "add", "bob", "b.example")
        store, now = self.store(), int(time.time())
        store.run(stand, 2, "b.example", frozenset({"93.184.216.34", "93.184.216.35"}), now)
        rows = self.done("ip", "disputed", "--json").json
        shown = [(row["account"], row["hostname"], row["keeps"]) for row in rows]
        self.assertEqual([("alice", None, True), ("bob", None, False), ("bob", "b.example", False)], shown)
        self.assertIn("the address itself", self.done("ip", "disputed").out)
        (row,) = self.done("hostname", "list", "bob", "--json").json
        self.assertEqual((["93.184.216.34"], 2), (row["disputed"], len(row["addresses"])))
        self.assertIn("DISPUTED", self.done("hostname", "list", "bob").out)
        self.done("ip", "delete", "alice", "93.184.216.34")
        self.assertEqual([False], [row["disputed"] for row in self.done("ip", "list", "bob", "--json").json])

    def test_hostnames(self) -> None:
        """Added, listed, deleted."""
        self.done("hostname", "add", "alice", "Home.Example.com.")
        self.assertEqual(
            [["HOSTNAME", "ADDED"], ["home.example.com"]],
            [row[: 2 - number] for number, row in enumerate(self.done("hostname", "list", "alice").rows)],
        )
        self.refused("domain: Hostname is already authorized", "hostname", "add", "alice", "home.example.com")
        self.refused("domain: Enter a hostname.", "hostname", "add", "bob", "10.0.0.1")
        self.done("hostname", "delete", "alice", "home.example.com")
        self.refused("domain: Hostname is not authorized", "hostname", "delete", "alice", "home.example.com")


class ProxyTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        path = self.settings(
            '[proxies.us]\nlisten = ["tcp:4001"]\ndomain = "us.mesh.example:4001"\n'
            '[proxies.world]\nlisten = ["tcp:4002"]\n'
        )
        self.config = ("--config", path)
        self.customer("alice", *self.config)

    def names(self, *argv: str) -> list[str]:
        return [row["proxy"] for row in self.done("proxy", "list", *argv, "--json", *self.config).json]

    def test_authorize_and_revoke(self) -> None:
        """By name or domain; without an account the list is that of the settings."""
        self.assertEqual((["us", "world"], ["us"]), (self.names(), self.names("alice")))
        self.done("proxy", "revoke", "alice", "us.mesh.example", *self.config)
        (row,) = self.done("proxy", "list", "alice", "--json", *self.config).json
        self.assertEqual(("us", True), (row["proxy"], row["taken_by"].startswith("operator")))
        self.assertIn("taken by operator", self.done("proxy", "list", "alice", *self.config).out)
        shown = self.done("proxy", "authorize", "alice", "us", "--json", *self.config).json
        self.assertEqual({"proxy": "us", "domain": "us.mesh.example:4001"}, shown)

    def test_refused(self) -> None:
        """What is no proxy, what the plan lacks, whose proxies are its parent's."""
        self.customer("kid", "--parent", "alice", *self.config)
        self.refused("proxy: There is no proxy 'x'.", "proxy", "authorize", "alice", "x", *self.config)
        self.refused("plan 10 does not include the proxy world", "proxy", "authorize", "alice", "world", *self.config)
        self.refused("username: A sub-account has its parent's proxies.", "proxy", "revoke", "kid", "us", *self.config)

    def test_a_proxy_that_left_the_settings(self) -> None:
        """It is shown as such, and can be revoked."""
        self.assertIn("not in the settings", self.done("proxy", "list", "alice").out)
        self.done("proxy", "revoke", "alice", "us")
        self.assertEqual([], self.done("account", "show", "alice", "--json").json["proxies"])


class MoveTests(CommandCase):
    """A newcomer's accounts are for `local`; the settings name three others from now on."""

    def setUp(self) -> None:
        super().setUp()
        for name in ("alice", "bob"):
            self.customer(name)
        self.done("token", "create", "alice", "--proxies", "local")
        names = ("us", "eu", "asia")
        path = self.settings(
            "".join(f'[proxies.{name}]\nlisten = ["tcp:{port}"]\n' for port, name in enumerate(names, 4001))
        )
        self.config = ("--config", path)

    LINE = (
        "there is no proxy 'local' in the settings, but there are 2 accounts and 1 token for it: "
        "`meshd proxy move local NAME` moves them to another"
    )

    def test_told_before_it_bites(self) -> None:
        """By `config check`, with the command that helps; after it there is nothing to tell."""
        self.assertIn(self.LINE, self.meshd("config", "check", *self.config).out.splitlines())
        checked = self.meshd("config", "check", "--json", *self.config).json
        self.assertEqual([{"proxy": "local", "accounts": 2, "tokens": 1}], checked["strays"])
        self.assertEqual([], self.done("config", "check", "--json").json["strays"])
        moved = self.done("proxy", "move", "local", "us", "--json", *self.config).json
        self.assertEqual({"old": "local", "new": "us", "accounts": 2, "tokens": 1}, moved)
        self.assertEqual(1, len(self.done("config", "check", *self.config).out.splitlines()))
        shown = self.done("account", "show", "bob", "--json", *self.config).json
        self.assertEqual(["us"], shown["proxies"])

    def test_a_check_needs_no_store(self) -> None:
        """Without one there is nobody to be locked out; one that cannot be read is a problem."""
        self.data_dir = os.path.join(self.folder, "nothing")
        self.assertEqual([], self.done("config", "check", "--json", *self.config).json["strays"])
        self.assertFalse(os.path.exists(self.data_dir))
        os.mkdir(self.data_dir)
        with open(os.path.join(self.data_dir, "meshd.sqlite3"), "w") as file:
            file.write("no database, but long enough to be told from an empty file " * 20)
        self.assertIn("store: ", self.meshd("config", "check", *self.config).out)

    def test_refused(self) -> None:
        """A name that nobody is for, and a proxy that the settings do not have."""
        self.refused("nobody is for a proxy 'moon'", "proxy", "move", "moon", "us", *self.config)
        self.refused(
            "there is no proxy 'moon' in the settings; there are us, eu, asia",
            "proxy",
            "move",
            "local",
            "moon",
            *self.config,
        )


class ReportTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.customer("alice", "--total-limit", "0.01", "--monthly-limit", "1.5")
        self.customer("kid", "--parent", "alice")

    def test_usage(self) -> None:
        """Bytes for programs, sub-accounts' included; units for people."""
        entries = [UsageEntry(1, 0, 0, 1000, 234, 1), UsageEntry(2, 1, 0, 6, 0, 1)]
        self.store().run(usage.apply, "j", 1, int(time.time()), entries)
        shown = self.done("usage", "Alice", "--json").json
        self.assertRegex(shown.pop("period_start"), r"\A\d{4}-\d\d-\d\dT00:00:00Z\Z")
        self.assertEqual(
            {
                "account": "alice",
                "total_bytes": 1240,
                "period_bytes": 1240,
                "total_limit": 10_000_000,
                "monthly_limit": 1_500_000_000,
            },
            shown,
        )
        self.assertEqual(6, self.done("usage", "kid", "--json").json["total_bytes"])
        facts = self.done("usage", "alice").facts
        self.assertEqual(("1.24 kB, limit 10 MB", "1.24 kB, limit 1.5 GB"), (facts["total"], facts["this period"]))
        self.assertEqual("6 B, limit none", self.done("usage", "kid").facts["total"])
        self.refused("there is no account named 'nobody'", "usage", "nobody")

    def test_bans(self) -> None:
        """Listed and lifted, one name or a whole address."""
        store, until = self.store(), int(time.time()) + 600
        for ban in (Ban("192.0.2.1", "alice", until), Ban("192.0.2.1", "*", until), Ban("2001:db8::/64", "kid", until)):
            store.run(bans.add, ban)
        self.assertEqual(3, len(self.done("ban", "list", "--json").json))
        self.assertIn("every name", self.done("ban", "list").out)
        self.assertEqual({"lifted": 1}, self.done("ban", "lift", "192.0.2.1", "alice", "--json").json)
        self.assertEqual("1", self.done("ban", "lift", "192.0.2.1").facts["lifted"])
        self.done("ban", "lift", "2001:db8::5")
        self.assertEqual([], self.done("ban", "list", "--json").json)
        self.refused("there is no ban of 192.0.2.1", "ban", "lift", "192.0.2.1")
        self.refused("'x' is not banned from 192.0.2.1", "ban", "lift", "192.0.2.1", "x")

    def test_audit(self) -> None:
        """Who did what, the newest first, as many as asked for."""
        self.done("account", "set", "alice", "--total-limit", "1")
        entries = self.done("audit", "alice", "--json").json
        self.assertEqual(["account.edit", "account.create"], [entry["action"] for entry in entries])
        self.assertTrue(all(re.match("operator", entry["actor"]) for entry in entries))
        self.assertEqual(1, len(self.done("audit", "alice", "--limit", "1", "--json").json))
        self.refused("there is no account named 'nobody', and none was", "audit", "nobody")
        self.customer("bob")
        self.done("account", "delete", "bob", "--yes")
        self.assertEqual(
            ["account.delete", "account.create"], [row["action"] for row in self.done("audit", "bob", "--json").json]
        )
        everything = self.done("audit", "--json", "--action", "account.e", "--since", "2020-01-01").json
        self.assertEqual(
            [("alice", {"total_limit": [10**7, 10**9]})], [(row["account"], row["changed"]) for row in everything]
        )
        self.assertEqual([], self.done("audit", "--until", "2020-01-01", "--actor", "x", "--json").json)
        self.assertEqual(["AT", "BY", "DID", "ACCOUNT", "DETAIL"], self.done("audit", "--limit", "1").rows[0])
        self.misused("audit", "alice", "--limit", "0")


class ConfigTests(CommandCase):
    def test_show(self) -> None:
        """Each value with its origin, a store's password masked, and no store is needed."""
        path = self.settings('[store]\nurl = "postgresql://me:s3cret@db/mesh"\n[timeouts]\nidle = 5\n')
        with open(path) as file:
            self.assertIn("s3cret", file.read())
        os.chmod(path, 0o600)
        result = self.done("config", "show", "--json", "--config", path)
        self.assertNotIn("s3cret", result.out)
        origins = {row["key"]: (row["value"], row["origin"].partition(" ")[0]) for row in result.json}
        self.assertEqual(("5", "file"), origins["timeouts.idle"])
        self.assertEqual("flag", origins["data_dir"][1])
        self.assertIn("timeouts.idle", self.done("config", "show", "--config", path).out)

    def test_check(self) -> None:
        """Right settings are said to be; the first wrong one is named with its line, by every command."""
        right = self.settings("[timeouts]\nidle = 5\n")
        self.assertIn("right", self.done("config", "check", "--config", right).out)
        self.assertEqual(["local"], self.done("config", "check", "--json").json["proxies"])
        wrong = self.settings("[timeouts]\nidel = 5\n")
        for argv in (["config", "check"], ["config", "show"], ["account", "list"], ["reload"], ["migrate"]):
            with named(argv):
                result = self.meshd(*argv, "--config", wrong)
                self.assertEqual((1, ""), (result.code, result.out))
                self.assertRegex(result.err, r"\Ameshd: [^\n]*line 2[^\n]*idel[^\n]*\n\Z")
