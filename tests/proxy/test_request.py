"""What a head means to the proxy."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.http1.errors import BadMessage
from meshd.http1.framing import NO_BODY
from meshd.http1.head import HeadLimits, read_request
from meshd.proxy import said as fields_read
from meshd.proxy.internal import echo
from meshd.proxy.request import MOST_HOPS, ProxyRequest
from meshd.selection import NONE, Selection

GET = b"GET http://h.test/ HTTP/1.1\r\nHost: h.test\r\n"

WISHES = {
    "an address": (b"X-ProxyMesh-IP: 198.51.100.7", Selection(exit="198.51.100.7")),
    "an IPv6 address": (b"X-ProxyMesh-IP: 2001:db8::7", Selection(exit="2001:db8::7")),
    "an exit's name": (b"x-proxymesh-ip: rack-1", Selection(exit="rack-1")),
    "a preference": (b"X-ProxyMesh-Prefer-IP: rack-1", Selection(prefer="rack-1")),
    "a list to avoid": (b"X-ProxyMesh-Not-IP: a , b,,c", Selection(avoid=frozenset("abc"))),
    "a country in small letters": (b"X-ProxyMesh-Country: us", Selection(country="US")),
    "the UK": (b"X-ProxyMesh-Country: uk", Selection(country="GB")),
    "a sticky key": (b"X-ProxyMesh-Session: any: thing, at=all", Selection(session="any: thing, at=all")),
    "a country that cannot be": (b"X-ProxyMesh-Country: ../../etc", Selection(country="-")),
    "a country of three letters": (b"X-ProxyMesh-Country: USA", Selection(country="-")),
}

NOTHING = {
    "an empty address": b"X-ProxyMesh-IP:",
    "a blank address": b"X-ProxyMesh-IP:   ",
    "an empty preference": b"X-ProxyMesh-Prefer-IP: ",
    "an empty list": b"X-ProxyMesh-Not-IP: , ,",
    "an empty country": b"X-ProxyMesh-Country: ",
    "an empty key": b"X-ProxyMesh-Session:",
    "an empty timeout": b"X-ProxyMesh-Timeout:",
    "a path for an address": b"X-ProxyMesh-IP: ../../x",
    "an address that would break a head": b"X-ProxyMesh-IP: a\xffb",
    "two addresses where one is asked for": b"X-ProxyMesh-IP: 1.1.1.1, 2.2.2.2",
    "an endless address": b"X-ProxyMesh-IP: " + b"1" * 65,
    "a bad member of the list": b"X-ProxyMesh-Not-IP: <script>",
    "no number of seconds": b"X-ProxyMesh-Timeout: soon",
    "a negative number of seconds": b"X-ProxyMesh-Timeout: -1",
    "a wish that we do not know": b"X-ProxyMesh-Colour: red",
}


def request(buffer: bytes) -> ProxyRequest:
    head = read_request(buffer, HeadLimits())
    assert head is not None, "unfinished"
    return ProxyRequest.from_head(head, buffer)


def wished(buffer: bytes) -> Selection:
    return request(buffer).said.wishes()[0]


class WishesTest(SynchronousTestCase):
    def test_understood(self) -> None:
        """Each wish is read."""
        for what, (field, wishes) in WISHES.items():
            self.assertEqual(wished(GET + field + b"\r\n\r\n"), wishes, what)

    def test_nothing(self) -> None:
        """An empty value is absent, and what does not parse is ignored."""
        for what, field in NOTHING.items():
            wishes, timeout = request(GET + field + b"\r\n\r\n").said.wishes()
            self.assertIs(wishes, NONE, what)
            self.assertEqual(timeout, 0, what)

    def test_timeout(self) -> None:
        """A number of seconds."""
        _, timeout = request(GET + b"X-ProxyMesh-Timeout: 30\r\n\r\n").said.wishes()
        self.assertEqual(timeout, 30)

    def test_an_empty_credential(self) -> None:
        """An empty name with an empty password, however it is written, is no credential; anything else is one."""
        for value, expected in (
            (b"Basic Og==", None),
            (b"bAsIc  Og", None),
            (b"Basic Og=", None),
            (b"Basic", b"Basic"),
            (b"Basic Ojo=", b"Basic Ojo="),
            (b"Basic OmE=", b"Basic OmE="),
            (b"Bearer Og==", b"Bearer Og=="),
        ):
            read = request(GET + b"Proxy-Authorization: " + value + b"\r\n\r\n")
            self.assertEqual(read.said.proxy_authorization, expected, value)

    def test_on_connect(self) -> None:
        """They are read on CONNECT as well."""
        head = b"CONNECT h.test:443 HTTP/1.1\r\nX-ProxyMesh-Country: de\r\n\r\n"
        self.assertEqual(wished(head), Selection(country="DE"))

    def test_long_wishes_are_not_kept(self) -> None:
        """They are read anew for each head that has them."""
        names = b",".join(b"e%d" % number for number in range(100))
        head = GET + b"X-ProxyMesh-Not-IP: " + names + b"\r\n\r\n"
        read = wished(head)
        self.assertEqual(len(read.avoid), 100)
        self.assertIsNot(wished(head), read)

    def test_nothing_is_understood_before_it_is_asked_for(self) -> None:
        """A head is read before anybody is known; what it wishes for costs nothing until then, however wrong it is."""
        calls: list[object] = []
        self.patch(fields_read, "plain", calls.append)
        self.patch(fields_read, "_known_selection", lambda *each: calls.append(each))
        for fields in (b"X-ProxyMesh-Not-IP: 192.0.2.1,\r\n", b"X-ProxyMesh-Not-IP: " + b"a," * 8_000 + b"\r\n"):
            read = request(GET + fields + b"\r\n")
            self.assertEqual((read.said.proxy_authorization, read.keep, calls), (None, True, []))

    def test_too_many(self) -> None:
        """A hundred names, over all lines, blank ones too; one more is refused, and says what the bound is."""
        for lines in ((b"a," * 99 + b"b",), (b"," * 99,), (b"a," * 49, b"b," * 49), (b"a",) * 100):
            fields = b"".join(b"X-ProxyMesh-Not-IP: " + line + b"\r\n" for line in lines)
            self.assertLessEqual(len(wished(GET + fields + b"\r\n").avoid), 2)
            self.refused(fields + b"X-ProxyMesh-Not-IP: c\r\n", "more than 100 exits in X-ProxyMesh-Not-IP")

    def test_lists_are_one_list(self) -> None:
        """Two lines of names say as much as one."""
        fields = b"X-ProxyMesh-Not-IP: a\r\nX-Proxymesh-Not-Ip: b, c\r\n"
        self.assertEqual(wished(GET + fields + b"\r\n").avoid, frozenset("abc"))

    def test_a_wish_is_said_once(self) -> None:
        """Of two, the first would win here and perhaps the last one elsewhere."""
        for name in ("IP", "Prefer-IP", "Country", "Session", "Timeout"):
            field = f"X-ProxyMesh-{name}: 1\r\n".encode()
            for second in (field, field.lower(), field.replace(b"1", b"")):
                self.refused(field + second, f"two X-ProxyMesh-{name} fields")

    def refused(self, fields: bytes, rule: str) -> None:
        with self.assertRaises(BadMessage) as refused:
            wished(GET + fields + b"\r\n")
        self.assertEqual((refused.exception.status, refused.exception.rule), (400, rule))


class CredentialsTest(SynchronousTestCase):
    OURS = b"Authorization: Bearer pm_" + b"a" * 49 + b"\r\n"
    ORIGINS = b"Authorization: Basic eA==\r\n"

    def test_one_says_who(self) -> None:
        """Of two `Proxy-Authorization` fields, or two `Authorization` ones with a token of ours, none is taken."""
        proxy = b"Proxy-Authorization: Basic eA==\r\n"
        two = "two Authorization fields, one of them with a token of this proxy"
        for fields, rule in (
            (proxy * 2, "two Proxy-Authorization fields"),
            (proxy + b"PROXY-AUTHORIZATION:\r\n", "two Proxy-Authorization fields"),
            (self.OURS * 2, two),
            (self.ORIGINS + self.OURS, two),
            (self.OURS + self.ORIGINS, two),
        ):
            with self.assertRaises(BadMessage) as refused:
                request(GET + fields + b"\r\n")
            self.assertEqual((refused.exception.status, refused.exception.rule), (400, rule), fields)

    def test_the_origins_are_its_own(self) -> None:
        """What is not for us may be there twice, and beside a credential of ours nothing else says who."""
        read = request(GET + self.ORIGINS * 2 + b"\r\n").said
        self.assertEqual(len(read.origin_fields("", NO_BODY)), 2)
        self.assertEqual((read.proxy_authorization, read.authorization), (None, b"Basic eA=="))
        both = request(GET + b"Proxy-Authorization: Basic eQ==\r\n" + self.OURS + self.ORIGINS + b"\r\n").said
        self.assertEqual(both.proxy_authorization, b"Basic eQ==")
        self.assertEqual(both.origin_fields("proxy-authorization", NO_BODY), [])


class OriginFieldsTest(SynchronousTestCase):
    HEAD = (
        GET + b"Accept: */*\r\nProxy-Authorization: Basic eA==\r\nProxy-Connection: keep-alive\r\nProxy-Whatever: 1\r\n"
        b"Authorization: Bearer x\r\nX-ProxyMesh-Session: s\r\nX-PROXYMESH-NEW: 1\r\nConnection: X-Mine, Host\r\n"
        b"X-Mine: 1\r\nTE: trailers\r\nUpgrade: h2c\r\nKeep-Alive: 5\r\nContent-Length: 0\r\nacCept: b\r\n\r\n"
    )

    def test_kept(self) -> None:
        """End-to-end fields stay in order and case, repeated ones too; ours, the hop's and the named ones go."""
        said = request(self.HEAD).said
        self.assertEqual(
            said.origin_fields("proxy-authorization", NO_BODY),
            [(b"Accept", b"*/*"), (b"Authorization", b"Bearer x"), (b"acCept", b"b")],
        )

    def test_framing(self) -> None:
        """The field that frames keeps its place and its name's case; its value is what was understood."""
        for said, written in (
            (b"content-LENGTH: 0003", (b"content-LENGTH", b"3")),
            (b"content-length: 0", (b"content-length", b"0")),
            (b"Transfer-encoding: CHUNKED", (b"Transfer-encoding", b"chunked")),
        ):
            asked = request(GET + b"A: 1\r\n" + said + b"\r\nConnection: Content-Length\r\nB: 2\r\n\r\n")
            self.assertEqual(asked.origin_fields(""), [(b"A", b"1"), written, (b"B", b"2")], said)

    def test_own_credential(self) -> None:
        """`Authorization` goes where it carried our credential."""
        said = request(self.HEAD).said
        self.assertEqual(said.origin_fields("authorization", NO_BODY), [(b"Accept", b"*/*"), (b"acCept", b"b")])
        self.assertEqual(len(said.origin_fields("", NO_BODY)), 3)


class WebSocketTest(SynchronousTestCase):
    UPGRADE = b"Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"

    def test_wanted(self) -> None:
        """Upgrade to websocket, named by Connection, on GET in HTTP/1.1."""
        self.assertTrue(request(GET + self.UPGRADE + b"\r\n").websocket)

    def test_not(self) -> None:
        """Anything else is no websocket."""
        for what, head in {
            "not named by Connection": GET + b"Upgrade: websocket\r\n",
            "another protocol": GET + b"Connection: upgrade\r\nUpgrade: h2c\r\n",
            "one of several": GET + b"Connection: upgrade\r\nUpgrade: websocket, h2c\r\n",
            "one of two": GET + b"Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n",
            "another method": GET.replace(b"GET", b"POST") + self.UPGRADE,
            "HTTP/1.0": GET.replace(b"1.1", b"1.0") + self.UPGRADE,
            "with a body": GET + self.UPGRADE + b"Content-Length: 5\r\n",
        }.items():
            self.assertFalse(request(head + b"\r\n").websocket, what)


class KeepTest(SynchronousTestCase):
    """Whether what follows may be a request."""

    def test_after_a_request_for_another_protocol(self) -> None:
        """It is the last one: a tunnel, or any upgrade that its client may be speaking before it has it."""
        switch = b"Connection: Upgrade\r\nUpgrade: "
        for head, keeps in (
            (GET, True),
            (b"CONNECT h.test:443 HTTP/1.1\r\n", False),
            (b"CONNECT h.test:443 HTTP/1.0\r\nConnection: keep-alive\r\n", False),
            (GET + switch + b"websocket\r\n", False),
            (GET + switch + b"connect-udp\r\n", False),
            (GET + switch + b"h2c\r\n", True),
            (GET + b"Upgrade: websocket\r\n", True),
        ):
            self.assertEqual(request(head + b"\r\n").keep, keeps, head)


class FramingTest(SynchronousTestCase):
    def test_connect_with_body(self) -> None:
        """CONNECT has no body; one that announces some is refused."""
        for field in (b"Content-Length: 5", b"Transfer-Encoding: chunked"):
            with self.assertRaises(BadMessage) as refused:
                request(b"CONNECT h.test:443 HTTP/1.1\r\n" + field + b"\r\n\r\n")
            self.assertEqual(refused.exception.status, 400)

    def test_has_body(self) -> None:
        """A length of nothing is no body."""
        for field, has in ((b"", False), (b"Content-Length: 0\r\n", False), (b"Content-Length: 1\r\n", True)):
            self.assertEqual(request(GET + field + b"\r\n").has_body, has, field)
        self.assertTrue(request(GET + b"Transfer-Encoding: chunked\r\n\r\n").has_body)

    def test_safe_to_repeat(self) -> None:
        """Only idempotent requests without a body."""
        for method, safe in ((b"GET", True), (b"HEAD", True), (b"DELETE", True), (b"POST", False), (b"PATCH", False)):
            self.assertEqual(request(GET.replace(b"GET", method) + b"\r\n").safe_to_repeat, safe, method)
        self.assertFalse(request(GET + b"Content-Length: 3\r\n\r\n").safe_to_repeat)


class EchoedTest(SynchronousTestCase):
    def test_what_a_proxy_may_answer_with_the_request(self) -> None:
        """TRACE, and OPTIONS for whoever comes last on the way."""
        for method, field, expected in (
            (b"TRACE", b"", True),
            (b"trace", b"", True),
            (b"TRACE", b"Max-Forwards: 5\r\n", True),
            (b"OPTIONS", b"max-forwards: 0\r\n", True),
            (b"OPTIONS", b"", False),
            (b"GET", b"Max-Forwards: 0\r\n", False),
        ):
            said = request(method + GET[3:] + field + b"\r\n")
            self.assertEqual(said.echoed, expected, (method, field))


class HopsTest(SynchronousTestCase):
    """`Max-Forwards` (RFC 9110, 7.6.2)."""

    def test_where_it_counts(self) -> None:
        """On TRACE and OPTIONS; at 0 it is we who are asked."""
        for method, field, hops in (
            (b"TRACE", b"", None),
            (b"TRACE", b"Max-Forwards: 0\r\n", 0),
            (b"OPTIONS", b"max-forwards: 000\r\n", 0),
            (b"OPTIONS", b"Max-Forwards: 7\r\n", 7),
            (b"TRACE", b"Max-Forwards: 99999999999999999999\r\n", MOST_HOPS),
            (b"GET", b"Max-Forwards: 0\r\n", None),
            (b"trace", b"Max-Forwards: 0\r\n", None),
        ):
            asked = request(method + GET[3:] + field + b"\r\n")
            self.assertEqual((asked.hops, asked.ends_here), (hops, hops == 0), (method, field))

    def test_one_less(self) -> None:
        """The next one gets one less, in the same place; what does not count is passed on as it is."""
        for method, passed in ((b"OPTIONS", b"6"), (b"GET", b"7")):
            asked = request(method + GET[3:] + b"A: 1\r\nmax-forwards: 7\r\nB: 2\r\n\r\n")
            self.assertEqual(asked.origin_fields(""), [(b"A", b"1"), (b"max-forwards", passed), (b"B", b"2")])

    def test_no_number(self) -> None:
        """What cannot be counted down is refused, and not passed on for others to guess at."""
        for field in (b"-1", b"1.5", b"", b"1, 2", b"9" * 21, b"1\r\nMax-Forwards: 1"):
            with self.assertRaises(BadMessage) as refused:
                request(b"TRACE" + GET[3:] + b"Max-Forwards: " + field + b"\r\n\r\n")
            self.assertEqual(refused.exception.status, 400)


class RepeatedTest(SynchronousTestCase):
    FIELDS = b"Host: h.test\r\nAccept: */*\r\nX-ProxyMesh-Session: s\r\n\r\n"
    FIRST = b"GET http://h.test/1 HTTP/1.1\r\n" + FIELDS

    def test_same_fields(self) -> None:
        """The same fields under another request line are understood as the general way would."""
        first = request(self.FIRST)
        for line in (
            b"GET http://h.test/2",
            b"GET http://H.test./2",
            b"HEAD http://other.test:8080/x?y",
            b"OPTIONS http://h.test",
            b"POST http://h.test:80/1",
        ):
            buffer = line + b" HTTP/1.1\r\n" + self.FIELDS
            again, anew = first.repeated(buffer, 16384), request(buffer)
            assert again is not None
            for name in ("method", "target", "minor", "size", "framing", "has_body", "keep"):
                self.assertEqual(getattr(again, name), getattr(anew, name), (line, name))
            self.assertEqual(again.said.origin_fields("", NO_BODY), anew.said.origin_fields("", NO_BODY))
            self.assertEqual(again.said.wishes(), anew.said.wishes())

    def test_another_server(self) -> None:
        """The same fields but for Host, which says what the target says, are understood as the general way would."""
        first = request(self.FIRST)
        for authority in (b"g.test", b"h.test:8080", b"H.test.", b"[::1]:80", b"h.test.h.test", b"h.tes"):
            for path in (b"/2?y", b"?y", b""):
                fields = self.FIELDS.replace(b"h.test", authority, 1)
                buffer = b"GET http://" + authority + path + b" HTTP/1.1\r\n" + fields
                again, anew = first.repeated(buffer, 16384), request(buffer)
                assert again is not None
                for name in ("method", "target", "minor", "size", "framing", "has_body", "keep"):
                    self.assertEqual(getattr(again, name), getattr(anew, name), (buffer, name))
                self.assertEqual(again.said.origin_fields("", NO_BODY), anew.said.origin_fields("", NO_BODY))
                self.assertEqual((again.said.wishes(), again.said.block), (anew.said.wishes(), anew.said.block))
                self.assertIs(again.said.again(fields), again.said)
                self.assertIsNotNone(again.repeated(self.FIRST, 16384))

    def test_another_credential_there(self) -> None:
        """A credential is found where it stands in the head that it came with."""
        fields = self.FIELDS.replace(b"Accept", b"Proxy-Authorization: Basic YTpi\r\nAccept")
        first = request(b"GET http://h.test/1 HTTP/1.1\r\n" + fields)
        self.assertEqual(first.said.credential_in(fields.replace(b"YTpi", b"YTpj")), b"Basic YTpj")
        there = fields.replace(b"h.test", b"longer.test", 1)
        again = first.repeated(b"GET http://longer.test/1 HTTP/1.1\r\n" + there, 16384)
        assert again is not None
        self.assertEqual(again.said.proxy_authorization, b"Basic YTpi")
        self.assertEqual(again.said.credential_in(there.replace(b"YTpi", b"YTpj")), b"Basic YTpj")
        self.assertIsNone(again.said.credential_in(fields), "of the first server")

    def test_not_another_server(self) -> None:
        """A Host that is not the target's, or no host at all, is judged in the general way."""
        first, at = request(self.FIRST), b"GET http://%b HTTP/1.1\r\n%b"
        for host, target in (
            (b"g.test", b"g.test.evil/"),
            (b"g.test", b"g.test:81/"),
            (b"g.test/", b"g.test/"),
            (b"g.test/x", b"g.test/x"),
            (b"u@g.test", b"u@g.test/"),
            (b"g.test:", b"g.test:/"),
            (b"g.test ", b"g.test/"),
            (b"g.test\r\nHost: g.test", b"g.test/"),
            (b"g.test\nA: b", b"g.test/"),
            (b"", b"g.test/"),
        ):
            buffer = at % (target, self.FIELDS.replace(b"h.test", host, 1))
            self.assertIsNone(first.repeated(buffer, 16384), buffer)
        elsewhere = self.FIELDS.replace(b"h.test", b"g.test", 1)
        for what, fields in {
            "another value too": elsewhere.replace(b"*/*", b"*/+"),
            "one more field": elsewhere[:-2] + b"A: b\r\n\r\n",
            "no field but Host": b"Host: g.test\r\n\r\n",
            "another spelling": elsewhere.replace(b"Host", b"host"),
            "unfinished": elsewhere[:-1],
            "a second request behind it": elsewhere + self.FIRST,
        }.items():
            self.assertIsNone(first.repeated(at % (b"g.test/", fields), 16384), what)
        upgrading = self.FIELDS[:-2] + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        websocket = request(b"GET http://h.test/1 HTTP/1.1\r\n" + upgrading)
        self.assertIsNone(websocket.repeated(at % (b"g.test/", upgrading.replace(b"h.test", b"g.test", 1)), 16384))

    def test_not_repeated(self) -> None:
        """Whatever differs in anything but the request line goes the general way."""
        first = request(self.FIRST)
        line = b"GET http://h.test/2 HTTP/1.1\r\n"
        for what, buffer in {
            "one more field": line + b"A: b\r\n" + self.FIELDS,
            "one more field after": line + self.FIELDS[:-2] + b"A: b\r\n\r\n",
            "another value": line + self.FIELDS.replace(b"*/*", b"*/+"),
            "unfinished": line + self.FIELDS[:-1],
            "a second request behind it": line + self.FIELDS + self.FIRST,
            "HTTP/1.0": line.replace(b"1.1", b"1.0") + self.FIELDS,
            "a tunnel": b"CONNECT h.test:443 HTTP/1.1\r\n" + self.FIELDS,
            "a request that is shown as it came": line.replace(b"GET", b"TRACE") + self.FIELDS,
            "no request line": self.FIELDS,
            "a request line that is none": b"GET  http://h.test/2 HTTP/1.1\r\n" + self.FIELDS,
            "a bare LF": line.replace(b"\r\n", b"\n") + self.FIELDS,
            "nothing": b"",
        }.items():
            self.assertIsNone(first.repeated(buffer, 16384), what)

    def test_too_long(self) -> None:
        """A head that might break a limit is measured in the general way."""
        buffer = b"GET http://h.test/" + b"a" * 500 + b" HTTP/1.1\r\n" + self.FIELDS
        self.assertIsNone(request(self.FIRST).repeated(buffer, 400))
        self.assertIsNotNone(request(self.FIRST).repeated(buffer, 4000))

    def test_what_has_to_be_refused(self) -> None:
        """Is refused in the general way, which knows by then whether its answer has a body."""
        counted = self.FIELDS[:-2] + b"Max-Forwards: x\r\n\r\n"
        for line, before in (
            (b"GET /origin-form", self.FIELDS),
            (b"GET http://u@v@h.test/", self.FIELDS),
            (b"HEAD https://h.test/", self.FIELDS),
            (b"HEAD http://h.test:99999/", self.FIELDS),
            (b"HEAD http://g.test:99999/", self.FIELDS),
            (b"OPTIONS http://h.test/", counted),
        ):
            first = request(b"GET http://h.test/1 HTTP/1.1\r\n" + before)
            host = line.rpartition(b"//")[2].rstrip(b"/")
            for fields in (before, before.replace(b"h.test", host, 1)):
                buffer = line + b" HTTP/1.1\r\n" + fields
                self.assertIsNone(first.repeated(buffer, 16384), buffer)
                self.assertRaises(BadMessage, request, buffer)

    def test_a_trace_after_others(self) -> None:
        """What it shows are its own fields, and not those of the connection's first request."""
        there = self.FIELDS[:-2] + b"Max-Forwards: 0\r\n\r\n"
        first = b"GET http://h.test/ HTTP/1.1\r\n" + there
        there = there.replace(b"h.test", b"g.test", 1)
        second, trace = (method + b" http://g.test/1 HTTP/1.1\r\n" + there for method in (b"GET", b"TRACE"))
        for before in ((first,), (first, second)):
            last = request(before[0])
            for buffer in (*before[1:], trace):
                last = last.repeated(buffer, 16384) or request(buffer)
            self.assertIn(b"Host: g.test\r\n", echo(last))
            self.assertEqual(echo(last), echo(request(trace)))

    def test_after_a_body(self) -> None:
        """After a request with a body, an HTTP/1.0 one or a tunnel nothing is taken for granted."""
        for head in (
            GET + b"Content-Length: 1\r\n\r\n",
            GET.replace(b"1.1", b"1.0") + b"\r\n",
            b"CONNECT h.test:443 HTTP/1.1\r\nHost: h.test\r\n\r\n",
        ):
            first = request(head)
            self.assertIsNone(first.repeated(head, 16384), head)


UDP = (
    b"GET /.well-known/masque/udp/a.test/443/ HTTP/1.1\r\n"
    b"Host: p.test\r\nConnection: Upgrade\r\nUpgrade: connect-udp\r\n"
)


class UpgradeTests(SynchronousTestCase):
    def test_read(self) -> None:
        """Of the proxy itself, by a path or by a URL; its credential as of any request."""
        for before in (b"/", b"https://p.test/", b"http://p.test:31280/"):
            found = request(UDP.replace(b"GET /", b"GET " + before) + b"Proxy-Authorization: Basic eA==\r\n\r\n")
            assert found.upgrade is not None
            self.assertEqual((found.upgrade.token, *found.target[:2]), (b"connect-udp", "a.test", 443))
            self.assertEqual(found.said.proxy_authorization, b"Basic eA==")
            self.assertEqual((found.is_tunnel, found.keep, found.has_body), (True, False, False))

    def test_credentials(self) -> None:
        """Authorization counts as well, where no other field does: nothing of the request is anybody else's."""
        for fields, expected in (
            (b"Authorization: Basic eA==\r\n", b"Basic eA=="),
            (b"Authorization: Bearer pm_x\r\n", b"Bearer pm_x"),
            (b"Authorization: Basic eA==\r\nProxy-Authorization: Basic eQ==\r\n", b"Basic eQ=="),
            (b"Authorization: Basic Og==\r\n", None),
            (b"", None),
        ):
            self.assertEqual(request(UDP + fields + b"\r\n").said.proxy_authorization, expected)
        self.assertRaises(BadMessage, request, UDP + b"Authorization: a\r\nAuthorization: b\r\n\r\n")
        other = GET + b"Authorization: Basic eA==\r\n\r\n"
        self.assertIsNone(request(other).said.proxy_authorization)

    def test_not_served(self) -> None:
        """Other protocols are refused, and malformed requests; whoever asks for none is told what this port is."""
        for before, after, status in (
            (b"connect-udp", b"websocket", 501),
            (b"connect-udp", b"connect-tcp", 501),
            (b"connect-udp", b"connect-udp, websocket", 501),
            (b"connect-udp", b"h2c", 400),
            (b"Connection: Upgrade", b"Connection: close", 400),
            (b"/443/", b"/443", 400),
            (b"GET", b"CONNECT", 400),
            (b"GET", b"POST", 400),
            (b"Host: p.test", b"Host: p.test\r\nHost: p.test", 400),
            (b"Host: p.test", b"Host: u:p@p.test", 400),
            (b"Host: p.test", b"Host: p.test\r\nProxy-Authorization: a\r\nProxy-Authorization: b", 400),
        ):
            with self.subTest(after):
                error = self.assertRaises(BadMessage, request, UDP.replace(before, after) + b"\r\n")
                self.assertEqual(error.status, status)

    def test_forwarded(self) -> None:
        """Such a path at an origin is the origin's, where another upgrade is asked for, or none."""
        for upgrade in (b"", b"Connection: Upgrade\r\nUpgrade: websocket\r\n"):
            found = request(
                b"GET http://o.test/.well-known/masque/udp/a.test/443/ HTTP/1.1\r\nHost: o.test\r\n" + upgrade + b"\r\n"
            )
            self.assertEqual((found.upgrade, found.target.host), (None, "o.test"))
