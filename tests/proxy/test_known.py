"""Heads of tunnels that are known by their bytes mean what they would mean if they were read."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from meshd.http1.errors import BadMessage
from meshd.proxy.http import HttpSpeech
from meshd.proxy.known import HEADS, SEEN, KnownTunnels
from meshd.proxy.request import ProxyRequest
from meshd.topology import Limits, Live
from tests.proxy.test_request import request
from tests.support.live import settings as settings_of

LIMITS = Limits()
BEGIN = b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n"
NAME = b"Proxy-Authorization: "
LINES = st.sampled_from(
    [
        b"User-Agent: x",
        b"X-ProxyMesh-Country: us",
        b"X-ProxyMesh-Timeout: 7",
        b"X-ProxyMesh-IP: 192.0.2.7",
        b"Proxy-Connection: keep-alive",
        b"Connection: close",
        b"Authorization: Basic eDp5",
        NAME + b"Basic b3RoZXI6MQ==",
        b"proxy-authorization: Basic b3RoZXI6MQ==",
        b"X: Proxy-Authorization: Basic x",
        b"X:\tProxy-Authorization: y",
    ]
)
VALUES = st.one_of(
    st.sampled_from([b"Basic eDp5", b"Basic Og==", b"basic  Og=", b"", b" ", b"Bearer t", b"a b", b"\xff", b"a\tb "]),
    st.binary(max_size=8),
)
TAILS = st.sampled_from([b"", b"", b"", b"more", b"\r\n"])


def head(lines: list[bytes], value: bytes, after: list[bytes], tail: bytes = b"") -> bytes:
    fields = [*lines, NAME + value, *after]
    return BEGIN + b"".join(line + b"\r\n" for line in fields) + b"\r\n" + tail


def meaning(of: ProxyRequest) -> list[object]:
    said = of.said
    whose = said.proxy_authorization, said.authorization, said.keep, said.switches, said.websocket
    kind = of.is_tunnel, of.has_body, of.keep, of.hops, of.ends_here
    return [of.method, of.target, of.minor, of.size, of.framing, *kind, *whose, said.wishes()]


def note(known: KnownTunnels, buffer: bytes, opened: ProxyRequest, limits: Limits = LIMITS) -> None:
    """As often as it takes."""
    for _ in range(2):
        known.note(buffer, opened, limits)


def read(buffer: bytes) -> ProxyRequest | None:
    """None for what is refused, or is not one head alone."""
    try:
        found = request(buffer)
        found.said.wishes()  # as before an exit is chosen
    except (BadMessage, AssertionError):
        return None
    return found if found.size == len(buffer) and found.is_tunnel else None


def speech(known: KnownTunnels, live: Live, buffer: bytes) -> HttpSpeech:
    """Of a client who has just sent that."""
    client: Any = SimpleNamespace(buffer=buffer, place=SimpleNamespace(known=False))
    plane: Any = SimpleNamespace(live=live, known=known)
    return HttpSpeech(client, plane)


class KnownTest(SynchronousTestCase):
    @settings(deadline=None, max_examples=300)
    @given(st.lists(LINES, max_size=3), VALUES, st.lists(LINES, max_size=2), VALUES, TAILS)
    def test_another_credential(
        self, before: list[bytes], first: bytes, after: list[bytes], second: bytes, tail: bytes
    ) -> None:
        """Whatever is known is what reading gives, field by field."""
        known = KnownTunnels()
        opened = read(head(before, first, after))
        if opened is not None:
            note(known, head(before, first, after), opened)
        buffer = head(before, second, after, tail)
        found, expected = known.find(buffer, LIMITS), read(buffer)
        if found is not None:
            assert expected is not None
            self.assertEqual(meaning(found), meaning(expected))

    def known(self, *lines: bytes) -> ProxyRequest | None:
        known, buffer = KnownTunnels(), head(list(lines), b"Basic eDp5", [])
        note(known, buffer, request(buffer))
        return known.find(head(list(lines), b"Basic ejp6", []), LIMITS)

    def test_what_is_known(self) -> None:
        """The usual; without the first one's credential in it."""
        found = self.known(b"X-ProxyMesh-Country: us")
        assert found is not None
        self.assertEqual(found.said.proxy_authorization, b"Basic ejp6")
        self.assertEqual(found.said.wishes()[0].country, "US")
        self.assertNotIn(b"eDp5", b"".join(value for _, value in found.said.fields))

    def test_what_is_not(self) -> None:
        """A second secret, a long head, and what was read by other limits."""
        self.assertIsNone(self.known(b"Authorization: Bearer x"))
        self.assertIsNone(self.known(b"X: " + b"x" * 500))
        known, buffer = KnownTunnels(), head([], b"Basic eDp5", [])
        note(known, buffer, request(buffer))
        self.assertIsNotNone(known.find(buffer, LIMITS))
        self.assertIsNone(known.find(buffer, Limits(fields=1)))
        short = Limits(request_line_bytes=64)
        note(known, buffer, request(buffer), short)
        self.assertIsNone(known.find(buffer, short))

    def test_what_came_once(self) -> None:
        """It is kept the second time, however many others came between."""
        known, buffer = KnownTunnels(), head([], b"Basic eDp5", [])
        known.note(buffer, request(buffer), LIMITS)
        self.assertIsNone(known.find(buffer, LIMITS))
        for number in range(SEEN - 1):
            other = head([b"X: %d" % number], b"Basic eDp5", [])
            known.note(other, request(buffer), LIMITS)
        known.note(buffer, request(buffer), LIMITS)
        self.assertIsNotNone(known.find(buffer, LIMITS))

    def test_other_limits_meanwhile(self) -> None:
        """A head that was read before a reload, and answered after it, is not known by the limits since then."""
        choice: Any = SimpleNamespace(not_found="", moved="")
        for reloaded in (False, True):
            known, live, buffer = KnownTunnels(), settings_of(LIMITS), head([], b"Basic eDp5", [])
            for _ in range(2):
                asked = speech(known, live, buffer)
                self.assertIsNotNone(self.successResultOf(Deferred.fromCoroutine(asked.read())))
                if reloaded:
                    live.swap(replace(live.topology, limits=replace(LIMITS, fields=50)))
                asked.established("", choice, "", "i")
            self.assertEqual(known.find(buffer, live.limits) is None, reloaded)

    def test_bounded(self) -> None:
        """No more than so many are known: the oldest goes."""
        known = KnownTunnels()
        buffers = [head([b"X: %d" % number], b"Basic eDp5", []) for number in range(HEADS + 1)]
        for buffer in buffers:
            note(known, buffer, request(buffer))
        self.assertIsNone(known.find(buffers[0], LIMITS))
        self.assertIsNotNone(known.find(buffers[1], LIMITS))
        self.assertIsNotNone(known.find(buffers[-1], LIMITS))
