"""Proxies, exits and plans as a file describes them."""

from __future__ import annotations

from ipaddress import IPv6Network

from meshd.config.errors import ConfigError
from meshd.topology import PLANS, Exit, ExitRule, Plan, UpstreamProxy
from meshd.values.bounds import NO_BOUNDS, Bounds
from meshd.values.rules import Rules, parsed
from tests.config.support import ConfigTestCase

EXITS = """
[[exits]]
name = "us-1"
kind = "local"
address = "192.0.2.1"
country = "us"
tags = ["fast", "rack"]
[[exits]]
name = "us-2"
kind = "local"
address = "2001:DB8:0::2"
country = "US"
[[exits]]
name = "gb-1"
kind = "direct"
country = "UK"
tags = ["fast"]
"""


class ExitTests(ConfigTestCase):
    """[[exits]]."""

    def test_exits_in_the_files_order(self) -> None:
        """Countries in capitals, UK as GB, addresses as ipaddress prints them."""
        self.assertEqual(
            self.load(EXITS).topology.exits,
            (
                Exit("us-1", "local", "192.0.2.1", "US", frozenset({"fast", "rack"})),
                Exit("us-2", "local", "2001:db8::2", "US"),
                Exit("gb-1", "direct", "", "GB", frozenset({"fast"})),
            ),
        )

    def test_where_an_exit_is(self) -> None:
        """In the operator's words, without blanks around them."""
        text = 'region = " New York "\ncity = "Saint-Denis"\nisp = "Example, Inc."\nzip = "10115"'
        (made,) = self.load(f'[[exits]]\nname = "a"\nkind = "direct"\n{text}').topology.exits
        self.assertEqual(
            (made.region, made.city, made.isp, made.zip), ("New York", "Saint-Denis", "Example, Inc.", "10115")
        )

    def test_a_prefix(self) -> None:
        """Each of its addresses is one to leave by."""
        (made,) = self.load('[[exits]]\nname = "six"\nkind = "local"\naddress = "2001:DB8:1::/64"').topology.exits
        self.assertEqual(made, Exit("six", "local", prefix=IPv6Network("2001:db8:1::/64")))

    def test_upstream_proxies(self) -> None:
        """Key by key, or by a URL that says them all."""
        self.write("ca.pem")
        cases = {
            'kind = "http"\nupstream = "GW.test:80"': ("http", UpstreamProxy("gw.test", 80)),
            'kind = "socks5"\nupstream = "[2001:db8::1]:1080"\nusername = "us:er"\npassword = "p"': (
                "socks5",
                UpstreamProxy("2001:db8::1", 1080, "us:er", "p"),
            ),
            'kind = "https"\nupstream = "gw.test:443"\nca = "ca.pem"': (
                "https",
                UpstreamProxy("gw.test", 443, ca=str(self.folder / "ca.pem")),
            ),
            'url = "https://gw.test:443"\nca = "ca.pem"': (
                "https",
                UpstreamProxy("gw.test", 443, ca=str(self.folder / "ca.pem")),
            ),
            'url = "http://us%3Ber:p%40ss@gw.test:80"': ("http", UpstreamProxy("gw.test", 80, "us;er", "p@ss")),
            'url = "socks5h://gw.test:1080"\nkind = "socks5"': ("socks5", UpstreamProxy("gw.test", 1080)),
            'url = "http://gw.test:80"\nreuse = true': ("http", UpstreamProxy("gw.test", 80, reuse=True)),
            'url = "https://gw.test:443"\ntunnel = true': ("https", UpstreamProxy("gw.test", 443, tunnel=True)),
        }
        for text, (kind, upstream) in cases.items():
            (made,) = self.load(f'[[exits]]\nname = "a"\n{text}\naddress = "192.0.2.9"\nweight = 3').topology.exits
            self.assertEqual((made.kind, made.upstream), (kind, upstream), text)
            self.assertEqual((made.address, made.weight, made.source), ("192.0.2.9", 3, ""))

    def test_without_a_proxy_all_exits_serve_local(self) -> None:
        """A pool is enough to begin with."""
        config = self.load(EXITS)
        self.assertEqual(list(config.topology.proxies), ["local"])
        self.assertEqual(config.first.exits, config.topology.exits)


class ProxyTests(ConfigTestCase):
    """[proxies.NAME]."""

    def test_rules(self) -> None:
        """Any of a list; each of the lists that are given; without any, all."""
        cases = {
            "{}": ["us-1", "us-2", "gb-1"],
            "{ country = ['us'] }": ["us-1", "us-2"],
            "{ country = ['US', 'UK'] }": ["us-1", "us-2", "gb-1"],
            "{ tag = ['fast'] }": ["us-1", "gb-1"],
            "{ tag = ['rack', 'fast'] }": ["us-1", "gb-1"],
            "{ country = ['US'], tag = ['fast'] }": ["us-1"],
            "{ name = ['gb-1', 'us-2'] }": ["us-2", "gb-1"],
        }
        for rule, names in cases.items():
            config = self.load(f"{EXITS}\n[proxies.x]\nexits = {rule}\n")
            self.assertEqual([exit_.name for exit_ in config.first.exits], names, rule)

    def test_the_rule_is_kept(self) -> None:
        """A later pool of exits is judged by it."""
        config = self.load(f"{EXITS}\n[proxies.x]\nexits = {{ country = ['gb'], tag = ['fast'] }}\n")
        self.assertEqual(config.first.rule, ExitRule(countries=frozenset({"GB"}), tags=frozenset({"fast"})))

    def test_the_fastest_takes_probes(self) -> None:
        """Without them nothing is measured."""
        text = '[proxies.a]\nrotation = "fastest"\n'
        wanted = 'meshd.toml line 2: [proxies.a] rotation: "fastest" goes by what probes measure: set probes.url'
        self.assertEqual(self.refusal(text), wanted)
        config = self.load(text + '[probes]\nurl = "http://status.example/"\n')
        self.assertEqual(config.topology.proxies["a"].rotation, "fastest")

    def test_rotations(self) -> None:
        """Random where nothing is said."""
        text = '[proxies.a]\n[proxies.b]\nlisten = ["tcp:1"]\nrotation = "least-used"'
        self.assertEqual(
            [each.rotation for each in self.load(text).topology.proxies.values()], ["random", "least-used"]
        )

    def test_proxies_in_the_files_order(self) -> None:
        """New accounts are authorised in it."""
        text = "".join(
            f'[proxies.{name}]\nlisten = ["tcp:{port}"]\n' for port, name in enumerate(["world", "us", "open"], 1)
        )
        proxies = self.load(text).topology.proxies
        self.assertEqual(list(proxies), ["world", "us", "open"])
        self.assertEqual([proxy.domain for proxy in proxies.values()], ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"])

    def test_tcp_0_may_stand_twice(self) -> None:
        """It is another port each time."""
        text = '[proxies.a]\nlisten = ["tcp:0"]\n[proxies.b]\nlisten = ["tcp:0"]\n[api]\nlisten = ["tcp:0"]'
        self.assertEqual(len(self.load(text).topology.proxies), 2)


class PlanTests(ConfigTestCase):
    """[plans.NAME]."""

    def test_a_shipped_plan_keeps_what_is_not_given(self) -> None:
        """Field by field."""
        plans = self.load("[plans.20]\nbearer_tokens = 25\nworld = true").topology.plans
        self.assertEqual(plans["20"], Plan("20", 25, 100, 100, 20, 20, True))
        self.assertEqual(plans["50"], PLANS["50"])
        self.assertEqual(PLANS["20"].bearer_tokens, 20)

    def test_which_proxies_a_plan_includes(self) -> None:
        """By their names; one that there is not is an error with its line, and with what may be meant."""
        proxies = '[proxies.us]\nlisten = ["tcp:1"]\n[proxies.eu]\nlisten = ["tcp:2"]\n'
        plans = self.load(f'{proxies}[plans.10]\nincludes = ["eu"]\n[plans.20]\nincludes = []').topology.plans
        self.assertEqual((("eu",), (), None), tuple(plans[name].includes for name in ("10", "20", "50")))
        error = self.assertRaises(ConfigError, self.load, f'{proxies}[plans.10]\nincludes = ["eu", "use"]')
        self.assertIn("line 6: [plans.10] includes: no proxy is named 'use' (did you mean 'us'?)", str(error))
        self.assertRaises(ConfigError, self.load, '[plans.10]\nincludes = "local"')

    def test_what_a_plans_accounts_are_held_to(self) -> None:
        """Bounds and rules; a shipped plan has none, and the rest of it stays as it is."""
        plans = self.load(
            "[plans.20]\ntunnels = 5\nkbit_up = 0\non_limit = 'slow'\n"
            "[plans.20.rules]\nonly = ['Example.com:443']\nobserve = true\n[plans.10.rules]\nexcept = ['*:25']"
        ).topology.plans
        self.assertEqual(plans["20"].bounds, Bounds(tunnels=5, kbit_up=0, on_limit="slow"))
        self.assertEqual(parsed(plans["20"].rules), Rules("only", ("example.com:443",), observe=True))
        self.assertEqual(parsed(plans["10"].rules), Rules("except", ("*:25",)))
        self.assertEqual((plans["50"].bounds, plans["50"].rules, plans["20"].ips), (NO_BOUNDS, "", 100))

    def test_mistakes_in_it_have_their_line(self) -> None:
        """And say what is wrong."""
        for text, said in (
            (
                "[plans.20]\ntunnels = -1",
                "line 2: [plans.20] tunnels must be a whole number from 0 to 10000000, not -1",
            ),
            ("[plans.20]\non_limit = 'stop'", "line 2: [plans.20] on_limit must be"),
            ("[plans.20]\nrules = 'example.com'", "line 2: [plans.20] rules must be a table"),
            ("[plans.20.rules]\nonly = ['a b']", "'a b': it is no name"),
            ("[plans.20.rules]\nonly = ['a']\nexcept = ['b']", "give one list, only or except"),
            ("[plans.20]\ntunnel = 5", "unknown key 'tunnel' (did you mean 'tunnels'?)"),
        ):
            self.assertIn(said, str(self.assertRaises(ConfigError, self.load, text)))

    def test_a_new_plan_begins_as_a_trial(self) -> None:
        """And stands after the shipped ones."""
        plans = self.load("[plans.huge]\nsub_accounts = 5000").topology.plans
        self.assertEqual(plans["huge"], Plan("huge", 0, 100, 100, 1, 5000, False))
        self.assertEqual(list(plans), ["trial", "10", "20", "50", "100", "huge"])
