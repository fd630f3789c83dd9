"""Threats 6 and 16 below `/v1`: what no client of good will sends, in every place of every route that is mounted.

Whatever it is, the answer is of this API's shape: JSON, never a fault of ours, without a word of what is inside.
"""

from __future__ import annotations

import json
import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.threats.v1.stage import FREE, Route, V1Stage, sound
from tests.web.support import Answer, named

LARGEST = 64 * 1024
"""Bytes that a body may have."""

DEEP: Any = 1
for _ in range(60):
    DEEP = [DEEP]

HOSTILE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 1.5, -0.0, 1e308, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**400,
    "", " ", "\0", "a\0b", "\ud800", "a\udfffb", "\u202e", "\ufeff", "\u2028", "💥" * 200, "x" * 5000, "0", "-1", "1e9",
    "٣", "null", "true", "[]", "{}", "' or 1=1 --", '"; drop table accounts; --', "%s%n", "../../etc/passwd",
    "<script>alert(1)</script>", "{{7*7}}", "\r\nX-Evil: 1", "=cmd|' /C calc'!A0", "9" * 400,
    [], [None], [[]], [{}], [1], [""], ["\0"], ["\ud800"], ["x"] * 1001, ["x" * 5000], DEEP,
    {}, {"a": 1}, {"": None}, {"\0": "\0"}, {"\ud800": 1}, {"country": None}, {"country": ["US"]}, {"country": "\0"},
    {"country": {"country": {}}}, {"mode": 1, "ttl": -1}, {"mode": "sticky", "ttl": "9" * 50 + "h"},
    {str(number): number for number in range(500)},
)  # fmt: skip
"""In the place of one member, all others as they should be."""

WRONG: Any = [[None]]
"""What no member can be."""

BODIES = (
    b"null", b"[]", b"1", b'"x"', b"true", b"{", b"}", b"{}{}", b'{"a"}', b'{"a":}', b"{'a': 1}", b"{a: 1}", b"NaN",
    b'{"name": NaN}', b'{"name": Infinity}', b'{"name": 1, "name": 2}', b"\xff\xfe{\0}\0", b'{"name": "\xff"}',
    b'{"name": "\\ud800"}', b'{"\\ud800": 1}', b"\xef\xbb\xbf{}", b"\0", b" ", b"[" * 30_000, b'{"a":' * 10_000,
    b'{"name": 1' + b"0" * 5000 + b"}", b'{"name": 1e999999}', json.dumps({str(n): n for n in range(3000)}).encode(),
)  # fmt: skip
"""In the place of the body."""

TYPES = (
    "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "application/xml", "json", "",
    "application/json5", "application/problem+json", "application/octet-stream", "text/html; charset=utf-7",
)  # fmt: skip

SEGMENTS = (
    "%00", "%ff", "%f0%9f%92%a5", "..", "%2e%2e", "%2f", "%5c", "%25", "%0d%0aX-Evil:%201", "0", "-1", "1e5", "%D9%A3",
    "9" * 30, "9" * 300, "x" * 2000, "null", "undefined", "%ED%A0%80", "'%20or%201=1", "*", ";", "%20", "{id}", "<id>",
    "00000000-0000-0000-0000-000000000000",
)  # fmt: skip
"""In the place of each part of a path that varies."""

QUERIES = (
    "limit=-1", "limit=0", "limit=999999999999999999999999", "limit=x", "limit=1e3", "limit=", "limit",
    "limit=1&limit=2",
    "offset=-1", "offset=9223372036854775807", "offset=9223372036854775808", "offset=%00", "name=%00", "name=%ff",
    "name=%ED%A0%80", "name=%25%25", "name=%27%20or%201=1", "name=" + "x" * 3000, "connection_type=x",
    "country__code=%00", "country__code=XX", "country__code=" + "x" * 300, "region__code=%27", "city__code=_",
    "format=exe", "format=%00", "format=", "cursor=%00", "cursor=x", "page=2", "&&&", "=", "a=b", "%", "a[]=1", ";",
)  # fmt: skip


class MalformedCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.stage = V1Stage(os.path.join(self.mktemp()))

    def own(self, route: Route) -> str:
        return self.stage.things["jo"].get(route.collection, "x")

    def ask(self, route: Route, body: Any, *fields: tuple[str, str], segment: str = "", query: str = "") -> Answer:
        """By somebody who may, whether or not the request before has ended her sign-in."""
        target = route.filled(segment or self.own(route)) + (f"?{query}" if query else "")
        answer = self.stage.send(route.method, target, body, *fields, who="jo" if route.signed else "")
        if answer.status == 401 and route.signed:
            self.stage.fresh()
            answer = self.stage.send(route.method, target, body, *fields, who="jo")
            self.assertNotEqual(answer.status, 401)
        sound(answer)
        self.assertNotIn("x-evil", {name.lower() for name, _ in answer.fields})
        return answer


class MemberTests(MalformedCase):
    def test_each_value_in_each_member(self) -> None:
        for route in self.stage.routes:
            for name in route.fields if route.changes else ():
                for value in HOSTILE:
                    with named((str(route), name, str(value)[:60])):
                        self.ask(route, {**route.body(), name: value})

    def test_what_no_member_can_be(self) -> None:
        """Is refused by the name of its member."""
        for route in self.stage.routes:
            for name in route.fields if route.changes and (route.method, route.path) not in FREE else ():
                with named((str(route), name)):
                    answer = self.ask(route, {**route.body(), name: WRONG})
                    self.assertEqual(answer.status, 422, answer)
                    self.assertIn(name, answer.json["errors"])

    def test_nothing_in_all_of_them(self) -> None:
        """`null`, an empty text and an empty list for everything, and no member at all."""
        for route in self.stage.routes:
            for value in (None, "", [], {}, 0, False) if route.changes else ():
                with named((str(route), value)):
                    self.ask(route, dict.fromkeys(route.fields, value))
            if route.changes:
                with named(str(route)):
                    self.ask(route, {})
                    self.ask(route, None)

    def test_unknown_members(self) -> None:
        """Are refused by name, an odd name too."""
        for route in self.stage.routes:
            for name in ("surplus", "\0", "\ud800", "x" * 5000, "__class__", "💥"):
                if route.changes and (route.method, route.path) not in FREE:
                    with named((str(route), name[:20])):
                        answer = self.ask(route, {**route.body(), name: 1})
                        self.assertEqual(answer.status, 422)
                        self.assertEqual(len(answer.json["errors"]), 1, answer)

    def test_members_of_any_name(self) -> None:
        """Where a caller chooses the names: what can be kept is told again as it was, all else is refused."""
        names = ("", "\0", "\ud800", "x" * 5000, "__class__", "💥", "a.b", "payload", "data", "errors")
        bodies = [{"theme": value} for value in HOSTILE] + [{name: "dark"} for name in names]
        for route in self.stage.routes:
            for body in bodies if (route.method, route.path) in FREE else ():
                with named((str(route), str(body)[:60])):
                    before = self.stage.dump()
                    answer = self.ask(route, body)
                    if answer.status != 200:
                        self.assertEqual((answer.status, self.stage.dump()), (422, before))
                    told = self.stage.send("GET", route.path)
                    sound(told)
                    self.assertEqual(told.status, 200)


class BodyTests(MalformedCase):
    def test_each_body(self) -> None:
        """A route that takes no member takes no body but an empty object either."""
        for route in self.stage.routes:
            for body in BODIES if route.changes else ():
                with named((str(route), body[:40])):
                    answer = self.ask(route, body)
                    if (route.method, route.path) not in FREE:
                        self.assertEqual(answer.status, 422)

    def test_each_type(self) -> None:
        """What is no JSON by its own account is not read as such."""
        for route in self.stage.routes:
            for kind in TYPES if route.changes else ():
                with named((str(route), kind)):
                    before = self.stage.dump()
                    answer = self.ask(route, json.dumps(route.body() or {"a": 1}).encode(), ("Content-Type", kind))
                    self.assertEqual(answer.status, 422)
                    self.assertEqual(self.stage.dump(), before)

    def test_its_size(self) -> None:
        """One byte too many is refused before it is read."""
        for route in self.stage.routes:
            for size, status in ((LARGEST, 422), (LARGEST + 1, 413), (10 * LARGEST, 413)) if route.changes else ():
                with named((str(route), size)):
                    self.assertEqual(self.ask(route, b'{"x": "' + b"a" * (size - 9) + b'"}').status, status)


class PathTests(MalformedCase):
    def test_each_segment(self) -> None:
        """What nothing is called is nothing, as long as it leads to no other path."""
        for route in self.stage.routes:
            for segment in SEGMENTS if route.variables else ():
                with named((str(route), segment[:40])):
                    answer = self.ask(route, route.body() or None, segment=segment)
                    if segment not in ("..", "%2e%2e", "%2f") and "{id}" in route.path:
                        self.assertIn(answer.status, (400, 404, 414, 422), answer)

    def test_each_query(self) -> None:
        for route in self.stage.routes:
            for query in QUERIES:
                with named((str(route), query[:40])):
                    self.ask(route, route.body() or None, query=query)

    def test_other_methods(self) -> None:
        """Are answered in JSON, with those that are there."""
        for route in self.stage.routes:
            there = {each.method for each in self.stage.routes if each.takes(route.filled(self.own(route)))}
            for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"} - there:
                with named((route.path, method)):
                    answer = self.stage.send(method, route.filled(self.own(route)))
                    self.assertIn(answer.status, (405, 501), answer)
                    self.assertEqual(answer.one("Content-Type"), "application/json")

    def test_paths_beside_them(self) -> None:
        """Are nothing, in JSON, below the prefix; beside it they are pages."""
        for route in self.stage.routes:
            for tail in ("x", "//", "/x/y/z", "/../..", "%2f", "?", "#", "%5c"):
                target = (route.path + tail).replace("{", "").replace("}", "")
                with named(target):
                    answer = self.stage.send("GET", target)
                    sound(answer)
