"""Threats 6 and 7: requests made to be read two ways, and what the origin gets of them."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.http1.oracle import Reading, read_as_request
from tests.support.origin import Connection
from tests.threats import heads
from tests.threats.support import LISTED, Answer, Talk, World, ask, get, world


def filled(text: bytes) -> bytes:
    return text.replace(b"@O", world().origin.authority.encode())


def played(data: bytes) -> list[Answer]:
    """Every final answer to these bytes and the end of the client's side."""
    with Talk(world().daemon, LISTED) as talk:
        talk.send(data)
        talk.end()
        answers = iter(talk.answer, None)
        return [answer for answer in answers if answer.status >= 200]


def messages(connection: Connection) -> Iterator[Reading]:
    """What llhttp sees on one connection of the origin, request by request, by where our recorder ended each."""
    for request in connection.requests:
        yield read_as_request(request.raw)


class SmugglingCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.world: World = world()
        self.world.origin.forget()

    def connections(self) -> list[Connection]:
        return [each for each in self.world.origin.connections if each.received]

    def assert_one_way(self, what: object) -> int:
        """Whatever has arrived is read by llhttp as by the recorder: so many whole requests.  None is hidden."""
        whole = 0
        for connection in self.connections():
            reading = read_as_request(bytes(connection.received))
            self.assertEqual(reading.fault, "", what)
            self.assertIsNone(reading.tunnel_at, what)
            self.assertEqual(reading.messages, len(connection.requests), what)
            whole += reading.messages
            for request, alone in zip(connection.requests, messages(connection), strict=True):
                self.assertEqual((alone.messages, alone.fault), (1, ""), what)
                self.assertEqual(alone.body, request.body, what)
                self.assertNotEqual(request.target, "/hidden", what)
                self.assert_clean(request.fields, what)
        return whole

    def assert_clean(self, fields: list[tuple[str, str]], what: object) -> None:
        names = [name.lower() for name, _ in fields]
        self.assertEqual(names.count("host"), 1, what)
        self.assertLessEqual(names.count("content-length") + names.count("transfer-encoding"), 1, what)
        for name in names:
            self.assertFalse(name.startswith(("proxy-", "x-proxymesh-")), what)


class CorpusTest(SmugglingCase):
    def test_threat_06_smuggling_refused(self) -> None:
        """Each ambiguous head is refused once, its connection ended, and nothing of it reaches the origin."""
        corpus = list(heads.refused())
        for what, text in corpus:
            answers = played(filled(text))
            self.assertEqual(len(answers), 1, what)
            self.assertIn(answers[0].status, {400, 414, 431, 501, 505}, what)
            self.assertTrue(answers[0].own, what)
            self.assertEqual(answers[0].field("connection"), "close", what)
        self.assertGreater(len(corpus), 100)
        ask(self.world.daemon, get(self.world.url("/sentinel")), LISTED)
        self.assertEqual([request.target for request in self.world.origin.requests], ["/sentinel"])

    def test_threat_06_smuggling_behind_another_protocol(self) -> None:
        """The connection ends, and what hides behind the first bytes is no request."""
        for what, text in heads.other_protocols():
            with Talk(self.world.daemon, LISTED) as talk:
                talk.send(filled(text))
                talk.end()
                self.assertNotIn(b" 200 ", talk.rest(), what)
        ask(self.world.daemon, get(self.world.url("/sentinel")), LISTED)
        self.assertEqual([request.target for request in self.world.origin.requests], ["/sentinel"])

    def test_threat_06_smuggling_in_chunks(self) -> None:
        """A body that goes wrong never becomes a whole request, and what hides behind it none at all."""
        for what, text in heads.cut_off():
            for data in (
                filled(text),
                filled(text).replace(b"chunked\r\n\r\n", b"chunked\r\nExpect: 100-continue\r\n\r\n"),
            ):
                self.world.origin.forget()
                answers = played(data)
                self.assertEqual([answer.status for answer in answers if not answer.own], [], what)
                for connection in self.connections():
                    self.assertEqual(connection.requests, [], what)
                    reading = read_as_request(bytes(connection.received))
                    self.assertEqual((reading.messages, reading.fault), (0, ""), what)

    def test_threat_06_smuggling_chunks_after_the_head(self) -> None:
        """The same where the body comes after the head has gone to the origin already."""
        for what, text in heads.cut_off():
            self.world.origin.forget()
            head, blank, body = filled(text).partition(b"\r\n\r\n")
            with Talk(self.world.daemon, LISTED) as talk:
                talk.send(head + b"\r\nExpect: 100-continue" + blank + b"1\r\nx\r\n")
                talk.send(body)
                talk.end()
                talk.rest()
            for connection in self.connections():
                self.assertEqual(connection.requests, [], what)
                self.assertEqual(read_as_request(bytes(connection.received)).messages, 0, what)

    def test_threat_06_smuggling_accepted(self) -> None:
        """Each odd but clear one arrives as exactly the requests that were meant, as llhttp reads them."""
        for what, text, meant in (*heads.accepted(), *heads.of_proxies()):
            self.world.origin.forget()
            answers = played(filled(text))
            self.assertEqual([(answer.status, answer.own) for answer in answers], [(200, False)] * len(meant), what)
            got = [(each.method, each.target, each.body) for each in self.world.origin.requests]
            self.assertEqual(got, meant, what)
            if meant[0][0] != "FR-OB!":  # a method that llhttp does not know
                self.assertEqual(self.assert_one_way(what), len(meant))

    def test_threat_06_smuggling_byte_by_byte(self) -> None:
        """Where a packet ends has no say in it."""
        origin = self.world.origin
        for what, text, meant in list(heads.accepted())[::6]:
            origin.forget()
            with Talk(self.world.daemon, LISTED) as talk:
                talk.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for byte in filled(text):
                    talk.send(bytes([byte]))
                talk.end()
                answers = list(iter(talk.answer, None))
            self.assertEqual([answer.status for answer in answers], [200] * len(meant), what)
            self.assertEqual([(each.method, each.target, each.body) for each in origin.requests], meant, what)


class HostTest(SmugglingCase):
    def test_threat_07_target_wins(self) -> None:
        """The origin gets one fresh Host made of the target, whatever the client's said and wherever it stood."""
        authority = self.world.origin.authority
        for host in (b"Host: other.test", b"HOST:x", b"Host:", b"X: y\r\nhost: [::1]:1"):
            self.world.origin.forget()
            head = f"GET http://{authority}/sent HTTP/1.1\r\n".encode() + host + b"\r\n\r\n"
            self.assertEqual(ask(self.world.daemon, head, LISTED).status, 200)
            (request,) = self.world.origin.requests
            self.assertEqual(request.fields[0], ("Host", authority))
            self.assertEqual([name.lower() for name, _ in request.fields].count("host"), 1)

    def test_threat_07_nothing_of_the_target_is_lost(self) -> None:
        """Path and query arrive as they were written; escapes are nobody's business but the origin's."""
        for path in ("/%2e%2e/%2F?a=%00&b=%0d%0aX:y", "/;a=b@c/:d", "/?", "/a?b?c", "/~!$&'()*+,=[]{}|^`\"<>"):
            self.world.origin.forget()
            answer = ask(self.world.daemon, get(self.world.url(path)), LISTED)
            if answer.status == 200:
                self.assertEqual([request.target for request in self.world.origin.requests], [path])
            else:
                self.assertEqual((answer.status, self.world.origin.requests), (400, []), path)


NASTY = [
    b"\r\n", b"\n", b"\r", b"\x00", b" ", b"\t", b"\x0b", b":", b",", b";", b"0", b"1", b"@", b"#", b"\\", b"/",
    b"\xff",
    b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: other.test\r\n", b"\r\n\r\n", b"0\r\n\r\n",
    b"Connection: host, content-length\r\n", b"HTTP/1.1", b"X-ProxyMesh-IP: a\r\n", heads.HIDDEN,
]  # fmt: skip
SEEDS = [text for _, text, _ in heads.accepted()]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A clear one with up to three things put in, taken out or put in the place of others."""
    data = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(data)))
        taken = draw(st.integers(0, 3))
        put = draw(st.sampled_from([b"", *NASTY]))
        data = data[:place] + put + data[place + taken :]
    return data


class MutationTest(SmugglingCase):
    @settings(
        max_examples=1000,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(mutated())
    def test_threat_06_smuggling_mutations(self, data: bytes) -> None:
        """Whatever is done to a head, the origin sees as many whole requests as it has answered, clean and one way."""
        origin = self.world.origin
        origin.forget()
        answers = played(filled(data))
        forwarded = [answer for answer in answers if answer.field("x-proxymesh-ip") is not None]
        for connection in self.connections():
            whole = b"".join(request.raw for request in connection.requests)
            reading = read_as_request(whole)
            if "InvalidMethod" not in reading.fault:  # llhttp knows some methods only
                self.assertEqual((reading.fault, reading.messages), ("", len(connection.requests)), data)
            for request in connection.requests:
                self.assert_clean(request.fields, data)
            self.assertEqual(read_as_request(bytes(connection.received)[len(whole) :]).messages, 0, data)
        self.assertEqual(len(self.world.origin.requests), len(forwarded), data)
