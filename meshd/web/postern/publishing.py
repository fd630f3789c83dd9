"""Resources of one kind as every face of them needs: read, and changed so that a change holds when its answer comes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from meshd.accounts.errors import NotFound
from meshd.accounts.published import renewing, resources
from meshd.accounts.published.rows import Row
from meshd.values.published import RECORDED_AS, Kind
from meshd.web.postern.targets import number
from meshd.web.recording import of_row, of_switch, recorded
from meshd.web.room import Caller
from meshd.web.services import Services
from meshd.web.taking import grounds_of, taken

BATCH = 200
"""Rows that are read at a time, so that the store and the thread are there for others in between."""
LARGEST = 16 * 2**20
"""Characters of rows after which a part ends: one row with error pages of its own may have 64 kB."""


class Part(NamedTuple):
    """A part of a list, and the id after which it goes on; 0 where it is at its end."""

    rows: list[Row]
    after: int


class Publishing:
    def __init__(self, services: Services, kind: Kind) -> None:
        self._services = services
        self._perform, self._now = services.accounts.perform, services.now
        self.kind = kind
        self._type = RECORDED_AS[kind]

    async def listed(self, caller: Caller, after: int, limit: int) -> Part:
        """The rows with a greater id, at most `limit`, and no more than an answer should hold."""
        rows: list[Row] = []
        size = 0
        while len(rows) < limit and size < LARGEST:
            batch = min(BATCH, limit - len(rows))
            found = await self._perform(resources.listing, caller.actor, self.kind, after=after, limit=batch)
            rows += found
            if len(found) < batch:
                return Part(rows, 0)
            after = found[-1].id
            size += sum(len(repr(row.settings)) for row in found)
        return Part(rows, after)

    async def read(self, caller: Caller) -> Row:
        return await self._perform(resources.read, caller.actor, self.kind, _id(caller))

    async def create(self, caller: Caller, members: Mapping[str, Any]) -> Row:
        settings, secrets = await taken(self._services, self.kind, members)
        made = partial(resources.create, caller.actor, self.kind, settings, secrets=secrets, **self._facts())
        row = await recorded(self._services, caller, "create", self._type, made, of_row, settings)
        await self._services.published()
        return row

    async def change(self, caller: Caller, members: Mapping[str, Any]) -> Row:
        settings, secrets = await taken(self._services, self.kind, members)
        which = caller.actor, self.kind, _id(caller), settings
        changed = partial(resources.change, *which, secrets=secrets, **self._facts())
        row = await recorded(self._services, caller, "update", self._type, changed, of_row, settings)
        await self._services.published()
        return row

    async def delete(self, caller: Caller) -> Row:
        deleted = partial(resources.delete, caller.actor, self.kind, _id(caller), now=self._now())
        row = await recorded(self._services, caller, "delete", self._type, deleted, of_row)
        await self._services.published()
        return row

    async def switch(self, caller: Caller, enabled: bool) -> tuple[Row, bool]:
        """The row, and whether it was otherwise before."""
        action = "enable" if enabled else "disable"
        switched = partial(resources.switch, caller.actor, self.kind, _id(caller), enabled, now=self._now())
        row, changed = await recorded(self._services, caller, action, self._type, switched, of_switch)
        await self._services.published()
        return row, changed

    async def renew(self, caller: Caller) -> Row:
        """Have a certificate obtained anew."""
        renewed = partial(renewing.renew, caller.actor, _id(caller), now=self._now())
        row = await recorded(self._services, caller, "renew", self._type, renewed, of_row)
        await self._services.published()
        return row

    def _facts(self) -> dict[str, Any]:
        return {"grounds": grounds_of(self._services), "now": self._now()}


def _id(caller: Caller) -> int:
    found = number(caller.call.variables["id"])
    if not found:
        raise NotFound("there is no such id")
    return found
