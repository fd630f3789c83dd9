"""How a connection begins: whose handshake waits, and which HTTP is spoken after it."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.proxy.http import HttpSpeech
from meshd.proxy.offenders import A_MOMENT, FREE, MOST, Offenders
from meshd.proxy.opening import meet
from meshd.proxy.session import Session
from meshd.sockets.ends import ClientGone
from meshd.sockets.task import Task
from meshd.sockets.wheel import Wheel
from tests.support.frames import PREFACE

PEER = "192.0.2.1"


class Searched(bytes):
    """What a client has said, which notes how much of it is gone through for an end of a line."""

    through = 0

    def find(self, *args: Any) -> int:
        Searched.through += len(self) - args[1]
        return super().find(*args)


class Coming:
    """A client who begins a handshake."""

    proxy = "open"

    def __init__(
        self, plane: Any, first: Iterable[bytes] = (PREFACE,), protocol: str | None = "h2", named: str | None = None
    ) -> None:
        """first: what it says after the handshake, by and by; protocol: what it has chosen by it; named: its address as
        a balancer says, "" where that does not know; None where it comes by itself.
        """
        self.introduced = named is not None
        self._named = named
        self.buffer = b"\x16"
        self.phases: list[bool] = []
        self.speech: object = None
        self.shaken = False
        self.met: bool | None = None
        """Whether it was met; None before, and where it was not waited for."""
        self.gone = self.ending = False
        self.watcher: Any = self
        self.wire: Any = self
        self.peer, self.sealed = PEER, SimpleNamespace(protocol=protocol)
        self._first = iter(first)
        self.task = Task(self._come(plane), lambda error: None)
        self.task.resume()

    async def _come(self, plane: Any) -> None:
        client: Any = self
        self.met = await meet(client, plane)

    async def introduce(self) -> bool:
        self.peer = self._named or self.peer
        return True

    def handshake(self, *, over: bool) -> None:
        self.phases.append(over)

    def spent(self) -> bool:
        return True

    def leave(self) -> None:
        """End its side, as who takes the events tells."""
        self.ending = True
        self.watcher.stirred(self.wire)

    def stirred(self, wire: object) -> None:
        """Nothing follows from what comes while nobody waits."""

    async def take_off_tls(self, context: object) -> bool:
        self.shaken, self.buffer = True, b""
        return True

    async def receive(self) -> bool:
        piece = next(self._first, b"")
        self.buffer = Searched(self.buffer + piece)
        return bool(piece)

    def alive(self) -> None:
        """Nothing is timed here."""

    def close(self) -> None:
        if isinstance(self.speech, Session):
            self.speech._writer._coroutine.close()


class MeetTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.part = Clock(), 0.0
        live = SimpleNamespace(
            limits=SimpleNamespace(head_bytes=4096, request_line_bytes=100),
            timeouts=SimpleNamespace(head=10.0),
            topology=SimpleNamespace(udp=SimpleNamespace(on=False), proxies={}),
        )
        self.plane: Any = SimpleNamespace(
            caps=SimpleNamespace(part_of=lambda address: self.part),
            draining=False,
            live=live,
            tls=lambda: None,
            offenders=Offenders(self.clock.seconds),
            relay=SimpleNamespace(again=None),
            resting=None,
            wheel=Wheel(self.clock),
        )

    def come(self, *first: bytes, protocol: str | None = "h2") -> Coming:
        client = Coming(self.plane, first or (PREFACE,), protocol)
        self.addCleanup(client.close)
        return client

    def offend(self, times: int = FREE) -> None:
        for _ in range(times):
            self.plane.offenders.note(PEER)

    def test_at_once(self) -> None:
        """Whose address has done little begins its handshake at once."""
        self.offend(FREE - 1)
        client = self.come()
        self.assertEqual((client.shaken, client.met), (True, True))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_after_a_moment(self) -> None:
        """Whose address has offended waits, and in the time that a handshake has."""
        self.offend()
        client = self.come()
        self.assertEqual((client.shaken, client.phases), (False, [False]))
        self.clock.advance(A_MOMENT)
        self.assertEqual((client.shaken, client.met), (True, True))

    def test_behind_a_balancer(self) -> None:
        """Whoever it names waits for what was done there, and nobody for what clients did that it does not name."""
        self.offend()
        for named, waits in ((None, True), ("192.0.2.2", False), ("", False), (PEER, False)):
            client = Coming(self.plane, named=named)
            self.addCleanup(client.close)
            self.assertEqual(client.shaken, not waits, named)
        for _ in range(FREE):
            self.plane.offenders.note("192.0.2.2")
        client = Coming(self.plane, named="192.0.2.2")
        self.assertFalse(client.shaken)

    def test_who_answers_for_a_session(self) -> None:
        """The address that a balancer names, or none."""
        for named, whose in ((None, PEER), ("192.0.2.2", "192.0.2.2"), ("", "")):
            client = Coming(self.plane, named=named)
            self.addCleanup(client.close)
            self.assertEqual(getattr(client.speech, "_peer", None), whose)

    def test_who_leaves(self) -> None:
        """Is noticed at once, and leaves nothing behind."""
        self.offend()
        for leave in (Coming.leave, lambda client: client.task.throw(ClientGone())):
            client = self.come()
            leave(client)
            self.assertTrue(client.task.over)
            self.assertEqual((client.shaken, self.clock.getDelayedCalls()), (False, []))
            self.assertIs(client.watcher, client)

    def test_how_long(self) -> None:
        """Less where many of the address wait, and where a request has little time."""
        longest = (MOST - FREE + 1) * A_MOMENT
        for part, head, seconds in ((0, 10, longest), (0.25, 10, longest / 2), (0.5, 10, 0), (1, 10, 0), (0, 1, 0.5)):
            self.setUp()
            self.offend(MOST)
            self.part, self.plane.live.timeouts.head = part, head
            client = self.come()
            (call,) = self.clock.getDelayedCalls()
            self.assertEqual(call.getTime() - self.clock.seconds(), seconds, (part, head))
            self.clock.advance(seconds)
            self.assertTrue(client.shaken)

    def test_while_the_daemon_stops(self) -> None:
        """Who has waited is not served any more."""
        self.offend()
        client = self.come()
        self.plane.draining = True
        self.clock.advance(A_MOMENT)
        self.assertEqual((client.shaken, client.met), (False, False))

    def test_what_is_spoken(self) -> None:
        """HTTP/2 by whoever has chosen it, unless a request of HTTP/1.1 is what comes first."""
        rows = [
            (PREFACE, "h2", Session),
            (PREFACE + b"more", "h2", Session),
            (PREFACE, "http/1.1", HttpSpeech),
            (PREFACE, None, HttpSpeech),
            (b"CONNECT a.test:443 HTTP/1.1\r\n", "h2", HttpSpeech),
            (b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "h2", Session),
            (b"INVALID CONNECTION PREFACE\r\n\r\n", "h2", Session),
            (b"CONNECT a.test:443 HTTP/1.2\r\n", "h2", Session),
            (b"CONNECT  HTTP/1.1\r\n", "h2", HttpSpeech),  # which refuses it
            (b"GET http://a.test/ HTTP/1.1\n", "h2", Session),
            (b"get http://a.test/ HTTP/1.1\r\n", "h2", Session),
            (b"\0\0\0\4\0\0\0\0\0", "h2", Session),
            (b"\r\nGET http://a.test/ HTTP/1.1\r\n", "h2", Session),
            (b"GET http://" + b"a" * 100, "h2", HttpSpeech),
            (b"PUT http://a.test/ HTTP/1.1\r\n", "h2", HttpSpeech),
        ]
        for first, protocol, speech in rows:
            for pieces in ((first,), [first[at : at + 1] for at in range(len(first))], (first[:5], first[5:])):
                client = self.come(*pieces, protocol=protocol)
                self.assertIs(type(client.speech), speech, (pieces, protocol))
                self.assertTrue(first.startswith(client.buffer))

    def test_a_line_in_pieces_costs_no_more_than_its_size(self) -> None:
        self.plane.live.limits.request_line_bytes = 16_384
        line = b"GET http://" + b"a" * 16_000
        Searched.through = 0
        self.come(*[line[at : at + 1] for at in range(len(line))])
        self.assertEqual(Searched.through, len(line))

    def test_no_longer_than_it_may_be_either(self) -> None:
        """It is waited for more; who leaves before that has told nothing."""
        for first, rest in (
            (b"P", b"UT http://a.test/ HTTP/1.1\r\n"),
            (b"PRI * HTTP/", b"2.0\r\n\r\nSM\r\n\r\n"),
            (b"PRI * HTTP/2", b".0\r\n\r\nSM\r\n\r\n"),
            (b"PRI * HTTP/2.0\r\n", b""),
            (b"GET http://a.test/ HTTP/1.1\r", b"\n"),
            (b"\0\0\0", b""),
        ):
            self.assertEqual(self.come(first).met, not rest, first)
            client = self.come(first, rest or b"never read")
            self.assertEqual((client.met, client.buffer), (True, first + rest))

    def test_who_says_that_the_rest_does_not_come(self) -> None:
        """HTTP/1.1, once it can be nothing else but that; nobody knows an answer for either."""
        for first, speaks in ((b"P", False), (b"PRI * HTTP/2.0\r", False), (b"PU", True), (b"GET http://a", True)):
            client = self.come(first)
            self.assertIs(client.met, False)
            self.assertEqual(isinstance(client.speech, HttpSpeech), speaks, first)
