from __future__ import annotations

import os
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from meshd.web.server.requestlog import Answered
from tests.web.support import NOON, Line, World, basic, read_answer, request

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
GET = request("GET", "/api/proxies/", ("Authorization", basic("jo", "secret")))


class LogTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(os.path.join(self.mktemp()))
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def test_each_request_is_one_line(self) -> None:
        """Who, what, how it ended, how much, how long."""
        self.world.get("/api/proxies/")
        expected = Answered(NOON, "192.0.2.1", "GET", "/api/proxies/", 200, "jo", 65, 0.0)
        self.assertEqual([each._replace(sent=65, request="") for each in self.world.requests.added], [expected])

    def test_each_has_an_id(self) -> None:
        """Its client's, which is told again whatever the answer, or one of ours, which is nobody else's."""
        for path in ("/api/proxies/", "/api/geoips/open/", "/nope", "/api/nope/"):
            line = Line(self.world.site)
            fields = ("Authorization", basic("jo", "secret")), ("X-Request-Id", "mine"), ("traceparent", PARENT)
            line.say(request("GET", path, *fields))
            self.assertIn(b"\r\nX-Request-Id: mine\r\n", line.transport.value(), path)
            answered = self.world.requests.added.pop()
            self.assertEqual((answered.request, answered.trace), ("mine", PARENT[3:35]), path)
        for _ in range(2):
            self.assertNotIn("x-request-id", self.world.get("/api/proxies/").fields)
        one, two = self.world.requests.added
        self.assertTrue(one.request and two.request)
        self.assertNotEqual(one.request, two.request)
        self.assertEqual(one.trace, "")

    def test_neither_a_query_nor_a_credential_nor_a_secret_is_logged(self) -> None:
        """threats.md, row 21; whatever the outcome, and in neither log."""
        self.world.get("/api/sub/get/?username=sub&password=hush")
        secret = self.world.new_token(label="hush")["token"]
        self.world.get("/api/proxies/", who=f"Bearer {secret}".encode())
        self.world.get("/api/proxies/", who=basic("jo", "hush"))
        self.world.get("/nope?hush")
        text = "\n".join(map(formatEvent, self.events)) + repr(self.events) + repr(self.world.requests.added)
        self.assertEqual(len(self.world.requests.added), 5)
        for hidden in ("hush", secret, secret[3:20], basic("jo", "secret").decode()[6:]):
            self.assertNotIn(hidden, text)

    def test_who_was_not_let_in_has_no_name_in_the_log(self) -> None:
        """A password typed into the name's field would stand there."""
        self.world.get("/api/proxies/", who=basic("jo", "wrong"))
        (answered,) = self.world.requests.added
        self.assertEqual((answered.status, answered.username), (401, ""))

    def test_a_path_is_cut(self) -> None:
        """As it was sent, escapes and all, two hundred bytes of it."""
        self.world.get("/%0aapi" + "x" * 240)
        (answered,) = self.world.requests.added
        self.assertEqual(answered.path, "/%0aapi" + "x" * 193)

    def test_a_client_that_hangs_up_leaves_its_line_all_the_same(self) -> None:
        """A change without a line could not be traced, nor a password be guessed at in the open."""
        path = "/api/token/create/"
        for who, status, username in ((basic("jo", "secret"), 200, "jo"), (basic("jo", "wrong"), 401, "")):
            self.world.door.waiting = Deferred()
            line = Line(self.world.site)
            line.say(request("POST", path, ("Authorization", who)))
            line.hang_up()
            self.assertEqual(self.world.requests.added, [])
            self.world.door.waiting.callback(None)
            expected = Answered(NOON, "192.0.2.1", "POST", path, status, username, 0, 0.0, "client gone")
            self.assertEqual([each._replace(request="") for each in self.world.requests.added], [expected])
            self.world.requests.added.clear()

    def test_so_does_one_that_asks_for_a_path_with_a_name_in_it(self) -> None:
        """Those are searched for in another way."""
        self.world.door.waiting = Deferred()
        line = Line(self.world.site)
        line.say(request("GET", "/api/geoips/open/", ("Authorization", basic("jo", "secret"))))
        line.hang_up()
        self.world.door.waiting.callback(None)
        (answered,) = self.world.requests.added
        self.assertEqual((answered.status, answered.username, answered.detail), (200, "jo", "client gone"))

    def test_a_refusal_below_the_routes_is_a_line_too(self) -> None:
        """With its reason and nothing of what was sent."""
        line = Line(self.world.site)
        line.say(b"EVIL\r\n")
        (answered,) = self.world.requests.added
        self.assertEqual((answered.client, answered.status, answered.detail), ("192.0.2.1", 400, "malformed request"))


class SampleTests(SynchronousTestCase):
    def test_connections_are_counted(self) -> None:
        """All that are open, and those of nobody yet."""
        world = World(os.path.join(self.mktemp()))
        lines = [Line(world.site) for _ in range(3)]
        lines[0].say(GET)
        lines[1].hang_up()
        api = ("api", "accounts")
        found = [("api_connections", (api,), 2.0), ("api_connections_unauthenticated", (api,), 1.0)]
        self.assertEqual(list(world.site.samples())[:2], found)

    def test_requests_are_counted_by_status(self) -> None:
        """Those too that reach no route."""
        world = World(os.path.join(self.mktemp()))
        line = Line(world.site)
        line.say(GET)
        line.say(b"EVIL\r\n")
        found = {labels[1][1]: value for name, labels, value in world.site.samples() if name == "api_requests_total"}
        self.assertEqual(found, {"200": 1.0, "400": 1.0})


class DrainTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(os.path.join(self.mktemp()))
        self.drained: list[None] = []

    def drain(self, carried: Deferred[None] | None = None) -> None:
        ensureDeferred(self.world.site.drain(30, carried)).addCallback(self.drained.append)

    def test_nothing_open_is_drained_at_once(self) -> None:
        """A daemon that nobody uses stops without a pause."""
        self.drain()
        self.assertEqual((self.drained, self.world.clock.getDelayedCalls()), ([None], []))

    def test_idle_connections_are_closed_and_a_request_is_answered_first(self) -> None:
        """Nobody's answer is cut off, and no new request is taken on its connection."""
        waiting: Deferred[None] = Deferred()
        idle, busy = Line(self.world.site), Line(self.world.site)
        idle.say(GET)
        idle.heard()
        self.world.door.waiting = waiting
        busy.say(GET)
        self.drain()
        self.assertEqual((idle.closed, busy.closed), (True, False))
        idle.hang_up()
        waiting.callback(None)
        self.assertEqual(read_answer(busy.heard()).status, 200)
        self.assertTrue(busy.closed)
        self.assertEqual(self.drained, [])
        busy.hang_up()
        self.assertEqual((self.drained, self.world.clock.getDelayedCalls()), ([None], []))

    def test_what_takes_too_long_is_cut_and_its_work_still_waited_for(self) -> None:
        """The connection goes after the time; the change that it began is finished."""
        waiting: Deferred[None] = Deferred()
        self.world.door.waiting = waiting
        busy = Line(self.world.site)
        busy.say(GET)
        self.drain()
        self.world.clock.advance(30)
        self.assertTrue(busy.cut)
        busy.hang_up()
        self.assertEqual(self.drained, [])
        waiting.callback(None)
        self.assertEqual(self.drained, [None])

    def test_what_carries_a_tunnel_is_not_cut_before_that_has_ended(self) -> None:
        """Whichever of the two comes first, the time or the end, both have to."""
        for first in ("time", "end"):
            self.setUp()
            carried: Deferred[None] = Deferred()
            self.world.door.waiting = Deferred()
            busy = Line(self.world.site)
            busy.say(GET)
            self.drain(carried)
            for what in (first, "end" if first == "time" else "time"):
                self.assertFalse(busy.cut, first)
                if what == "time":
                    self.world.clock.advance(30)
                else:
                    carried.callback(None)
            self.assertTrue(busy.cut, first)
            busy.hang_up()
            self.world.door.waiting.callback(None)
            self.assertEqual(self.drained, [None])
