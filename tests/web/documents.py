"""Answers held against an OpenAPI document: status, required headers, media type and schema of the body."""

from __future__ import annotations

import json
import re
from functools import cached_property
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from meshd.web import openapi
from tests.web.support import Answer


class Documented:
    """The document of one room's routes, by the package that has it."""

    def __init__(self, package: str) -> None:
        self.package = package

    @cached_property
    def document(self) -> dict[str, Any]:
        return openapi.document(self.package)

    def resolved(self, node: dict[str, Any]) -> dict[str, Any]:
        """The object that a $ref names, or the node itself."""
        while "$ref" in node:
            found: Any = self.document
            for step in node["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            node = found
        return node

    def check(self, method: str, path: str, answer: Answer) -> None:
        """Fail unless the document knows this answer."""
        operation = self.operation(method, path)
        assert str(answer.status) in operation["responses"], f"{method} {path} has no {answer.status} in the document"
        response = self.resolved(operation["responses"][str(answer.status)])
        for name, header in response.get("headers", {}).items():
            assert answer.all(name) or not self.resolved(header).get("required"), f"no {name}"
        if "content" not in response:
            assert answer.body == b"", answer
            return
        media = answer.one("Content-Type")
        assert media in response["content"], f"{method} {path} answers {answer.status} with {media}"
        if "json" in media:
            self._validate(response["content"][media]["schema"], json.loads(answer.body))

    def operation(self, method: str, path: str) -> dict[str, Any]:
        """Of a path as it was asked for: a part in braces is any segment."""
        bare = path.partition("?")[0]
        found = [
            item[method.lower()]
            for template, item in self.document["paths"].items()
            if re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template)), bare) and method.lower() in item
        ]
        found = [item[method.lower()]] if method.lower() in (item := self.document["paths"].get(bare, {})) else found
        assert len(found) == 1, f"{method} {bare} is {len(found)} times in the document"
        return dict(found[0])

    def _validate(self, schema: dict[str, Any], instance: Any) -> None:
        resource = Resource.from_contents(self.document, default_specification=DRAFT202012)
        registry = Registry().with_resource("urn:api", resource)
        Draft202012Validator(_absolute(schema), registry=registry).validate(instance)


def _absolute(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: f"urn:api{value}" if key == "$ref" else _absolute(value) for key, value in node.items()}
    return [_absolute(item) for item in node] if isinstance(node, list) else node
