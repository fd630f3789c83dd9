from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from meshd.accounts.errors import Invalid, NotFound, NotYours, PlanLimitReached, PlanUnknown
from meshd.model import Refusal
from meshd.running.turns import Turns
from meshd.seldom import Seldom
from meshd.store.interface import Conflict, StoreUnavailable
from meshd.web.api.dialect import ProxyMesh
from meshd.web.api.wording import FLAWS
from meshd.web.call import Call
from meshd.web.forms import Form, FormError
from meshd.web.problems import Flaw
from meshd.web.reply import EMPTY, Reply
from meshd.web.room import Caller, Room, Who
from meshd.web.routing import Api
from meshd.web.server.requestlog import Answered
from tests.support.said import said
from tests.web.support import Line, World, basic, named, read_answer, request, result

CHALLENGES = ['Basic realm="meshd", charset="UTF-8"', 'Bearer realm="meshd"']

RAISED: dict[str, tuple[Exception, int, Any]] = {
    "a form that is wrong": (FormError({"id": Flaw.NO_NUMBER}), 400, {"id": ["Enter a whole number."]}),
    "a form that is too large": (FormError.of(Flaw.TOO_MANY_FIELDS), 413, {"detail": "Too many fields: at most 100."}),
    "no form at all": (FormError.of(Flaw.NO_FORM), 415, {"detail": FLAWS[Flaw.NO_FORM]}),
    "a value that a rule refuses": (Invalid({"id": ["An expired token."]}), 400, {"id": ["An expired token."]}),
    "a plan without room": (PlanLimitReached("your plan"), 402, {"detail": "your plan"}),
    "what is another's": (NotYours(), 403, {"detail": "not a sub-account of yours"}),
    "what is not there": (NotFound("no such token"), 404, {"detail": "no such token"}),
    "a plan that the operator removed": (PlanUnknown("plan gone"), 503, {"detail": "plan gone"}),
    "a store that is away": (StoreUnavailable("x"), 503, {"detail": "temporarily unavailable, try again"}),
}

REFUSED: dict[str, tuple[Refusal, int, str, str | None]] = {
    "no credentials": (Refusal("auth-required"), 401, "authentication required", None),
    "wrong ones": (Refusal("auth-invalid"), 401, "invalid credentials", None),
    "banned": (Refusal("auth-banned", retry_after=10_000), 429, "too many failures", "10000"),
    "banned for less than a second more": (Refusal("auth-banned"), 429, "too many failures", "1"),
    "inactive": (Refusal("account-inactive"), 402, "account inactive", None),
    "nobody can tell now": (
        Refusal("auth-unavailable", retry_after=1),
        503,
        "temporarily unavailable, try again",
        "1",
    ),
}

FIELDS = ("label", "username")


class RoutingTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(os.path.join(self.mktemp()))
        self.api = Api(
            Turns(self.world.clock), seldom=Seldom(self.world.clock.seconds), random=lambda size: b"\x0f" * size
        )
        self.room = room = Room(self.api, ProxyMesh(self.world.door))
        self.got: list[tuple[int, dict[str, str]]] = []
        self.outcome: Reply | Exception | Deferred[Reply] = Reply({"ok": True})
        room.route("GET", "/api/thing/", Who.ANY, self.thing, FIELDS)
        room.route("POST", "/api/thing/", Who.ANY, self.thing, FIELDS)
        room.route("POST", "/api/secret/", Who.PASSWORD, self.thing, ())
        self.world.site.api, self.world.site.resource = self.api, self.api.resource()

    async def thing(self, caller: Caller, form: Form) -> Reply:
        self.got.append((caller.id, dict(form)))
        if isinstance(self.outcome, Exception):
            raise self.outcome
        if isinstance(self.outcome, Deferred):
            return await self.outcome
        return self.outcome

    def call(self, method: str = "GET", path: str = "/api/thing/", **more: Any) -> Reply:
        call = Call(method, path, "192.0.2.1", {b"authorization": basic("jo", "secret")}.get, **more)
        return result(self.api.call(path, call))


class AroundTests(RoutingTestCase):
    def test_what_every_request_passes(self) -> None:
        """It is told of the request, gets what answers, and may answer in its place; each way of mounting has it."""
        passed: list[tuple[str, str]] = []

        async def around(answer: Callable[[Call], Awaitable[Reply]], call: Call) -> Reply:
            passed.append((call.method, call.path))
            if call.peer == "192.0.2.66":
                return Reply({"detail": "go away"}, 429)
            reply = await answer(call)
            return replace(reply, note="passed")

        async def anybody(*_: object) -> Reply:
            return Reply({"ok": True})

        room = Room(self.api, ProxyMesh(self.world.door), prefix="/x/", around=around)
        room.route("GET", "/x/signed/", Who.ANY, self.thing, ())
        room.visitors("GET", "/x/visitor/", anybody, ())
        room.raw("GET", "/x/raw/", anybody)
        room.open("/x/open/", anybody)
        for path in ("/x/signed/", "/x/visitor/", "/x/raw/", "/x/open/"):
            reply = self.call(path=path)
            self.assertEqual((reply.status, reply.note), (200, "passed"), path)
        self.assertEqual(len(passed), 4)
        call = Call("GET", "/x/signed/", "192.0.2.66", {}.get)
        self.assertEqual(result(self.api.call("/x/signed/", call)).status, 429)
        self.assertEqual(self.call().note, "")


class AnswerTests(RoutingTestCase):
    def test_each_error_has_its_status_and_shape(self) -> None:
        """contract.md, 3: 400 by field, every other error with a detail."""
        for sentence, (error, status, body) in RAISED.items():
            with named(sentence):
                self.outcome = error
                reply = self.call()
                self.assertEqual((reply.status, reply.body), (status, body))
                self.assertEqual("Retry-After" in dict(reply.fields), status == 503)

    def test_each_refusal_has_its_status(self) -> None:
        """And the route is never called."""
        for sentence, (refusal, status, detail, pause) in REFUSED.items():
            with named(sentence):
                self.world.door.refusal = refusal
                answer = self.world.get("/api/thing/")
                self.assertEqual(answer.seen, (status, {"detail": detail}))
                self.assertEqual(answer.all("Retry-After"), [pause] if pause else [])
                self.assertEqual(answer.all("WWW-Authenticate"), CHALLENGES if status == 401 else [])
        self.assertEqual(self.got, [])

    def test_a_store_that_is_away_while_signing_in_is_503_too(self) -> None:
        """Never let in, and never an internal error."""
        self.world.store.away = StoreUnavailable("gone")
        answer = self.world.get("/api/thing/")
        self.assertEqual(answer.status, 503)
        self.assertTrue(answer.one("Retry-After"))

    def test_a_fault_of_ours_shows_an_id_and_nothing_else(self) -> None:
        """The same id stands in the log, with what happened."""
        for error in (ZeroDivisionError("password=secret"), Conflict("accounts"), KeyError("x")):
            with named(error):
                self.outcome = error
                events: list[Any] = []
                globalLogPublisher.addObserver(events.append)
                try:
                    answer = self.world.get("/api/thing/")
                finally:
                    globalLogPublisher.removeObserver(events.append)
                self.assertEqual(answer.seen, (500, {"detail": f"internal error, id {'0f' * 8}"}))
                (event,) = [event for event in events if "log_failure" in event]
                self.assertEqual((event["id"], event["path"]), ("0f" * 8, "/api/thing/"))
                self.assertEqual(self.flushLoggedErrors(type(error)), [event["log_failure"]])

    def test_a_fault_that_comes_again_is_told_once_and_each_id_stands_in_the_request_log(self) -> None:
        """Whoever finds one can bring it about as often as she likes."""
        self.outcome = ZeroDivisionError()
        with said("meshd.web.routing") as lines:
            for _ in range(5):
                self.assertEqual(self.world.get("/api/thing/").status, 500)
        told = f"internal error, id {'0f' * 8}"
        self.assertEqual(lines, [f"{told}, in GET /api/thing/"])
        self.assertEqual([line.detail for line in self.world.requests.added], [told] * 5)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_an_answer_that_is_no_json_is_a_fault_of_ours(self) -> None:
        """And does not leave the client waiting."""
        self.outcome = Reply({"at": object()})
        self.assertEqual(self.world.get("/api/thing/").status, 500)
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)

    def test_a_reason_that_no_sign_in_can_have_lets_nobody_in(self) -> None:
        """A new reason in the table of the proxy must not open the API."""
        self.world.door.refusal = Refusal("proxy-not-authorized")
        self.assertEqual(self.world.get("/api/thing/").status, 500)
        self.assertEqual(len(self.flushLoggedErrors(AssertionError)), 1)
        self.assertEqual(self.got, [])

    def test_every_answer_says_what_it_is_and_is_kept_by_nobody(self) -> None:
        """Length, type and the headers of security, whatever the status; no banner beyond the name."""
        self.room.open("/empty", self.empty)
        for target, status in (("/api/thing/", 200), ("/nope", 404), ("/empty", 204)):
            with named(target):
                answer = self.world.get(target)
                self.assertEqual(answer.status, status)
                self.assertEqual(answer.one("Server"), "meshd")
                self.assertEqual(answer.one("Cache-Control"), "no-store")
                self.assertEqual(answer.one("X-Content-Type-Options"), "nosniff")
                self.assertIn("frame-ancestors 'none'", answer.one("Content-Security-Policy"))
                typed = [] if status == 204 else ["application/json"]
                self.assertEqual(answer.all("Content-Type"), typed)
                self.assertEqual(answer.all("Content-Length"), [] if status == 204 else [str(len(answer.body))])
                self.assertEqual(answer.all("Transfer-Encoding"), [])

    async def empty(self) -> Reply:
        return Reply(EMPTY, 204)


class PathTests(RoutingTestCase):
    def test_a_path_answers_with_and_without_its_slash(self) -> None:
        """contract.md, 3: GET and POST, directly; a redirect would lose the form."""
        for method in ("GET", "POST"):
            for target in ("/api/thing/", "/api/thing"):
                with named((method, target)):
                    self.assertEqual(self.world.ask(method, target, form={} if method == "POST" else None).status, 200)

    def test_head_is_a_get_without_its_body(self) -> None:
        """With the same headers, the length included."""
        get, head = self.world.get("/api/thing/"), self.world.ask("HEAD", "/api/thing/")
        without_date = [(name, value) for name, value in head.fields if name != "Date"]
        self.assertEqual(without_date, [(name, value) for name, value in get.fields if name != "Date"])
        self.assertEqual((head.status, head.body), (200, b""))

    def test_another_method_is_405_with_allow(self) -> None:
        """Before anybody signs in: the document tells it anyway."""
        for method, target, allow in (
            ("POST", "/api/secret2/", None),
            ("GET", "/api/secret/", "POST"),
            ("HEAD", "/api/secret/", "POST"),
            ("DELETE", "/api/thing/", "GET, HEAD, POST"),
            ("OPTIONS", "/api/thing", "GET, HEAD, POST"),
            ("PATCH", "/api/thing", "GET, HEAD, POST"),
        ):
            with named((method, target)):
                answer = self.world.ask(method, target, who=None)
                self.assertEqual(answer.status, 404 if allow is None else 405)
                self.assertEqual(answer.all("Allow"), [allow] if allow else [])
        self.assertEqual(self.world.door.asked, [])

    def test_what_is_not_there_is_404_in_json(self) -> None:
        """And never a redirect, whatever the slashes."""
        for target in (
            "/",
            "/api",
            "/api/thing/x",
            "/api//thing/",
            "/api/thing//",
            "/API/thing/",
            "/api/%2e%2e/thing",
            "/é",
        ):
            with named(target):
                answer = self.world.get(target.replace("é", "%C3%A9"))
                self.assertEqual(answer.seen, (404, {"detail": "not found"}))

    def test_a_route_cannot_be_mounted_twice(self) -> None:
        """The second would never be asked."""
        with self.assertRaises(AssertionError):
            self.room.route("GET", "/api/thing/", Who.ANY, self.thing, FIELDS)


class FormTests(RoutingTestCase):
    def test_a_get_has_its_query_and_a_post_its_body(self) -> None:
        """As the documents write them."""
        self.world.get("/api/thing/?username=sub")
        self.world.post("/api/thing/", {"label": "x y"})
        self.assertEqual(self.got, [(self.world.jo.id, {"username": "sub"}), (self.world.jo.id, {"label": "x y"})])

    def test_the_content_type_of_a_get_is_ignored(self) -> None:
        """proxymesh-behaviour.md, 7.3: a script sends `application/json` with its GET."""
        answer = self.world.ask("GET", "/api/thing/?a=1", ("Content-Type", "application/json"))
        self.assertEqual((answer.status, self.got[0][1]), (200, {"a": "1"}))

    def test_the_body_of_a_get_is_ignored(self) -> None:
        """A GET acts on what its address says."""
        self.world.ask("GET", "/api/thing/?a=1", ("Content-Type", "application/x-www-form-urlencoded"), body=b"a=2")
        self.assertEqual(self.got[0][1], {"a": "1"})

    def test_fields_in_the_address_of_a_post_are_refused(self) -> None:
        """Dropped silently, `?username=sub` would make a token for the parent instead."""
        answer = self.world.post("/api/thing/?username=sub", {"label": "x"})
        self.assertEqual(answer.seen, (400, {"username": ["Send this field in the body of the request."]}))
        self.assertEqual(self.got, [])

    def test_a_query_is_read_as_strictly_as_a_body(self) -> None:
        """A field twice is 400 and named; a semicolon separates nothing."""
        answer = self.world.get("/api/thing/?username=sub&username=jo")
        self.assertEqual(answer.seen, (400, {"username": ["This field was sent more than once."]}))
        self.world.get("/api/thing/?a=1;b=2")
        self.assertEqual(self.got, [(self.world.jo.id, {"a": "1;b=2"})])

    def test_json_gets_a_message_that_says_so(self) -> None:
        """The documents: "Otherwise you will get an error message."."""
        answer = self.world.ask("POST", "/api/thing/", ("Content-Type", "application/json"), body=b'{"label": "x"}')
        self.assertEqual(answer.status, 400)
        self.assertIn("not JSON", answer.json["__all__"][0])

    def test_who_is_not_signed_in_does_not_learn_whether_the_form_was_right(self) -> None:
        """Credentials first."""
        answer = self.world.ask("POST", "/api/thing/", ("Content-Type", "application/json"), who=None, body=b"{}")
        self.assertEqual(answer.status, 401)


class WhoTests(RoutingTestCase):
    def test_a_token_opens_what_is_open_to_any_credential(self) -> None:
        """And acts for its own account."""
        secret = self.token()
        answer = self.world.get("/api/thing/", who=f"Bearer {secret}".encode())
        self.assertEqual((answer.status, self.got), (200, [(self.world.jo.id, {})]))

    def test_a_token_does_not_open_what_needs_a_password_in_whatever_form_it_comes(self) -> None:
        """As a bearer token, as a Basic password, as a Basic user-id: 401 with both challenges."""
        secret = self.token()
        for who in (f"Bearer {secret}".encode(), basic("jo", secret), basic(secret, "")):
            answer = self.world.post("/api/secret/", who=who)
            self.assertEqual(answer.status, 401)
            self.assertEqual(answer.all("WWW-Authenticate"), CHALLENGES)
            self.assertIn("username and password", answer.json["detail"])
        self.assertEqual(self.got, [])
        self.assertEqual(self.world.post("/api/secret/").status, 200)

    def token(self) -> str:
        from meshd.web.api.tokens import TokenRoutes

        TokenRoutes(self.world.services).mount(self.room)
        return str(self.world.new_token()["token"])

    def test_the_peer_is_the_socket_and_no_header(self) -> None:
        """threats.md, rows 9 and 29: what a client writes does not move its failures to another address."""
        self.world.ask("GET", "/api/thing/", ("X-Forwarded-For", "203.0.113.7"), ("Forwarded", "for=203.0.113.7"))
        self.assertEqual([peer for peer, _ in self.world.door.asked], ["192.0.2.1"])


class HangUpTests(RoutingTestCase):
    def test_a_client_that_hangs_up_ends_nothing(self) -> None:
        """What was begun is finished, and whoever stops the daemon can wait for it."""
        work: Deferred[Reply] = Deferred()
        self.outcome = work
        line = Line(self.world.site)
        line.say(request("POST", "/api/thing/", ("Authorization", basic("jo", "secret"))))
        line.hang_up()
        settled: list[None] = []
        from twisted.internet.defer import ensureDeferred

        ensureDeferred(self.api.drain()).addCallback(settled.append)
        self.assertEqual((work.called, settled), (False, []))
        work.callback(Reply({"done": True}))
        self.assertEqual(settled, [None])
        self.assertEqual(line.heard(), b"")

    def test_a_client_that_hangs_up_before_a_fault_leaves_one_line_in_the_log(self) -> None:
        """The fault is reported as if it had waited."""
        work: Deferred[Reply] = Deferred()
        self.outcome = work
        line = Line(self.world.site)
        line.say(request("POST", "/api/thing/", ("Authorization", basic("jo", "secret"))))
        line.hang_up()
        work.errback(ZeroDivisionError())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_an_answer_in_time_is_still_sent(self) -> None:
        """The waiting itself loses nothing."""
        work: Deferred[Reply] = Deferred()
        self.outcome = work
        line = Line(self.world.site)
        line.say(request("POST", "/api/thing/", ("Authorization", basic("jo", "secret"))))
        work.callback(Reply({"done": True}))
        self.assertEqual(read_answer(line.heard()).json, {"done": True})


class FaultTests(RoutingTestCase):
    def test_an_answer_that_was_begun_is_not_given_again(self) -> None:
        """A fault behind the answer is told in the log, and the connection is cut: the client cannot be told."""
        for error in (TypeError(), ValueError(), ZeroDivisionError()):
            with named(error):

                def add(answered: Answered, error: Exception = error) -> None:
                    raise error

                self.patch(self.world.requests, "add", add)
                line = Line(self.world.site)
                line.say(request("GET", "/api/thing/", ("Authorization", basic("jo", "secret"))))
                self.assertEqual(read_answer(line.heard()).json, {"ok": True})
                self.assertTrue(line.cut)
                self.assertEqual(len(self.flushLoggedErrors(type(error))), 1)

    def test_a_field_that_cannot_be_written_is_a_fault_of_ours(self) -> None:
        """Found before anything is sent."""
        self.outcome = Reply({}, fields=(("X", "\u20ac"),))
        self.assertEqual(self.world.get("/api/thing/").status, 500)
        self.assertEqual(len(self.flushLoggedErrors(UnicodeEncodeError)), 1)

    def test_a_site_whose_paths_are_not_where_they_should_be_fails_loudly(self) -> None:
        """Rather than search for each."""
        del self.api.known
        with self.assertRaises(AttributeError):
            self.world.get("/api/thing/")
