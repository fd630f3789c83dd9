"""Requests for an upgrade: where they lead, and which are malformed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meshd.http1.errors import BadMessage
from meshd.http1.head import HeadLimits, RequestHead, read_request
from meshd.http1.target import AuthorityForm
from meshd.masque.upgrades import CONNECT_UDP, asked, destination, path_of, read_variables
from tests.http1.support import thorough

PATHS: dict[bytes, tuple[str, int]] = {
    b"192.0.2.6/443/": ("192.0.2.6", 443),
    b"target.example.com/53/": ("target.example.com", 53),
    b"Target.Example.com./1/": ("target.example.com", 1),
    b"2001%3Adb8%3A%3A42/443/": ("2001:db8::42", 443),
    b"2001%3adb8%3a%3A42/443/": ("2001:db8::42", 443),
    b"2001:db8::42/65535/": ("2001:db8::42", 65535),
    b"%3A%3Affff%3A192.0.2.1/443/": ("::ffff:c000:201", 443),
    b"a%2Etest/4%343/": ("a.test", 443),
    b"a_b.test/443/": ("a_b.test", 443),
}

BAD_PATHS = [
    *(b"", b"/", b"a.test", b"a.test/", b"a.test/443", b"/443/", b"a.test//", b"a.test/443//", b"a.test/443/x"),
    *(b"a.test/443/?x", b"a.test/443/#x", b"a.test/443?/", b"a.test/0/", b"a.test/0443/", b"a.test/65536/"),
    *(b"a.test/+443/", b"a.test/-1/", b"a.test/443 /", b"a.test/https/", b"a.test/%00443/", b"a.test/4%33%/"),
    *(b"a%2Ftest/443/", b"a%00.test/443/", b"a%test/443/", b"a%2/443/", b"a%zz/443/", b"%252E/443/", b"*/443/"),
    *(b"fe80%3A%3A1%25eth0/443/", b"fe80::1%eth0/443/", b"%5B%3A%3A1%5D/443/", b"[::1]/443/", b"::1::/443/"),
    *(b"u%40a.test/443/", b"a.test%3A443/443/", b"a..test/443/", b".a.test/443/", b"%C3%A4.test/443/", b"\xc3\xa4/1/"),
    *(b"a%0D%0Ab/443/", b"a%20b/443/", b"a.test%5C/443/", b"x" * 64 + b"/443/", b"a." * 130 + b"/443/"),
]

TARGETS = {
    b"/.well-known/masque/udp/a/1/": b"/.well-known/masque/udp/a/1/",
    b"http://p.test:31280/x/": b"/x/",
    b"HTTPS://[::1]:443/x/": b"/x/",
    b"https://p.test": b"",
    b"https:///x/": b"",
    b"ftp://p.test/x/": b"",
    b"p.test:443": b"",
    b"https://u@p.test/x/": b"",
}

HEAD = (
    b"GET /.well-known/masque/udp/a.test/443/ HTTP/1.1\r\n"
    b"Host: p.test\r\nConnection: Upgrade\r\nUpgrade: connect-udp\r\n"
)

BAD_HEADS = {
    "another method": HEAD.replace(b"GET", b"POST"),
    "HTTP/1.0": HEAD.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "no Host": HEAD.replace(b"Host", b"Hosts"),
    "a body": HEAD + b"Content-Length: 3\r\n",
    "a body of nothing": HEAD + b"Content-Length: 0\r\n",
    "chunks": HEAD + b"Transfer-Encoding: chunked\r\n",
    "another path": HEAD.replace(b"/udp/", b"/tcp/"),
    "another case": HEAD.replace(b"/udp/", b"/UDP/"),
    "user information": HEAD.replace(b"GET /", b"GET https://u:p@p.test/"),
}


def head_of(text: bytes) -> RequestHead:
    head = read_request(text + b"\r\n", HeadLimits())
    assert head is not None
    return head


class PathTests(SynchronousTestCase):
    def test_read(self) -> None:
        for path, (host, port) in PATHS.items():
            self.assertEqual(read_variables(path), AuthorityForm(host, port), path)

    def test_malformed(self) -> None:
        """Each is 400, and the rule quotes nothing of it."""
        for path in BAD_PATHS:
            with self.subTest(path):
                error = self.assertRaises(BadMessage, read_variables, path)
                self.assertEqual(error.status, 400)

    @thorough()
    @given(st.binary(max_size=40))
    def test_any_bytes(self, path: bytes) -> None:
        """Any path leads to a host and a port that CONNECT could name, or is malformed."""
        try:
            host, port = read_variables(path)
        except BadMessage as bad:
            self.assertEqual(bad.status, 400)
            return
        self.assertTrue(0 < port < 65536)
        self.assertRegex(host, r"\A[a-z0-9_.:-]+\Z")

    def test_path_of(self) -> None:
        for target, path in TARGETS.items():
            self.assertEqual(path_of(target), path, target)


class RequestTests(SynchronousTestCase):
    def test_asked(self) -> None:
        for fields, token in (
            (b"", b"connect-udp"),
            (b"Connection: keep-alive\r\n", b"connect-udp"),
            (b"Upgrade: h2c\r\n", b"connect-udp,h2c"),
        ):
            self.assertEqual(asked(head_of(HEAD + fields).fields), token)
        self.assertEqual(asked(head_of(HEAD.replace(b"Connection: Upgrade", b"Connection: close")).fields), b"")
        self.assertEqual(asked(head_of(HEAD.replace(b"connect-udp", b"Connect-UDP")).fields), b"connect-udp")

    def test_destination(self) -> None:
        """By a path, and by a URL of the proxy's own, whatever its scheme and name."""
        for prefix in (b"/", b"https://p.test/", b"http://192.0.2.1:31280/"):
            head = head_of(HEAD.replace(b"GET /", b"GET " + prefix) + b"Capsule-Protocol: ?1\r\n")
            self.assertEqual(destination(head, CONNECT_UDP), AuthorityForm("a.test", 443))

    def test_malformed(self) -> None:
        for name, text in BAD_HEADS.items():
            with self.subTest(name):
                error = self.assertRaises(BadMessage, destination, head_of(text), CONNECT_UDP)
                self.assertEqual(error.status, 400)
