"""A connection that leaves HTTP: what its taker hears of, and how it ends."""

from __future__ import annotations

import os
import socket
from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.trial.unittest import SynchronousTestCase

from meshd.web.server.crossing import CrossingChannel
from meshd.web.server.deadline import GRACE
from meshd.web.server.upgrading import Asked
from tests.web.support import Line, World, read_answer, read_answers, request

PREFIX = b"/.well-known/masque/tcp/"
ASKS = ("Connection", "Upgrade"), ("Upgrade", "connect-tcp")
ASKED = request("GET", PREFIX.decode() + "h/1/", *ASKS)
HEAD = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"


class Taker:
    """Has what came, and what became of the connection."""

    def __init__(self) -> None:
        self.data = b""
        self.heard: list[str] = []

    def received(self, data: bytes) -> None:
        self.data += data

    def ended(self) -> None:
        self.heard.append("ended")

    def pause(self) -> None:
        self.heard.append("pause")

    def resume(self) -> None:
        self.heard.append("resume")

    def lost(self) -> None:
        self.heard.append("lost")


class Upgrades:
    prefix = PREFIX
    tokens: tuple[bytes, ...] = (b"connect-tcp",)

    def __init__(self) -> None:
        self.taker = Taker()

    def take(self, asked: Asked, line: Any) -> Taker:
        return self.taker

    def session(self, line: Any, peer: IAddress) -> None:
        return None


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(os.path.join(self.mktemp()))
        self.upgrades = self.world.site.upgrades = Upgrades()
        self.ours, self.theirs = socket.socketpair()
        for each in (self.ours, self.theirs):
            each.setblocking(False)
            self.addCleanup(each.close)

    def asked(self) -> tuple[Line, CrossingChannel]:
        """A client that has asked to leave HTTP; its connection's buffers are those of a pair of sockets."""
        line = Line(self.world.site)
        line.transport.fileno = self.ours.fileno  # type: ignore[attr-defined]
        line.say(ASKED)
        assert isinstance(line.protocol, CrossingChannel)
        return line, line.protocol


class LeaveTests(Case):
    def test_a_slow_client(self) -> None:
        """Has as long as it takes, while it takes anything."""
        line, channel = self.asked()
        channel.switch(HEAD, 1)
        for _ in range(5):
            self.ours.send(b"x" * 1000)
        channel.leave(10, properly=True)
        for _ in range(5):
            self.world.clock.advance(9)
            self.assertFalse(line.cut)
            self.theirs.recv(1000)
        for _ in range(3):
            self.world.clock.advance(10)
        self.assertTrue(line.cut)

    def test_one_that_takes_nothing(self) -> None:
        line, channel = self.asked()
        channel.switch(HEAD, 1)
        self.ours.send(b"x" * 1000)
        channel.leave(10, properly=True)
        self.world.clock.advance(9)
        self.assertFalse(line.cut)
        self.world.clock.advance(2)
        self.assertTrue(line.cut)

    def test_one_that_has_taken_all(self) -> None:
        """And only does not close its side: it holds up a stop no longer than any other that is closed."""
        line, channel = self.asked()
        channel.switch(HEAD, 1)
        channel.leave(60, properly=True)
        self.world.clock.advance(GRACE - 1)
        self.assertFalse(line.cut)
        self.world.clock.advance(1.1)
        self.assertTrue(line.cut)

    def test_of_one_that_is_gone(self) -> None:
        """Is nothing: whoever carries it may hear of the end later than we."""
        for properly in (True, False):
            line, channel = self.asked()
            channel.switch(HEAD, 1)
            line.hang_up()
            channel.leave(10, properly=properly)
            self.world.clock.advance(30)
            self.assertFalse(line.closed)


class RefusalTests(Case):
    def test_where_it_is_switched_off(self) -> None:
        """What follows may be the other protocol already, and is no request."""
        self.upgrades.tokens = ()
        line, _ = self.asked()
        line.say(request("GET", "/healthz"))
        self.assertEqual(read_answer(line.heard()).status, 404)
        self.world.clock.advance(3)
        self.assertTrue(line.closed)

    def test_asked_for_by_head(self) -> None:
        """It is refused without a body."""
        line = Line(self.world.site)
        line.say(request("HEAD", PREFIX.decode() + "h/1/", *ASKS))
        (answer,) = read_answers(line.heard(), bodiless=True)
        self.assertEqual(answer.status, 405)

    def test_line_in_the_log(self) -> None:
        """Says what was asked for."""
        line = Line(self.world.site)
        line.say(request("GET", PREFIX.decode() + "h/1/"))
        self.assertEqual(read_answer(line.heard()).status, 426)
        (logged,) = self.world.requests.added
        self.assertEqual((logged.method, logged.path, logged.status), ("GET", PREFIX.decode() + "h/1/", 426))
        self.assertIn("connect-tcp", logged.detail)


class LengthTests(Case):
    def test_paths(self) -> None:
        """Are as long as a destination's name needs, where they are of one, and while these are served."""
        for prefix, tokens, status in (
            (PREFIX.decode(), (b"connect-tcp",), 0),
            ("https://localhost" + PREFIX.decode(), (b"connect-tcp",), 0),
            (PREFIX.decode(), (), 414),
            ("/api/", (b"connect-tcp",), 414),
        ):
            self.upgrades.tokens = tokens
            line = Line(self.world.site)
            line.say(request("GET", prefix + "h" * 300 + "/1/", *ASKS))
            heard = line.heard()
            self.assertEqual(read_answer(heard).status if heard else 0, status, (prefix, tokens))


class SwitchTests(Case):
    def test_much_before_the_answer(self) -> None:
        """Is kept, in bounds, and the client is read on behind it."""
        line, channel = self.asked()
        early = b"e" * 20_000
        line.say(early)
        self.assertFalse(line.read_from)
        self.assertEqual(channel.switch(HEAD, 1), early)
        self.assertTrue(line.read_from)
        line.say(b"more")
        self.assertEqual(self.upgrades.taker.data, b"more")
