from __future__ import annotations

import os

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from twisted.web import http

from meshd.web.api.answers import EVERY_ANSWER
from meshd.web.server.bounds import Bounds
from meshd.web.server.request import LimitedRequest
from tests.web.support import Line, World, basic, named, read_answer, read_answers, request

AUTH = ("Authorization", basic("jo", "secret"))
GET = request("GET", "/api/proxies/", AUTH)
BEGIN = b"POST /api/token/create/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: " + basic("jo", "secret") + b"\r\n"

MALFORMED = {
    "no HTTP": (b"hello\r\n", 400),
    "HTTP/2 in clear": (b"PRI * HTTP/2.0\r\n\r\n", 400),
    "no Host": (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
    "two Hosts": (b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    "a Host that is none": (b"GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    "two credentials": (b"GET /api/proxies/ HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\nAuthorization: y\r\n\r\n", 400),
    "a folded field": (b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n", 400),
    "a NUL in a field": (b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: \0\r\nY: 1\r\n\r\n", 400),
    "a blank before the colon": (b"GET /healthz HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    "two lengths": (BEGIN + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    "a signed length": (BEGIN + b"Content-Length: +1\r\n\r\n", 400),
    "a length beside chunks": (BEGIN + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    "another coding": (BEGIN + b"Transfer-Encoding: gzip\r\n\r\n", 501),
    "the coding that is none": (BEGIN + b"Transfer-Encoding: identity\r\nContent-Length: 1\r\n\r\n", 501),
    "another coding, and chunks": (BEGIN + b"transfer-encoding:gzip, chunked\r\n\r\n", 501),
    "an empty coding": (BEGIN + b"Transfer-Encoding: \r\n\r\n", 400),
    "a chunk size that is none": (BEGIN + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
    "a proxy's request": (b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", 400),
    "a method in lower case, which is another one": (b"get /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    "a method of 33 letters": (b"A" * 33 + b" /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    "the asterisk": (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a path that is no UTF-8": (b"GET /api/%ff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a NUL in the path": (b"GET /api/%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a byte above ASCII in the target": (b"GET /api/\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a request line of 17,000 bytes": (b"GET /" + b"a" * 17_000, 414),
    "a request line of 4,097 bytes": (b"GET /?" + b"a" * 4_082 + b" HTTP/1.1\r\n", 414),
    "a path of 257 bytes": (b"GET /api/" + b"a" * 252 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    "a field of 17,000 bytes": (b"GET /api/ HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 17_000, 431),
    "fields of 40,000 bytes": (b"GET /api/ HTTP/1.1\r\nHost: a\r\n" + b"X: %s\r\n" % (b"a" * 8000) * 5, 431),
    "102 fields": (b"GET /api/ HTTP/1.1\r\nHost: a\r\n" + b"X: 1\r\n" * 102, 431),
    "a body of 64 KiB and one byte": (BEGIN + b"Content-Length: 65537\r\n\r\n", 413),
    "a body of 27 digits": (BEGIN + b"Content-Length: 100000000000000000000000000\r\n\r\n", 413),
    "a body of 5,000 digits": (BEGIN + b"Content-Length: " + b"9" * 5_000 + b"\r\nX: 1\r\n\r\n", 413),
    "a length of 5,000 letters": (BEGIN + b"Content-Length: " + b"a" * 5_000 + b"\r\nX: 1\r\n\r\n", 400),
    "two origins": (BEGIN + b"Content-Length: 1\r\nOrigin: a\r\nOrigin: b\r\n\r\n", 400),
    "257 lines in a chunked body": (BEGIN + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 129, 400),
    "chunks and trailers of 257 lines": (
        BEGIN + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 50 + b"0\r\n" + b"A: b\r\n" * 156,
        400,
    ),
    "the same, expecting to be asked for it": (BEGIN + b"Expect: 100-continue\r\nContent-Length: 65537\r\n\r\n", 413),
    "65,537 bytes in chunks": (
        BEGIN
        + b"Transfer-Encoding: chunked\r\n\r\n"
        + b"8000\r\n"
        + b"a" * 0x8000
        + b"\r\n8000\r\n"
        + b"a" * 0x8000
        + b"\r\n1\r\na",
        413,
    ),
    "a chunk size of 17 digits": (
        BEGIN + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n" + b"a" * 65_537,
        413,
    ),
}


def bodiless(data: bytes) -> int:
    """The status of an answer of which that is all, and which tells the length of what a GET would be told."""
    (answer,) = read_answers(data, bodiless=True)
    assert int(answer.one("Content-Length")) > 0
    return answer.status


class ChannelTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(os.path.join(self.mktemp()))
        self.clock = self.world.clock

    def line(self, address: str = "192.0.2.1") -> Line:
        return Line(self.world.site, address)


class RefusalTests(ChannelTestCase):
    def test_what_is_refused_below_the_routes(self) -> None:
        """threats.md, row 16, and part 1 point 2: a readable answer from the header alone; nobody signs in."""
        for sentence, (data, status) in MALFORMED.items():
            with named(sentence):
                line = self.line()
                line.say(data)
                answer = read_answer(line.heard())
                self.assertEqual(answer.status, status)
                self.assertEqual(list(answer.json), ["__all__" if status == 400 else "detail"])
                self.assertEqual(answer.one("Connection"), "close")
                for name in ("Date", *(name for name, _ in EVERY_ANSWER)):
                    self.assertEqual(len(answer.all(name)), 1, name)
                line.hang_up()
        self.assertEqual(self.world.door.asked, [])

    def test_the_same_byte_by_byte(self) -> None:
        """However the bytes are cut, the answer is the same one."""
        for sentence, (data, status) in MALFORMED.items():
            if len(data) < 300:
                with named(sentence):
                    line = self.line()
                    for byte in data:
                        line.say(bytes([byte]))
                    self.assertEqual(read_answer(line.heard()).status, status)
                    line.hang_up()

    def test_the_same_asked_for_by_head(self) -> None:
        """RFC 9110, 9.3.2: whatever it is refused for, the length is told, and no body comes; nor when it is late."""
        for sentence, (data, status) in MALFORMED.items():
            method, blank, rest = data.partition(b" ")
            if method in (b"GET", b"POST"):
                with named(sentence):
                    line = self.line()
                    line.say(b"HEAD" + blank + rest)
                    self.assertEqual(bodiless(line.heard()), status)
                    line.hang_up()
        for before in (b"", GET):
            for begun in (
                b"\r\nHEAD /heal",
                b"HEAD /healthz HTTP/1.1\r\nHost: a\r\n",
                BEGIN[:5].replace(b"POST", b"HEAD"),
            ):
                with named(begun):
                    line = self.line()
                    line.say(before)
                    line.heard()
                    line.say(begun)
                    self.clock.advance(10)
                    self.assertEqual(bodiless(line.heard()), 408)
                    line.hang_up()

    def test_a_head_before_leaves_the_others_their_bodies(self) -> None:
        """A connection's next request is another one."""
        line = self.line()
        line.say(request("HEAD", "/healthz"))
        self.assertEqual(bodiless(line.heard()), 200)
        line.say(b"HEADER\r\n\r\n")
        self.assertEqual(read_answer(line.heard()).status, 400)

    def test_what_follows_a_refusal_is_not_read(self) -> None:
        """A request hidden behind a bad one is not answered."""
        line = self.line()
        line.say(b"GET /healthz HTTP/1.1\r\n\r\n" + GET)
        line.say(GET)
        self.assertEqual(read_answer(line.heard()).status, 400)
        self.assertEqual(self.world.door.asked, [])

    def test_a_refused_client_has_two_seconds_to_read_why(self) -> None:
        """Closed at once, a client that is still sending would be told "reset"; never closed, it would stay."""
        line = self.line()
        line.say(BEGIN + b"Content-Length: 65537\r\n\r\n")
        self.clock.advance(1.9)
        line.say(b"a" * 1000)
        self.assertFalse(line.closed)
        self.clock.advance(0.2)
        self.assertTrue(line.closed)

    def test_a_body_of_64_kib_is_accepted_both_ways(self) -> None:
        """The bound itself is allowed."""
        body = b"label=x" + b"+" * (65_536 - 7)  # blanks, which do not count as a label's characters
        for framed in (
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body),
            b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body),
        ):
            line = self.line()
            line.say(BEGIN + framed)
            self.assertEqual(read_answer(line.heard()).status, 200)

    def test_a_body_of_many_lines(self) -> None:
        """256 in chunks, counted anew for each request, and as many as there is room for with a length."""
        body = b"label=x" + b"\n" * 1000
        chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in b"label=x") + b"0\r\n" + b"A: b\r\n" * 240 + b"\r\n"
        line = self.line()
        for _ in range(2):
            line.say(BEGIN + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
            self.assertEqual(read_answer(line.heard()).status, 200)
        line.say(BEGIN + b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self.assertEqual(read_answer(line.heard()).status, 200)

    def test_what_means_nothing_is_not_read(self) -> None:
        """Neither a cookie nor a query is gone through before somebody has signed in."""

        def read(*_: object) -> None:
            raise AssertionError("it was read")

        self.patch(http, "parse_qs", read)
        known: list[object] = []
        process = LimitedRequest.process

        def seen(request: LimitedRequest) -> None:
            known.append((request.received_cookies, request.args))
            process(request)

        self.patch(LimitedRequest, "process", seen)
        line = self.line()
        line.say(request("GET", "/api/proxies/?username=a&b=c", ("Cookie", "a=b; c=d"), ("Authorization", "Basic x")))
        self.assertEqual(read_answer(line.heard()).status, 401)
        self.assertEqual(known, [({}, {})])

    def test_a_bounded_body_that_is_expected_is_asked_for(self) -> None:
        """Expect: 100-continue works where the body is welcome."""
        line = self.line()
        line.say(BEGIN + b"Expect: 100-continue\r\nContent-Length: 7\r\n\r\n")
        self.assertEqual(line.heard(), b"HTTP/1.1 100 Continue\r\n\r\n")
        line.say(b"label=x")
        self.assertEqual(read_answer(line.heard()).status, 200)

    def test_what_breaks_outside_of_every_route_is_a_plain_500(self) -> None:
        """Twisted would answer in HTML, and might show a traceback."""
        self.world.site.resource = None
        line = self.line()
        line.say(request("GET", "/nope"))
        answer = read_answer(line.heard())
        self.assertEqual(answer.seen, (500, {"detail": "internal error"}))
        self.assertEqual(len(self.flushLoggedErrors()), 1)


class KeepAliveTests(ChannelTestCase):
    def test_requests_follow_one_another(self) -> None:
        """On one connection, and pipelined, in order."""
        line = self.line()
        line.say(GET)
        self.assertEqual(read_answer(line.heard()).status, 200)
        line.say(request("GET", "/healthz") + request("GET", "/nope") + GET)
        self.assertEqual([answer.status for answer in read_answers(line.heard())], [200, 404, 200])
        self.assertFalse(line.closed)

    def test_each_head_is_measured_for_itself(self) -> None:
        """Three hundred requests on one connection are no head of 40,000 bytes."""
        line = self.line()
        for _ in range(300):
            line.say(GET)
            self.assertEqual(read_answer(line.heard()).status, 200)

    def test_connection_close_and_http_1_0_are_obeyed(self) -> None:
        """The answer comes, then the end."""
        for data in (
            request("GET", "/healthz", ("Connection", "close")),
            b"GET /healthz HTTP/1.0\r\n\r\n",
        ):
            with named(data):
                line = self.line()
                line.say(data)
                self.assertEqual(line.heard().split(b" ")[1], b"200")
                self.assertTrue(line.closed)

    def test_the_absolute_form_is_accepted(self) -> None:
        """RFC 9112, 3.2.2: a server must."""
        line = self.line()
        line.say(request("GET", "https://localhost:8443/api/proxies/?x=1", AUTH))
        self.assertEqual(read_answer(line.heard()).status, 200)

    def test_a_name_of_any_length_in_host_changes_nothing(self) -> None:
        """Routing does not depend on it: the library below would fail on a label of 64 letters."""
        line = self.line()
        line.say(request("GET", "/healthz", host="a" * 300))
        self.assertEqual(read_answer(line.heard()).status, 200)


class UnreadTests(ChannelTestCase):
    """threats.md, row 17: a client that asks and does not read."""

    DOCUMENT = request("GET", "/api/openapi.json")

    def narrow(self, room: int) -> Line:
        return Line(self.world.site, room=room)

    def test_what_one_connection_is_owed_is_bounded(self) -> None:
        """A full buffer and one answer, of a thousand that it asked for; and nothing more is read from it."""
        line = self.narrow(65_536)
        line.say(self.DOCUMENT * 1000)
        line.say(self.DOCUMENT)
        answers = read_answers(line.heard())
        self.assertEqual(len(answers), 65_536 // len(answers[0].body) + 1)
        self.assertFalse(line.read_from)

    def test_who_reads_late_gets_every_answer_in_its_order(self) -> None:
        """Those of requests that came together, and of one that was cut in two."""
        line = self.narrow(1000)
        targets = [f"/{number}" if number % 3 else "/healthz" for number in range(100)]
        asked = b"".join(request("GET", target) for target in targets)
        line.say(asked[:-10])
        line.say(asked[-10:])
        answers = []
        while heard := line.drained():
            self.assertLess(len(heard), 2000)
            answers += read_answers(heard)
        self.assertEqual([answer.status for answer in answers], [404 if n % 3 else 200 for n in range(100)])
        self.assertEqual([each.path for each in self.world.requests.added], targets)
        self.assertTrue(line.read_from)

    def test_so_does_who_reads_late_what_is_answered_late(self) -> None:
        """What is read while a request is answered waits behind it, and is not read again until it is wanted."""
        line = self.narrow(10)
        self.world.door.waiting = Deferred()
        line.say(GET * 5 + GET[:30])
        self.world.door.waiting.callback(None)
        line.say(GET[30:])
        for _ in range(6):
            self.assertFalse(line.read_from)
            self.assertEqual(read_answer(line.drained()).status, 200)
        self.assertTrue(line.read_from)
        self.assertEqual(line.heard(), b"")

    def test_room_that_comes_while_a_request_is_answered_begins_no_other(self) -> None:
        """One at a time, whatever the transport says meanwhile."""
        line = self.narrow(0)
        self.world.door.waiting = waiting = Deferred()
        line.say(GET + GET)
        line.protocol.pauseProducing()
        self.assertFalse(line.read_from)
        line.protocol.resumeProducing()
        self.assertEqual(len(self.world.door.asked), 1)
        waiting.callback(None)
        self.assertEqual([answer.status for answer in read_answers(line.heard())], [200, 200])
        self.assertTrue(line.read_from)

    def test_it_is_idle_and_is_closed_for_that(self) -> None:
        """Not told that its request was slow, as long as the answer before it has not left."""
        line = self.narrow(10)
        self.world.door.waiting = Deferred()
        line.say(GET + GET)
        self.world.door.waiting.callback(None)
        self.clock.advance(59.9)
        self.assertEqual((line.closed, len(read_answers(line.transport.value()))), (False, 1))
        self.clock.advance(0.2)
        self.assertTrue(line.closed)
        self.clock.advance(5)
        self.assertTrue(line.cut)

    def test_what_was_read_ahead_has_a_heads_time(self) -> None:
        """Counted from when it is looked at."""
        line = self.narrow(10)
        line.say(GET + GET[:30])
        self.clock.advance(30)
        self.assertEqual(read_answer(line.drained()).status, 200)
        self.clock.advance(9.9)
        self.assertEqual(line.heard(), b"")
        self.clock.advance(0.2)
        self.assertEqual(read_answer(line.heard()).status, 408)

    def test_a_connection_that_ends_is_read_from_for_its_goodbye(self) -> None:
        """Though its last answer fills the buffer: TLS waits for the other side."""
        line = self.narrow(10)
        line.say(request("GET", "/healthz", ("Connection", "close")))
        self.assertEqual((line.closed, line.read_from), (True, True))


class DeadlineTests(ChannelTestCase):
    def test_a_head_that_drips_is_cut_at_its_deadline(self) -> None:
        """threats.md, row 17: 408, whatever the drip; bytes do not buy time."""
        line = self.line()
        for byte in b"GET /api/pr":
            line.say(bytes([byte]))
            self.clock.advance(0.9)
        self.assertEqual(line.heard(), b"")
        self.clock.advance(0.2)
        answer = read_answer(line.heard())
        self.assertEqual((answer.status, answer.one("Connection")), (408, "close"))
        self.clock.advance(2)
        self.assertTrue(line.closed)

    def test_a_connection_that_says_nothing_is_closed_without_a_word(self) -> None:
        """A browser opens one ahead of need; an answer to no request would confuse it."""
        line = self.line()
        self.clock.advance(10)
        self.assertEqual(line.heard(), b"")
        self.assertTrue(line.closed)

    def test_a_body_that_drips_is_cut_at_its_deadline(self) -> None:
        """64 KiB have their time, and not a byte buys more of it."""
        line = self.line()
        line.say(BEGIN + b"Content-Length: 1000\r\n\r\n")
        for _ in range(29):
            self.clock.advance(1)
            line.say(b"a")
        self.assertEqual(line.heard(), b"")
        self.clock.advance(1)
        self.assertEqual(read_answer(line.heard()).status, 408)

    def test_an_idle_connection_is_closed_after_its_time(self) -> None:
        """And a request begun before it is up has a head's time again."""
        line = self.line()
        line.say(GET)
        line.heard()
        self.clock.advance(59)
        line.say(b"GET")
        self.clock.advance(9)
        line.say(GET[3:])
        self.assertEqual(read_answer(line.heard()).status, 200)
        self.clock.advance(60)
        self.assertTrue(line.closed)
        self.assertEqual(line.heard(), b"")

    def test_a_second_request_that_drips_is_cut_too(self) -> None:
        """The deadline of a head counts from its own first byte."""
        line = self.line()
        line.say(GET + b"GET /api/")
        line.heard()
        line.say(b"p")
        self.clock.advance(10)
        self.assertEqual(read_answer(line.heard()).status, 408)

    def test_an_answer_may_take_its_time(self) -> None:
        """While the rules are asked, no deadline of the client's runs."""
        waiting: Deferred[None] = Deferred()
        self.world.door.waiting = waiting
        line = self.line()
        line.say(GET)
        self.clock.advance(3600)
        self.assertFalse(line.closed)
        waiting.callback(None)
        self.assertEqual(read_answer(line.heard()).status, 200)

    def test_a_client_that_does_not_take_its_last_answer_is_cut(self) -> None:
        """A close waits for the bytes before it; not for ever."""
        line = self.line()
        line.say(request("GET", "/healthz", ("Connection", "close")))
        self.clock.advance(59)
        self.assertFalse(line.cut)
        self.clock.advance(1)
        self.assertTrue(line.cut)

    def test_nothing_is_left_behind(self) -> None:
        """A connection that is gone leaves no timer and no place."""
        lines = [self.line() for _ in range(5)]
        lines[0].say(GET)
        lines[1].say(GET[:20])
        lines[2].say(b"nonsense\r\n")
        lines[3].say(BEGIN + b"Content-Length: 10\r\n\r\n")
        for line in lines:
            line.hang_up()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual((len(self.world.site.gate), self.world.site.open_channels), (0, set()))

    def test_the_settings_are_the_operators(self) -> None:
        """Deadlines and bounds come from the topology of the moment."""
        from meshd.topology import Limits, Timeouts

        self.world.set_topology(
            timeouts=Timeouts(head=3, keep_alive=7), limits=Limits(head_bytes=5, request_line_bytes=4)
        )
        bounds = Bounds.of(self.world.live.topology)
        self.assertEqual((bounds.head, bounds.idle, bounds.head_bytes, bounds.line_bytes), (3, 7, 5, 4))


class CrowdTests(ChannelTestCase):
    def test_an_address_that_signs_in_nowhere_has_twenty_connections(self) -> None:
        """threats.md, row 17: the twenty-first is cut, and another address is not touched."""
        lines = [self.line() for _ in range(20)]
        self.assertFalse(any(line.closed for line in lines))
        self.assertTrue(self.line().cut)
        self.assertFalse(self.line("192.0.2.2").closed)

    def test_a_connection_that_has_signed_in_no_longer_counts(self) -> None:
        """An office with many programs behind one address goes on working."""
        for _ in range(25):
            line = self.line()
            line.say(GET)
            self.assertEqual(read_answer(line.heard()).status, 200)

    def test_nor_does_it_with_its_later_requests(self) -> None:
        """The place was given up for good."""
        lines = [self.line() for _ in range(20)]
        for line in lines:
            line.say(GET + GET)
            line.say(GET)
            self.assertEqual([answer.status for answer in read_answers(line.heard())], [200, 200, 200])
        self.assertEqual(len(self.world.site.gate), 0)

    def test_nor_does_it_wait_at_the_gate_again(self) -> None:
        """A crowd that comes later does not cut who is in."""
        line = self.line()
        line.say(GET)
        line.heard()
        for _ in range(20):
            self.line()
        line.say(GET)
        self.assertEqual(read_answer(line.heard()).status, 200)

    def test_a_wrong_credential_still_counts(self) -> None:
        """Only a sign-in that succeeds frees the place."""
        for _ in range(20):
            self.line().say(request("GET", "/api/proxies/", ("Authorization", "Basic eDp5")))
        self.assertTrue(self.line().cut)
