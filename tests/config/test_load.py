"""Which of the four places decides, where relative paths start, and what a Config holds then."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from meshd.config import load, needs_restart, rows
from meshd.config.table import SETTINGS
from meshd.store.url import SQLiteURL, read
from meshd.topology import Exit, ExitRule, Limits, Timeouts
from tests.config.support import EXAMPLE, ConfigTestCase
from tests.support.places import write_places


class DefaultTests(ConfigTestCase):
    """meshd runs without any setting."""

    def test_without_anything(self) -> None:
        """The contract's first promise: a data folder in the working directory, one proxy, one direct exit."""
        config = self.load()
        data = self.folder / "meshd-data"
        self.assertEqual(config.data_dir, data)
        self.assertEqual(config.store_url, f"sqlite:///{data}/meshd.sqlite3")
        self.assertEqual(
            (config.certificate, config.key, config.exchange_log),
            (data / "cert.pem", data / "key.pem", data / "exchanges.log"),
        )
        self.assertEqual(
            (config.api_listen, config.api_tls, config.api_domain), (("tcp:8443",), True, "127.0.0.1:8443")
        )
        self.assertEqual((config.dns_servers, config.hostnames_allow_private, config.file), ((), False, None))
        self.assertTrue(config.self_signed)
        self.assertFalse(config.topology.proxy_status_on_forwarded)
        (proxy,) = config.topology.proxies.values()
        self.assertEqual((proxy.name, proxy.listen, proxy.domain), ("local", ("tcp:31280",), "127.0.0.1:31280"))
        self.assertEqual((proxy.rule, proxy.exits), (ExitRule(), (Exit("direct", "direct"),)))
        self.assertEqual((config.topology.timeouts, config.topology.limits), (Timeouts(), Limits()))

    def test_nothing_is_made(self) -> None:
        """Settings are read; folders, files and sockets are for others to make."""
        self.load()
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_every_bound_of_the_topology_can_be_set(self) -> None:
        """A new field of Timeouts or Limits needs a row in the table."""
        wanted = {f"timeouts.{field.name}" for field in fields(Timeouts)}
        wanted |= {f"limits.{field.name}" for field in fields(Limits)}
        self.assertEqual(wanted - {setting.key for setting in SETTINGS}, set())

    def test_every_default_is_within_its_own_bounds(self) -> None:
        """What meshd does by itself may also be written down."""
        for setting in SETTINGS:
            if setting.default is not None:
                setting.kind(setting.default, Path("/"))


class ExampleTests(ConfigTestCase):
    """The contract's own file."""

    def test_the_contracts_example(self) -> None:
        """It loads as it stands, with its certificate beside it."""
        self.write("cert.pem")
        self.write("key.pem")
        config = self.load(EXAMPLE)
        self.assertEqual(config.store_url, f"sqlite:///{self.folder}/meshd-data/meshd.sqlite3")
        self.assertEqual((config.certificate, config.self_signed), (self.folder / "cert.pem", False))
        proxy = config.topology.proxies["us"]
        self.assertEqual((proxy.domain, [exit_.name for exit_ in proxy.exits]), ("us.mesh.example:31280", ["rack-1"]))
        self.assertEqual(
            [str(opening.network) for opening in config.topology.destinations.allow], ["10.1.0.0/16", "127.0.0.1/32"]
        )
        self.assertEqual([opening.port for opening in config.topology.destinations.allow], [0, 8080])

    def test_each_value_has_its_line(self) -> None:
        """`meshd config show` tells where to look."""
        self.write("cert.pem")
        self.write("key.pem")
        origins = self.load(EXAMPLE).origins
        self.assertEqual(origins["store.url"], "file meshd.toml:3")
        self.assertEqual(origins["proxies.us.exits"], "file meshd.toml:11")
        self.assertEqual(origins["exits.rack-1.address"], "file meshd.toml:15")
        self.assertEqual(origins["plans.20.bearer_tokens"], "file meshd.toml:18")
        self.assertEqual(origins["limits.on_limit"], "file meshd.toml:31")
        self.assertEqual(origins["limits.fields"], "default")


class OrderTests(ConfigTestCase):
    """Flags, then environment, then file, then default."""

    def test_the_first_that_says_decides(self) -> None:
        """Taking one away lets the next one speak."""
        text = 'data_dir = "of-file"'
        environ, flags = {"MESHD_DATA_DIR": "of-environment"}, {"data_dir": "of-flag"}
        cases: list[tuple[dict[str, Any], str, str]] = [
            ({"text": text, "environ": environ, "flags": flags}, "of-flag", "flag --data-dir"),
            ({"text": text, "environ": environ}, "of-environment", "environment MESHD_DATA_DIR"),
            ({"text": text}, "of-file", "file meshd.toml:1"),
            ({}, "meshd-data", "default"),
        ]
        for given, name, origin in cases:
            config = self.load(**given)
            self.assertEqual((config.data_dir, config.origins["data_dir"]), (self.folder / name, origin))
            self.assertEqual(config.exchange_log, self.folder / name / "exchanges.log")

    def test_empty_flags_and_variables_are_none(self) -> None:
        """Option parsers give None or an empty list, container files an empty text."""
        config = self.load(
            None, {"config": None, "data_dir": "", "proxy": [], "api": ()}, {"MESHD_DATA_DIR": "", "MESHD_CONFIG": ""}
        )
        self.assertEqual(config.origins["data_dir"], "default")

    def test_the_environment_may_name_the_file(self) -> None:
        """As --config does, which goes before it."""
        self.write("a.toml", "[timeouts]\nhead = 1")
        self.write("b.toml", "[timeouts]\nhead = 2")
        self.assertEqual(self.load(None, {}, {"MESHD_CONFIG": "a.toml"}).topology.timeouts.head, 1)
        both = self.load(None, {"config": "b.toml"}, {"MESHD_CONFIG": "a.toml"})
        self.assertEqual((both.topology.timeouts.head, both.file), (2, self.folder / "b.toml"))

    def test_every_setting_has_its_variable(self) -> None:
        """Generically derived, none twice, and each is read."""
        names = [setting.environment for setting in SETTINGS]
        self.assertEqual(len(set(names)), len(names))
        samples = {"MESHD_API_TLS": "off", "MESHD_LIMITS_ON_LIMIT": "finish", "MESHD_STORE_URL": "postgresql://u@h/d"}
        samples |= {"MESHD_DNS_SERVERS": "127.0.0.1:5353, ::1", "MESHD_DESTINATIONS_ALLOW": "10.0.0.0/8,[::1]:80"}
        samples |= {
            "MESHD_PROXY_LISTEN": "tcp:1,tcp:2",
            "MESHD_API_LISTEN": "tcp:3",
            "MESHD_DESTINATIONS_DENY_HOSTS": "a.b",
        }
        samples |= {"MESHD_PROXY_DOMAIN": "p.test:1", "MESHD_API_DOMAIN": "a.test:3"}
        samples |= {
            "MESHD_API_CONNECT_TCP": "off",
            "MESHD_API_BY_ADDRESS": "on",
            "MESHD_API_PAC": "off",
            "MESHD_API_PVD": "on",
            "MESHD_API_HTTP2": "on",
        }
        samples |= {"MESHD_DESTINATIONS_PORTS": "80,443", "MESHD_DESTINATIONS_DENY_PORTS": "25"}
        samples |= {"MESHD_PROXY_STATUS_ON_FORWARDED": "yes", "MESHD_HOSTNAMES_ALLOW_PRIVATE": "TRUE"}
        samples |= {"MESHD_PROXY_TLS": "off", "MESHD_PROXY_HTTP2": "off", "MESHD_PROBES_URL": "http://probe.test/"}
        samples |= {"MESHD_V1_REGISTRATION": "open", "MESHD_V1_GATEWAY": "tcp:4", "MESHD_V1_SOCKS": "tcp:5"}
        samples |= {"MESHD_UDP_ON": "on", "MESHD_UDP_PORTS": "4000-4999", "MESHD_UDP_ADDRESS": "192.0.2.1"}
        samples |= {"MESHD_V1_ACCESS_SECONDS": "3600", "MESHD_METRICS_LISTEN": "tcp:9"}
        samples |= {"MESHD_METRICS_TOKEN_FILE": "hook", "MESHD_METRICS_NETWORKS": "10.0.0.0/8"}
        samples |= {"MESHD_API_CERTIFICATE": "c.pem", "MESHD_API_KEY": "k.pem", "MESHD_EXITS_FROM": "list.txt"}
        write_places(self.folder / "places.mmdb", {"8.8.8.0/24": {"country_code": "US"}})
        samples |= {"MESHD_PLACES_FROM": "places.mmdb", "MESHD_COST_CURRENCY": "EUR"}
        samples |= {"MESHD_MAIL_SMTP": "mail.test:25", "MESHD_MAIL_FROM": "meshd@mesh.test"}
        samples |= {"MESHD_MAIL_TLS": "required", "MESHD_MAIL_PASSWORD_FILE": "hook", "MESHD_V1_PLAN": "20"}
        self.write("list.txt", "192.0.2.1")
        self.write("hook", "0123456789abcdef")
        self.write("font.ttf", b"true")
        samples |= {"MESHD_V1_WEBHOOK_SECRET": "hook", "MESHD_SELLING_FONT": "font.ttf"}
        self.write("mac", "bWFjLWtleS1vZi10aGUtYXV0aG9yaXR5")
        samples |= {"MESHD_HOSTS_LISTEN": "tcp:6", "MESHD_HOSTS_HTTP": "tcp:7", "MESHD_HOSTS_HTTPS": "tcp:8"}
        samples |= {"MESHD_HOSTS_TLS": "off", "MESHD_HOSTS_UPSTREAMS_LOOPBACK": "on", "MESHD_HOSTS_ACME_CA": "list.txt"}
        samples |= {"MESHD_HOSTS_TRUSTED_PROXIES": "10.0.0.0/8", "MESHD_HOSTS_ACME_DIRECTORY": "https://acme.test/"}
        samples |= {"MESHD_HOSTS_ACME_EMAIL": "ops@mesh.test", "MESHD_HOSTS_ACME_EAB_KEY_FILE": "mac"}
        environ = {name: samples.get(name, "1000" if "LIMITS" in name or "HEAD" in name else "55") for name in names}
        environ["MESHD_LIMITS_PASSWORD_WORKERS"] = environ["MESHD_LIMITS_FLUSH_SECONDS"] = "7"
        environ["MESHD_LIMITS_EXIT_RETRIES"] = "7"
        environ["MESHD_LIMITS_SLICE_BYTES"] = environ["MESHD_LIMITS_HEAD_BYTES"] = "4096"
        environ["MESHD_LIMITS_RESPONSE_HEAD_BYTES"] = "4096"
        config = self.load(None, {}, environ)
        for setting in SETTINGS:
            self.assertEqual(config.origins[setting.key], f"environment {setting.environment}")
        self.assertEqual(config.dns_servers, ("127.0.0.1:5353", "[::1]:53"))
        self.assertEqual(config.topology.proxies["local"].listen, ("tcp:1", "tcp:2"))
        self.assertEqual((config.api_tls, config.hostnames_allow_private), (False, True))
        self.assertEqual(config.topology.limits.on_limit, "finish")

    def test_kubernetes_own_variables_are_passed_over(self) -> None:
        """It adds them by itself beside a service named meshd."""
        self.load(None, {}, {"MESHD_SERVICE_HOST": "10.0.0.1", "MESHD_PORT": "tcp://x", "MESHD_PORT_8443_TCP": "y"})


class PathTests(ConfigTestCase):
    """Where relative paths start."""

    def test_in_a_file_they_start_from_the_files_folder(self) -> None:
        """So that a file means the same from wherever it is used."""
        self.write("etc/meshd.toml", '[store]\nurl = "sqlite:///db/x.sqlite3"\n[log]\nexchanges = "x.log"')
        config = self.load(None, {"config": "etc/meshd.toml"})
        self.assertEqual(config.store_url, f"sqlite:///{self.folder}/etc/db/x.sqlite3")
        self.assertEqual(config.exchange_log, self.folder / "etc/x.log")
        self.assertEqual(config.data_dir, self.folder / "meshd-data")

    def test_in_a_flag_or_variable_they_start_from_the_working_directory(self) -> None:
        """As with any command."""
        config = self.load(None, {"store": "sqlite:///x.sqlite3"}, {"MESHD_LOG_EXCHANGES": "x.log"})
        self.assertEqual(config.store_url, f"sqlite:///{self.folder}/x.sqlite3")
        self.assertEqual(config.exchange_log, self.folder / "x.log")

    def test_absolute_paths_stay(self) -> None:
        """Four slashes in a store's URL."""
        config = self.load('data_dir = "/var/lib/meshd"\n[store]\nurl = "sqlite:////srv/x.sqlite3"')
        self.assertEqual((config.data_dir, config.store_url), (Path("/var/lib/meshd"), "sqlite:////srv/x.sqlite3"))

    def test_a_relative_working_directory_is_made_absolute(self) -> None:
        """The daemon changes its directory later."""
        self.assertTrue(load({}, {}, cwd=Path()).data_dir.is_absolute())

    def test_a_path_object_is_a_path(self) -> None:
        """argparse gives such."""
        self.assertEqual(self.load(None, {"data_dir": Path("d")}).data_dir, self.folder / "d")


class OddFolderTests(ConfigTestCase):
    """A data folder whose name means something in a URL: the store is in it nevertheless."""

    NAMES = ("%41", "a?b", "a#b", "a b", "a;b=c&d", "{data_dir}", "100%", "gr\u00fcn", "[x]", "a\\b", "x~y")

    def test_the_store_is_in_the_folder(self) -> None:
        """By flag, variable and file; as the daemon and the command read the URL."""
        for name in self.NAMES:
            self.write(f"{name}/x.toml", f"data_dir = {json.dumps(f'./{name}')}")
            for flags, environ in (
                ({"data_dir": f"{self.folder}/{name}"}, {}),
                ({}, {"MESHD_DATA_DIR": f"{self.folder}/{name}"}),
                ({"config": f"{name}/x.toml"}, {}),
            ):
                config = self.load(None, flags, environ)
                self.assertEqual(read(config.store_url), SQLiteURL(f"{config.data_dir}/meshd.sqlite3"), name)
                self.assertEqual(config.exchange_log, config.data_dir / "exchanges.log")

    def test_what_is_shown_can_be_written_again(self) -> None:
        """The URL of `meshd config show` is the same store in a file."""
        for name in self.NAMES:
            first = self.load(None, {"data_dir": f"{self.folder}/{name}"}).store_url
            again = self.load(f"[store]\nurl = {json.dumps(first)}").store_url
            self.assertEqual(again, first)

    def test_a_relative_store_in_an_odd_folder(self) -> None:
        """The folder of the file is a path, and only what stands in the URL is read as one."""
        self.write("%41/x.toml", '[store]\nurl = "sqlite:///a%20b.sqlite3"')
        config = self.load(None, {"config": "%41/x.toml"})
        self.assertEqual(read(config.store_url), SQLiteURL(f"{self.folder}/%41/a b.sqlite3"))


class FirstProxyTests(ConfigTestCase):
    """--proxy speaks of the first proxy."""

    def test_of_the_proxy_that_is_there_by_itself(self) -> None:
        """Its address for customers follows."""
        config = self.load(None, {"proxy": ["tcp:3128", "tcp:3129"]})
        self.assertEqual(config.first.listen, ("tcp:3128", "tcp:3129"))
        self.assertEqual(config.first.domain, "127.0.0.1:3128")

    def test_of_the_files_first(self) -> None:
        """The others keep theirs."""
        text = '[proxies.us]\nlisten = ["tcp:1"]\n[proxies.de]\nlisten = ["tcp:2"]'
        config = self.load(text, {"proxy": "tcp:9"}, {"MESHD_PROXY_DOMAIN": "us.test:9"})
        self.assertEqual([proxy.listen for proxy in config.topology.proxies.values()], [("tcp:9",), ("tcp:2",)])
        self.assertEqual(config.first.domain, "us.test:9")
        self.assertEqual(config.origins["proxies.us.listen"], "flag --proxy")
        self.assertEqual(config.origins["proxies.us.domain"], "environment MESHD_PROXY_DOMAIN")

    def test_domains_follow_the_endpoint(self) -> None:
        """What can be dialled from this machine, where nothing better is said."""
        cases = {
            "tcp:3128": "127.0.0.1:3128",
            "tcp:port=3128": "127.0.0.1:3128",
            "tcp:3128:interface=192.0.2.1": "192.0.2.1:3128",
            "tcp:3128:interface=0.0.0.0": "127.0.0.1:3128",
            r"tcp:3128:interface=\:\:": "127.0.0.1:3128",
            r"tcp6:3128:interface=2001\:db8\:\:1": "[2001:db8::1]:3128",
            "haproxy:tcp:3128": "127.0.0.1:3128",
            "unix:/run/proxy.sock": "127.0.0.1:31280",
            "systemd:domain=INET:name=proxy": "127.0.0.1:31280",
        }
        for listen, domain in cases.items():
            self.assertEqual(self.load(None, {"proxy": [listen]}).first.domain, domain, listen)


class ReloadTests(ConfigTestCase):
    """A second call is a reload."""

    def test_what_needs_a_restart_is_named(self) -> None:
        """The rest is taken over by swapping the topology."""
        old = self.load("[timeouts]\nhead = 5")
        new = self.load('data_dir = "elsewhere"\n[timeouts]\nhead = 6\n[dns]\nservers = ["127.0.0.1"]')
        self.assertEqual(
            needs_restart(old, new),
            (
                *("data_dir", "store.url", "log.exchanges", "log.requests", "log.changes"),
                *("dns.servers", "v1.secrets", "hosts.secrets"),
            ),
        )
        self.assertEqual(needs_restart(old, self.load("[timeouts]\nhead = 7")), ())

    def test_how_often_counters_are_written_needs_none(self) -> None:
        """Each writing is followed by a pause of as long as the settings say by then."""
        old, new = self.load("[limits]\nflush_seconds = 5"), self.load("[limits]\nflush_seconds = 6")
        self.assertEqual(needs_restart(old, new), ())


class ShowTests(ConfigTestCase):
    """`meshd config show`."""

    def shown(self, *given: Any) -> dict[str, tuple[str, str]]:
        return {key: (value, origin) for key, value, origin in rows(self.load(*given))}

    def test_credentials_of_upstream_proxies_are_not_shown(self) -> None:
        """Only that there are some."""
        shown = self.shown('[[exits]]\nname = "a"\nurl = "http://us3r:s3cret@gw.test:80"\nweight = 3')
        self.assertEqual(shown["exits.a.upstream"], ("gw.test:80", "file meshd.toml:3"))
        self.assertEqual(shown["exits.a.username"], ("***", "file meshd.toml:3"))
        self.assertEqual(shown["exits.a.password"], ("***", "file meshd.toml:3"))
        self.assertEqual(shown["exits.a.weight"], ("3", "file meshd.toml:4"))
        self.assertNotIn("s3cret", str(shown))

    def test_every_setting_is_shown_as_the_file_would_have_it(self) -> None:
        """Those of proxies, exits and plans too."""
        text = '[proxies.us]\nlisten = ["tcp:1", "tcp:2"]\nexits = { tag = ["fast"], name = ["b"] }\n'
        text += '[[exits]]\nname = "b"\nkind = "direct"\ncountry = "uk"\ntags = ["fast", "dear"]\n'
        text += '[destinations]\nallow = ["10.0.0.0/8", "127.0.0.1:80", "[::1]:80", "::1"]\n[v1]\n[hosts]\n'
        shown = self.shown(text)
        self.assertEqual(shown["proxies.us.listen"], ("tcp:1, tcp:2", "file meshd.toml:2"))
        self.assertEqual(shown["proxies.us.exits"], ("names: b; tags: fast", "file meshd.toml:3"))
        self.assertEqual(shown["exits.b.country"], ("GB", "file meshd.toml:7"))
        self.assertEqual(shown["exits.b.tags"], ("dear, fast", "file meshd.toml:8"))
        self.assertEqual(shown["exits.b.address"], ("-", "default"))
        self.assertEqual(shown["destinations.allow"], ("10.0.0.0/8, 127.0.0.1:80, [::1]:80, ::1", "file meshd.toml:10"))
        self.assertEqual(shown["destinations.ports"], ("80, 443, 1024-65535", "default"))
        self.assertEqual(shown["api.tls"], ("true", "default"))
        self.assertEqual(shown["plans.trial.world"], ("false", "default"))
        self.assertLessEqual({setting.key for setting in SETTINGS} - {"proxy.listen", "proxy.domain"}, set(shown))

    def test_passwords_are_masked(self) -> None:
        """In every place where a PostgreSQL URL may have one, and in the Config's own repr."""
        cases = {
            "postgresql://u:s3cret@h:5432/d": "postgresql://u:***@h:5432/d",
            "postgresql://u:s3c:r@t@h/d": "postgresql://u:***@h/d",
            "postgresql:///d?user=u&password=s3cret": "postgresql:///d?user=u&password=***",
            "postgres://u@[::1]:5432/d?sslpassword=s3cret&sslmode=require": (
                "postgres://u@[::1]:5432/d?sslpassword=***&sslmode=require"
            ),
            "postgresql://u@h/d": "postgresql://u@h/d",
        }
        for url, masked in cases.items():
            given = {"MESHD_STORE_URL": url}
            self.assertEqual(self.shown(None, {}, given)["store.url"], (masked, "environment MESHD_STORE_URL"))
            self.assertNotIn("s3c", repr(self.load(None, {}, given)))
