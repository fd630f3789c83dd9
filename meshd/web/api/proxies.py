"""The proxies that an account may use, and where their exits are: `/api/prox…` and `/api/geoips/…`."""

from __future__ import annotations

from collections.abc import Sequence

from meshd.accounts import proxies
from meshd.accounts.errors import NotFound
from meshd.web.api.answers import NO_CONTENT
from meshd.web.api.fields import ON_BEHALF, on_behalf, read_required
from meshd.web.forms import Form
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Routes

PROXY = 260
"""Characters of a domain (253), a colon and a port."""
FIELDS = ("proxy", "username")


class ProxyRoutes(Routes):
    def mount(self, room: Room) -> None:
        room.route("GET", "/api/proxies/", Who.ANY, self.listing, ON_BEHALF)
        room.route("POST", "/api/proxy/add/", Who.PARENT, self.add, FIELDS)
        room.route("POST", "/api/proxy/delete/", Who.PARENT, self.delete, FIELDS)
        room.route("GET", "/api/geoips/{proxy}/", Who.ANY, self.geoips, ())

    async def listing(self, caller: Caller, form: Form) -> Reply:
        """List the proxies of an account in the order of authorization, but those that the operator took away."""
        with form.reading() as field:
            username = on_behalf(field)
        known, only = self._live.topology.proxies, caller.admission.only
        names: Sequence[str] = caller.admission.identity.proxies
        if username is not None:  # a sub-account of the caller, whose proxies are the same
            names = await self._perform(proxies.authorized, caller.actor, username)
        return Reply({"proxies": [known[name].domain for name in names if name in known and name in (only or known)]})

    async def add(self, caller: Caller, form: Form) -> Reply:
        """Authorize a proxy; the answer is the whole domain of the proxy, without the port."""
        username, proxy = read_required(form, "proxy", PROXY)
        known, plans, now = self._live.topology.proxies, self._live.topology.plans, self._now()
        host = await self._perform(proxies.authorize, caller.actor, username, proxy, known=known, plans=plans, now=now)
        return Reply({"proxy": proxies.host_of(host)})

    async def delete(self, caller: Caller, form: Form) -> Reply:
        username, proxy = read_required(form, "proxy", PROXY)
        known = self._live.topology.proxies
        await self._perform(proxies.revoke, caller.actor, username, proxy, known=known, now=self._now())
        return NO_CONTENT

    async def geoips(self, caller: Caller, form: Form) -> Reply:
        """Count the exits of a proxy by country; exits that rest or are drained do not count."""
        proxy = proxies.recognised(form["proxy"], self._live.topology.proxies)
        if proxy is None:
            raise NotFound("there is no such proxy")
        return Reply(dict(self._services.countries(proxy.name)))
