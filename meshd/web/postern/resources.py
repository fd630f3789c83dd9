"""The seven resources: one family of seven routes, mounted for each of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import get_args

from meshd.accounts.published.rows import Row
from meshd.values.published import Kind
from meshd.web.document import Document
from meshd.web.forms import LARGEST_STORED, Form
from meshd.web.postern import answers
from meshd.web.postern.publishing import Publishing
from meshd.web.postern.values import moment
from meshd.web.reply import Reply, Rows
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Services

KINDS: tuple[Kind, ...] = get_args(Kind)

BY_PORT: tuple[Kind, ...] = ("stream-hosts", "port-forwards")
"""Kinds that listen by themselves, and may be kept from it."""

MOST = 10_000
"""Rows of one answer; the field `Link` leads to those after them."""


class ResourceRoutes:
    """The routes of one kind."""

    def __init__(self, services: Services, kind: Kind) -> None:
        self._published = Publishing(services, kind)
        self._path = f"/api/{kind}"
        self._unserved = services.unserved if kind in BY_PORT else None

    def mount(self, room: Room) -> None:
        one = f"{self._path}/{{id}}"
        room.route("GET", self._path, Who.ANY, self.listing, ("after", "limit"))
        room.route("POST", self._path, Who.ANY, self.create, None)
        room.route("GET", one, Who.ANY, self.read, ())
        room.route("PUT", one, Who.ANY, self.change, None)
        room.route("DELETE", one, Who.ANY, self.delete, ())
        room.route("POST", f"{one}/enable", Who.ANY, partial(self.switch, enabled=True), ())
        room.route("POST", f"{one}/disable", Who.ANY, partial(self.switch, enabled=False), ())

    async def listing(self, caller: Caller, form: Form) -> Reply:
        with form.reading() as field:
            after = field.whole_number("after", least=0, most=LARGEST_STORED, default=0)
            limit = field.whole_number("limit", least=1, most=MOST, default=MOST)
        found = await self._published.listed(caller, after, limit)
        following = f'<{self._path}?after={found.after}&limit={limit}>; rel="next"'
        return Reply(
            Rows(partial(self._told, unserved=self._problems()), found.rows),
            fields=(("Link", following),) if found.after else (),
        )

    async def create(self, caller: Caller, form: Form) -> Reply:
        assert isinstance(form, Document)
        row = await self._published.create(caller, form.members)
        return answers.created(self._shown(row), f"{self._path}/{row.id}")

    async def read(self, caller: Caller, form: Form) -> Reply:
        return Reply(self._shown(await self._published.read(caller)))

    async def change(self, caller: Caller, form: Form) -> Reply:
        assert isinstance(form, Document)
        return Reply(self._shown(await self._published.change(caller, form.members)))

    async def delete(self, caller: Caller, form: Form) -> Reply:
        await self._published.delete(caller)
        return answers.done()

    async def switch(self, caller: Caller, form: Form, *, enabled: bool) -> Reply:
        row, _ = await self._published.switch(caller, enabled)
        return Reply(self._shown(row))

    def _shown(self, row: Row) -> dict[str, object]:
        return self._told(row, self._problems())

    def _problems(self) -> Mapping[int, str] | None:
        """Why ports are not served; None for kinds that have none."""
        return self._unserved() if self._unserved is not None else None

    def _told(self, row: Row, unserved: Mapping[int, str] | None) -> dict[str, object]:
        return shown(row) if unserved is None else {**shown(row), "problem": unserved.get(row.id, "")}


def shown(row: Row) -> dict[str, object]:
    """A resource as its clients read it: every member, and nothing secret."""
    return {
        "id": row.id,
        **row.settings,
        "enabled": row.enabled,
        "owner_user_id": row.owner_id,
        "created_at": moment(row.created_at),
        "modified_at": moment(row.modified_at),
    }
