"""`[v1]`: ProxyHat's dialect and the proxy that it brings."""

from __future__ import annotations

from meshd.config import rows
from meshd.topology import ExitRule
from meshd.values.v1 import GATEWAY, V1
from tests.config.support import ConfigTestCase

EXITS = '[[exits]]\nname = "a"\nkind = "direct"\ncountry = "US"\n[[exits]]\nname = "b"\nkind = "direct"\n'


class SwitchTests(ConfigTestCase):
    """Off, until something of the section is given."""

    def test_without_the_section_all_of_it_is_off(self) -> None:
        """And a proxy may have any name."""
        topology = self.load(f'[proxies.{GATEWAY}]\nlisten = ["tcp:1"]').topology
        self.assertEqual((topology.v1, topology.gateway, list(topology.proxies)), (None, None, [GATEWAY]))
        self.assertEqual(topology.section(topology.proxies[GATEWAY]), f"proxies.{GATEWAY}")

    def test_an_empty_section_switches_it_on(self) -> None:
        """Nobody may register, and the gateway has the ports that customers know."""
        topology = self.load("[v1]").topology
        self.assertEqual(topology.v1, V1("closed", ("tcp:8080",), ("tcp:1080",), "127.0.0.1", 8080, 1080))
        self.assertEqual(list(topology.proxies), ["local", GATEWAY])
        gateway = topology.proxies[GATEWAY]
        self.assertIs(topology.gateway, gateway)
        self.assertEqual((gateway.listen, gateway.domain), (("tcp:8080", "tcp:1080"), "127.0.0.1:8080"))
        self.assertEqual((gateway.rule, gateway.exits), (ExitRule(), topology.exits))

    def test_a_variable_switches_it_on_too(self) -> None:
        """Where a container has no file."""
        v1 = self.load(None, {}, {"MESHD_V1_REGISTRATION": "open"}).topology.v1
        self.assertEqual(v1, V1("open", domain="127.0.0.1"))

    def test_the_gateway_is_the_last_of_the_files_proxies(self) -> None:
        """`--proxy` speaks of the first."""
        text = '[v1]\n[proxies.us]\n[proxies.de]\nlisten = ["tcp:2"]'
        config = self.load(text, {"proxy": ["tcp:3"]})
        self.assertEqual(list(config.topology.proxies), ["us", "de", GATEWAY])
        self.assertEqual(config.first.listen, ("tcp:3",))
        self.assertIn((GATEWAY, "tcp:1080"), config.listeners)


class ToldTests(ConfigTestCase):
    """Host and ports that customers are told."""

    def test_they_follow_the_endpoints(self) -> None:
        """One port where there is one: every listener speaks both protocols."""
        cases: dict[str, tuple[str, int, int]] = {
            "": ("127.0.0.1", 8080, 1080),
            "socks = []": ("127.0.0.1", 8080, 8080),
            "gateway = []": ("127.0.0.1", 1080, 1080),
            'gateway = ["tcp:81:interface=192.0.2.1", "tcp:82"]\nsocks = ["tcp:83"]': ("192.0.2.1", 81, 83),
            'gateway = ["unix:/run/g"]\nsocks = ["unix:/run/s"]': ("127.0.0.1", 8080, 1080),
            'gateway = ["tcp:81"]\nsocks = ["tcp:81"]': ("127.0.0.1", 81, 81),
            'domain = "Gate.Mesh.Example"': ("gate.mesh.example", 8080, 1080),
            'domain = "2001:DB8::1"': ("2001:db8::1", 8080, 1080),
        }
        for text, wanted in cases.items():
            topology = self.load(f"[v1]\n{text}").topology
            assert topology.v1 is not None
            self.assertEqual((topology.v1.domain, topology.v1.port, topology.v1.socks_port), wanted, text)
        self.assertEqual(topology.proxies[GATEWAY].domain, "[2001:db8::1]:8080")

    def test_two_lists_with_one_endpoint_are_one_listener(self) -> None:
        """A single port is enough."""
        listen = self.load('[v1]\ngateway = ["tcp:81"]\nsocks = ["tcp:81"]').topology.proxies[GATEWAY].listen
        self.assertEqual(listen, ("tcp:81",))


class RuleTests(ConfigTestCase):
    """Which exits serve the gateway."""

    def test_a_rule_as_a_proxy_has_it(self) -> None:
        """All, where there is none."""
        for rule, names in {"": ["a", "b"], "exits = { country = ['us'] }": ["a"]}.items():
            gateway = self.load(f"{EXITS}[v1]\n{rule}").topology.gateway
            assert gateway is not None
            self.assertEqual([exit_.name for exit_ in gateway.exits], names, rule)

    def test_what_cannot_be_is_told_with_its_place(self) -> None:
        """A table of mistakes."""
        cases = {
            "[proxies.gateway]\n[v1]": "meshd.toml line 1: [proxies.gateway] has the name of the proxy that [v1]",
            "[v1]\ngateway = []\nsocks = []": "meshd.toml line 3: [v1] gateway and socks are both empty",
            "[v1]\nexit = {}": "meshd.toml line 2: [v1] unknown key 'exit' (did you mean 'exits'?)",
            "[v1]\nexits = 1": "meshd.toml line 2: [v1.exits] must be a table",
            "[v1]\nexits = { city = ['x'] }": "meshd.toml line 2: [v1.exits] unknown key 'city'",
            "[v1]\nexits = { name = ['x'] }": "meshd.toml line 2: [v1] exits: no exit is named 'x'",
            "[v1]\nexits = { country = ['US'] }": "meshd.toml line 2: [v1] exits: no exit is selected by this",
            '[v1]\nregistration = "all"': 'registration must be "closed", "invite" or "open", not \'all\'',
            '[v1]\ndomain = "gate.test:8080"': "domain must be a host name or an address, without a port",
            '[v1]\n[api]\nlisten = ["tcp:8080"]': "tcp:8080: both api and v1 listen there",
        }
        for text, wanted in cases.items():
            self.assertIn(wanted, self.refusal(text), text)


class ShownTests(ConfigTestCase):
    """`meshd config show`."""

    def test_the_section_is_shown_and_not_its_proxy(self) -> None:
        """A value stands there once, under the key that it has in the file."""
        shown = {
            key: (value, origin) for key, value, origin in rows(self.load(f"{EXITS}[v1]\nexits = {{ name = ['a'] }}"))
        }
        self.assertEqual(shown["v1.registration"], ("closed", "default"))
        self.assertEqual(shown["v1.gateway"], ("tcp:8080", "default"))
        self.assertEqual(shown["v1.domain"], ("127.0.0.1", "default"))
        self.assertEqual(shown["v1.exits"], ("names: a", "file meshd.toml:9"))
        self.assertFalse([key for key in shown if key.startswith(f"proxies.{GATEWAY}")])

    def test_nothing_is_shown_of_what_is_off(self) -> None:
        """As if there were no such section."""
        self.assertFalse([key for key, _, _ in rows(self.load()) if key.startswith("v1")])
