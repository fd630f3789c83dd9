"""Threat 14: whose things each caller reaches, on every route that is mounted, by every name and id of another."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import urlencode

from twisted.trial.unittest import SynchronousTestCase

from tests.threats.web.stage import FAMILIES, PEOPLE, VALUES, Asked, Route, Stage, basic_of, token_of
from tests.threats.web.test_attacks import OWN_SIGN_IN
from tests.web.support import Answer, named

NAMES = ("username", "name", "account", "parent", "after", "prefix")
"""Fields and parts of paths that name an account; the last two say where a list begins."""
IDS = ("id", "token", "account_id", "cursor")
NOBODY = {"name": "zzzz", "id": "987654321"}

SEES = ("/see/", "/seen/end/", "/hosts/tokens/create/", "/hosts/tokens/delete/")
"""Forms that are a viewer's too: to begin and end to see a customer's pages, and for tokens that can read alone."""

NOBODYS = ("/operator/hosts/{kind}/", "/operator/certificates/")
"""Routes about what is published, which every admin changes, and belongs to no account."""

CHANGES = ("POST", "PUT", "PATCH", "DELETE")


class Caller(NamedTuple):
    """Somebody, and how she signs in: at a page by her cookie, at an API by her password or a token."""

    name: str
    way: str = "password"

    def may_send(self, route: Route) -> bool:
        return route.room in ("account", "operators") or (route.room == "pages" and self.way == "password")


class ReachCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.stage = Stage(os.path.join(self.mktemp()))
        for name in PEOPLE:
            self.stage.browser(name)
        self.stage.dump()

    def ask(self, caller: Caller, route: Route, values: Mapping[str, str]) -> Answer:
        """One request with these fields and parts of the path; those that the route does not have are left out."""
        form = {name: values[name] for name in route.fields if name in values and name not in route.variables}
        target = route.filled({name: values.get(name, "x") for name in route.variables})
        if route.room == "pages":
            browser = self.stage.browser(caller.name)
            asked = Asked(route.method, target, {**form, "csrf": token_of(browser)}, (), tuple(browser.cookies.items()))
            if route.method == "GET":
                asked = Asked("GET", f"{target}?{urlencode(form)}" if form else target, {}, (), asked.cookies)
            return asked.send(self.stage)
        who: tuple[tuple[str, object], ...] = (basic_of(caller.name),)
        if caller.way == "token":
            who = (("Authorization", f"Bearer {self.stage.tokens[caller.name]['token']}"),)
        if route.method == "GET":
            return Asked("GET", f"{target}?{urlencode(form)}", {}, who).send(self.stage)  # type: ignore[arg-type]
        if route.room == "account":
            return Asked(route.method, target, form, who).send(self.stage)  # type: ignore[arg-type]
        body = json.dumps({name: _typed(name, text) for name, text in form.items()}).encode()
        fields = (*who, ("Content-Type", "application/json"))
        return Asked(route.method, target, {}, fields, (), body).send(self.stage)  # type: ignore[arg-type]

    def routes(self, *methods: str) -> Iterator[Route]:
        for route in self.stage.routes:
            if route.method in methods and route.room in ("pages", "account", "operators"):
                yield route

    def unchanged(self, answer: Answer, statuses: tuple[int, ...], before: list[str]) -> None:
        self.assertIn(answer.status, statuses, answer.body)
        self.assertEqual(self.stage.dump(), before)


def _typed(name: str, text: str) -> object:
    if name in ("proxies",):
        return [text]
    return int(text) if name in ("bytes", "monthly_limit", "total_limit", "billing_day") and text.isdigit() else text


class RoleTests(ReachCase):
    """What a role does not open: on every route, its names right and its form filled in."""

    def test_a_viewer_changes_nothing(self) -> None:
        """By no page, by neither API and no token, her own things or another's; but how she signs in herself."""
        self.stage.live.limits = self.stage.live.limits.__class__(failures=1000)
        for route in self.routes(*CHANGES):
            own = route.path.startswith(OWN_SIGN_IN) or route.path.endswith(SEES)
            for name in ("", "jo", "vi", "sub") if not own else ():
                with named((str(route), name)):
                    values = {**VALUES, **(dict.fromkeys(NAMES, name) if name else {}), "bytes": "5"}
                    if not name:
                        values = {each: text for each, text in values.items() if each not in NAMES}
                    before = self.stage.dump()
                    self.unchanged(self.ask(Caller("vi"), route, values), (400, 403, 404), before)

    def test_operators_rooms_are_closed(self) -> None:
        """To customers, sub-accounts, and everybody's tokens, the root's too; a stranger is told to sign in."""
        for route in self.routes("GET", *CHANGES):
            if route.room == "operators" or route.path.startswith("/operator"):
                for caller in (
                    Caller("jo"),
                    Caller("sub"),
                    Caller("tom"),
                    Caller("admin", "token"),
                    Caller("jo", "token"),
                ):
                    if caller.may_send(route):
                        with named((str(route), caller)):
                            before = self.stage.dump()
                            values = {**VALUES, **dict.fromkeys(NAMES, caller.name)}
                            self.unchanged(self.ask(caller, route, values), (403,), before)
                with named((str(route), "a stranger")):
                    before = self.stage.dump()
                    answer = Asked(route.method, route.filled({}), {}).send(self.stage)
                    self.unchanged(answer, (401,) if route.room == "operators" else (303,), before)

    def test_reading_changes_nothing(self) -> None:
        """No GET writes a thing, whoever asks and however often, nor does a HEAD or what is no method of the route."""
        for route in self.stage.routes:
            if route.method == "GET" and route.room != "open":
                for name in ("admin", "vi", "jo", "sub"):
                    with named((str(route), name)):
                        before = self.stage.dump()
                        values = {
                            **VALUES,
                            **dict.fromkeys(NAMES, "sub"),
                            "name": "us" if "prox" in route.path else "sub",
                        }
                        first = self.ask(Caller(name), route, values)
                        self.ask(Caller(name), route, values)
                        self.assertLess(first.status, 500, first.body)
                        self.assertEqual(self.stage.dump(), before)


class Foreign(NamedTuple):
    """Somebody who tries another's names and ids."""

    caller: str
    others: tuple[str, ...]


FOREIGN = (
    Foreign("jo", ("eve", "eves", "admin", "op", "vi")),
    Foreign("sub", ("jo", "sib", "eve", "eves", "admin")),
    Foreign("eve", ("jo", "sub", "admin")),
    Foreign("op", ("admin", "op2", "vi")),
    Foreign("op2", ("op",)),
    Foreign("vi", ("admin", "op")),
)


class ForeignTests(ReachCase):
    """Names and ids of others, in each field and each part of a path that takes one."""

    def test_changes(self) -> None:
        """403 or 404, or 400 where the form is not even right; whatever it is, nothing of the other's is changed."""
        for route in self.routes(*CHANGES):
            names = [each for each in (*route.fields, *route.variables) if each in (*NAMES, *IDS)]
            somebodys = "new_" not in route.path and not self._creates(route) and not route.path.startswith(NOBODYS)
            for foreign in FOREIGN if names and somebodys else ():
                for other in foreign.others:
                    for way in ("password", "token"):
                        caller = Caller(foreign.caller, way)
                        if caller.may_send(route) and (way == "password" or self.stage.tokens[caller.name]["token"]):
                            with named((str(route), caller, other)):
                                self._tried(caller, route, other)

    def _creates(self, route: Route) -> bool:
        """Whether `username`, or `name`, is of what is made."""
        made = ("/api/sub/create/", "/api/admin/accounts", "/operator/hosts/tokens/create/")
        return route.path in made or route.path.endswith("/accounts/new/")

    def _tried(self, caller: Caller, route: Route, other: str) -> None:
        before = self.stage.dump()
        values = self.foreign(other)
        if "sessions" in route.path:
            values["id"] = values["session"]
        answer = self.ask(caller, route, values)
        quiet = (303,) if route.path == "/account/sessions/end/" else ()  # a session of another's is one that is over
        self.unchanged(answer, (*quiet, 400, 401, 403, 404), before)

    def foreign(self, other: str) -> dict[str, str]:
        session = self.stage.sql("select id from sessions where account_id = ?", self.stage.accounts_by[other].id)
        ids = {"session": str(session[0][0])}
        ids |= {
            "id": str(self.stage.tokens[other]["id"] or session[0][0]),
            "token": str(self.stage.tokens[other]["id"]),
        }
        return {**VALUES, **dict.fromkeys(NAMES, other), **ids, "account_id": str(self.stage.accounts_by[other].id)}

    def test_ids_alone(self) -> None:
        """A token's, a session's, an exchange's, an address or a name from another's list: as if it were nobody's."""
        stage = self.stage
        tokens = [str(stage.tokens["eve"]["id"]), str(stage.tokens["eves"]["id"])]
        eve = stage.accounts_by["eve"].id
        sessions = [str(row[0]) for row in stage.sql("select id from sessions where account_id = ?", eve)]
        number = PEOPLE.index("eve")
        texts = ["canary-eve-open", f"8.8.{number}.1", "canary-eve-host.example.com"]
        for route in self.routes("POST", "DELETE", "PATCH"):
            given = [each for each in route.fields if each in ("id", "ip", "domain", "exchange")]
            for text in (
                (*tokens, *sessions, *texts) if given and route.room != "operators" and "add" not in route.path else ()
            ):
                for name in ("jo", "sub"):
                    if stage.sql(
                        "select 1 from sessions where id = ? and account_id = ?", text, stage.accounts_by[name].id
                    ):
                        continue
                    with named((str(route), name, text)):
                        before = stage.dump()
                        values = {"id": text, "ip": text, "domain": text, "exchange": text}
                        self.unchanged(self.ask(Caller(name), route, values), (303, 400, 403, 404), before)

    def test_foreign_is_as_absent(self) -> None:
        """To a customer the very bytes are the same, on every route of pages and of the account API."""
        for route in self.routes("GET", *CHANGES):
            names = [each for each in (*route.fields, *route.variables) if each in NAMES[:4]]
            if route.room == "operators" or not names or self._creates(route) or "new_" in route.path:
                continue
            if route.path == "/api/sub/edit/":  # whose document tells the two apart
                continue
            for caller, other in (("jo", "eves"), ("sub", "jo"), ("sub", "sib"), ("eve", "sib"), ("jo", "op2")):
                with named((str(route), caller, other)):
                    told = []
                    for name in (other, "z" * len(other)):
                        answer = self.ask(Caller(caller), route, {"ip": "9.9.9.9", **dict.fromkeys(NAMES[:4], name)})
                        head = tuple(each for each in answer.fields if each[0] not in ("Date", "Set-Cookie"))
                        told.append((answer.status, answer.body.replace(name.encode(), b"*"), head))
                    self.assertEqual(*told)

    def test_what_is_read(self) -> None:
        """Nobody sees a word of whom she may not see, on any page and by either API, whomever she asks for."""
        for route in self.routes("GET"):
            for caller, family in FAMILIES.items():
                for other in ("", *PEOPLE):
                    for way in ("password", "token"):
                        if Caller(caller, way).may_send(route) and (way == "password" or self._has_token(caller)):
                            with named((str(route), caller, way, other)):
                                self._read(Caller(caller, way), route, other, family)

    def _has_token(self, name: str) -> bool:
        return bool(self.stage.tokens[name]["token"])

    def _read(self, caller: Caller, route: Route, other: str, family: tuple[str, ...]) -> None:
        values = self.foreign(other) if other else {}
        answer = self.ask(
            caller, route, {name: text for name, text in values.items() if name in (*NAMES, "id", "token")}
        )
        seen = set(re.findall(rb"canary-([a-z0-9]+)-([a-z]+)", answer.body))
        strange = {each for each in seen if each[0].decode() not in family or each[1] == b"notes"}
        self.assertEqual(strange, set())
        self.assertLess(answer.status, 500)


class CanaryTests(ReachCase):
    def test_they_are_there_to_be_seen(self) -> None:
        """Each is shown to its holder somewhere, so that the search above would find it."""
        seen: set[bytes] = set()
        for route in self.routes("GET"):
            for name in ("jo", "op"):
                answer = self.ask(Caller(name), route, {"name": "sub", "username": "sub"} if name == "jo" else {})
                seen |= set(re.findall(rb"canary-(?:jo|sub)-[a-z]+", answer.body))
                seen |= set(re.findall(rb"canary-(?:jo|sub)-[a-z]+", self.ask(Caller(name), route, {}).body))
        for what in (
            "jo-label",
            "jo-ip",
            "jo-host",
            "jo-target",
            "jo-notes",
            "jo-first",
            "sub-first",
            "sub-ip",
            "jo-live",
        ):
            with named(what):
                self.assertIn(f"canary-{what}".encode(), seen)
