"""`[hosts]`: what is published, and where."""

from __future__ import annotations

from ipaddress import ip_network

from meshd.config import rows
from meshd.config.hosts import ATTRIBUTES
from meshd.config.table import SETTINGS
from meshd.values.hosting import Acme, Hosting
from tests.config.support import ConfigTestCase


class SwitchTests(ConfigTestCase):
    """Off, until something of the section is given."""

    def test_without_the_section_nothing_is_published(self) -> None:
        """And nothing of it is shown."""
        config = self.load()
        self.assertIsNone(config.topology.hosts)
        self.assertFalse([key for key, _, _ in rows(config) if key.startswith("hosts")])

    def test_anything_of_the_section_switches_it_on(self) -> None:
        """An empty section in the file, a flag, a variable."""
        self.assertEqual(self.load("[hosts]").topology.hosts, Hosting())
        self.assertEqual(self.load(None, {"hosts": ["tcp:82"]}).topology.hosts, Hosting(("tcp:82",)))
        given = {"MESHD_HOSTS_UPSTREAMS_LOOPBACK": "yes"}
        self.assertEqual(self.load(None, {}, given).topology.hosts, Hosting(loopback=True))
        given = {"MESHD_HOSTS_SECRETS": "keys"}
        config = self.load(None, {}, given)
        self.assertEqual((config.topology.hosts, config.host_secrets), (Hosting(), self.folder / "keys"))

    def test_every_setting_becomes_part_of_the_value(self) -> None:
        """And is shown with where it came from."""
        self.write("ca.pem")
        self.write("mac", "bWFjLWtleS1vZi10aGUtYXV0aG9yaXR5\n")
        text = """[hosts]
listen = ["tcp:82"]
tls = true
http = []
https = ["tcp:4443", "tcp:4444"]
trusted_proxies = ["10.0.0.0/8", "2001:db8::1"]
upstreams_loopback = true
acme_directory = "https://acme.test/dir"
acme_email = "ops@mesh.example"
acme_ca = "ca.pem"
acme_eab_kid = "kid-1"
acme_eab_key_file = "mac"
acme_profile = "short"
"""
        config = self.load(text)
        mac, authority = str(self.folder / "mac"), str(self.folder / "ca.pem")
        key = "bWFjLWtleS1vZi10aGUtYXV0aG9yaXR5"
        acme = Acme("https://acme.test/dir", "ops@mesh.example", authority, "kid-1", key, "short", mac)
        networks = (ip_network("10.0.0.0/8"), ip_network("2001:db8::1"))
        endpoints = ("tcp:4443", "tcp:4444")
        self.assertEqual(config.topology.hosts, Hosting(("tcp:82",), True, (), endpoints, networks, True, acme))
        shown = {each: (value, origin) for each, value, origin in rows(config)}
        self.assertEqual(shown["hosts.acme_eab_key_file"], (mac, "file meshd.toml:12"))
        self.assertEqual(shown["hosts.https"], ("tcp:4443, tcp:4444", "file meshd.toml:5"))
        self.assertNotIn(key, repr(config) + str(shown))
        self.assertLessEqual({setting.key for setting in SETTINGS if setting.key.startswith("hosts.")}, set(shown))
        self.assertEqual({*ATTRIBUTES, "hosts.secrets"}, {each for each in shown if each.startswith("hosts.")})

    def test_its_api_by_tls_needs_a_certificate(self) -> None:
        """Which is then made, also where nobody else speaks TLS."""
        off = "[api]\ntls = false\n[proxy]\ntls = false\n[hosts]\n"
        self.assertEqual([self.load(f"{off}{text}").speaks_tls for text in ("", "tls = true")], [False, True])


class ListenerTests(ConfigTestCase):
    """Where it listens."""

    def test_each_listener_is_told_with_where_it_leads(self) -> None:
        """The API's last, as everywhere."""
        hosts = self.load('[hosts]\nhttp = ["tcp:8000", "tcp:8001"]').topology.hosts
        assert hosts is not None
        wanted = (("hosts:http", "tcp:8000"), ("hosts:http", "tcp:8001"), ("hosts:https", "tcp:443"))
        self.assertEqual(hosts.listeners, (*wanted, ("hosts:listen", "tcp:81")))


class RefusalTests(ConfigTestCase):
    """What cannot be, in one line with the place."""

    def test_what_cannot_be_is_refused_with_its_place(self) -> None:
        """Whatever it is."""
        self.write("short", "c2hvcnQ=" * 2)
        self.write("words", "a key of an authority, in words")
        self.write("open", "bWFjLWtleS1vZi10aGUtYXV0aG9yaXR5", 0o644)
        binding = '[hosts]\nacme_eab_kid = "k"\nacme_eab_key_file ='
        cases = {
            '[hosts]\nhttp = ["tcp:81"]': "tcp:81: both hosts.http and hosts.listen listen there",
            '[hosts]\n[api]\nlisten = ["tcp:443:interface=127.0.0.1"]': "both api and hosts.https listen there",
            '[hosts]\n[proxies.a]\nlisten = ["tcp:80"]': "tcp:80: both proxies.a and hosts.http listen there",
            "[hosts]\nlisten = []": "line 2: [hosts] listen must be a list",
            "[hosts]\nport = 81": "line 2: [hosts] unknown key 'port'",
            '[hosts]\nacme_directory = "http://acme.test/"': "acme_directory must be an https:// URL",
            '[hosts]\nacme_directory = "https://a:b@acme.test/"': "no credentials",
            '[hosts]\nacme_email = "ops"': "acme_email must be an e-mail address",
            '[hosts]\nacme_ca = "none.pem"': "none.pem cannot be read",
            '[hosts]\nacme_eab_kid = "k"': "line 2: hosts.acme_eab_kid needs hosts.acme_eab_key_file too",
            '[hosts]\nacme_eab_key_file = "k"': "line 2: hosts.acme_eab_key_file needs hosts.acme_eab_kid too",
            f'{binding} "none"': "none cannot be read",
            f'{binding} "short"': "must hold the key in base64url",
            f'{binding} "words"': "must hold the key in base64url",
            f'{binding} "open"': "is open to others (mode 0644)",
            '[hosts]\ntrusted_proxies = ["10.0.0.1/8"]': "did you mean 10.0.0.0/8?",
        }
        for text, told in cases.items():
            self.assertIn(told, self.refusal(text), text)

    def test_a_key_that_others_can_read_is_refused(self) -> None:
        """As everywhere."""
        self.write("meshd-data/secrets.key", b"k" * 32, 0o644)
        self.assertIn("hosts.secrets", self.refusal("[hosts]"))
        self.load()
