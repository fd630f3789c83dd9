"""Request targets and the Host beside them."""

from __future__ import annotations

from ipaddress import IPv6Address

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meshd.http1.errors import BadMessage
from meshd.http1.head import HeadLimits, read_request
from meshd.http1.target import WHAT_THIS_PORT_IS, AbsoluteForm, AuthorityForm, check_host, read_target
from tests.http1.support import thorough

LONGEST = b".".join([b"a" * 63, b"b" * 63, b"c" * 63, b"d" * 61])

AUTHORITIES: dict[str, tuple[bytes, str, int]] = {
    "a name": (b"www.example.com:443", "www.example.com", 443),
    "a name in capitals": (b"WWW.Example.COM:443", "www.example.com", 443),
    "a name with its final dot": (b"www.example.com.:443", "www.example.com", 443),
    "a name of one label": (b"localhost:80", "localhost", 80),
    "a name with an underscore": (b"_dmarc.a_b.example:80", "_dmarc.a_b.example", 80),
    "the longest name": (LONGEST + b":80", LONGEST.decode(), 80),
    "the longest name with its final dot": (LONGEST + b".:80", LONGEST.decode(), 80),
    "an IPv4 address": (b"192.0.2.1:8080", "192.0.2.1", 8080),
    "an IPv6 address": (b"[2001:DB8:0:0::1]:443", "2001:db8::1", 443),
    "an IPv6 address without brackets, and a port that is no group": (b"2001:db8::1:44443", "2001:db8::1", 44443),
    "the loopback address without brackets": (b"::1:10000", "::1", 10000),
    "the shortest address without brackets": (b":::443", "::", 443),
    "all groups of an address without brackets": (b"1:2:3:4:5:6:7:8:443", "1:2:3:4:5:6:7:8", 443),
    "a mapped address without brackets": (b"::ffff:192.0.2.1:443", str(IPv6Address("::ffff:192.0.2.1")), 443),
    "the shortest IPv6 address": (b"[::]:443", "::", 443),
    "the lowest port": (b"a:1", "a", 1),
    "the highest port": (b"a:65535", "a", 65535),
}

NEEDS_BRACKETS = "an IPv6 address in the target needs its brackets, as [::1]:443"
A_ZONE = "a zone in the target's IPv6 address, which would be an interface of the proxy's host"

BAD_AUTHORITIES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "no host in the target"),
    "no host": (b":443", "no host in the target"),
    "no port": (b"example.com", "no port in the target"),
    "an IPv6 address without port": (b"[::1]", "no port in the target"),
    "an empty port": (b"example.com:", "a malformed port in the target"),
    "port 0": (b"example.com:0", "a malformed port in the target"),
    "a port with a zero before it": (b"example.com:0443", "a malformed port in the target"),
    "a port above 65535": (b"example.com:65536", "the port in the target is above 65535"),
    "a port of six digits": (b"example.com:100000", "a malformed port in the target"),
    "a signed port": (b"example.com:+443", "a malformed port in the target"),
    "a port that is a name": (b"example.com:https", "a malformed port in the target"),
    "two ports": (b"example.com:80:443", "a malformed host in the target"),
    "user information": (b"user:pass@example.com:443", "user information in the target"),
    "an empty user": (b"@example.com:443", "user information in the target"),
    "a URL": (b"http://example.com:443", "a malformed host in the target"),
    "a path": (b"example.com:443/", "a malformed port in the target"),
    "the origin form": (b"/index.html", "a malformed host in the target"),
    "a fragment": (b"example.com:443#x", "a malformed port in the target"),
    "a query": (b"example.com:443?x", "a malformed port in the target"),
    "a backslash": (b"example.com\\x:443", "a backslash in the target's host"),
    "a percent escape": (b"ex%61mple.com:443", "a malformed host in the target"),
    "a byte above ASCII": ("exämple.com:443".encode(), "a host in the target that is not ASCII"),
    "a NUL": (b"example.com\x00.evil:443", "a malformed host in the target"),
    "a blank": (b"example.com :443", "a malformed host in the target"),
    "a line end at the end": (b"example.com:443\n", "a malformed port in the target"),
    "a star": (b"*:443", "a malformed host in the target"),
    "an empty label": (b"example..com:443", "a malformed host in the target"),
    "an empty first label": (b".example.com:443", "a malformed host in the target"),
    "two final dots": (b"example.com..:443", "a malformed host in the target"),
    "a dot alone": (b".:443", "a malformed host in the target"),
    "a label that is too long": (b"a" * 64 + b":443", "a malformed host in the target"),
    "a name that is too long": (LONGEST + b"d:443", "the host name in the target is too long"),
    "an IPv6 address without brackets and port": (b"2001:db8::1", NEEDS_BRACKETS),
    "an IPv6 address without brackets, and what may be a port": (b"2001:db8::1:443", NEEDS_BRACKETS),
    "the loopback address, and what may be a port": (b"::1:4443", NEEDS_BRACKETS),
    "the loopback address without brackets and port": (b"::1", NEEDS_BRACKETS),
    "eight groups, of which none can be a port": (b"1:2:3:4:5:6:7:8", NEEDS_BRACKETS),
    "an IPv6 address without brackets and port 0": (b"2001:db8::1:0", NEEDS_BRACKETS),
    "an IPv6 address without brackets and with a zone": (b"fe80::1%eth0:443", A_ZONE),
    "a bracket left open": (b"[::1:443", "a malformed host in the target"),
    "a name in brackets": (b"[localhost]:443", "a malformed host in the target"),
    "a name of hexadecimal digits in brackets": (b"[cafe]:443", "a malformed IPv6 address in the target"),
    "an IPv4 address in brackets": (b"[127.0.0.1]:443", "a malformed IPv6 address in the target"),
    "an IPv6 address with a zone": (b"[fe80::1%25eth0]:443", A_ZONE),
    "an IPv6 address of nine groups": (b"[1:2:3:4:5:6:7:8:9]:443", "a malformed IPv6 address in the target"),
    "something after the bracket": (b"[::1]x:443", "a malformed host in the target"),
}

ABSOLUTE: dict[str, tuple[bytes, str, int, bytes, bytes]] = {
    "a page": (b"http://example.com/a/b?c=d", "example.com", 80, b"/a/b?c=d", b"example.com"),
    "no path": (b"http://example.com", "example.com", 80, b"/", b"example.com"),
    "a query without path": (b"http://example.com?a", "example.com", 80, b"/?a", b"example.com"),
    "a port": (b"http://example.com:8080/", "example.com", 8080, b"/", b"example.com:8080"),
    "the usual port, said": (b"http://example.com:80/", "example.com", 80, b"/", b"example.com:80"),
    "capitals, kept for the origin": (b"HTTP://Example.COM/A", "example.com", 80, b"/A", b"Example.COM"),
    "a WebSocket's": (b"ws://example.com/chat", "example.com", 80, b"/chat", b"example.com"),
    "a final dot, kept for the origin": (b"http://example.com./", "example.com", 80, b"/", b"example.com."),
    "an IPv6 address": (b"http://[2001:DB8::1]:81/x", "2001:db8::1", 81, b"/x", b"[2001:DB8::1]:81"),
    "two slashes": (b"http://a//b//c", "a", 80, b"//b//c", b"a"),
    "dots, which are the origin's to resolve": (b"http://a/../b/./c", "a", 80, b"/../b/./c", b"a"),
    "a URL in the path": (b"http://a/http://b@c:9/d", "a", 80, b"/http://b@c:9/d", b"a"),
    "a URL in the query": (b"http://a?u=http://b@c/", "a", 80, b"/?u=http://b@c/", b"a"),
    "a backslash in the query": (b"http://a/?b\\c", "a", 80, b"/?b\\c", b"a"),
    "escapes, kept": (b"http://a/%2f%5C%00", "a", 80, b"/%2f%5C%00", b"a"),
    "a backslash in the path": (b"http://a/b\\..\\c?d", "a", 80, b"/b\\..\\c?d", b"a"),
    "UTF-8 in the path": ("http://a/ü/à".encode(), "a", 80, "/ü/à".encode(), b"a"),
    "UTF-8 in the query": ("http://a?q=日本".encode(), "a", 80, "/?q=日本".encode(), b"a"),
    "user information": (b"http://user:pass@example.com/b", "example.com", 80, b"/b", b"example.com"),
    "a user alone": (b"http://user@example.com:81", "example.com", 81, b"/", b"example.com:81"),
    "a user like an e-mail address's": (b"http://a.b:c@h/", "h", 80, b"/", b"h"),
    "a password with colons and escapes": (b"http://u%40x:p%2F:q'\"@h/", "h", 80, b"/", b"h"),
    "user information in UTF-8": ("http://ü:ß@h/é".encode(), "h", 80, "/é".encode(), b"h"),
    "a password alone": (b"http://:p@h/", "h", 80, b"/", b"h"),
    "empty user information": (b"http://@[::1]:81/", "::1", 81, b"/", b"[::1]:81"),
    "user information of a WebSocket's": (b"ws://u:p@h", "h", 80, b"/", b"h"),
    "an empty port": (b"http://example.com:/a", "example.com", 80, b"/a", b"example.com"),
    "an empty port and a query": (b"http://u@example.com:?a:", "example.com", 80, b"/?a:", b"example.com"),
    "characters that should have been escaped": (b'http://a/{b}|"c"^`<>[]', "a", 80, b'/{b}|"c"^`<>[]', b"a"),
}

A_BACKSLASH = "a backslash in the target's host"

BAD_ABSOLUTE: dict[str, tuple[bytes, int, str]] = {
    "the origin form": (b"/index.html", 400, WHAT_THIS_PORT_IS),
    "two slashes and a host": (b"//example.com/", 400, WHAT_THIS_PORT_IS),
    "the asterisk form": (b"*", 400, WHAT_THIS_PORT_IS),
    "the authority form": (b"example.com:80", 400, "the target is no absolute URL"),
    "a scheme without slashes": (b"http:example.com", 400, "the target is no absolute URL"),
    "a scheme with one slash": (b"http:/example.com", 400, "the target is no absolute URL"),
    "nothing": (b"", 400, "the target is no absolute URL"),
    "https": (b"https://example.com/", 501, "an https:// target has to come through CONNECT"),
    "https in capitals": (b"HTTPS://example.com/", 501, "an https:// target has to come through CONNECT"),
    "wss": (b"wss://example.com/", 501, "a wss:// target has to come through CONNECT"),
    "ftp": (b"ftp://example.com/", 501, "only http:// targets are forwarded"),
    "file": (b"file:///etc/passwd", 501, "only http:// targets are forwarded"),
    "no host": (b"http:///a", 400, "no host in the target"),
    "no host but a port": (b"http://:80/a", 400, "no host in the target"),
    "no host but a query": (b"http://?a", 400, "no host in the target"),
    "two hosts' user information": (b"http://a@b@example.com/", 400, "user information in the target"),
    "a host and a port that are user information": (b"http://192.0.2.1:80@h/", 400, "user information in the target"),
    "a host and an empty port that are user information": (b"http://a.test:@h/", 400, "user information in the target"),
    "a bracket in user information": (b"http://[::1]@h/", 400, "user information in the target"),
    "a host that is user information": (b"http://good.example@evil.example/", 400, "user information in the target"),
    "a backslash before the at": (b"http://good.example\\@evil.example/", 400, A_BACKSLASH),
    "a backslash in place of the slash": (b"http://example.com\\a", 400, A_BACKSLASH),
    "a backslash and a slash": (b"http://example.com\\/a", 400, A_BACKSLASH),
    "backslashes in place of slashes": (b"http:\\\\example.com/", 400, "the target is no absolute URL"),
    "a fragment": (b"http://example.com/a#b", 400, "a fragment in the target"),
    "a fragment after the host": (b"http://example.com#b", 400, "a fragment in the target"),
    "a fragment after the query": (b"http://example.com/?a#b", 400, "a fragment in the target"),
    "port 0": (b"http://example.com:0/", 400, "a malformed port in the target"),
    "a port above 65535": (b"http://example.com:70000/", 400, "the port in the target is above 65535"),
    "a byte above ASCII in the host": ("http://exämple.com/".encode(), 400, "a host in the target that is not ASCII"),
    "Latin-1 in the path": (b"http://a/\xe9", 400, "bytes in the target that are no UTF-8"),
    "a slash in too many bytes": (b"http://a/\xc0\xaf", 400, "bytes in the target that are no UTF-8"),
    "half a character": (b"http://a/?\xe6\x97", 400, "bytes in the target that are no UTF-8"),
    "UTF-8 and a blank": ("http://a/ü b".encode(), 400, "a byte in the target that a URL may not hold"),
    "a NUL in the path": (b"http://a/\x00", 400, "a byte in the target that a URL may not hold"),
    "a space in the query": (b"http://a/?b c", 400, "a byte in the target that a URL may not hold"),
    "a line end at the end": (b"http://a/\n", 400, "a byte in the target that a URL may not hold"),
    "a percent escape in the host": (b"http://ex%61mple.com/", 400, "a malformed host in the target"),
    "an IPv6 address with a zone": (b"http://[fe80::1%25eth0]/", 400, A_ZONE),
    "an IPv6 address with a zone and a port": (b"http://[fe80::1%25eth0]:80/", 400, A_ZONE),
    "an IPv6 address without brackets": (b"http://2001:db8::1/", 400, NEEDS_BRACKETS),
    "an IPv6 address without brackets, and perhaps a port": (b"http://::1:8080/", 400, NEEDS_BRACKETS),
    "no IPv6 address in brackets": (b"http://[::1::]/", 400, "a malformed IPv6 address in the target"),
}


class AuthorityFormTests(SynchronousTestCase):
    def test_read(self) -> None:
        """Each spelling of one host and port reads as one host and port."""
        for sentence, (target, host, port) in AUTHORITIES.items():
            self.assertEqual(read_target(b"CONNECT", target), AuthorityForm(host, port), sentence)

    def test_refused(self) -> None:
        """What is not exactly host and port is refused with the reason."""
        for sentence, (target, rule) in BAD_AUTHORITIES.items():
            bad = self.assertRaises(BadMessage, read_target, b"CONNECT", target)
            self.assertEqual((bad.status, bad.rule), (400, rule), sentence)


class AbsoluteFormTests(SynchronousTestCase):
    def test_read(self) -> None:
        """Host and port are normal, the path ready for the origin, the authority as it was written."""
        for sentence, (target, host, port, path, authority) in ABSOLUTE.items():
            expected = AbsoluteForm("http", host, port, path, authority)
            self.assertEqual(read_target(b"GET", target), expected, sentence)

    def test_refused(self) -> None:
        """Other forms, other schemes and ambiguous URLs are refused with the reason."""
        for sentence, (target, status, rule) in BAD_ABSOLUTE.items():
            bad = self.assertRaises(BadMessage, read_target, b"GET", target)
            self.assertEqual((bad.status, bad.rule), (status, rule), sentence)

    def test_options_for_the_server(self) -> None:
        """OPTIONS without a path becomes the asterisk form (RFC 9112 3.2.4), and only without one."""
        cases = {b"http://a": b"*", b"http://a/": b"/", b"http://a?": b"/?"}
        for target, path in cases.items():
            self.assertEqual(read_target(b"OPTIONS", target), AbsoluteForm("http", "a", 80, path, b"a"))

    @thorough()
    @given(st.sampled_from([b"CONNECT", b"GET", b"OPTIONS"]), st.binary(max_size=40) | st.text().map(str.encode))
    def test_any_bytes(self, method: bytes, target: bytes) -> None:
        """Any bytes at all, also behind http://, are a target or a BadMessage."""
        for spelled in (target, b"http://" + target, b"http://a/" + target, target + b":80", b"[" + target + b"]:80"):
            try:
                read = read_target(method, spelled)
            except BadMessage as bad:
                self.assertIn(bad.status, (400, 501))
                self.assertTrue(bad.rule.isascii())
            else:
                self.assertRegex(read.host, r"\A[a-z0-9_:.-]+\Z")
                self.assertTrue(0 < read.port < 65536)


class CheckHostTests(SynchronousTestCase):
    def check(self, request: bytes) -> str | None:
        """The rule that is broken, None for none."""
        head = read_request(request, HeadLimits())
        assert head is not None
        try:
            check_host(head, read_target(head.method, head.target))
        except BadMessage as bad:
            self.assertEqual(bad.status, 400)
            return bad.rule
        return None

    def test_accepted(self) -> None:
        """Host as the RFC asks for it, and the omissions of clients that exist."""
        cases = {
            "it agrees": b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "it differs: the target wins": b"GET http://a/ HTTP/1.1\r\nhost: b:8080\r\n\r\n",
            "it is empty": b"GET http://a/ HTTP/1.1\r\nHost:\r\n\r\n",
            "it is missing in HTTP/1.0": b"GET http://a/ HTTP/1.0\r\n\r\n",
            "it is missing on CONNECT": b"CONNECT a:443 HTTP/1.1\r\n\r\n",
            "it is missing on CONNECT in HTTP/1.0": b"CONNECT a:443 HTTP/1.0\r\n\r\n",
            "it lacks the port on CONNECT": b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
            "it is an IPv6 address without brackets": b"CONNECT [::1]:443 HTTP/1.1\r\nHost: ::1:443\r\n\r\n",
            "it is one without a port": b"GET http://[::1]/ HTTP/1.1\r\nHost: ::1\r\n\r\n",
            "it is an IPv6 address": b"CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n",
        }
        for sentence, request in cases.items():
            self.assertIsNone(self.check(request), sentence)

    def test_refused(self) -> None:
        """A missing Host in HTTP/1.1, a second one anywhere, and one that is no host."""
        cases = {
            b"GET http://a/ HTTP/1.1\r\n\r\n": "no Host field",
            b"GET http://a/ HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n": "two Host fields",
            b"GET http://a/ HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n": "two Host fields",
            b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n": "two Host fields",
            b"CONNECT a:443 HTTP/1.0\r\nHost: a\r\nHost:\r\n\r\n": "two Host fields",
            b"GET http://a/ HTTP/1.1\r\nHost: a, b\r\n\r\n": "a malformed Host field",
            b"GET http://a/ HTTP/1.1\r\nHost: a b\r\n\r\n": "a malformed Host field",
            b"GET http://a/ HTTP/1.1\r\nHost: u@a\r\n\r\n": "a malformed Host field",
            b"GET http://a/ HTTP/1.1\r\nHost: a/b\r\n\r\n": "a malformed Host field",
            b"CONNECT a:443 HTTP/1.1\r\nHost: http://a\r\n\r\n": "a malformed Host field",
            b"GET http://a/ HTTP/1.1\r\nHost: fe80::1%eth0\r\n\r\n": "a malformed Host field",
            b"GET http://a/ HTTP/1.1\r\nHost: ::1::\r\n\r\n": "a malformed Host field",
        }
        for request, rule in cases.items():
            self.assertEqual(self.check(request), rule, request)
