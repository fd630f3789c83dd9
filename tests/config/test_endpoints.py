"""Endpoint strings: what they mean, what is refused, and which of them are one place."""

from __future__ import annotations

from typing import Any

from twisted.internet.endpoints import serverFromString
from twisted.trial.unittest import SynchronousTestCase

from meshd.config.endpoints import TCP, Endpoint, Foreign, Inherited, Unix, overlap, parsed, place_words
from tests.config.support import ConfigTestCase

RIGHT = {
    "tcp:31280": Endpoint("", TCP(31280)),
    "tcp:port=31280": Endpoint("", TCP(31280)),
    "tcp:0": Endpoint("", TCP(0)),
    "tcp:1:interface=127.0.0.1": Endpoint("", TCP(1, "127.0.0.1")),
    "tcp:1:127.0.0.1:50": Endpoint("", TCP(1, "127.0.0.1"), backlog=50),
    r"tcp:1:interface=\:\:1:backlog=7": Endpoint("", TCP(1, "::1"), backlog=7),
    r"tcp:1:interface=2001\:DB8\:0\:\:1": Endpoint("", TCP(1, "2001:db8::1")),
    r"tcp:1:interface=fe80\:\:1%eth0": Endpoint("", TCP(1, "fe80::1%eth0")),
    "tcp6:1": Endpoint("", TCP(1, "::")),
    r"tcp6:1:9:\:\:1": Endpoint("", TCP(1, "::1"), backlog=9),
    "unix:/run/a.sock": Endpoint("", Unix("/run/a.sock")),
    r"unix:/run/a\:b.sock:mode=660:lockfile=0": Endpoint("", Unix("/run/a:b.sock"), mode=0o660),
    "unix:address=/run/a=b:mode=600:backlog=20": Endpoint("", Unix("/run/a=b"), mode=0o600, backlog=20),
    "systemd:domain=INET:index=0": Endpoint("", Inherited("INET", index=0)),
    "systemd:INET6:name=proxy": Endpoint("", Inherited("INET6", "proxy")),
    "haproxy:tcp:1": Endpoint("", TCP(1), haproxy=True),
    "haproxy:systemd:domain=UNIX:name=a": Endpoint("", Inherited("UNIX", "a"), haproxy=True),
}

WRONG = {
    "": "",
    "8443": "",
    "tcp:": "",
    ":1": "",
    "tcp:1\n": "",
    "tpc:0": "there is no endpoint of type 'tpc' (did you mean 'tcp'?)",
    "tcp4:1": "there is no endpoint of type 'tcp4'",
    "onion:80": "there is no endpoint of type 'onion'",
    "haproxy:tpc:0": "there is no endpoint of type 'tpc'",
    "haproxy:haproxy:tcp:1": "haproxy: stands there twice",
    "ssl:8443": "TLS is told from plain connections by itself: write tcp:",
    "stdio:x": "standard input is no listener",
    "tcp:99999": "a port is a number from 0 to 65535",
    "tcp:http": "a port is a number from 0 to 65535",
    "tcp:-1": "a port is a number",
    "tcp:²": "a port is a number",
    "tcp:interface=127.0.0.1": "a port is a number",
    "tcp:1:port=2": "port is given twice",
    "tcp:1:colour=red": "there is no argument 'colour'",
    "tcp:1:127.0.0.1:5:6": "there is no argument '6'",
    "tcp:1:interface=a:interface=b": "interface is given twice",
    "tcp:1:interface=localhost": "an interface is an address, such as 127.0.0.1",
    "tcp:1:interface=::1": "interface",
    "tcp:1:backlog=0": "backlog is a number from 1 to",
    "tcp6:1:interface=127.0.0.1": "an interface of tcp6 is an IPv6 address",
    "unix:a\\": "nothing follows its last backslash",
    "unix:mode=600": "it names no file",
    "unix:/a:mode=888": "mode is a number from 0 to 777",
    "systemd:domain=FOO:index=0": "its domain is INET, INET6 or UNIX",
    "systemd:name=proxy": "its domain is INET, INET6 or UNIX",
    "systemd:domain=INET": "it has a name or an index",
    "systemd:domain=INET:index=0:name=a": "it has a name or an index",
    "systemd:domain=INET:index=-1": "index is a number from 0",
}

ONE_PLACE = [
    ("tcp:1", "tcp:1", True),
    ("tcp:1", "tcp:port=1", True),
    ("tcp:1", "haproxy:tcp:1", True),
    ("tcp:1", "tcp6:1", True),
    ("tcp:1", "tcp:1:interface=127.0.0.1", True),
    ("tcp:1", r"tcp:1:interface=\:\:1", True),
    ("tcp:1:interface=0.0.0.0", "tcp:1:interface=127.0.0.1", True),
    ("tcp:1:interface=0.0.0.0", "tcp6:1", True),
    ("tcp:1:interface=0.0.0.0", r"tcp:1:interface=\:\:1", False),
    ("tcp:1:interface=127.0.0.1", "tcp:1:interface=127.0.0.2", False),
    ("tcp:1", "tcp:2", False),
    ("tcp:0", "tcp:0", False),
    ("unix:/a", "unix:/a:mode=600", True),
    ("unix:/a/b", "unix:/a/./c/../b", True),
    ("unix:/a", "unix:/b", False),
    ("systemd:domain=INET:name=a", "haproxy:systemd:domain=INET:name=a", True),
    ("systemd:domain=INET:name=a", "systemd:domain=INET:name=b", False),
]


class ParsingTests(SynchronousTestCase):
    """The tables above."""

    def test_right(self) -> None:
        """Every type, with its arguments in order and by name."""
        for text, meant in RIGHT.items():
            found = parsed(text)
            self.assertEqual((found.place, found.haproxy), (meant.place, meant.haproxy), text)
            self.assertEqual((found.backlog, found.mode, found.text), (meant.backlog, meant.mode, text), text)

    def test_wrong(self) -> None:
        """A reason for people, wherever there is more to say than that it is none."""
        for text, reason in WRONG.items():
            error = self.assertRaises(ValueError, parsed, text)
            self.assertIn(reason, str(error), text)

    def test_twisted_reads_them_alike(self) -> None:
        """What is right here is right there, with the same port, interface or file."""
        for text in RIGHT:
            if text.startswith(("tcp", "unix")):
                theirs: Any = vars(serverFromString(None, text))
                mine = parsed(text).place
                if isinstance(mine, TCP):
                    self.assertEqual(int(theirs["_port"]), mine.port, text)
                    self.assertEqual(theirs["_interface"].lower().replace(":0::", "::"), mine.interface, text)
                else:
                    self.assertEqual(Unix(theirs["_address"]), mine, text)

    def test_what_a_plugin_knows_is_its_own_to_read(self) -> None:
        """Twisted's plugins know more types than these; a text that they refuse is refused."""
        self.patch(*_a_plugin())
        self.assertEqual(parsed("pigeon:home"), Endpoint("pigeon:home", Foreign("pigeon:home")))
        self.assertIn("no such loft", str(self.assertRaises(ValueError, parsed, "pigeon:away")))

    def test_one_place(self) -> None:
        """However it is written, in either order."""
        for one, other, same in ONE_PLACE:
            places = parsed(one).place, parsed(other).place
            self.assertEqual((overlap(*places), overlap(*reversed(places))), (same, same), (one, other))


class WordsTests(SynchronousTestCase):
    def test_where_an_endpoint_listens(self) -> None:
        """In words that cannot be taken for another address."""
        for text, words in {
            "tcp:31280": "every address of this machine, port 31280",
            "tcp6:31280": "every address of this machine, port 31280",
            "haproxy:tcp:1": "every address of this machine, port 1",
            "tcp:1:interface=0.0.0.0": "every IPv4 address of this machine, port 1",
            "tcp:1:interface=127.0.0.1": "127.0.0.1, port 1",
            "tcp:0": "every address of this machine, any port",
            "unix:/run/a.sock": "unix:/run/a.sock",
            "systemd:domain=INET:name=proxy": "systemd:domain=INET:name=proxy",
        }.items():
            self.assertEqual(place_words(text), words)


class ListenerTests(ConfigTestCase):
    """Settings whose listeners cannot all be opened are refused as settings."""

    def test_one_place_for_two_purposes(self) -> None:
        """Other words for the same place are the same place."""
        for one, other in (
            ("tcp:1", "tcp:port=1"),
            ("tcp:1", "haproxy:tcp:1"),
            ("tcp:1", "tcp:1:interface=127.0.0.1"),
            ("unix:/a", "unix:/a:mode=600"),
        ):
            refusal = self.refusal(f"[proxies.a]\nlisten = ['{one}']\n[proxies.b]\nlisten = ['{other}']\n")
            self.assertEqual(refusal, f"{one} and {other}: both proxies.a and proxies.b listen there")

    def test_an_endpoint_of_a_type_that_there_is_not(self) -> None:
        """Said by the check, with the line, and not only by the daemon."""
        refusal = self.refusal("[proxies.a]\nlisten = ['tpc:0']\n")
        self.assertTrue(refusal.startswith("meshd.toml line 2: "), refusal)
        self.assertIn("there is no endpoint of type 'tpc' (did you mean 'tcp'?)", refusal)


def _a_plugin() -> tuple[Any, str, Any]:
    """Twisted's reader, with a type more."""
    import meshd.config.endpoints as module

    def read(reactor: object, text: str) -> object:
        if text == "pigeon:away":
            raise ValueError("no such loft")
        return object()

    return module, "serverFromString", read
