"""Threat 14 below `/v1`: whose things each caller reaches, on every route that is mounted, by every id of another's."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.threats.v1.stage import FREE, KINDS, NOBODY, NOTHING, UNAUTHENTICATED, Route, V1Stage, sound, unwrapped
from tests.web.support import Answer, named

OWNED = ("id", "uuid")
"""Parts of paths that name something that somebody has."""


OTHERS = (("jo", "eve"), ("eve", "jo"), ("sub", "jo|eve"), ("eves", "jo|eve"))
"""Whose words a caller must not see."""


class ReachCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.stage = V1Stage(os.path.join(self.mktemp()))
        self.stage.dump()

    def foreign(self, caller: str, whose: str, collection: str) -> Iterator[tuple[str, str]]:
        """Ids of somebody's that may stand in a place for things of a collection, each with one that nothing has."""
        things = self.stage.things
        (row,) = self.stage.sql("select uuid, id, username from accounts where username = ?", whose)
        found = [str(each) for each in row]
        if collection in things.get(whose, {}):
            found.append(things[whose][collection])
        for value in found:
            if value not in things.get(caller, {}).values():  # a number that is the id of a thing of the caller's
                kind = "number" if value.isdigit() else "uuid" if len(value) >= 32 else "name"
                yield value, NOBODY[kind]

    def ask(self, route: Route, value: str, body: dict[str, Any] | None = None, who: str = "jo") -> Answer:
        sent = (route.body() if body is None else body) if route.changes else None
        answer = self.stage.send(route.method, route.filled(value), sent if sent or route.fields else None, who=who)
        sound(answer)
        return answer


class ForeignTests(ReachCase):
    CALLERS = (("jo", "eve"), ("jo", "eves"), ("eve", "jo"), ("eve", "sub"), ("sub", "jo"), ("sub", "sib"))

    def test_in_a_path(self) -> None:
        """Another's is as absent, to the byte, whatever the route does with it; and nothing is changed."""
        for route in self.stage.routes:
            if route.signed and set(route.variables) & set(OWNED):
                for caller, other in self.CALLERS:
                    for there, absent in self.foreign(caller, other, route.collection):
                        with named((str(route), caller, other, there)):
                            self._as_absent(route, caller, there, absent)

    def _as_absent(self, route: Route, caller: str, there: str, absent: str) -> None:
        before, told = self.stage.dump(), []
        for value in (there, absent):
            answer = self.ask(route, value, who=caller)
            told.append((answer.status, answer.body.replace(f'"{value}"'.encode(), b"*"), _head(answer)))
        self.assertEqual(*told)
        self.assertEqual((answer.status, answer.json), (404, NOTHING))
        self.assertEqual(self.stage.dump(), before)

    def test_in_a_body(self) -> None:
        """In each list of ids and each member that names one: as absent, alone and beside the caller's own."""
        for route in self.stage.routes:
            for field in set(route.fields) & set(KINDS) if route.signed and route.changes else ():
                for caller, other in self.CALLERS:
                    for there, absent in self.foreign(caller, other, KINDS[field]):
                        with named((str(route), field, caller, other, there)):
                            self._as_absent_in_body(route, field, caller, (there, absent))

    def _as_absent_in_body(self, route: Route, field: str, caller: str, both: tuple[str, str]) -> None:
        stage = self.stage
        mine = stage.things.get(caller, {})
        told = []
        theirs = [line for line in stage.dump() if "canary-eve" in line]
        for value in both:
            body = route.body() | {field: [value] if field == "ids" else value}
            if field != "ids" and "ids" in body:
                body["ids"] = [mine[KINDS["ids"]]] if mine else []
            before = stage.dump()
            answer = self.ask(route, mine.get(route.collection, NOBODY["uuid"]), body, who=caller)
            told.append((answer.status, answer.body.replace(f'"{value}"'.encode(), b"*")))
            if not set(self._counts(answer)) - {0}:
                self.assertEqual(_lasting(stage.dump()), _lasting(before))
        self.assertEqual(*told)
        if caller == "jo":
            self.assertEqual([line for line in stage.dump() if "canary-eve" in line], theirs)

    def _counts(self, answer: Answer) -> list[int]:
        """Of an answer about a list, how many things each of its numbers says were changed."""
        told = unwrapped(answer.json) if answer.status < 300 and answer.body else {}
        return [told[name] for name in ("deleted", "reset", "moved") if name in told] if isinstance(told, dict) else []

    def test_what_is_read(self) -> None:
        """Nobody is told a word of another family's, nor a sub-account one of its parent's, by any GET or report."""
        for route in self.stage.routes:
            reads = not route.changes or route.path.startswith(("/v1/traffic", "/v1/requests", "/v1/domain"))
            for caller, others in (
                (("jo", "eve"), ("eve", "jo"), ("sub", "jo|eve"), ("eves", "jo|eve")) if reads else ()
            ):
                own = self.stage.things.get(caller, {}).get(route.collection, "x")
                for value in {own, *(things.get(route.collection, "x") for things in self.stage.things.values())}:
                    with named((str(route), caller, value)):
                        answer = self.ask(route, value, who=caller)
                        self.assertIsNone(re.search(f"canary-({others})-".encode(), answer.body), answer)

    def test_its_own_is_there(self) -> None:
        """So that what was searched for above would be found: every collection lists it, and shows it by its id."""
        for name in ("jo", "eve"):
            for collection, own in self.stage.things[name].items():
                with named((name, collection)):
                    told = unwrapped(self.stage.send("GET", collection, who=name).json)
                    self.assertIn(own, [str(each.get("uuid") or each.get("id")) for each in told])
                    if collection != "/v1/payments":
                        self.assertIn(f"canary-{name}-", json.dumps(told))
                    if ("GET", f"{collection}/{{id}}") in self.stage.site.api.mounted:
                        self.assertEqual(self.stage.send("GET", f"{collection}/{own}", who=name).status, 200)


def _head(answer: Answer) -> list[tuple[str, str]]:
    return [each for each in answer.fields if each[0] != "Date"]


def _lasting(lines: list[str]) -> list[str]:
    """Rows but those that say who did what, which a request without an effect may well add to."""
    return [line for line in lines if not line.startswith(('INSERT INTO "audit"', 'INSERT INTO "changes"'))]


class KeyTests(ReachCase):
    """Whose key, and whether it is one."""

    def test_who_is_nobody(self) -> None:
        """No key, a wrong one, one of another dialect's, one that was revoked: one answer on every route with a key."""
        stage = self.stage
        made = stage.send("POST", "/v1/profile/api-keys", {"name": "gone"}).json
        stage.send("DELETE", f"/v1/profile/api-keys/{made['id']}")
        proxymesh = stage.new_token()["token"]
        credentials = (None, b"Bearer", b"Bearer ", b"Bearer x", b"Bearer " + b"a" * 4000, b"Basic am86c2VjcmV0")
        told = (*credentials, f"Bearer {proxymesh}".encode(), f"Bearer {made['plain_text_token']}".encode())
        told = (*told, b"Bearer \xff\xfe", b"bearer", f"Token {stage.key('jo')}".encode())
        for route in stage.routes:
            for credential in told if route.signed else ():
                with named((str(route), credential)):
                    before = stage.dump()
                    fields = [("Authorization", credential)] if credential is not None else []
                    body = route.body() if route.changes else None
                    answer = stage.send(route.method, route.filled("x"), body or None, *fields, who="")
                    sound(answer)
                    self.assertEqual((answer.status, answer.json), (401, UNAUTHENTICATED))
                    self.assertTrue(answer.one("WWW-Authenticate").startswith("Bearer"))
                    self.assertEqual(stage.dump(), before)

    def test_who_needs_none(self) -> None:
        """Those who are not customers yet, and who asks what there is to buy."""
        open_ = {str(route) for route in self.stage.routes if not route.signed}
        self.assertLessEqual(
            open_,
            {
                "POST /v1/auth/register",
                "POST /v1/auth/login",
                "GET /v1/auth/supported-providers",
                "GET /v1/auth/{provider}/redirect",
                "GET /v1/pricing/regular",
                "GET /v1/pricing/subscriptions",
            },
        )

    def test_of_a_page_of_another_site(self) -> None:
        """Is refused before the key is looked at, and changes nothing."""
        for route in self.stage.routes:
            for field in (("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")):
                if route.signed or route.changes:
                    with named((str(route), field)):
                        before = self.stage.dump()
                        body = route.body() if route.changes else None
                        answer = self.stage.send(route.method, route.filled("x"), body or None, field)
                        sound(answer)
                        self.assertEqual(answer.status, 403)
                        self.assertEqual(self.stage.dump(), before)

    def test_of_a_sub_account(self) -> None:
        """It changes nothing of its parent or its sibling, and makes itself none below it, whatever it sends."""
        stage = self.stage
        kin = ["select * from accounts where username in ('jo', 'sib')", "select count(*) from accounts"]
        for route in stage.routes:
            if route.signed and route.changes:
                for value in {NOBODY["uuid"], stage.things["jo"].get(route.collection, "x")}:
                    with named((str(route), value)):
                        body = route.body() | ({"ids": [value]} if "ids" in route.fields else {})
                        before = [stage.sql(each) for each in kin]
                        self.ask(route, value, body, who=stage.fresh("sub"))
                        self.assertEqual([stage.sql(each) for each in kin], before)
        self.assertEqual(set(stage.things["jo"].values()) - self._there(), set())

    def _there(self) -> set[str]:
        """Ids that `jo` still finds."""
        found: set[str] = set()
        for collection in self.stage.things["jo"]:
            told = unwrapped(self.stage.send("GET", collection).json)
            found |= {str(each.get("uuid") or each.get("id")) for each in told}
        return found


MASS = (
    "role", "plan", "monthly_limit", "total_limit", "parent_id", "account_id", "is_default_user", "used_traffic",
    "used_before", "suspended_at", "lifecycle_status", "proxy_username", "username", "uuid", "id", "active",
    "password_hash", "billing_day", "abilities", "kind", "created_at", "last_used_at", "expires_at", "status", "state",
    "amount", "price", "discount", "bytes", "prepaid_bytes", "completed_at", "email_verified_at", "__proto__",
    "constructor", "sealed", "digest",
)  # fmt: skip
"""Columns and members that a caller has no business to say."""


class MassAssignmentTests(ReachCase):
    def test_each_on_each(self) -> None:
        """Is refused by its name, beside all that may be said and alone, and nothing is changed."""
        for route in self.stage.routes:
            if route.changes and (route.method, route.path) not in FREE:
                own = self.stage.things["jo"].get(route.collection, "x")
                for name in sorted(set(MASS) - set(route.fields)):
                    for body in ({**route.body(), name: 1}, {name: "admin"}):
                        with named((str(route), body)):
                            before = self.stage.dump()
                            answer = self.ask(route, own, body)
                            self.assertEqual((answer.status, set(answer.json["errors"])), (422, {name}))
                            self.assertEqual(self.stage.dump(), before)

    def test_preferences_are_preferences(self) -> None:
        """Its members are free, and none of them is a column of an account."""
        for method, path in FREE & self.stage.site.api.mounted:
            for name in MASS:
                with named((path, name)):
                    before = self.stage.sql("select * from accounts order by id")
                    sound(self.stage.send(method, path, {name: "admin"}))
                    self.assertEqual(self.stage.sql("select * from accounts order by id"), before)
