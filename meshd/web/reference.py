"""An OpenAPI document as a page for people shows it: operations by tag, each with its parameters, members, answers and
a command to try.  Pure.

Only what our own documents use is read, and a word that is not known here fails a test rather than vanishing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

METHODS = ("get", "post", "put", "patch", "delete")

_SAMPLES: Mapping[str, object] = {"integer": 1, "number": 1, "boolean": True, "array": [], "object": {}}
"""A value of each type for an example; a string's is the name of what it stands for."""


class Member(NamedTuple):
    """A parameter, or a member of a body or an answer."""

    name: str
    where: str
    """`path`, `query` or `header` of a parameter; "" for a member."""
    type: str
    required: bool
    about: str


class Answer(NamedTuple):
    """One status that an operation answers with."""

    status: str
    about: str
    members: Sequence[Member]


class Operation(NamedTuple):
    """One method of one path."""

    id: str
    method: str
    path: str
    summary: str
    about: str
    parameters: Sequence[Member]
    media: str
    """The media type of the body; "" for no body."""
    body: Sequence[Member]
    answers: Sequence[Answer]
    example: str
    """A curl command, with `NAME:PASSWORD` and `HOST` for the reader to replace."""


class Section(NamedTuple):
    """The operations of one tag."""

    name: str
    about: str
    operations: Sequence[Operation]


class Reference(NamedTuple):
    """A whole document."""

    title: str
    about: str
    sections: Sequence[Section]


def reference(document: Mapping[str, Any]) -> Reference:
    """The document, its sections in the order of its tags."""
    reader = _Reader(document)
    operations = list(reader.operations())
    sections = [
        Section(tag["name"], tag["description"], [each for name, each in operations if name == tag["name"]])
        for tag in document["tags"]
    ]
    return Reference(document["info"]["title"], document["info"]["description"], sections)


class _Reader:
    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    def operations(self) -> Iterator[tuple[str, Operation]]:
        """Each operation with the name of its tag."""
        for path, item in self._document["paths"].items():
            for method in METHODS:
                if method in item:
                    yield item[method]["tags"][0], self._operation(path, method, item)

    def _operation(self, path: str, method: str, item: Mapping[str, Any]) -> Operation:
        told = item[method]
        parameters = [self._parameter(each) for each in (*item.get("parameters", ()), *told.get("parameters", ()))]
        media, schema = self._content(told.get("requestBody", {}))
        body = self._members(schema)
        return Operation(
            told["operationId"],
            method.upper(),
            path,
            told["summary"],
            told.get("description", ""),
            parameters,
            media,
            body,
            [self._answer(status, response) for status, response in told["responses"].items()],
            self._example(path, method, media, body, signed=bool(told.get("security", True))),
        )

    def _parameter(self, node: Mapping[str, Any]) -> Member:
        found = self._resolved(node)
        type_, about = self._typed(found["schema"])
        text = found.get("description", "") or about
        default = self._whole(found["schema"]).get("default")
        type_ += "" if default is None else f", {json.dumps(default)} where it is not given"
        return Member(found["name"], found["in"], type_, bool(found.get("required")), text)

    def _answer(self, status: str, node: Mapping[str, Any]) -> Answer:
        found = self._resolved(node)
        _, schema = self._content(found)
        members = self._members(schema) if status.startswith("2") else ()
        return Answer(status, found["description"], members)

    def _content(self, holder: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        """The first media type and its schema; nothing where there is no body."""
        for media, content in holder.get("content", {}).items():
            return media, content["schema"]
        return "", {}

    def _members(self, schema: Mapping[str, Any], *, prefix: str = "", depth: int = 0) -> list[Member]:
        """The members of an object, those of objects in it beneath; a list stands for its elements."""
        found = self._whole(schema)
        if "array" in _types(found) and "items" in found:
            return self._members(found["items"], prefix=f"{prefix}[]." if prefix else "[].", depth=depth)
        required = found.get("required", ())
        members: list[Member] = []
        for name, node in found.get("properties", {}).items():
            type_, about = self._typed(node)
            members.append(Member(f"{prefix}{name}", "", type_, name in required, about))
            inner = self._whole(node)
            listed = "array" in _types(inner)
            below = self._object(inner["items"]) if listed and "items" in inner else self._object(inner)
            if "properties" in below and depth < 2:
                mark = "[]." if listed else "."
                members += self._members(below, prefix=f"{prefix}{name}{mark}", depth=depth + 1)
        return members

    def _object(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        """The schema, or the object among what it may be: such as the rules of `anyOf: [rules, null]`."""
        found = self._whole(node)
        choices = [self._whole(each) for each in found.get("anyOf", ())]
        return next((each for each in choices if "properties" in each), found)

    def _typed(self, node: Mapping[str, Any]) -> tuple[str, str]:
        """A schema's type in words, and what the document says about it."""
        found = self._whole(node)
        about = found.get("description", "")
        if "anyOf" in found:
            outer = {"type": found["type"]} if "type" in found else {}
            return " or ".join(dict.fromkeys(self._typed(outer | each)[0] for each in found["anyOf"])), about
        if "const" in found:
            return json.dumps(found["const"]), about
        if "enum" in found:
            return " | ".join(json.dumps(each) for each in found["enum"]), about
        types = _types(found)
        named = [f"list of {self._typed(found.get('items', {}))[0]}" if each == "array" else each for each in types]
        text = " or ".join(named) or "any"
        bounds = [text.format(found[key]) for key, text in _BOUNDS.items() if key in found]
        return ", ".join([f"{text} ({found['format']})" if "format" in found else text, *bounds]), about

    def _whole(self, node: Mapping[str, Any]) -> dict[str, Any]:
        """The schema itself, with what `allOf` adds."""
        found = dict(self._resolved(node))
        for each in found.pop("allOf", ()):
            more = self._whole(each)
            found = {
                **more,
                **found,
                "required": [*more.get("required", ()), *found.get("required", ())],
                "properties": {**more.get("properties", {}), **found.get("properties", {})},
            }
        return found

    def _resolved(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in node:
            found: Any = self._document
            for step in node["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            node = found
        return node

    def _example(self, path: str, method: str, media: str, body: Sequence[Member], *, signed: bool) -> str:
        needed = [each for each in body if each.required and "." not in each.name] or list(body[:1])
        words = ["curl"]
        words += ["-u NAME:PASSWORD"] if signed else []
        words += [f"-X {method.upper()}"] if method not in ("get", "post") or (method == "post" and not media) else []
        if "json" in media:
            words += ["-H 'Content-Type: application/json'", f"-d '{json.dumps({m.name: _sample(m) for m in needed})}'"]
        elif media:
            words += [f"-d {each.name}={_sample(each)}" for each in needed]
        # curl would take braces for a list
        return " ".join([*words, f"'https://HOST{_VARIABLE.sub(lambda found: found[1].upper(), path)}'"])


_BOUNDS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
}
_VARIABLE = re.compile(r"\{(\w+)\}")


def _types(schema: Mapping[str, Any]) -> list[str]:
    told = schema.get("type", [])
    return [told] if isinstance(told, str) else [each for each in told if each != "null"]


def _sample(member: Member) -> object:
    first = member.type.split(" | ")[0].strip('"') if " | " in member.type else ""
    kind = member.type.split(",")[0].split(" ")[0]
    return first or _SAMPLES.get(kind, member.name.upper())
