"""Threat 6 before a published host: requests made to be read two ways, and what the origin gets of them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

from hypothesis import HealthCheck, given, settings

from tests.http1.oracle import read_as_request
from tests.support.figures import FULL, sized
from tests.threats import heads
from tests.threats.hosts.support import NAME, HostileCase, Visit, get, own
from tests.threats.test_smuggling import mutated

EVERY = sized(3, 1)
"""Of the spellings that are tried beside the first, everybody's run takes every third."""

CLEAR = {"an origin-form", "an asterisk", "no scheme"}
"""What only a forward proxy must refuse: to an origin server these are paths."""

OTHER_HOST = {"another Host than the target's", "an empty Host", "HTTP/1.0 without a Host"}
"""What a forward proxy serves by its target, and a host that Host alone is found by cannot."""


def absolute(text: bytes) -> bytes:
    """A head of the corpora for this host, its target as it is."""
    return text.replace(b"@O", NAME.encode())


def origin_form(text: bytes) -> bytes:
    """The same with a path for its target."""
    for after in (b" ", b"?"):
        text = text.replace(b" http://@O" + after, b" /" + after, 1)
    return absolute(text.replace(b" http://@O/", b" /", 1))


def as_paths(what: str, meant: list[tuple[str, str, bytes]]) -> list[tuple[str, str, bytes]]:
    """What arrives of a head whose target was made a path."""
    return [("OPTIONS", "/", b"")] if what == "OPTIONS of the server" else meant


def over_tls(text: bytes) -> bytes:
    """The same for a connection by TLS, whose absolute targets are of TLS."""
    return origin_form(text).replace(b" http://", b" https://").replace(b" HTTP://", b" HTTPS://")


def spellings() -> Iterator[tuple[str, Callable[[bytes], bytes], str, int]]:
    """How the corpora are sent: what it is called, what makes it, the name for TLS, and every how manieth."""
    yield "origin-form", origin_form, "", 1
    yield "absolute-form", absolute, "", EVERY
    yield "TLS", over_tls, NAME, 1 if FULL else 9


class CorpusTest(HostileCase):
    def test_threat_06_smuggling_refused(self) -> None:
        """Each ambiguous head is refused once, its connection ended, and nothing of it reaches the origin."""
        corpus = [each for each in heads.refused() if each[0] not in CLEAR]
        corpus.append(("a backslash in the path", heads.IN_THE_PATH + heads.HIDDEN))
        self.assertGreater(len(corpus), 100)
        for how, made, asked, step in spellings():
            for what, text in corpus[::step]:
                if asked and what == "https":
                    continue  # by TLS it is right
                data = made(text)
                if made is origin_form and what in {"https", "ftp", "file", "gopher"}:
                    data = absolute(text)
                answers = self.played(data, asked)
                self.assertEqual(len(answers), 1, (how, what))
                self.assertIn(answers[0].status, {400, 414, 421, 431, 501, 505}, (how, what))
                self.assertTrue(own(answers[0]), (how, what))
                self.assertEqual(answers[0].field("connection"), "close", (how, what))
            self.nothing_arrived(how)

    def test_threat_06_smuggling_behind_another_protocol(self) -> None:
        """The connection ends, and what hides behind the first bytes is no request, on either port."""
        for what, text in heads.other_protocols():
            for port in (self.world.http, self.world.https):
                with Visit(self.world) as visit:
                    visit.sock.close()
                    visit.sock = socket.create_connection(("127.0.0.1", port), 60)
                    visit.send(absolute(text))
                    visit.end()
                    self.assertNotIn(b" 200 ", visit.rest(), what)
        self.nothing_arrived()

    def test_threat_06_plain_http_where_tls_is_spoken(self) -> None:
        """A request that came without TLS to the port of TLS is nobody's."""
        with Visit(self.world) as visit:
            visit.sock.close()
            visit.sock = socket.create_connection(("127.0.0.1", self.world.https), 60)
            visit.send(get())
            self.assertNotIn(b"HTTP/1.1 200", visit.rest())
        self.nothing_arrived()

    def test_threat_06_smuggling_in_chunks(self) -> None:
        """A body that goes wrong never becomes a whole request, and what hides behind it none at all."""
        expecting = b"chunked\r\nExpect: 100-continue\r\n\r\n"
        for what, text in heads.cut_off():
            for data in (origin_form(text), origin_form(text).replace(b"chunked\r\n\r\n", expecting)):
                self.origin.forget()
                self.assertEqual([answer for answer in self.played(data) if not own(answer)], [], what)
                self.none_whole(what)

    def test_threat_06_smuggling_chunks_after_the_head(self) -> None:
        """The same where the body comes after the head has gone to the origin already."""
        for what, text in list(heads.cut_off())[::EVERY]:
            self.origin.forget()
            head, blank, body = origin_form(text).partition(b"\r\n\r\n")
            with Visit(self.world) as visit:
                visit.send(head + b"\r\nExpect: 100-continue" + blank + b"1\r\nx\r\n")
                visit.send(body)
                visit.end()
                visit.rest()
            self.none_whole(what)

    def none_whole(self, what: str) -> None:
        for connection in self.connections:
            self.assertEqual(connection.requests, [], what)
            reading = read_as_request(bytes(connection.received))
            self.assertEqual((reading.messages, reading.fault), (0, ""), what)

    def test_threat_06_smuggling_accepted(self) -> None:
        """Each odd but clear one arrives as exactly the requests that were meant, as llhttp reads them."""
        for how, made, asked, step in spellings():
            for what, text, meant in list(heads.accepted())[::step]:
                if what in OTHER_HOST:
                    continue
                self.origin.forget()
                expected = meant if made is absolute else as_paths(what, meant)
                answers = self.played(made(text), asked, len(expected))
                said = [(answer.status, own(answer)) for answer in answers]
                self.assertEqual(said, [(200, False)] * len(expected), (how, what))
                got = [(each.method, each.target, each.body) for each in self.arrived]
                self.assertEqual(got, [(a, b, absolute(c) if asked else c) for a, b, c in expected], (how, what))
                self.assertEqual(self.arrived_one_way((how, what)), len(expected))

    def test_threat_06_smuggling_byte_by_byte(self) -> None:
        """Where a packet ends has no say in it."""
        for what, text, meant in list(heads.accepted())[:: 2 * EVERY]:
            if what in OTHER_HOST:
                continue
            self.origin.forget()
            with Visit(self.world) as visit:
                visit.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for byte in origin_form(text):
                    visit.send(bytes([byte]))
                visit.end()
                answers = list(iter(visit.answer, None))
            self.assertEqual([answer.status for answer in answers], [200] * len(meant), what)
            got = [(each.method, each.target, each.body) for each in self.arrived]
            self.assertEqual(got, as_paths(what, meant), what)


class MutationTest(HostileCase):
    @settings(
        max_examples=sized(150, 2000),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(mutated())
    def test_threat_06_smuggling_mutations(self, data: bytes) -> None:
        """Whatever is done to a head, the origin sees as many whole requests as it has answered, clean and one way."""
        self.origin.forget()
        answers = self.played(origin_form(data))
        forwarded = [answer for answer in answers if not own(answer)]
        self.assertEqual(self.arrived_one_way(data, hidden=False), len(forwarded), data)
