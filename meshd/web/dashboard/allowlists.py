"""Addresses and hostnames that need no credential: `/account/edit_ips/`, `/account/edit_hostnames/`."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from meshd.accounts import allowlists, validate
from meshd.accounts.validate import LABEL
from meshd.auth.secrets import normal_address
from meshd.web.dashboard.behalf import ON_BEHALF, about, named
from meshd.web.dashboard.pages import EMPTY_FORM, Filled, PageRoutes
from meshd.web.forms import Form
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room

IPS = "/account/edit_ips/"
HOSTNAMES = "/account/edit_hostnames/"
ADDRESS = 45
"""Characters of the longest spelling of an IPv6 address, which is an IPv4-mapped one."""
HOSTNAME = 254
"""Characters of the longest hostname, its final dot included."""


class Here(NamedTuple):
    """Where the caller's browser asks from; whether that is listed, and whether it can be."""

    address: str
    listed: bool
    public: bool


class AllowlistRoutes(PageRoutes):
    def mount(self, room: Room) -> None:
        self._page(room, IPS, self.ips, ON_BEHALF)
        self._change(room, f"{IPS}add/", self.add_ip, ("ip", "label", "username"))
        self._change(room, f"{IPS}delete/", self.delete_ip, ("ip", "username"))
        self._page(room, HOSTNAMES, self.hostnames, ON_BEHALF)
        self._change(room, f"{HOSTNAMES}add/", self.add_hostname, ("domain", "username"))
        self._change(room, f"{HOSTNAMES}delete/", self.delete_hostname, ("domain", "username"))

    async def ips(self, caller: Caller, form: Form) -> Reply:
        return await self._ips(caller, named(form), EMPTY_FORM, 200)

    async def _ips(self, caller: Caller, username: str | None, form: Filled, status: int) -> Reply:
        found = await self._perform(allowlists.ips, caller.actor, username, at=self._now(), peer=caller.peer)
        address = normal_address(caller.peer) or ""
        listed = address in {each.address for each in found}
        client = Here(address, listed, validate.address(address, private=False) is None)
        return self._show(caller, "ips.html", status, form=form, username=username, ips=found, client=client)

    async def add_ip(self, caller: Caller, form: Form) -> Reply:
        username = named(form)

        async def change() -> Reply:
            with form.reading() as field:
                ip, label = field.text("ip", ADDRESS, required=True), field.text("label", LABEL)
            plans = self._live.topology.plans
            added = await self._perform(
                allowlists.add_ip, caller.actor, username, ip, label, plans=plans, now=self._now(), peer=caller.peer
            )
            return self._done(caller, about(IPS, username), f"{added.address} was added.")

        return await self._tried(form, change, partial(self._ips, caller, username))

    async def delete_ip(self, caller: Caller, form: Form) -> Reply:
        username = named(form)

        async def change() -> Reply:
            with form.reading() as field:
                ip = field.text("ip", ADDRESS, required=True)
            await self._perform(allowlists.delete_ip, caller.actor, username, ip, now=self._now())
            return self._done(caller, about(IPS, username), f"{ip} was removed.")

        return await self._tried(form, change, partial(self._ips, caller, username))

    async def hostnames(self, caller: Caller, form: Form) -> Reply:
        return await self._hostnames(caller, named(form), EMPTY_FORM, 200)

    async def _hostnames(self, caller: Caller, username: str | None, form: Filled, status: int) -> Reply:
        found = await self._perform(allowlists.hosts, caller.actor, username, at=self._now(), peer=caller.peer)
        return self._show(caller, "hostnames.html", status, form=form, username=username, hostnames=found)

    async def add_hostname(self, caller: Caller, form: Form) -> Reply:
        username = named(form)

        async def change() -> Reply:
            with form.reading() as field:
                domain = field.text("domain", HOSTNAME, required=True)
            plans = self._live.topology.plans
            added = await self._perform(
                allowlists.add_hostname, caller.actor, username, domain, plans=plans, now=self._now()
            )
            return self._done(caller, about(HOSTNAMES, username), f"{added.hostname} was added.")

        return await self._tried(form, change, partial(self._hostnames, caller, username))

    async def delete_hostname(self, caller: Caller, form: Form) -> Reply:
        username = named(form)

        async def change() -> Reply:
            with form.reading() as field:
                domain = field.text("domain", HOSTNAME, required=True)
            await self._perform(allowlists.delete_hostname, caller.actor, username, domain, now=self._now())
            return self._done(caller, about(HOSTNAMES, username), f"{domain} was removed.")

        return await self._tried(form, change, partial(self._hostnames, caller, username))
