"""Files that programs set themselves up by: `/proxy.pac` and `/.well-known/pvd`, and the key of an account's own."""

from __future__ import annotations

from meshd.accounts import pacfiles
from meshd.accounts.errors import NotFound
from meshd.values.autoconfig import PAC_PATH, PAC_TYPE, PVD_PATH, PVD_TYPE, WORDS, Named, Offered, pac, pac_url, pvd
from meshd.web.api.answers import NO_CONTENT
from meshd.web.api.fields import ON_BEHALF, on_behalf
from meshd.web.call import Call
from meshd.web.forms import Form
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Routes

LONGEST_NAME = 64
"""Characters of a proxy's name."""

OFF = "PAC files are switched off here"


class AutoconfigRoutes(Routes):
    def mount(self, room: Room) -> None:
        room.visitors("GET", PAC_PATH, self.pac, ("key", "by", "proxy"))
        room.open(PVD_PATH, self.pvd)
        room.route("GET", "/api/pac/", Who.ANY, self.shown, ON_BEHALF)
        room.route("POST", "/api/pac/create/", Who.ANY, self.create, ON_BEHALF)
        room.route("POST", "/api/pac/delete/", Who.ANY, self.delete, ON_BEHALF)

    async def pac(self, call: Call, form: Form) -> Reply:
        """The script of the account whose key it is, for all of its proxies or for one."""
        offered = self._services.offered()
        if not offered.pac:
            raise NotFound("not found")
        with form.reading() as field:
            secret = field.text("key", pacfiles.LONGEST, required=True)
            by = field.choice("by", sorted(WORDS, key=lambda each: each != offered.usual))
            only = field.text("proxy", LONGEST_NAME)
        names = await self._perform(pacfiles.names, secret)
        if names is None or (only and only not in names):
            raise NotFound("not found")
        known = self._live.topology.proxies
        places = [known[name].domain for name in names if name in known and name in (only or names)]
        if by == "https" and not offered.tls:
            places = []  # to refuse the file would have the browser go without a proxy
        return Reply(pac(places, WORDS[by], offered.api).encode("ascii"), media=PAC_TYPE)

    async def pvd(self) -> Reply:
        """What everybody may know of the proxies."""
        offered = self._services.offered()
        if not offered.pvd:
            raise NotFound("not found")
        proxies = [Named(each.name, each.domain) for each in self._live.topology.proxies.values()]
        return Reply(pvd(offered, proxies, self._now()).encode("ascii"), media=PVD_TYPE)

    async def shown(self, caller: Caller, form: Form) -> Reply:
        offered = self._on()
        with form.reading() as field:
            username = on_behalf(field)
        secret = await self._perform(pacfiles.shown, caller.actor, username)
        return Reply({"url": pac_url(offered, secret) if secret else None})

    async def create(self, caller: Caller, form: Form) -> Reply:
        """Make a key; the one before finds nothing any more."""
        offered = self._on()
        with form.reading() as field:
            username = on_behalf(field)
        secret = pacfiles.secret_of(self._services.random(pacfiles.SECRET_BYTES))
        await self._perform(pacfiles.create, caller.actor, username, secret, now=self._now())
        return Reply({"url": pac_url(offered, secret)})

    async def delete(self, caller: Caller, form: Form) -> Reply:
        self._on()
        with form.reading() as field:
            username = on_behalf(field)
        await self._perform(pacfiles.delete, caller.actor, username, now=self._now())
        return NO_CONTENT

    def _on(self) -> Offered:
        """Raises: NotFound where these files are switched off."""
        offered = self._services.offered()
        if not offered.pac:
            raise NotFound(OFF)
        return offered
