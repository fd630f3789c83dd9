"""Paths that there are none of: 404, or 405 with the methods that there are; known tokens sign in here too, so that the
audit has each of their requests.
"""

from __future__ import annotations

import re
from functools import cached_property

from meshd.web.call import Call
from meshd.web.dialect import Dialect
from meshd.web.reply import Reply
from meshd.web.room import Room
from meshd.web.routing import METHODS, Api

PATH = "/api/{path:rest}"
"""In the words of the routing, all paths below this API's."""


class ElsewhereRoutes:
    def __init__(self, api: Api, dialect: Dialect) -> None:
        self._api, self._dialect = api, dialect

    def mount(self, room: Room) -> None:
        for method in sorted(METHODS):
            room.raw(method, PATH, self.answer)

    async def answer(self, call: Call) -> Reply:
        if call.header(b"authorization") is not None:
            await self._dialect.sign_in(call)
        path = call.path.rstrip("/") or "/"
        return self._dialect.unrouted(sorted(method for method, known in self._known if known.fullmatch(path)))

    @cached_property
    def _known(self) -> list[tuple[str, re.Pattern[str]]]:
        """The methods and paths of all other routes."""
        mounted = [(method, path) for method, path in self._api.mounted if path != PATH]
        return [(method, re.compile(_pattern(path))) for method, path in mounted]


def _pattern(path: str) -> str:
    return "[^/]+".join(map(re.escape, re.split(r"\{\w+\}", path.rstrip("/") or "/")))
