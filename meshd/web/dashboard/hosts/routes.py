"""What the pages about published hosts have in common: they are there while the settings publish anything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from meshd.accounts.errors import InUse, NotFound
from meshd.web.dashboard.operator.routes import may_change
from meshd.web.dashboard.pages import CERTIFICATES, HOSTS, Filled, Link, OperatorRoutes, refilled
from meshd.web.forms import Form
from meshd.web.reply import Fields, Reply
from meshd.web.room import Caller, Room, Route

RECORD = f"{HOSTS}audit/"
TOKENS = f"{HOSTS}tokens/"
TABS = (Link("Hosts", HOSTS), Link("Certificates", CERTIFICATES), Link("Requests", RECORD), Link("Tokens", TOKENS))

Again = Callable[[Filled, int], Awaitable[Reply]]


class HostRoutes(OperatorRoutes):
    """Pages with templates of this package's folder."""

    def _page(self, room: Room, path: str, route: Route, fields: Sequence[str] = ()) -> None:
        super()._page(room, path, self._published(route), fields)

    def _own(self, room: Room, path: str, route: Route, fields: Sequence[str] = ()) -> None:
        super()._own(room, path, self._published(route), fields)

    def _published(self, route: Route) -> Route:
        """The route, while anything can be published."""

        async def guarded(caller: Caller, form: Form) -> Reply:
            if self._live.topology.hosts is None:
                raise NotFound("the settings have no section [hosts], so nothing is published here")
            return await route(caller, form)

        return guarded

    def _show(self, caller: Caller, template: str, status: int = 200, *, fields: Fields = (), **facts: Any) -> Reply:
        changes = may_change(caller.account)
        tabs = [each for each in TABS if changes or each.href != RECORD]  # a viewer is not told of requests
        told = {"may_change": changes, "tabs": tabs, **facts}
        return super()._show(caller, f"hosts/{template}", status, fields=fields, **told)

    async def _conflicting(self, form: Form, change: Callable[[], Awaitable[Reply]], again: Again) -> Reply:
        """Carry out a change as `_tried` does; what another resource has, or needs, is told by its form as a 409."""

        async def kept() -> Reply:
            try:
                return await change()
            except InUse as error:
                return await again(refilled(form, error), 409)

        return await self._tried(form, kept, again)
