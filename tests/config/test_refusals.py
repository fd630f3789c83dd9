"""What is refused, and that the line says where and why."""

from __future__ import annotations

from tests.config.support import ConfigTestCase

EXIT = '[[exits]]\nname = "a"\nkind = "local"\naddress = "192.0.2.1"\n'
UPSTREAM = '[[exits]]\nname = "a"\nkind = "http"\n'

WRONG_FILES = {
    "an unknown section": ("[stor]\n", "meshd.toml line 1: unknown key 'stor' (did you mean 'store'?)"),
    "an unknown key": (
        "\n[timeouts]\nidle = 5\nhed = 10\n",
        "meshd.toml line 4: [timeouts] unknown key 'hed' (did you mean 'head'?)",
    ),
    "an unknown key like none": ("[api]\nxyzzy = 1", "meshd.toml line 2: [api] unknown key 'xyzzy'"),
    "an unknown key at the top": ("data_die = 'x'", "line 1: unknown key 'data_die' (did you mean 'data_dir'?)"),
    "a section that is no table": ("store = 5", "line 1: [store] must be a table"),
    "a section that is a list of tables": ("[[timeouts]]\nhead = 1", "line 1: [timeouts] must be a table"),
    "text for a number": (
        '[timeouts]\nhead = "10"',
        "line 2: [timeouts] head must be a number of seconds from 0.1 to 86400, not '10'",
    ),
    "true for a number": ("[limits]\nfields = true", "line 2: [limits] fields must be a whole number from 10 to 10000"),
    "a fraction for a whole number": ("[limits]\nfields = 20.0", "not 20.0"),
    "a negative number": ("[timeouts]\nidle = -1", "from 0.1 to 604800, not -1"),
    "zero seconds": ("[timeouts]\nconnect = 0", "not 0"),
    "not a number": ("[timeouts]\nidle = nan", "not nan"),
    "endless": ("[timeouts]\nidle = inf", "not inf"),
    "an absurd number": ("[limits]\nhead_bytes = 99999999999", "not 99999999999"),
    "a number beyond printing": (f"[limits]\nfields = 0x{'f' * 5000}", "not a huge number"),
    "a word of no choice": ('[limits]\non_limit = "stop"', 'on_limit must be "cut", "finish" or "slow", not \'stop\''),
    "a number for a truth value": ("[api]\ntls = 1", "tls must be true or false, not 1"),
    "text for a list": ('[api]\nlisten = "tcp:8443"', "listen must be a list, each item a Twisted endpoint string"),
    "an empty list of endpoints": ("[api]\nlisten = []", "and not empty"),
    "a list item, on its own line": (
        '[api]\nlisten = [\n  "tcp:8443",\n  8444,\n]',
        "line 4: [api] listen must be a Twisted endpoint string such as tcp:31280, not 8444",
    ),
    "the same item twice": ('[api]\nlisten = ["tcp:1", "tcp:1"]', "(it stands there twice)"),
    "an endpoint without a type": ('[api]\nlisten = ["8443"]', "not '8443'"),
    "an endpoint with a port beyond": ('[api]\nlisten = ["tcp:99999"]', "(a port is a number from 0 to 65535)"),
    "an endpoint without a port": ('[api]\nlisten = ["tcp:interface=::1"]', "(a port is a number"),
    "an ssl endpoint": ('[api]\nlisten = ["ssl:8443"]', "(TLS is told from plain connections by itself: write tcp:)"),
    "one endpoint for two purposes": (
        '[proxy]\nlisten = ["tcp:8443"]',
        "tcp:8443: both api and proxies.local listen there",
    ),
    "a domain without a port": ('[api]\ndomain = "mesh.example"', "domain must be host:port, not 'mesh.example'"),
    "a domain with port 0": ('[api]\ndomain = "mesh.example:0"', "(a port is a number from 1 to 65535)"),
    "a name server that is a name": ('[dns]\nservers = ["ns.test:53"]', "must be a name server's address"),
    "an empty path": ('data_dir = ""', "data_dir must be a path, not ''"),
    "a path with a NUL": ('data_dir = "a\\u0000b"', "must be a path"),
    "a home that is not": ('data_dir = "~nobody-of-that-name/x"', "(there is no such home folder)"),
    "a store of another kind": ('[store]\nurl = "mysql://u@h/d"', "url must be sqlite:///FILE or postgresql://"),
    "a store without a file": ('[store]\nurl = "sqlite:///"', "(it names no file)"),
    "a store in memory": ('[store]\nurl = "sqlite:///:memory:"', "(it names no file)"),
    "an opening with host bits": (
        '[destinations]\nallow = ["10.1.0.5/16"]',
        "not '10.1.0.5/16' (did you mean 10.1.0.0/16?)",
    ),
    "an opening that is a name": ('[destinations]\nallow = ["localhost:80"]', "allow must be a range such as"),
    "an opening with a range and a port": ('[destinations]\nallow = ["10.0.0.0/8:80"]', "allow must be a range"),
    "an IPv4 address in brackets": (
        '[destinations]\nallow = ["[127.0.0.1]:80"]',
        "(what stands in its brackets is no IPv6 address)",
    ),
    "a mapped opening": ('[destinations]\nallow = ["::ffff:10.0.0.1"]', "compared as IPv4: write it so"),
    "a port 0": ('[destinations]\nports = ["0"]', "(a port is a number from 1 to 65535)"),
    "a port with a sign": ('[destinations]\nports = ["+80"]', "a port such as"),
    "a port range backwards": ('[destinations]\nports = ["90-80"]', "(it ends before it begins)"),
    "a port of truth": ("[destinations]\nports = [true]", "not True"),
    "a denied host with a star": ('[destinations]\ndeny_hosts = ["*.x.test"]', "must be a host name"),
    "a denied host that is an address": ('[destinations]\ndeny_hosts = ["10.0.0.1"]', "must be a host name"),
    "a line longer than the head": (
        "[limits]\nhead_bytes = 2048\n",
        "meshd.toml line 2: limits.request_line_bytes must not be more than limits.head_bytes",
    ),
    "exits as one table": ("[exits]\nname = 'a'", "line 1: [[exits]] must be a list of tables, and not empty"),
    "no exit at all": ("exits = []", "[[exits]] must be a list of tables, and not empty"),
    "an exit that is no table": ("exits = [1]", "line 1: [[exits]] must be a table"),
    "an exit without a name": ('[[exits]]\nkind = "direct"', "line 1: [[exits]] name is missing"),
    "an exit without a kind": ('\n[[exits]]\nname = "a"', "line 2: [[exits]] kind is missing"),
    "an exit of an unknown kind": (
        '[[exits]]\nname = "a"\nkind = "vpn"',
        'line 3: [[exits]] kind must be "direct", "local", "http", "https" or "socks5", not \'vpn\'',
    ),
    "an unknown key of an exit": (
        EXIT + "contry = 'US'",
        "line 5: [[exits]] unknown key 'contry' (did you mean 'country'?)",
    ),
    "two exits of one name": (EXIT + EXIT, "line 6: [[exits]] two exits are named 'a'"),
    "two exits of one address": (
        EXIT + EXIT.replace('"a"', '"b"'),
        "line 8: [[exits]] 'b' and 'a' have one address, 192.0.2.1",
    ),
    "a local exit without an address": (
        '[[exits]]\nname = "a"\nkind = "local"',
        "line 1: [[exits]] 'a' is local and needs an address",
    ),
    "a direct exit with an address": (
        EXIT.replace("local", "direct"),
        "line 4: [[exits]] 'a' has an address: its kind must be \"local\"",
    ),
    "a prefix with host bits": (
        EXIT.replace("192.0.2.1", "2001:db8::1/64"),
        "line 4: [[exits]] address must be a single IPv4 or IPv6 address, or an IPv6 prefix such as 2001:db8:1::/64, "
        "not '2001:db8::1/64' (did you mean 2001:db8::/64?)",
    ),
    "a prefix too wide": (EXIT.replace("192.0.2.1", "2001::/31"), "(a prefix has from 32 to 126 bits)"),
    "a prefix too narrow": (EXIT.replace("192.0.2.1", "2001:db8::/127"), "(a prefix has from 32 to 126 bits)"),
    "a prefix without a length": (EXIT.replace("192.0.2.1", "2001:db8::/"), "(a prefix has from 32 to 126 bits)"),
    "a prefix of nothing": (EXIT.replace("192.0.2.1", "2001::db8::/64"), "(it is no prefix)"),
    "a prefix of IPv4": (EXIT.replace("192.0.2.1", "192.0.2.0/24"), "(a prefix is one of IPv6; of IPv4 write each"),
    "a prefix of multicast": (EXIT.replace("192.0.2.1", "ff02::/64"), "(nothing can be sent from it)"),
    "two exits of one prefix": (
        EXIT.replace("192.0.2.1", "2001:db8::/64") + EXIT.replace("192.0.2.1", "2001:DB8::/64").replace('"a"', '"b"'),
        "line 8: [[exits]] 'b' and 'a' have one address, 2001:db8::/64",
    ),
    "a place of blanks": (EXIT + 'city = " "', "line 5: [[exits]] city must be a text of up to 64 characters"),
    "a place that is a number": (EXIT + "zip = 10115", "line 5: [[exits]] zip must be a text of up to 64 characters"),
    "a weight of nothing": (EXIT + "weight = 0", "line 5: [[exits]] weight must be a whole number from 1 to 100"),
    "a proxy that is no upstream": (UPSTREAM + 'upstream = "gw.test"', "upstream must be host:port of another proxy"),
    "an upstream with a port beyond": (UPSTREAM + 'upstream = "gw.test:70000"', "(a port is a number from 1 to 65535)"),
    "an upstream like an address": (UPSTREAM + 'upstream = "10.0.0.256:80"', "(its host is neither an address nor a"),
    "an exit without its upstream": (UPSTREAM, "line 1: [[exits]] 'a' is of kind http and needs an upstream, or a url"),
    "an upstream with a prefix": (
        UPSTREAM + 'upstream = "gw.test:80"\naddress = "2001:db8::/64"',
        "line 5: [[exits]] 'a' has a prefix: its kind must be \"local\"",
    ),
    "a local exit with an upstream": (
        EXIT + 'upstream = "gw.test:80"',
        'line 5: [[exits]] \'a\' has an upstream: its kind must be "http", "https" or "socks5"',
    ),
    "a direct exit with a password": (
        '[[exits]]\nname = "a"\nkind = "direct"\npassword = "x"',
        "line 4: [[exits]] 'a' has a password: its kind must be",
    ),
    "a ca without TLS": (
        UPSTREAM + 'upstream = "gw.test:80"\nca = "ca.pem"',
        "line 5: [[exits]] 'a' has a ca: its kind must be \"https\"",
    ),
    "a ca of a local exit": (EXIT + 'ca = "ca.pem"', "line 5: [[exits]] 'a' has a ca: its kind must be \"https\""),
    "a ca that is not there": (
        '[[exits]]\nname = "a"\nurl = "https://gw.test:443"\nca = "ca.pem"',
        "meshd.toml line 4: exits.a.ca: ",
    ),
    "a URL and an upstream": (
        '[[exits]]\nname = "a"\nurl = "http://gw.test:80"\nupstream = "gw.test:80"',
        "line 4: [[exits]] 'a' has a url, which says its upstream",
    ),
    "a URL and a password": (
        '[[exits]]\nname = "a"\nurl = "http://gw.test:80"\npassword = "x"',
        "line 4: [[exits]] 'a' has a url, which says its password",
    ),
    "tunnels by SOCKS5": (
        '[[exits]]\nname = "a"\nurl = "socks5://gw.test:80"\ntunnel = true',
        'line 4: [[exits]] \'a\' has a tunnel: its kind must be "http" or "https"',
    ),
    "a URL of another kind": (UPSTREAM + 'url = "socks5://gw.test:80"', "line 3: [[exits]] 'a' has a url of kind"),
    "a URL without a port": (UPSTREAM + 'url = "http://gw.test"', "not '***' (it is no host:port, with an IPv6"),
    "a URL with a path": (UPSTREAM + 'url = "http://gw.test:80/x"', "not '***' (it is no host:port, with an IPv6"),
    "a URL with another scheme": (UPSTREAM + 'url = "ftp://gw.test:80"', "(its scheme is none of http, https, socks5"),
    "a URL in another encoding": (UPSTREAM + 'url = "http://%ff@gw.test:80"', "(its percent-encoding is not of UTF-8)"),
    "a user name with a colon": (
        UPSTREAM + 'upstream = "gw.test:80"\nusername = "a:b"',
        "line 5: [[exits]] 'a' cannot be used: a user name has no colon in HTTP (RFC 7617)",
    ),
    "a password too long for SOCKS5": (
        f'[[exits]]\nname = "a"\nurl = "socks5://u:{"p" * 256}@gw.test:80"',
        "not '***' (its user name or password has more than 255 bytes)",
    ),
    "a rotation of its own": ("[proxies.us]\nrotation = 'fair'", 'rotation must be "random", "round-robin", "least-'),
    "lists that are no list": ("exits_from = 'a.txt'", "line 1: exits_from must be a list, each item a path"),
    "a list that is not there": ("\nexits_from = ['a.txt']", "meshd.toml line 2: exits_from: "),
    "an exit nothing can be sent from": (EXIT.replace("192.0.2.1", "0.0.0.0"), "(nothing can be sent from it)"),
    "a mapped exit": (EXIT.replace("192.0.2.1", "::ffff:192.0.2.1"), "(write it as 192.0.2.1)"),
    "a country of three letters": (EXIT + 'country = "USA"', "country must be a country's two letters"),
    "a name with a space": (EXIT.replace('"a"', '"a b"'), "name must be a name of up to 64 letters"),
    "a proxy with a name that is none": ("[proxies.'a b']\nlisten = ['tcp:1']", "line 1: [proxies] a b must be a name"),
    "a second proxy without a listener": (
        '[proxies.us]\nlisten = ["tcp:1"]\n[proxies.de]\n',
        "line 3: [proxies.de] listen is missing",
    ),
    "two proxies on one listener": (
        '[proxies.us]\nlisten = ["tcp:1"]\n[proxies.de]\nlisten = ["tcp:1"]',
        "tcp:1: both proxies.us and proxies.de listen there",
    ),
    "an unknown key of a proxy": ("[proxies.us]\nlistn = ['tcp:1']", "line 2: [proxies.us] unknown key 'listn'"),
    "a proxy that is no table": ("[proxies]\nus = 5", "line 2: [proxies.us] must be a table"),
    "a rule that is no table": ("[proxies.us]\nexits = 'US'", "line 2: [proxies.us.exits] must be a table"),
    "an unknown key of a rule": ("[proxies.us]\nexits = { city = ['x'] }", "[proxies.us.exits] unknown key 'city'"),
    "a rule that selects nothing": (
        EXIT + '[proxies.us]\nexits = { country = ["US"] }',
        "line 6: [proxies.us] exits: no exit is selected by this",
    ),
    "a rule with an unknown exit": (
        EXIT.replace('"a"', '"rack-1"') + '[proxies.us]\nexits = { name = ["rack-2"] }',
        "line 6: [proxies.us] exits: no exit is named 'rack-2' (did you mean 'rack-1'?)",
    ),
    "a plan that is no table": ("[plans]\n20 = 5", "line 2: [plans.20] must be a table"),
    "an unknown key of a plan": ("[plans.20]\ntokens = 5", "line 2: [plans.20] unknown key 'tokens'"),
    "a negative number in a plan": ("[plans.20]\nips = -1", "line 2: [plans.20] ips must be a whole number from 0"),
    "a number for a plan's world": ("[plans.20]\nworld = 1", "world must be true or false"),
    "no TOML": ("[timeouts]\nhead 10", "meshd.toml line 2: not TOML: "),
    "an unfinished text": ('[api]\n\nkey = "abc', "meshd.toml line 3: not TOML: "),
    "a key twice": ("[timeouts]\nhead = 1\nhead = 2", "meshd.toml line 3: not TOML: Cannot overwrite a value"),
    "too deep": ("a = " + "[" * 5000, "meshd.toml: nested too deeply"),
    "a line break in a key": ('"a\\nb" = 1', "unknown key 'a\\nb'"),
    "a terminal's escape in a value": ('[limits]\non_limit = "\\u001b[2J"', "not '\\x1b[2J'"),
}


class FileTests(ConfigTestCase):
    """Each mistake in a file is one line with the place."""

    def test_wrong_files(self) -> None:
        """Table of mistakes."""
        for name, (text, wanted) in WRONG_FILES.items():
            refusal = self.refusal(text)
            self.assertIn(wanted, refusal, name)
            self.assertTrue(refusal.startswith(("meshd.toml", "tcp:")), refusal)

    def test_bytes_that_are_no_text(self) -> None:
        """The line of the first wrong byte."""
        self.assertEqual(self.refusal(b"[timeouts]\nhead = 1 # \xff\n"), "meshd.toml line 2: not UTF-8")

    def test_a_byte_order_mark_is_no_mistake(self) -> None:
        """Some editors write one."""
        self.assertEqual(self.load(b"\xef\xbb\xbf[timeouts]\r\nhead = 3\r\n").topology.timeouts.head, 3)

    def test_a_file_that_is_not_there(self) -> None:
        """Named as the operator named it."""
        self.assertEqual(
            self.refusal(None, {"config": "no.toml"}), "no.toml: cannot be read: No such file or directory"
        )
        self.assertEqual(self.refusal(None, {"config": "."}), ".: cannot be read: Is a directory")
        self.assertIn("cannot be read", self.refusal(None, {"config": "a\0b"}))


class OtherPlacesTests(ConfigTestCase):
    """Mistakes in flags and environment."""

    def test_wrong_variables(self) -> None:
        """Named, with what was meant where that can be told."""
        cases = {
            ("MESHD_TIMEOUTS_HED", "5"): (
                "environment MESHD_TIMEOUTS_HED: no such setting (did you mean 'MESHD_TIMEOUTS_HEAD'?)"
            ),
            ("MESHD_TIMEOUTS_HEAD", "soon"): (
                "environment MESHD_TIMEOUTS_HEAD: must be a number of seconds from 0.1 to 86400, not 'soon'"
            ),
            ("MESHD_TIMEOUTS_HEAD", "1e3"): "environment MESHD_TIMEOUTS_HEAD: must be a number",
            ("MESHD_LIMITS_FIELDS", "5.5"): "not 5.5",
            ("MESHD_LIMITS_FIELDS", "\u0665\u0660"): "must be a whole number",
            ("MESHD_API_TLS", "perhaps"): "environment MESHD_API_TLS: must be true or false, not 'perhaps'",
            ("MESHD_API_LISTEN", ","): "environment MESHD_API_LISTEN: must be a list",
            ("MESHD_DESTINATIONS_PORTS", "80,x"): "environment MESHD_DESTINATIONS_PORTS: must be a port",
        }
        for (name, value), wanted in cases.items():
            self.assertIn(wanted, self.refusal(None, {}, {name: value}), name)

    def test_wrong_flags(self) -> None:
        """Named as they are typed."""
        self.assertIn("flag --api: must be a Twisted endpoint", self.refusal(None, {"api": ["8443"]}))
        self.assertEqual(self.refusal(None, {"dta_dir": "x"}), "flag --dta-dir: no such flag")

    def test_a_wrong_upstream_never_shows_its_password(self) -> None:
        """Nor the user name, wherever it was put."""
        for text in (
            'url = "http://us3r:s3cret@gw.test"',
            'url = "gw.test:80:us3r:s3cret"',
            'upstream = "us3r:s3cret@gw.test:80"',
            'upstream = "gw.test:80:us3r:s3cret"',
            'url = "http://us3r:s3cret@gw.test:80"\nusername = ["us3r:s3cret"]',
            'upstream = "gw.test:80"\nusername = "us3r:s3cret"',
            'upstream = "gw.test:80"\npassword = ["s3cret"]',
            'upstream = "gw.test:80"\nusername = "us3r"\npassword = "s3cret\\n"',
        ):
            refusal = self.refusal(UPSTREAM + text)
            self.assertNotIn("s3cret", refusal)
            self.assertNotIn("us3r", refusal)

    def test_a_refused_url_never_shows_its_password(self) -> None:
        """However it was mistyped."""
        for url in (
            "postgresql://u:s3cret/x@h/d",
            "postgresql://u:s3cret?x@h/d",
            "postgresql://u:s3cret#x@h/d",
            "postgresql://u:12/s3cret@h/d",
            "postgresql://u@h:s3cret/d",
            "postgresql://u:s3cret@[::1/d",
            "mysql://u:s3cret@h/d",
            "postgresql:/u:s3cret@h/d",
            "postgresql://u:s3cret\n@h/d",
        ):
            in_file = url.replace("\n", "\\n")
            for refusal in (
                self.refusal(None, {"store": url}),
                self.refusal(None, {}, {"MESHD_STORE_URL": url}),
                self.refusal(f'[store]\nurl = "{in_file}"'),
            ):
                self.assertIn("must be sqlite:///FILE or postgresql://", refusal)
                self.assertNotIn("s3cret", refusal)
