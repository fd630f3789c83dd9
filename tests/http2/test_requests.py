"""Requests of HTTP/2: what is malformed (RFC 9113, 8), and how the others are said by HTTP/1.1."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meshd.http1.head import HeadLimits, read_request
from meshd.http2.requests import Asked, Header, Malformed, Requests, read, trailers

GET = [(b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"a.test"), (b":path", b"/x?y")]
CONNECT = [(b":method", b"CONNECT"), (b":authority", b"a.test:443")]


def without(name: bytes, fields: list[Header] = GET) -> list[Header]:
    return [pair for pair in fields if pair[0] != name]


def changed(name: bytes, value: bytes, fields: list[Header] = GET) -> list[Header]:
    return [(name, value) if pair[0] == name else pair for pair in fields]


EXTENDED = [
    (b":method", b"CONNECT"),
    (b":protocol", b"connect-udp"),
    (b":scheme", b"https"),
    (b":path", b"/x/"),
    (b":authority", b"p.test"),
]


MALFORMED: dict[str, tuple[list[Header], bool]] = {
    "no method": (without(b":method"), True),
    "a method of two words": (changed(b":method", b"GET /"), True),
    "no scheme": (without(b":scheme"), True),
    "no path": (without(b":path"), True),
    "an empty path": (changed(b":path", b""), True),
    "a path without a slash": (changed(b":path", b"x"), True),
    "a star that is not for OPTIONS": (changed(b":path", b"*"), True),
    "a path of two words": (changed(b":path", b"/x HTTP/1.1"), True),
    "a path with a line end": (changed(b":path", b"/x\r\nA: b"), True),
    "no authority": (without(b":authority"), True),
    "an authority with a user": (changed(b":authority", b"u:p@a.test"), True),
    "an authority with a blank": (changed(b":authority", b"a.test b"), True),
    "a pseudo-header field twice": ([*GET, (b":path", b"/z")], True),
    "an unknown pseudo-header field": ([(b":what", b"x"), *GET], True),
    "a protocol, which was not offered": ([*CONNECT, (b":protocol", b"websocket")], False),
    "a status": ([(b":status", b"200"), *GET], True),
    "a pseudo-header field behind others": ([(b"a", b"b"), *GET], True),
    "a name in upper case": ([*GET, (b"Accept", b"x")], True),
    "a name with a blank": ([*GET, (b"a b", b"x")], True),
    "no name": ([*GET, (b"", b"x")], True),
    "a name with a colon": ([*GET, (b"a:b", b"x")], True),
    "a value with a line end": ([*GET, (b"a", b"b\r\nhost: c")], True),
    "a value with a bare LF": ([*GET, (b"a", b"b\nc")], True),
    "a value with NUL": ([*GET, (b"a", b"b\0c")], True),
    "a value that begins with a blank": ([*GET, (b"a", b" b")], True),
    "a value that ends with a tab": ([*GET, (b"a", b"b\t")], True),
    "Connection": ([*GET, (b"connection", b"close")], True),
    "Proxy-Connection": ([*GET, (b"proxy-connection", b"keep-alive")], True),
    "Keep-Alive": ([*GET, (b"keep-alive", b"x")], True),
    "Transfer-Encoding": ([*GET, (b"transfer-encoding", b"chunked")], False),
    "Upgrade": ([*GET, (b"upgrade", b"websocket")], True),
    "TE of HTTP/1.1": ([*GET, (b"te", b"gzip")], True),
    "another Host": ([*GET, (b"host", b"b.test")], True),
    "a length that is none": ([*GET, (b"content-length", b"-1")], False),
    "two lengths": ([*GET, (b"content-length", b"1"), (b"content-length", b"1")], False),
    "a length, and no body": ([*GET, (b"content-length", b"1")], True),
    "CONNECT with a scheme": ([*CONNECT, (b":scheme", b"https")], False),
    "CONNECT with a path": ([*CONNECT, (b":path", b"/")], False),
    "CONNECT without an authority": (without(b":authority", CONNECT), False),
    "CONNECT that has ended": (CONNECT, True),
    "CONNECT with a length": ([*CONNECT, (b"content-length", b"0")], False),
}

MALFORMED_EXTENDED: dict[str, tuple[list[Header], bool]] = {
    "no scheme": (without(b":scheme", EXTENDED), False),
    "no path": (without(b":path", EXTENDED), False),
    "an empty path": (changed(b":path", b"", EXTENDED), False),
    "a path without a slash": (changed(b":path", b"a.test:443", EXTENDED), False),
    "a star": (changed(b":path", b"*", EXTENDED), False),
    "no authority": (without(b":authority", EXTENDED), False),
    "an authority with a user": (changed(b":authority", b"u@p.test", EXTENDED), False),
    "another method": (changed(b":method", b"GET", EXTENDED), False),
    "an empty protocol": (changed(b":protocol", b"", EXTENDED), False),
    "two protocols": (changed(b":protocol", b"connect-udp, h2c", EXTENDED), False),
    "a protocol with a line end": (changed(b":protocol", b"a\r\nb", EXTENDED), False),
    "a protocol that is too long": (changed(b":protocol", b"a" * 65, EXTENDED), False),
    "another pseudo-header field behind others": (
        [*without(b":path", EXTENDED), (b"a", b"b"), (b":path", b"/x/")],
        False,
    ),
    "the protocol twice": ([*EXTENDED, (b":protocol", b"connect-udp")], False),
    "an end": (EXTENDED, True),
    "a length": ([*EXTENDED, (b"content-length", b"0")], False),
    "another Host": ([*EXTENDED, (b"host", b"b.test")], False),
    "Upgrade": ([*EXTENDED, (b"upgrade", b"connect-udp")], False),
}

SAID: dict[str, tuple[list[Header], bool, bytes]] = {
    "a GET": (GET, True, b"GET http://a.test/x?y HTTP/1.1\r\nhost: a.test\r\n\r\n"),
    "a tunnel": (CONNECT, False, b"CONNECT a.test:443 HTTP/1.1\r\nhost: a.test:443\r\n\r\n"),
    "the server as a whole": (
        changed(b":path", b"*", changed(b":method", b"OPTIONS")),
        True,
        b"OPTIONS http://a.test HTTP/1.1\r\nhost: a.test\r\n\r\n",
    ),
    "https, which is refused later": (
        changed(b":scheme", b"https"),
        True,
        b"GET https://a.test/x?y HTTP/1.1\r\nhost: a.test\r\n\r\n",
    ),
    "a body whose length is told": (
        [*changed(b":method", b"POST"), (b"content-length", b"3")],
        False,
        b"POST http://a.test/x?y HTTP/1.1\r\nhost: a.test\r\ncontent-length: 3\r\n\r\n",
    ),
    "a body whose length is not told": (
        changed(b":method", b"POST"),
        False,
        b"POST http://a.test/x?y HTTP/1.1\r\nhost: a.test\r\ntransfer-encoding: chunked\r\n\r\n",
    ),
    "no body, and its length": (
        [*changed(b":method", b"POST"), (b"content-length", b"0")],
        True,
        b"POST http://a.test/x?y HTTP/1.1\r\nhost: a.test\r\ncontent-length: 0\r\n\r\n",
    ),
    "fields, their empty values, the same Host, trailers allowed, and crumbs": (
        [
            *GET,
            (b"host", b"a.test"),
            (b"te", b"trailers"),
            (b"cookie", b"a=1"),
            (b"accept", b""),
            (b"cookie", b"b=2"),
            (b"proxy-authorization", b"Basic eA=="),
        ],
        True,
        b"GET http://a.test/x?y HTTP/1.1\r\nhost: a.test\r\naccept: \r\nproxy-authorization: Basic eA==\r\n"
        b"cookie: a=1; b=2\r\n\r\n",
    ),
}


class RequestTests(SynchronousTestCase):
    def test_malformed(self) -> None:
        for name, (headers, ended) in MALFORMED.items():
            with self.subTest(name):
                self.assertRaises(Malformed, read, headers, ended=ended)

    def test_said(self) -> None:
        """Each is one head of HTTP/1.1, with as many fields as it has."""
        for name, (headers, ended, head) in SAID.items():
            with self.subTest(name):
                self.assertEqual(read(headers, ended=ended).head, head)
                found = read_request(head, HeadLimits())
                assert found is not None
                self.assertEqual((found.size, len(found.fields)), (len(head), head.count(b"\r\n") - 2))

    def test_extended(self) -> None:
        """An extended CONNECT is an upgrade; nobody may ask for one to whom it was not offered."""
        asked = read([*EXTENDED, (b"capsule-protocol", b"?1")], ended=False, extended=True)
        head = (
            b"GET /x/ HTTP/1.1\r\nhost: p.test\r\nconnection: upgrade\r\nupgrade: connect-udp\r\n"
            b"capsule-protocol: ?1\r\n\r\n"
        )
        self.assertEqual((asked.head, asked.upgraded, asked.is_tunnel, asked.chunked), (head, True, True, False))
        behind = [*without(b":protocol", EXTENDED), (b"capsule-protocol", b"?1"), EXTENDED[1]]
        self.assertEqual(read(behind, ended=False, extended=True).head, head, "as libcurl writes it")
        self.assertRaises(Malformed, read, EXTENDED, ended=False)
        for name, (headers, ended) in MALFORMED_EXTENDED.items():
            with self.subTest(name):
                self.assertRaises(Malformed, read, headers, ended=ended, extended=True)
        for name, (headers, ended) in MALFORMED.items():
            if b":protocol" not in dict(headers):
                with self.subTest(name):
                    self.assertRaises(Malformed, read, headers, ended=ended, extended=True)

    def test_body(self) -> None:
        """Its length, and whether it is to be written in chunks."""
        post = changed(b":method", b"POST")
        for headers, ended, expected in (
            (GET, True, (None, False)),
            (post, False, (None, True)),
            ([*post, (b"content-length", b"3")], False, (3, False)),
            (CONNECT, False, (None, False)),
        ):
            asked = read(headers, ended=ended)
            self.assertEqual((asked.length, asked.chunked), expected)

    def test_trailers(self) -> None:
        self.assertEqual(trailers([(b"a", b"b")]), [(b"a", b"b")])
        self.assertRaises(Malformed, trailers, [(b":path", b"/")])
        self.assertRaises(Malformed, trailers, [(b"a", b"b\r\n")])


BASIC = [(b"proxy-authorization", b"Basic YTpi")]
OTHER = [(b"proxy-authorization", b"Basic YTpj")]
ASKED = [
    *([*GET, *who] for who in ([], BASIC, OTHER, [(b"authorization", b"Bearer a")])),
    *(
        changed(b":path", path, GET) + BASIC
        for path in (b"/", b"/other", b"", b"x", b"*", b"/x y", b"/x\r\n", b"/\xff")
    ),
    [*changed(b":method", b"POST"), *BASIC],
    [*changed(b":method", b"OPTIONS", changed(b":path", b"*")), *BASIC],
    [*GET, *BASIC, (b"content-length", b"5")],
    [*GET, *BASIC, (b"a", b"b"), (b":path", b"/late")],
    [*CONNECT, *BASIC],
    [*EXTENDED, *BASIC],
]


class RepeatedTests(SynchronousTestCase):
    @given(st.lists(st.tuples(st.sampled_from(ASKED), st.booleans()), max_size=12))
    def test_one_after_the_other(self, asked: list[tuple[list[Header], bool]]) -> None:
        """Each is read as if it were the only one, whatever came before."""
        requests = Requests()
        for headers, ended in [each for pair in asked for each in (pair, pair)]:
            found: list[Asked | None] = []
            given_, before = list(headers), list(headers)
            for reader in (requests.read, read):
                try:
                    found.append(reader(given_, ended=ended, extended=True))
                except Malformed:
                    found.append(None)
            self.assertEqual((found[0], given_), (found[1], before))

    def test_identity(self) -> None:
        """Is all that is said of who is asking, to the byte."""
        found = {read(headers, ended=True).identity for headers in ASKED[:4]}
        self.assertEqual(len(found), 4)
