"""The document of the API: valid, complete, and what the other tests hold every answer against (`documented`)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any
from unicodedata import category

from openapi_spec_validator import validate
from twisted.trial.unittest import SynchronousTestCase

from meshd.accounts.validate import label
from tests.web.documents import Documented
from tests.web.support import Answer, World, of_the_api

NAMES = {
    "paths",
    "properties",
    "responses",
    "schemas",
    "parameters",
    "headers",
    "content",
    "securitySchemes",
    "security",
}
"""What holds things by names of our own, or by statuses and media types."""

KEYWORDS = {
    *("openapi", "info", "servers", "tags", "components", "title", "version", "license", "identifier", "url"),
    *("get", "post", "operationId", "summary", "description", "requestBody", "name", "in", "scheme", "schema", "$ref"),
    *("type", "required", "items", "enum", "const", "default", "examples", "format", "pattern", "anyOf", "allOf"),
    *("minLength", "maxLength", "minimum", "maximum", "minItems", "minProperties"),
    *("additionalProperties", "propertyNames"),
}
"""The words of OpenAPI and JSON Schema that the document is written in; a new one is added here on purpose."""

OPEN = {"/healthz", "/readyz", "/api/openapi.json"}


CONTRACT = Documented("meshd.web.api")


def document() -> dict[str, Any]:
    return CONTRACT.document


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """The object that a $ref names, or the node itself."""
    return CONTRACT.resolved(node)


def keywords(node: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Each key that is none of NAMES' own, and where it stands."""
    if isinstance(node, list):
        for each in node:
            yield from keywords(each, place)
    elif isinstance(node, dict):
        for key, value in node.items():
            yield place, key
            below = list(value.values()) if key in NAMES and isinstance(value, dict) else value
            if key not in ("security", "examples", "default"):
                yield from keywords(below, f"{place}/{key}")


def values(node: Any) -> Iterator[Any]:
    """All that is no list and no object."""
    if isinstance(node, dict | list):
        for each in node.values() if isinstance(node, dict) else node:
            yield from values(each)
    else:
        yield node


def documented(method: str, path: str, answer: Answer) -> None:
    """Fail unless the document knows this answer: status, required headers, type and schema of the body."""
    CONTRACT.check(method, path, answer)


class LineTests(SynchronousTestCase):
    def test_what_a_line_may_hold(self) -> None:
        """As the document has it for labels and names, so it is taken; but for joiners, which it never offers."""
        pattern = re.compile(document()["components"]["schemas"]["NewIP"]["properties"]["label"]["pattern"])
        for number in (*range(0xD800), *range(0xE000, 0x20000), *range(0xE0000, 0xE0200)):
            char = chr(number)
            offered, taken = pattern.fullmatch(char) is not None, label(char) is None
            self.assertFalse(offered and not taken, hex(number))
            if category(char) != "Cn":  # what Unicode will make of it, this Python does not know
                self.assertEqual(offered, taken, hex(number))


class DocumentTests(SynchronousTestCase):
    def test_it_is_valid_openapi_3_1(self) -> None:
        """By the specification's own schema."""
        self.assertTrue(document()["openapi"].startswith("3.1"))
        validate(document())

    def test_it_has_no_stray_keys(self) -> None:
        """A comma in a description without quotes makes a key of what follows, and of its value nothing."""
        strange = [found for found in keywords(document()) if found[1] not in KEYWORDS | NAMES]
        self.assertEqual(strange, [])
        self.assertNotIn(None, list(values(document())))

    def test_a_form_is_told_in_one_way(self) -> None:
        """Generators make one body of two content types, and clients that send none; of words that only a validator
        knows, such as what other properties may look like, they and linters make what they like.
        """
        for path, item in document()["paths"].items():
            if "post" in item:
                content = item["post"]["requestBody"]["content"]
                self.assertEqual(list(content), ["application/x-www-form-urlencoded"], path)
                schema = resolved(content["application/x-www-form-urlencoded"]["schema"])
                self.assertLessEqual(set(schema), {"type", "required", "properties"}, path)

    def test_it_has_exactly_the_paths_that_are_mounted(self) -> None:
        """A route that is not in the document fails here, and so does the reverse."""
        world = World(os.path.join(self.mktemp()))
        told = {(method.upper(), path) for path, item in document()["paths"].items() for method in item}
        self.assertEqual(told, of_the_api(world.site.api.mounted))

    def test_it_says_who_may_call(self) -> None:
        """The paths that are for passwords alone are those of tokens; the open ones, those of health."""
        for path, item in document()["paths"].items():
            for operation in item.values():
                expected = [{"basic": []}, {"bearer": []}]
                if path.startswith(("/api/token", "/api/self")):
                    expected = [{"basic": []}]
                elif path in OPEN:
                    expected = []
                self.assertEqual(operation.get("security", document()["security"]), expected, path)

    def test_a_check_that_should_fail_does(self) -> None:
        """The validator of answers is no rubber stamp."""
        good = Answer(200, "OK", [("Content-Type", "application/json")], b'{"proxies": ["a:1"]}')
        documented("GET", "/api/proxies/", good)
        for bad in (
            Answer(200, "OK", good.fields, b'{"proxies": [1]}'),
            Answer(200, "OK", good.fields, b'{"proxies": [], "more": 1}'),
            Answer(201, "Created", good.fields, good.body),
            Answer(401, "Unauthorized", good.fields, b'{"detail": "x"}'),
            Answer(400, "Bad Request", good.fields, b'{"detail": "x"}'),
        ):
            with self.assertRaises(Exception):  # noqa: B017 (an assertion of ours or the validator's)
                documented("GET", "/api/proxies/", bad)
