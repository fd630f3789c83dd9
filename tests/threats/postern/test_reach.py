"""Threat 14 in the management of published hosts: who gets in, and what each may reach and say."""

from __future__ import annotations

import os
from typing import get_args

from twisted.trial.unittest import SynchronousTestCase

from meshd.accounts.published.shapes import OWN as OWN_MEMBERS
from meshd.auth.secrets import new_token, token_digest
from meshd.store.statements import tokens as stored
from meshd.values.tokens import HOSTS, TokenKind
from meshd.web.taking import READ_BACK
from tests.threats.postern.stage import ABSENT, PosternStage, Route
from tests.web.support import NOON, Answer, named

OPEN = {
    "GET /api/",
    "GET /api/openapi.json",
    "GET /api/schema",
    "GET /api/version/check",
    "POST /api/auth/login",
    "POST /api/auth/logout",
    "POST /api/auth/refresh",
    "POST /api/tokens",
}
"""What is for whoever has not signed in."""

OWN = ("/api/access-tokens", "/api/users/{id}/auth")
"""What a viewer changes of its own."""

MASS = {
    "owner_id", "token_id", "sealed_key", "state", "revision", "deleted", "kind", "created", "digest", "plan",
    "username", "password_hash", "account_id", "parent_id", "billing_day", "__proto__", "constructor",
}  # fmt: skip
"""Columns and members that a caller has no business to say."""


class ReachCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.stage = PosternStage(os.path.join(self.mktemp()))

    def ask(self, route: Route, who: str, *fields: tuple[str, str | bytes], id_: str = "") -> Answer:
        target = route.filled(id_ or self.stage.things.get(route.kind, ABSENT))
        body = route.body() if route.changes and route.method != "DELETE" else None
        return self.stage.send(route.method, target, body or None, *fields, who=who)


class WhoTests(ReachCase):
    def test_who_needs_no_token(self) -> None:
        self.assertLessEqual({str(each) for each in self.stage.routes} - set(map(str, self.stage.signed)), OPEN)

    def test_who_is_nobody(self) -> None:
        """No token, none at all, one of another dialect's, a customer's password, one that was deleted, one that
        renews: 401 on every route that wants one, and nothing is changed.
        """
        stage = self.stage
        made = stage.send("POST", "/api/access-tokens", {"name": "gone"}).json
        stage.send("DELETE", f"/api/access-tokens/{made['id']}")
        renewing = stage.login("boss").all("Set-Cookie")[0].partition("=")[2].partition(";")[0]
        others = [new_token() for kind in get_args(TokenKind) if kind not in HOSTS]
        for kind, secret in zip([each for each in get_args(TokenKind) if each not in HOSTS], others, strict=True):
            stage.store.file.run(stored.create, stage.boss.id, token_digest(secret), "", "", NOON, kind=kind)
        bearers = ("", "x", "a" * 4000, *others, "ph_" + "A" * 43, made["token"], renewing, "pp_", "ps_")
        told = [*(f"Bearer {each}".encode() for each in bearers), b"Basic am86c2VjcmV0", b"Bearer \xff\xfe", b"bearer"]
        for route in stage.signed:
            before = stage.dump()
            for credential in (None, *told):
                with named((str(route), credential)):
                    fields = [("Authorization", credential)] if credential is not None else []
                    answer = self.ask(route, "", *fields)
                    self.assertEqual(answer.status, 401, answer)
                    self.assertTrue(answer.one("WWW-Authenticate").startswith("Bearer"))
            self.assertEqual(stage.dump(), before)

    def test_who_was_deactivated(self) -> None:
        """The token and the session of a user who is not active any more open nothing."""
        gone = self.stage.staff("gone", "admin")
        told = (self.stage.session("gone"), self.stage.token("gone"))
        self.assertEqual(self.stage.send("PUT", f"/api/users/{gone.id}", {"active": False}).status, 200)
        for route in self.stage.signed:
            for token in told:
                with named((str(route), token[:3])):
                    before = self.stage.dump()
                    self.assertEqual(self.ask(route, token).status, 401)
                    self.assertEqual(self.stage.dump(), before)

    def test_a_viewer(self) -> None:
        """Changes nothing but what is its own, by a session and by a token."""
        for who in (self.stage.session("eye"), self.stage.token("eye")):
            for route in self.stage.signed:
                if route.changes and not route.path.startswith(OWN):
                    for id_ in ("", str(self.stage.eye.id), str(self.stage.boss.id)):
                        with named((str(route), who[:3], id_)):
                            before = self.stage.dump()
                            self.assertEqual(self.ask(route, who, id_=id_).status, 403)
                            self.assertEqual(self.stage.dump(), before)

    def test_tokens_of_another_user(self) -> None:
        """Are as absent: not told, not deleted."""
        made = self.stage.send("POST", "/api/access-tokens", {"name": "mine"}).json
        self.stage.things["access-tokens"] = str(made["id"])
        told = [self.stage.send("DELETE", f"/api/access-tokens/{id_}", who="eye") for id_ in (made["id"], ABSENT)]
        self.assertEqual([each.status for each in told], [404, 404])
        self.assertEqual(told[0].body, told[1].body)
        self.assertEqual(self.stage.send("GET", "/api/access-tokens", who="eye").json, [])
        self.assertEqual(self.stage.send("GET", "/api/access-lists", who=made["token"]).status, 200)


class MassAssignmentTests(ReachCase):
    """By the paths of this API and by those of its relative."""

    def test_each_on_each(self) -> None:
        """What nobody has to say is refused by its name, and changes nothing."""
        for route in self.writing():
            told = READ_BACK | OWN_MEMBERS.get(route.kind, {}).keys()
            for name in sorted(MASS - told):
                with named((str(route), name)):
                    before = self.stage.dump()
                    answer = self.say(route, name, 1)
                    self.assertIn(answer.status, (400, 409), answer)
                    self.assertEqual(self.stage.dump(), before)

    def test_what_only_tells(self) -> None:
        """A member that a client may send back as it was read is stored nowhere, whatever it is sent as: what is made
        or changed with it is what is made or changed without it.
        """
        for route in self.writing():
            for name in sorted(READ_BACK | OWN_MEMBERS.get(route.kind, {}).keys()):
                for value in (1, "active"):
                    with named((str(route), name, value)):
                        self.assertEqual(self.made(route, {name: value}), self.made(route, {}))

    def test_an_owner_stays(self) -> None:
        """A member that only tells who owns a host moves it to nobody else."""
        for kind, id_ in self.stage.things.items():
            with named(kind):
                self.stage.send("PUT", f"/api/{kind}/{id_}", {"owner_user_id": self.stage.eye.id})
                told = self.stage.send("GET", f"/api/{kind}/{id_}").json
                self.assertEqual(told["owner_user_id"], self.stage.boss.id)

    def writing(self) -> list[Route]:
        """The routes by which a resource is made or changed."""
        found = [each for each in self.stage.routes if each.kind and not each.fields and each.method in ("POST", "PUT")]
        return [each for each in found if not each.path.endswith(("/enable", "/disable", "/renew"))]

    def say(self, route: Route, name: str, value: object) -> Answer:
        target = route.filled(self.stage.things[route.kind])
        return self.stage.send(route.method, target, {**route.body(), name: value})

    def made(self, route: Route, members: dict[str, object]) -> list[object]:
        """The row that a route makes, which is gone again, or changes, with more members in its body."""
        stage, kind = self.stage, route.kind
        id_ = stage.things[kind]
        if route.method == "POST":
            stage.send("DELETE", f"/api/{kind}/{id_}")
        answer = stage.send(route.method, route.filled(id_), {**route.body(), **members})
        self.assertIn(answer.status, (200, 201), answer)
        stage.things[kind] = str(answer.json["id"])
        (row,) = stage.rows(
            "select kind, settings, secret, enabled, owner_id, created_at, modified_at from published where id = ?",
            answer.json["id"],
        )
        return list(row)
