"""The documentation of the two APIs for people, `/api/docs/…`, for everyone: an index, and a page for each section."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from meshd.web.dashboard.pages import plain
from meshd.web.reference import Answer, Operation, Reference
from meshd.web.reply import Fields, Reply
from meshd.web.room import Room

KEEP: Fields = (("Cache-Control", "public, max-age=300"),)
"""The pages are the same for everybody, until the program or its settings change."""

_CODE = re.compile(r"`([^`]{1,200})`")


class Explained(NamedTuple):
    """One kind of problem that an API answers with."""

    kind: str
    status: int
    title: str
    about: str
    """What to do about it."""


@dataclass(frozen=True, slots=True)
class Book:
    """The documentation of one API."""

    path: str
    """Where its index is, such as `/api/docs/`."""
    document: str
    """Where the OpenAPI document is."""
    reference: Reference
    problems: Sequence[Explained] = ()
    """The kinds of problems; () for an API whose answers name none."""


class DocumentationRoutes:
    """Mounts the pages of some books.

    host: gives the `host:port` by which people reach the API, for the examples; "" where that is not known.
    """

    def __init__(self, books: Sequence[Book], host: Callable[[], str]) -> None:
        self._books, self._host = books, host

    def mount(self, room: Room) -> None:
        for book in self._books:
            room.open(book.path, _Page("index", book, "", self._books, self._host))
            for section in book.reference.sections:
                room.open(f"{book.path}{section.name}/", _Page("section", book, section.name, self._books, self._host))


class _Page:
    """A route that answers with one page, made when somebody asks for it first, and kept while the host is the same."""

    def __init__(self, template: str, book: Book, section: str, books: Sequence[Book], host: Callable[[], str]) -> None:
        self._template, self._book, self._section, self._books, self._host = template, book, section, books, host
        self._kept: tuple[str, Reply] | None = None

    async def __call__(self) -> Reply:
        host = self._host()
        if self._kept is None or self._kept[0] != host:
            self._kept = host, self._made(host)
        return self._kept[1]

    def _made(self, host: str) -> Reply:
        found = next((each for each in self._book.reference.sections if each.name == self._section), None)
        facts: dict[str, Any] = {
            "book": self._book,
            "books": self._books,
            "section": found,
            "prose": prose,
            "example": lambda operation: example(operation, host),
            "good": good,
            "bad": bad,
            "host": host,
            "address": f"https://{host or 'HOST'}",
        }
        return Reply(plain(None, f"documentation/{self._template}.html", **facts).content(), fields=KEEP)


def prose(text: str) -> Markup:
    """A text of a document, with what stands between backticks as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 (it is escaped)


def example(operation: Operation, host: str) -> str:
    """The command to try, with the host of this daemon where that is known."""
    return operation.example.replace("https://HOST/", f"https://{host}/") if host else operation.example


def good(operation: Operation) -> list[Answer]:
    """The answers after which something was done or told."""
    return [each for each in operation.answers if each.status.startswith(("2", "3"))]


def bad(operation: Operation) -> list[Answer]:
    """The answers that refuse, by status."""
    return sorted(each for each in operation.answers if not each.status.startswith(("2", "3")))
