"""`/api/admin/accounts/{username}/ips`, `…/hostnames`, `…/proxies`: what an account may come from, and go through."""

from __future__ import annotations

from functools import partial
from urllib.parse import quote

from meshd.accounts import allowlists, proxies
from meshd.accounts.validate import LABEL
from meshd.model import AuthorizedHostname, AuthorizedIP
from meshd.web.admin.accounts import ONE, moment, named
from meshd.web.admin.repeats import create
from meshd.web.admin.segments import text
from meshd.web.admin.tokens import PROXY
from meshd.web.document import Document
from meshd.web.forms import Form
from meshd.web.reply import EMPTY, Reply
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Routes

IPS, HOSTNAMES, PROXIES = f"{ONE}/ips", f"{ONE}/hostnames", f"{ONE}/proxies"

ADDRESS, HOSTNAME = 45, 254
"""Characters of the longest address, and of the longest hostname with its final dot."""


class AllowlistRoutes(Routes):
    def mount(self, room: Room) -> None:
        room.route("GET", IPS, Who.PASSWORD, self.ips, ("username",))
        room.route("POST", IPS, Who.PASSWORD, self.add_ip, ("ip", "label"))
        room.route("DELETE", f"{IPS}/{{ip}}", Who.PASSWORD, self.delete_ip, ())
        room.route("GET", HOSTNAMES, Who.PASSWORD, self.hostnames, ("username",))
        room.route("POST", HOSTNAMES, Who.PASSWORD, self.add_hostname, ("hostname",))
        room.route("DELETE", f"{HOSTNAMES}/{{hostname}}", Who.PASSWORD, self.delete_hostname, ())
        room.route("GET", PROXIES, Who.PASSWORD, self.proxies, ("username",))
        room.route("PUT", f"{PROXIES}/{{proxy}}", Who.PASSWORD, self.authorize, ())
        room.route("DELETE", f"{PROXIES}/{{proxy}}", Who.PASSWORD, self.revoke, ())

    async def ips(self, caller: Caller, form: Form) -> Reply:
        found = await self._perform(allowlists.ips, caller.actor, form["username"], at=self._now())
        return Reply({"ips": [_ip(each) for each in found]})

    async def add_ip(self, caller: Caller, form: Form) -> Reply:
        assert isinstance(form, Document)
        with form.members_read() as member:
            ip, label = member.required("ip", ADDRESS), member.text("label", LABEL) or ""
        username, plans, now = named(caller), self._live.topology.plans, self._now()
        unit = partial(allowlists.add_ip, caller.actor, username, ip, label, plans=plans, now=now)

        where = IPS.format(username=username)
        return await create(self._services, caller, unit, _ip, lambda made: f"{where}/{quote(made.address, safe='')}")

    async def delete_ip(self, caller: Caller, form: Form) -> Reply:
        ip = text(caller, "ip")
        await self._perform(allowlists.delete_ip, caller.actor, named(caller), ip, now=self._now())
        return Reply(EMPTY, 204)

    async def hostnames(self, caller: Caller, form: Form) -> Reply:
        found = await self._perform(allowlists.hosts, caller.actor, form["username"], at=self._now())
        return Reply({"hostnames": [_hostname(each) for each in found]})

    async def add_hostname(self, caller: Caller, form: Form) -> Reply:
        assert isinstance(form, Document)
        with form.members_read() as member:
            hostname = member.required("hostname", HOSTNAME)
        username, plans, now = named(caller), self._live.topology.plans, self._now()
        unit = partial(allowlists.add_hostname, caller.actor, username, hostname, plans=plans, now=now)

        where = HOSTNAMES.format(username=username)
        return await create(self._services, caller, unit, _hostname, lambda made: f"{where}/{made.hostname}")

    async def delete_hostname(self, caller: Caller, form: Form) -> Reply:
        hostname = text(caller, "hostname")
        await self._perform(allowlists.delete_hostname, caller.actor, named(caller), hostname, now=self._now())
        return Reply(EMPTY, 204)

    async def proxies(self, caller: Caller, form: Form) -> Reply:
        """List the account's proxies, and those that the operator took, which stay away until they are given back."""
        names, taken = await self._perform(proxies.of_account, caller.actor, form["username"])
        known = self._live.topology.proxies
        listed = [{"name": name, "domain": known[name].domain if name in known else None} for name in names]
        return Reply({"proxies": listed, "withheld": [each.name for each in taken]})

    async def authorize(self, caller: Caller, form: Form) -> Reply:
        topology = self._live.topology
        host = await self._perform(
            proxies.authorize,
            caller.actor,
            named(caller),
            text(caller, "proxy")[:PROXY],
            known=topology.proxies,
            plans=topology.plans,
            now=self._now(),
        )
        return Reply({"name": host.name, "domain": host.domain})

    async def revoke(self, caller: Caller, form: Form) -> Reply:
        known = self._live.topology.proxies
        proxy = text(caller, "proxy")[:PROXY]
        await self._perform(proxies.revoke, caller.actor, named(caller), proxy, known=known, now=self._now())
        return Reply(EMPTY, 204)


def _ip(entry: AuthorizedIP) -> dict[str, object]:
    return {
        "ip": entry.address,
        "label": entry.label,
        "created_at": moment(entry.created_at),
        "disputed": entry.disputed,
    }


def _hostname(entry: AuthorizedHostname) -> dict[str, object]:
    return {
        "hostname": entry.hostname,
        "created_at": moment(entry.created_at),
        "addresses": list(entry.addresses),
        "disputed": list(entry.disputed),
    }
