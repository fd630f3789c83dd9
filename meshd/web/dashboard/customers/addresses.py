"""Addresses and hostnames that let an account's clients in: `…/addresses/`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from meshd.accounts import allowlists
from meshd.accounts.validate import LABEL
from meshd.web.dashboard.allowlists import ADDRESS, HOSTNAME
from meshd.web.dashboard.customers.sheet import ONE, SheetRoutes, named, where, whose
from meshd.web.dashboard.pages import EMPTY_FORM, Filled
from meshd.web.forms import Form
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room

HERE = f"{ONE}addresses/"


class AddressRoutes(SheetRoutes):
    def mount(self, room: Room) -> None:
        self._page(room, HERE, self.addresses)
        self._change(room, f"{HERE}add_ip/", self.add_ip, ("ip", "label"))
        self._change(room, f"{HERE}delete_ip/", self.delete_ip, ("ip",))
        self._change(room, f"{HERE}add_hostname/", self.add_hostname, ("domain",))
        self._change(room, f"{HERE}delete_hostname/", self.delete_hostname, ("domain",))

    async def addresses(self, caller: Caller, form: Form) -> Reply:
        return await self._addresses(caller, EMPTY_FORM, 200)

    async def _addresses(self, caller: Caller, form: Filled, status: int) -> Reply:
        found = await self._dossier(caller)
        name, now = whose(caller, found.account), self._now()
        ips = await self._perform(allowlists.ips, caller.actor, name, at=now)
        hostnames = await self._perform(allowlists.hosts, caller.actor, name, at=now)
        shown = {"form": form, "ips": ips, "hostnames": hostnames}
        return self._sheet(caller, found, "addresses/", "addresses.html", status, **shown)

    async def add_ip(self, caller: Caller, form: Form) -> Reply:
        async def change() -> str:
            with form.reading() as field:
                ip, label = field.text("ip", ADDRESS, required=True), field.text("label", LABEL)
            plans = self._live.topology.plans
            added = await self._perform(
                allowlists.add_ip, caller.actor, named(caller), ip, label, plans=plans, now=self._now()
            )
            return f"{added.address} was added."

        return await self._listed(caller, form, change)

    async def delete_ip(self, caller: Caller, form: Form) -> Reply:
        async def change() -> str:
            with form.reading() as field:
                ip = field.text("ip", ADDRESS, required=True)
            await self._perform(allowlists.delete_ip, caller.actor, named(caller), ip, now=self._now())
            return f"{ip} was removed; {named(caller)} cannot add it again."

        return await self._listed(caller, form, change)

    async def add_hostname(self, caller: Caller, form: Form) -> Reply:
        async def change() -> str:
            with form.reading() as field:
                domain = field.text("domain", HOSTNAME, required=True)
            plans = self._live.topology.plans
            added = await self._perform(
                allowlists.add_hostname, caller.actor, named(caller), domain, plans=plans, now=self._now()
            )
            return f"{added.hostname} was added."

        return await self._listed(caller, form, change)

    async def delete_hostname(self, caller: Caller, form: Form) -> Reply:
        async def change() -> str:
            with form.reading() as field:
                domain = field.text("domain", HOSTNAME, required=True)
            await self._perform(allowlists.delete_hostname, caller.actor, named(caller), domain, now=self._now())
            return f"{domain} was removed; {named(caller)} cannot add it again."

        return await self._listed(caller, form, change)

    async def _listed(self, caller: Caller, form: Form, change: Callable[[], Awaitable[str]]) -> Reply:
        """Make a change, which says what it did, and show the lists again."""

        async def changed() -> Reply:
            said = await change()
            return self._done(caller, where(named(caller), "addresses/"), said)

        return await self._tried(form, changed, lambda filled, status: self._addresses(caller, filled, status))
