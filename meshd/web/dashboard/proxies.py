"""Which proxies an account may use, and how: `/account/edit_proxies/`, `/account/proxy_status/…`."""

from __future__ import annotations

from dataclasses import replace

from meshd.accounts import proxies
from meshd.accounts.errors import NotFound
from meshd.topology import ProxyHost
from meshd.web.dashboard.pages import EMPTY_FORM, NO_STORE, Filled, PageRoutes
from meshd.web.dashboard.snippets import pac, snippets
from meshd.web.forms import Form
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room

EDIT = "/account/edit_proxies/"
STATUS = "/account/proxy_status/{name}/"
PROXY = 260
"""Characters of a domain (253), a colon and a port."""


class ProxyRoutes(PageRoutes):
    def mount(self, room: Room) -> None:
        self._page(room, EDIT, self.listing)
        self._change(room, f"{EDIT}add/", self.add, ("proxy",))
        self._change(room, f"{EDIT}delete/", self.delete, ("proxy",))
        self._page(room, STATUS, self.status)
        self._page(room, "/account/proxy_status/{name}/proxy.pac", self.pac)

    async def listing(self, caller: Caller, form: Form) -> Reply:
        return await self._listing(caller, EMPTY_FORM, 200)

    async def _listing(self, caller: Caller, form: Filled, status: int) -> Reply:
        names, withheld = await self._perform(proxies.of_account, caller.actor)
        known, plans = self._live.topology.proxies, self._live.topology.plans
        held = [known[name] for name in names if name in known]
        others = [proxy for name, proxy in known.items() if name not in names]
        return self._show(
            caller,
            "proxies.html",
            status,
            form=form,
            held=held,
            others=others,
            withheld={each.name for each in withheld},
            plan=plans.get(caller.account.plan),
        )

    async def add(self, caller: Caller, form: Form) -> Reply:
        async def change() -> Reply:
            known, plans = self._live.topology.proxies, self._live.topology.plans
            host = await self._perform(
                proxies.authorize, caller.actor, None, _named(form), known=known, plans=plans, now=self._now()
            )
            return self._done(caller, EDIT, f"You may use {host.name} now.")

        return await self._tried(form, change, lambda filled, status: self._listing(caller, filled, status))

    async def delete(self, caller: Caller, form: Form) -> Reply:
        async def change() -> Reply:
            known, name = self._live.topology.proxies, _named(form)
            await self._perform(proxies.revoke, caller.actor, None, name, known=known, now=self._now())
            return self._done(caller, EDIT, f"{name} was removed from your proxies.")

        return await self._tried(form, change, lambda filled, status: self._listing(caller, filled, status))

    async def status(self, caller: Caller, form: Form) -> Reply:
        """Show how to use one proxy, and where its exits are."""
        proxy = self._of(caller, form["name"])
        return self._show(
            caller,
            "proxy.html",
            proxy=proxy,
            countries=sorted(self._services.countries(proxy.name).items()),
            snippets=snippets(proxy.domain, caller.account.username),
            pac=pac(proxy.domain),
        )

    async def pac(self, caller: Caller, form: Form) -> Reply:
        proxy = self._of(caller, form["name"])
        saved = ("Content-Disposition", 'attachment; filename="proxy.pac"')
        told = Reply(pac(proxy.domain).encode(), media="application/x-ns-proxy-autoconfig")
        return replace(told, fields=(*NO_STORE, saved))

    def _of(self, caller: Caller, name: str) -> ProxyHost:
        """The proxy of that name, if the account may use it.  Raises: NotFound."""
        proxy = self._live.topology.proxies.get(name)
        if proxy is None or name not in caller.admission.identity.proxies:
            raise NotFound("you have no proxy of that name")
        return proxy


def _named(form: Form) -> str:
    with form.reading() as field:
        return field.text("proxy", PROXY, required=True)
