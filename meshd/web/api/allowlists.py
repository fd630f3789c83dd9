"""Addresses and hostnames that need no credential: `/api/ip…` and `/api/hostname…`, one's own or a sub-account's."""

from __future__ import annotations

from twisted.logger import Logger

from meshd.accounts import allowlists
from meshd.accounts.validate import LABEL
from meshd.model import AuthorizedIP
from meshd.web.api.answers import NO_CONTENT
from meshd.web.api.fields import ON_BEHALF, on_behalf, read_required
from meshd.web.forms import Form
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Routes

ADDRESS = 45
"""Characters of the longest spelling of an IPv6 address, which is an IPv4-mapped one."""
HOSTNAME = 254
"""Characters of the longest hostname, its final dot included."""

log = Logger()


IP = ("ip", "label", "username")
OLD_IP = ("ip", "username")
DOMAIN = ("domain", "username")


class AllowlistRoutes(Routes):
    def mount(self, room: Room) -> None:
        room.route("GET", "/api/ips/", Who.ANY, self.ips, ON_BEHALF)
        room.route("GET", "/api/ip_labels/", Who.ANY, self.ip_labels, ON_BEHALF)
        room.route("POST", "/api/ip/add/", Who.ANY, self.add_ip, IP)
        room.route("POST", "/api/ip/delete/", Who.ANY, self.delete_ip, OLD_IP)
        room.route("GET", "/api/hostnames/", Who.ANY, self.hostnames, ON_BEHALF)
        room.route("POST", "/api/hostname/add/", Who.ANY, self.add_hostname, DOMAIN)
        room.route("POST", "/api/hostname/delete/", Who.ANY, self.delete_hostname, DOMAIN)

    async def ips(self, caller: Caller, form: Form) -> Reply:
        found = await self._ips(caller, form)
        disputed = [each.address for each in found if each.disputed]
        return Reply({"ips": [each.address for each in found], **({"disputed": disputed} if disputed else {})})

    async def ip_labels(self, caller: Caller, form: Form) -> Reply:
        found = await self._ips(caller, form)
        return Reply([{"ip": each.address, "label": each.label, **_dispute(each)} for each in found])

    async def _ips(self, caller: Caller, form: Form) -> list[AuthorizedIP]:
        with form.reading() as field:
            username = on_behalf(field)
        return await self._perform(allowlists.ips, caller.actor, username, at=self._now(), peer=caller.peer)

    async def add_ip(self, caller: Caller, form: Form) -> Reply:
        """Add an address; the answer has the address as it is stored, whatever spelling the client sent."""
        with form.reading() as field:
            username = on_behalf(field)
            ip = field.text("ip", ADDRESS, required=True)
            label = field.text("label", LABEL)
        plans = self._live.topology.plans
        added = await self._perform(
            allowlists.add_ip, caller.actor, username, ip, label, plans=plans, now=self._now(), peer=caller.peer
        )
        if added.contested:
            log.warn(
                "{address} stays with an earlier claim, not with account {account}, which has listed it",
                address=added.address,
                account=added.account_id,
            )
        return Reply({"ip": added.address, **_dispute(added)})

    async def delete_ip(self, caller: Caller, form: Form) -> Reply:
        username, ip = read_required(form, "ip", ADDRESS)
        await self._perform(allowlists.delete_ip, caller.actor, username, ip, now=self._now())
        return NO_CONTENT

    async def hostnames(self, caller: Caller, form: Form) -> Reply:
        with form.reading() as field:
            username = on_behalf(field)
        found = await self._perform(allowlists.hosts, caller.actor, username, at=self._now(), peer=caller.peer)
        disputed = [each.hostname for each in found if each.disputed]
        return Reply({"domains": [each.hostname for each in found], **({"disputed": disputed} if disputed else {})})

    async def add_hostname(self, caller: Caller, form: Form) -> Reply:
        username, domain = read_required(form, "domain", HOSTNAME)
        plans = self._live.topology.plans
        added = await self._perform(
            allowlists.add_hostname, caller.actor, username, domain, plans=plans, now=self._now()
        )
        return Reply({"domain": added.hostname})

    async def delete_hostname(self, caller: Caller, form: Form) -> Reply:
        username, domain = read_required(form, "domain", HOSTNAME)
        await self._perform(allowlists.delete_hostname, caller.actor, username, domain, now=self._now())
        return NO_CONTENT


def _dispute(entry: AuthorizedIP) -> dict[str, bool]:
    """The key of an address that another account claims too; few addresses have it."""
    return {"disputed": True} if entry.disputed else {}
