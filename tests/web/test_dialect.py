"""A second room beside ProxyMesh's: JSON bodies, cookies, other shapes, another media type, on the same machinery."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Sequence
from http.cookies import SimpleCookie
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.accounts.errors import AccountError, Invalid, NotFound, PlanLimitReached
from meshd.auth.passwords import Busy
from meshd.model import Admission, Refusal
from meshd.running.turns import Turns
from meshd.seldom import Seldom
from meshd.store.interface import StoreUnavailable
from meshd.web.api.dialect import ProxyMesh
from meshd.web.call import Call
from meshd.web.dialect import Dialect
from meshd.web.forms import WHOLE, Form, FormError
from meshd.web.problems import Flaw, TooLong
from meshd.web.reply import Heads, Reply
from meshd.web.room import Caller, Room, Who
from meshd.web.routing import Api
from meshd.web.server.bounds import Bounds
from meshd.web.server.gate import Gate
from meshd.web.server.site import ApiSite
from tests.support.live import settings
from tests.web.support import Answer, Line, World, basic, named, read_answer, request

MEDIA = "application/vnd.test+json"
POLICY = "default-src 'self'; frame-ancestors 'none'"


def told(status: int, message: str, *fields: tuple[str, str], **errors: str) -> Reply:
    return Reply({"message": message, "errors": errors}, status, fields)


class Modern:
    """Whoever has the cookie `session=NAME` is signed in as NAME."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.heads = Heads(MEDIA, (("Server", "other"), ("Content-Security-Policy", POLICY)))

    def read_body(self, call: Call) -> Form:
        if call.header(b"content-type") != MEDIA.encode():
            raise FormError.of(Flaw.NO_FORM)
        try:
            return Form({name: str(value) for name, value in json.loads(call.body).items()})
        except (ValueError, AttributeError):
            raise FormError.of(Flaw.MALFORMED) from None

    def sign_in(self, call: Call) -> Awaitable[Admission | Refusal]:
        session = SimpleCookie((call.header(b"cookie") or b"").decode("latin-1")).get("session")
        return self.world.door.sign_in(call.peer, basic(session.value, "secret") if session else None)

    def not_admitted(self, refusal: Refusal) -> Reply:
        return told(401, refusal.reason, ("WWW-Authenticate", "Cookie"))

    def password_wanted(self) -> Reply:
        return told(403, "sign in again")

    def foreign(self) -> Reply:
        return told(403, "not from there")

    def form_refused(self, error: FormError) -> Reply:
        problem = error.problems.get(WHOLE)
        if problem is not None:
            return told(415 if problem is Flaw.NO_FORM else 400, str(problem))
        return told(422, "the form is wrong", **{name: repr(each) for name, each in error.problems.items()})

    def rule_refused(self, error: AccountError) -> Reply:
        return told(409 if isinstance(error, PlanLimitReached) else 400, error.detail)

    def busy(self) -> Reply:
        return told(503, "busy")

    def store_away(self) -> Reply:
        return told(503, "away")

    def internal_error(self, id_: str) -> Reply:
        return told(500, f"broken: {id_}")

    def unrouted(self, allowed: Sequence[str]) -> Reply:
        return told(405, "other method", ("Allow", ", ".join(allowed))) if allowed else told(404, "nowhere")

    def refused(self, status: int, detail: str, *fields: tuple[str, str]) -> Reply:
        return told(status, detail, *fields)


JO = ("Cookie", "theme=dark; session=jo")
TYPED = ("Content-Type", MEDIA)
LONG = b'{"name": "' + b"x" * 11 + b'"}'

FORMS: dict[str, tuple[tuple[str, ...], bytes, int, dict[str, Any]]] = {
    "a body in JSON": (TYPED, b'{"name": "a", "count": 3}', 201, {"name": "a", "count": 3, "by": "jo"}),
    "one that is none": (TYPED, b'{"name"', 400, {"message": str(Flaw.MALFORMED), "errors": {}}),
    "one that holds no names": (TYPED, b"[1]", 400, {"message": str(Flaw.MALFORMED), "errors": {}}),
    "a form where there are none": (
        ("Content-Type", "application/x-www-form-urlencoded"),
        b"name=a",
        415,
        {"message": str(Flaw.NO_FORM), "errors": {}},
    ),
    "a field with a problem": (
        TYPED,
        LONG,
        422,
        {"message": "the form is wrong", "errors": {"name": repr(TooLong(10, 11)), "count": repr(Flaw.REQUIRED)}},
    ),
}

RAISED: dict[str, tuple[Exception, int, str]] = {
    "a plan without room": (PlanLimitReached("no room"), 409, "no room"),
    "what is not there": (NotFound("no such thing"), 400, "no such thing"),
    "too many passwords": (Busy(), 503, "busy"),
    "a store that goes away": (StoreUnavailable("gone"), 503, "away"),
    "a fault of ours": (ZeroDivisionError(), 500, "broken: 0f0f0f0f0f0f0f0f"),
}


class DialectTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(os.path.join(self.mktemp()))
        dialect: Dialect = Modern(self.world)
        clock = self.world.clock
        seldom = Seldom(clock.seconds)
        api = Api(Turns(clock), seldom=seldom, random=lambda size: b"\x0f" * size)
        Room(api, ProxyMesh(self.world.door))
        room = Room(api, dialect, prefix="/v1/", available=self.world.services.available)
        room.route("POST", "/v1/things/", Who.ANY, self.make, ("name", "count"))
        room.route("GET", "/v1/page/", Who.ANY, self.page, ())
        self.raised: Exception | None = None
        requests: Any = self.world.requests
        self.world.site = ApiSite(api, clock, bounds=Bounds, gate=Gate(settings(), seldom), requests=requests)

    async def make(self, caller: Caller, form: Form) -> Reply:
        if self.raised is not None:
            raise self.raised
        with form.reading() as field:
            name = field.text("name", 10, required=True)
            count = field.whole_number("count", least=0, most=9)
        return Reply({"name": name, "count": count, "by": caller.account.username}, 201)

    async def page(self, caller: Caller, form: Form) -> Reply:
        return Reply(b"<p>hello", media="text/html; charset=utf-8")

    def ask(self, method: str = "POST", target: str = "/v1/things/", *fields: tuple[str, str], **more: Any) -> Answer:
        answer = self.world.ask(method, target, *fields, who=None, **more)
        self.assertEqual((answer.one("Server"), answer.one("Content-Security-Policy")), ("other", POLICY))
        self.assertEqual(answer.all("Cache-Control"), [])
        return answer

    def refused(self, answer: Answer, status: int, message: str) -> None:
        self.assertEqual(answer.seen, (status, {"message": message, "errors": {}}))
        self.assertEqual(answer.one("Content-Type"), MEDIA)

    def test_bodies_are_read_and_their_problems_said_as_the_room_does(self) -> None:
        """Read, worded and numbered by it; which problems there are is the same for every room."""
        for sentence, (kind, body, status, expected) in FORMS.items():
            with named(sentence):
                answer = self.ask("POST", "/v1/things/", JO, kind, body=body)  # type: ignore[arg-type]
                self.assertEqual(answer.seen, (status, expected))
                self.assertEqual(answer.one("Content-Type"), MEDIA)

    def test_an_unknown_field_is_a_problem_in_every_room(self) -> None:
        """As data: what was meant, and what there is."""
        answer = self.ask("POST", "/v1/things/", JO, TYPED, body=b'{"nam": "a"}')
        self.assertEqual((answer.status, list(answer.json["errors"])), (422, ["nam"]))
        self.assertIn("near='name'", answer.json["errors"]["nam"])

    def test_what_a_route_raises(self) -> None:
        """A rule's error, a queue, the store, a fault: each has the room's own status."""
        for sentence, (error, status, message) in RAISED.items():
            with named(sentence):
                self.raised = error
                self.refused(self.ask("POST", "/v1/things/", JO, TYPED, body=b"{}"), status, message)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_values_that_a_rule_refuses(self) -> None:
        """They are an error of the accounts like any other."""
        self.raised = Invalid({"name": ["Taken."]})
        self.assertEqual(self.ask("POST", "/v1/things/", JO, TYPED, body=b"{}").status, 400)

    def test_who_has_no_cookie_is_not_signed_in(self) -> None:
        """Nor is who has the other room's credentials; the challenge is this room's."""
        for fields in ((), (("Cookie", "theme=dark"),), (("Authorization", basic("jo", "secret").decode()),)):
            with named(fields):
                answer = self.ask("POST", "/v1/things/", TYPED, *fields, body=b'{"name": "a", "count": 3}')
                self.refused(answer, 401, "auth-required")
                self.assertEqual(answer.all("WWW-Authenticate"), ["Cookie"])

    def test_a_page_of_another_site_is_refused_before(self) -> None:
        """With the cookie that a browser adds by itself."""
        self.refused(self.ask("POST", "/v1/things/", JO, ("Sec-Fetch-Site", "cross-site")), 403, "not from there")
        self.assertEqual(self.world.door.asked, [])

    def test_paths_and_methods_that_are_not_there(self) -> None:
        """404 and 405 in the room's shape."""
        self.refused(self.ask("GET", "/v1/nothing/"), 404, "nowhere")
        answer = self.ask("GET", "/v1/things/")
        self.refused(answer, 405, "other method")
        self.assertEqual(answer.all("Allow"), ["POST"])

    def test_a_store_that_is_known_to_be_away(self) -> None:
        """Nobody is asked for credentials then."""
        self.world.store.away = StoreUnavailable("gone")
        self.refused(self.ask("POST", "/v1/things/", JO, TYPED, body=b"{}"), 503, "away")
        self.assertEqual(self.world.door.asked, [])

    def test_what_is_refused_below_the_routes(self) -> None:
        """In HTTP's statuses and the room's shape."""
        line = Line(self.world.site)
        line.say(request("POST", "/v1/things/", ("Content-Length", "65537")))
        answer = read_answer(line.heard())
        self.refused(answer, 413, "request body over 65536 bytes")
        self.assertEqual(answer.one("Content-Security-Policy"), POLICY)

    def test_an_answer_may_be_of_another_type(self) -> None:
        """A page beside the JSON, under the room's policy."""
        answer = self.ask("GET", "/v1/page/", JO)
        self.assertEqual((answer.body, answer.one("Content-Type")), (b"<p>hello", "text/html; charset=utf-8"))
