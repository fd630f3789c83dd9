"""The document of the API: valid, complete, and what the other tests hold every answer against."""

from __future__ import annotations

from openapi_spec_validator import validate
from twisted.trial.unittest import SynchronousTestCase

from meshd.web.postern.elsewhere import PATH
from tests.web.api.test_openapi import NAMES, keywords, values
from tests.web.postern.support import CONTRACT, PosternTestCase

KEYWORDS = {
    *("openapi", "info", "servers", "tags", "components", "title", "version", "license", "identifier", "url"),
    *("get", "post", "put", "delete", "operationId", "summary", "description", "requestBody", "name", "in", "scheme"),
    *("schema", "$ref", "type", "required", "items", "enum", "const", "pattern", "anyOf", "allOf"),
    *("minLength", "minimum", "maximum", "minItems", "maxItems", "additionalProperties", "unevaluatedProperties"),
}
"""The words that the document is written in; a new one is added here on purpose."""

OPEN = {
    *("/api/auth/login", "/api/auth/refresh", "/api/auth/logout", "/api/", "/api/openapi.json"),
    *("/api/schema", "/api/version/check"),
    "/api/tokens",  # to sign in by
}


class DocumentTests(SynchronousTestCase):
    def test_it_is_valid_openapi_3_1(self) -> None:
        self.assertTrue(CONTRACT.document["openapi"].startswith("3.1"))
        validate(CONTRACT.document)

    def test_it_has_no_stray_keys(self) -> None:
        """A comma or a semicolon in a description without quotes makes a key of what follows."""
        strange = [found for found in keywords(CONTRACT.document) if found[1] not in KEYWORDS | NAMES]
        self.assertEqual(strange, [])
        self.assertNotIn(None, list(values(CONTRACT.document)))

    def test_it_says_who_may_call(self) -> None:
        for path, item in CONTRACT.document["paths"].items():
            for method, operation in item.items():
                if method != "parameters":
                    is_open = path in OPEN and (path, method) != ("/api/tokens", "get")
                    self.assertEqual(operation.get("security") == [], is_open, (method, path))


class PathTests(PosternTestCase):
    def test_it_has_exactly_the_paths_that_are_mounted(self) -> None:
        """Seven for each of the seven resources are among them."""
        paths = CONTRACT.document["paths"].items()
        told = {(method.upper(), path) for path, item in paths for method in item if method != "parameters"}
        mounted = {(method, path) for method, path in self.world.site.api.mounted if path != PATH}  # type: ignore[attr-defined]
        self.assertEqual(told, mounted)
