"""Threat 16 at the operators' API: JSON of every wrong type in every member that its document names, and worse JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.accounts import cursors
from tests.threats.web.stage import VALUES, Asked, Stage, basic_of
from tests.web.admin.support import CONTRACT
from tests.web.support import Answer, named

OF_TYPE: dict[str, Any] = {
    "string": "x",
    "integer": 7,
    "number": 1.5,
    "boolean": True,
    "array": [[1]],
    "object": {"a": {}},
}
WORSE = {
    "deep": b'{"notes": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "deep objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "a number of many digits": b'{"monthly_limit": ' + b"9" * 6_000 + b"}",
    "a number beyond 64 bits": b'{"monthly_limit": 9223372036854775808}',
    "a number below them": b'{"monthly_limit": -9223372036854775809}',
    "a number that is none": b'{"monthly_limit": NaN}',
    "infinity": b'{"monthly_limit": 1e999}',
    "a fraction": b'{"monthly_limit": 1.0}',
    "a name twice": b'{"notes": "a", "notes": "b"}',
    "a name twice, once escaped": b'{"notes": "a", "\\u006eotes": "b"}',
    "a name twice, deeper": b'{"notes": {"a": 1, "a": 2}}',
    "many names": json.dumps({f"name{number}": 0 for number in range(4_000)}).encode(),
    "many names, one twice": b"{" + b",".join(b'"n%d":0' % (number % 5_999) for number in range(6_000)) + b"}",
    "half a surrogate pair": b'{"notes": "\\ud800"}',
    "NUL": b'{"notes": "\\u0000"}',
    "no UTF-8": b'{"notes": "\xff"}',
    "UTF-16": '{"notes": "a"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"notes": "a"}',
    "a list": b"[]",
    "a text": b'"notes"',
    "nothing of JSON": b"notes=a",
    "more than one": b'{"notes": "a"} {"notes": "b"}',
    "a comment": b'{"notes": "a" /* */}',
    "a comma too many": b'{"notes": "a",}',
}


class DocumentTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.stage = Stage(os.path.join(self.mktemp()))

    def send(self, method: str, path: str, body: bytes, *fields: tuple[str, str]) -> Answer:
        kind = ("Content-Type", "application/json")
        sent: Any = (basic_of("admin"), kind, *fields)
        return Asked(method, path, {}, sent, (), body).send(self.stage)

    def members(self) -> Iterator[tuple[str, str, str, set[str]]]:
        """Each method and path with each member of its body, and the types that the member may have."""
        for path, item in CONTRACT.document["paths"].items():
            for method, operation in item.items():
                if method in ("post", "put", "patch") and "requestBody" in operation:
                    content = CONTRACT.resolved(operation["requestBody"])["content"]
                    schema = CONTRACT.resolved(next(iter(content.values()))["schema"])
                    for name, member in schema["properties"].items():
                        yield method.upper(), path, name, set(self.types(member))

    def types(self, schema: dict[str, Any]) -> Iterator[str]:
        schema = CONTRACT.resolved(schema)
        kinds = schema.get("type", ())
        yield from [kinds] if isinstance(kinds, str) else kinds
        if "enum" in schema and not kinds:
            yield "string"
        for each in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
            yield from self.types(each)

    def test_every_member(self) -> None:
        """Of another type than its own is a problem that names it, and nothing is changed."""
        seen = 0
        for method, path, name, types in self.members():
            target = path
            for part in VALUES:
                target = target.replace(
                    f"{{{part}}}", {"username": "jo", "id": str(self.stage.tokens["jo"]["id"])}.get(part, VALUES[part])
                )
            for kind, value in OF_TYPE.items():
                if kind in types or (kind == "integer" and "number" in types):
                    continue
                with named((method, path, name, kind)):
                    before = self.stage.dump()
                    answer = self.send(method, target, json.dumps({name: value}).encode())
                    self.assertEqual(answer.status, 400, answer.body)
                    self.assertIn(name, {each["name"].split(".")[0] for each in answer.json["errors"]})
                    self.assertEqual(self.stage.dump(), before)
                    seen += 1
        self.assertGreater(seen, 100)

    def test_worse(self) -> None:
        """What some reader takes for JSON, or would be busy with, is refused quickly."""
        for sentence, body in WORSE.items():
            with named(sentence):
                before = self.stage.dump()
                answer = self.send("PATCH", "/api/admin/accounts/jo", body)
                self.assertIn(answer.status, (400, 413), answer.body)
                self.assertEqual(answer.one("Content-Type"), "application/problem+json")
                self.assertLess(len(answer.body), 50_000)
                self.assertEqual(self.stage.dump(), before)

    def test_conditions(self) -> None:
        """A tag that is none of ours, or malformed, changes nothing."""
        for tag in (
            "x",
            '"',
            '""x',
            'W/"x"',
            '"x", ',
            "*, *",
            '"a" "b"',
            '"é"',
            '"' + "a" * 3000 + '"',
            ",",
            '"x"' * 30,
        ):
            with named(tag):
                before = self.stage.dump()
                answer = self.send("PATCH", "/api/admin/accounts/jo", b'{"notes": "n"}', ("If-Match", tag))
                self.assertIn(answer.status, (400, 412), answer.body)
                self.assertEqual(self.stage.dump(), before)

    def test_keys_of_another(self) -> None:
        """The same Idempotency-Key of two operators is two keys: neither is given the other's answer."""
        body = b'{"username": "fresh", "generate_password": true}'
        key = ("Idempotency-Key", "0123456789abcdef")
        sent: Any = (basic_of("op"), ("Content-Type", "application/json"), key)
        first = Asked("POST", "/api/admin/accounts", {}, sent, (), body).send(self.stage)
        self.assertEqual(first.status, 201, first.body)
        other = self.send("POST", "/api/admin/accounts", body, key)
        self.assertEqual(other.status, 409, other.body)
        self.assertNotIn(first.json["password"].encode(), other.body)
        self.assertEqual(Asked("POST", "/api/admin/accounts", {}, sent, (), body).send(self.stage).body, first.body)

    def test_cursors(self) -> None:
        """Of another list, made up, or of values that no column holds: 400 that names the cursor."""

        texts = [
            "x",
            "=",
            "W10",
            "bnVsbA",
            "é",
            "A" * 401,
            cursors.written("nothing", ("a",)),
            cursors.written("name", (2**70,)),
        ]
        texts += [
            "W1tbW1tbW1tbW10",
            "eyJhIjoxfQ",
            cursors.written("account", ("\0",)),
            cursors.written("ban", (1, 2, "3")),
        ]
        for route in self.stage.routes:
            if "cursor" in route.fields and route.room == "operators":
                for text in texts:
                    with named((str(route), text)):
                        target = route.filled({"username": "jo", "exit": "us-0"})
                        answer = self.send("GET", f"{target}?cursor={text}".replace("é", "%C3%A9"), b"")
                        self.assertEqual(answer.status, 400, answer.body)
                        self.assertEqual([each["name"] for each in answer.json["errors"]], ["cursor"])
