"""`/api/nginx/…`: hosts, streams, certificates and access lists in Nginx Proxy Manager's shapes."""

from __future__ import annotations

from functools import partial

from meshd.accounts.published.rows import Row
from meshd.web.document import Document
from meshd.web.forms import Form
from meshd.web.postern import answers
from meshd.web.postern.npm.shapes import ALIASES, shown, translated
from meshd.web.postern.publishing import Publishing
from meshd.web.postern.resources import MOST
from meshd.web.reply import Reply, Rows
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Services

SWITCHED = frozenset(ALIASES) - {"certificates", "access-lists"}
"""What can be switched on and off by these paths."""
CHANGED = frozenset(ALIASES) - {"certificates"}


class AliasRoutes:
    """The routes of one family.  segment: what comes after `/api/nginx/`."""

    def __init__(self, services: Services, segment: str) -> None:
        self._segment = segment
        self._alias = ALIASES[segment]
        self._published = Publishing(services, self._alias.kind)

    def mount(self, room: Room) -> None:
        base = f"/api/nginx/{self._segment}"
        one = f"{base}/{{id}}"
        room.route("GET", base, Who.ANY, self.listing, None)
        room.route("POST", base, Who.ANY, self.create, None)
        room.route("GET", one, Who.ANY, self.read, None)
        room.route("DELETE", one, Who.ANY, self.delete, ())
        if self._segment in CHANGED:
            room.route("PUT", one, Who.ANY, self.change, None)
        if self._segment in SWITCHED:
            room.route("POST", f"{one}/enable", Who.ANY, partial(self.switch, enabled=True), ())
            room.route("POST", f"{one}/disable", Who.ANY, partial(self.switch, enabled=False), ())

    async def listing(self, caller: Caller, form: Form) -> Reply:
        """All of them, or those in whose names the query's text is; `expand` adds nothing."""
        found = await self._published.listed(caller, 0, MOST)
        wanted = form.get("query", "").strip().lower()
        rows = [row for row in found.rows if wanted in _named(row)] if wanted else found.rows
        return Reply(Rows(self._shown, rows))

    async def create(self, caller: Caller, form: Form) -> Reply:
        assert isinstance(form, Document)
        row = await self._published.create(caller, translated(self._alias, form.members))
        return Reply(self._shown(row), 201)

    async def read(self, caller: Caller, form: Form) -> Reply:
        return Reply(self._shown(await self._published.read(caller)))

    async def change(self, caller: Caller, form: Form) -> Reply:
        assert isinstance(form, Document)
        return Reply(self._shown(await self._published.change(caller, translated(self._alias, form.members))))

    async def delete(self, caller: Caller, form: Form) -> Reply:
        await self._published.delete(caller)
        return Reply(True)

    async def switch(self, caller: Caller, form: Form, *, enabled: bool) -> Reply:
        _, changed = await self._published.switch(caller, enabled)
        if not changed:
            return answers.refusal(400, f"Host is already {'enabled' if enabled else 'disabled'}")
        return Reply(True)

    def _shown(self, row: Row) -> dict[str, object]:
        return shown(self._alias, row)


def _named(row: Row) -> str:
    """What a text in the query is looked for in."""
    settings = row.settings
    texts = (*settings.get("domain_names", ()), settings.get("name", ""), settings.get("incoming_port", ""))
    return " ".join(map(str, texts)).lower()
