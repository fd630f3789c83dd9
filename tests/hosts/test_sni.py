"""Whose a client by TLS is, by the name that it asks for."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.hosts.sni import Names, Passages, streams_beside
from meshd.values.published import DeadHost, ProxyHost, Published, Redirection, Stream, Upstream

UP = Upstream("10.0.0.1", 5432)
PLAIN = ProxyHost(1, ("app.example.com", "*.apps.example.com"), "http", (UP,))
PASSED = ProxyHost(
    2, ("vault.example.com", "*.vaults.example.com", "a.streams.example.com"), "https", (UP,), passthrough=True
)
MOVED = Redirection(3, ("old.example.com",), "https", "new.example.com")
DEAD = DeadHost(4, ("dead.streams.example.com",))
DATABASE = Stream(5, 443, UP, sni=("db.example.com", "*.dbs.example.com", "both.example.com"))
WIDE = Stream(6, 443, UP, sni=("*.streams.example.com", "*.apps.example.com"))
SECOND = Stream(7, 443, UP, sni=("db.example.com",))
ELSEWHERE = Stream(8, 8443, UP, sni=("elsewhere.example.com",))
BY_DATAGRAM = Stream(9, 443, UP, "udp", sni=("quic.example.com",))
BOTH_WAYS = Stream(10, 443, UP, "tcp+udp", sni=("two.example.com",))
UNNAMED = Stream(11, 443, UP)
SHADOW = ProxyHost(12, ("both.example.com",), "http", (UP,))

PUBLISHED = Published(
    hosts=(PLAIN, PASSED, MOVED, DEAD, SHADOW),
    streams=(DATABASE, WIDE, SECOND, ELSEWHERE, BY_DATAGRAM, BOTH_WAYS, UNNAMED),
)

WHOSE = {
    "no name": ("", None),
    "a host whose TLS ends here": ("app.example.com", None),
    "a host whose TLS is passed on": ("vault.example.com", PASSED),
    "its wildcard": ("x.vaults.example.com", PASSED),
    "two labels below a wildcard": ("x.y.vaults.example.com", None),
    "the wildcard's own domain": ("vaults.example.com", None),
    "a stream": ("db.example.com", DATABASE),
    "a stream's wildcard": ("x.dbs.example.com", DATABASE),
    "a name that two streams have is the first one's": ("db.example.com", DATABASE),
    "a stream before a host of the same name": ("both.example.com", DATABASE),
    "a stream's wildcard before a host's": ("x.apps.example.com", WIDE),
    "a host's name before a stream's wildcard": ("a.streams.example.com", PASSED),
    "also one that is dead": ("dead.streams.example.com", None),
    "else the wildcard": ("b.streams.example.com", WIDE),
    "a redirection": ("old.example.com", None),
    "a stream at another port": ("elsewhere.example.com", None),
    "a stream by datagram alone": ("quic.example.com", None),
    "a stream by both": ("two.example.com", BOTH_WAYS),
    "nobody's": ("example.org", None),
    "one label": ("localhost", None),
    "a dot alone": (".", None),
    "an empty label in front": (".vaults.example.com", None),
    "a wildcard itself": ("*.nowhere.example.com", None),
}


class PassageTests(SynchronousTestCase):
    def test_whose_a_name_is(self) -> None:
        passages = Passages(PUBLISHED, (443,))
        for what, (name, taker) in WHOSE.items():
            self.assertIs(passages.passed_on(name), taker, what)

    def test_only_streams_at_the_ports_of_hosts(self) -> None:
        self.assertEqual(list(streams_beside(PUBLISHED, (8443,))), [ELSEWHERE])
        self.assertIs(Passages(PUBLISHED, (443, 8443)).passed_on("elsewhere.example.com"), ELSEWHERE)
        self.assertIs(Passages(PUBLISHED, ()).passed_on("db.example.com"), None)
        self.assertIs(Passages(PUBLISHED, ()).passed_on("vault.example.com"), PASSED)


class NamesTests(SynchronousTestCase):
    def test_the_first_with_a_name_has_it(self) -> None:
        names = Names((("a.example", 1), ("a.example", 2), ("*.example", 3)))
        self.assertEqual([names.find(each) for each in ("a.example", "b.example", "example")], [1, 3, None])
        self.assertEqual(len(names), 2)
