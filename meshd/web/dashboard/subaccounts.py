"""Sub-accounts: `/account/sub_accounts/…`, for their parent."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import partial
from typing import NamedTuple
from urllib.parse import quote

from meshd.accounts import subaccounts, subusers, summary
from meshd.accounts.profile import NewAccount, Profile
from meshd.accounts.validate import EMAIL, NAME, PASSWORD, USERNAME
from meshd.model import GB, Identity
from meshd.values.addresses import join_host
from meshd.web.alike import subaccount_edited, subaccount_made
from meshd.web.dashboard.home import used
from meshd.web.dashboard.pages import EMPTY_FORM, HOME, Filled, PageRoutes
from meshd.web.forms import Form, Reading
from meshd.web.problems import Worded
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room

ALL = "/account/sub_accounts/"
NEW = "/account/new_sub_account/"
ONE = "/account/sub_accounts/{name}/"
PAGE = 100
DETAILS = ("password", "first_name", "last_name", "email", "monthly_limit", "total_limit")

_GIGABYTES = re.compile(r"\d{1,10}(\.\d{1,9})?\Z", re.ASCII)


class _Details(NamedTuple):
    """What the form "Update Account" says."""

    password: str
    """"" to leave it as it is, or for an account without one."""
    profile: Profile


class AtGateway(NamedTuple):
    """A sub-account as a sub-user of ProxyHat's API."""

    host: str
    name: str
    """As its parent calls it; "" for no such name."""
    group: str
    """The name of its group; "" for none."""


class SubAccountRoutes(PageRoutes):
    def mount(self, room: Room) -> None:
        self._page(room, ALL, self.listing, ("after",))
        self._page(room, NEW, self.new)
        self._change(room, NEW, self.create, ("username", *DETAILS))
        self._page(room, ONE, self.one)
        self._change(room, ONE, self.edit, DETAILS)
        self._change(room, f"{ONE}activate/", self.activate)
        self._change(room, f"{ONE}deactivate/", self.deactivate)
        self._change(room, f"{ONE}delete/", self.delete)

    async def listing(self, caller: Caller, form: Form) -> Reply:
        with form.reading() as field:
            after = field.text("after", USERNAME)
        found = await self._perform(summary.below, caller.actor, after=after, limit=PAGE, at=self._now())
        return self._show(caller, "subaccounts.html", below=found, after=after)

    async def new(self, caller: Caller, form: Form) -> Reply:
        return await self._new(caller, EMPTY_FORM, 200)

    async def _new(self, caller: Caller, form: Filled, status: int) -> Reply:
        await self._perform(summary.below, caller.actor, limit=1, at=self._now())  # who has a parent may not
        return self._show(caller, "subaccount.html", status, form=form, found=None, used=None, gateway=None)

    async def create(self, caller: Caller, form: Form) -> Reply:
        async def change() -> Reply:
            details = _read(form)
            with form.reading() as field:
                username = field.text("username", USERNAME, required=True)
            new = NewAccount(username=username, profile=details.profile)
            await subaccount_made(self._services, caller, new, details.password)
            return self._done(caller, HOME, f"Sub-account {username} was created.")

        return await self._tried(form, change, partial(self._new, caller))

    async def one(self, caller: Caller, form: Form) -> Reply:
        return await self._one(caller, _name(caller), EMPTY_FORM, 200)

    async def _one(self, caller: Caller, name: str, form: Filled, status: int) -> Reply:
        found = await self._perform(subaccounts.details, caller.actor, name, at=self._now())
        sub, shown = found.account, used(found, self._now(), {})
        gateway = await self._at_gateway(caller, name)
        return self._show(caller, "subaccount.html", status, form=form, found=sub, used=shown, gateway=gateway)

    async def _at_gateway(self, caller: Caller, name: str) -> AtGateway | None:
        """What ProxyHat's programs know the sub-account by; None where that dialect is off."""
        v1 = self._live.topology.v1
        if v1 is None:
            return None
        found = await self._perform(subusers.at_gateway, caller.actor, name, at=self._now())
        return AtGateway(join_host(v1.domain, v1.port), found.sub.name, found.group)

    async def edit(self, caller: Caller, form: Form) -> Reply:
        name = _name(caller)

        async def change() -> Reply:
            details = _read(form)
            await subaccount_edited(self._services, caller, name, details.profile, details.password)
            return self._done(caller, HOME, f"Sub-account {name} was saved.")

        return await self._tried(form, change, partial(self._one, caller, name))

    async def activate(self, caller: Caller, form: Form) -> Reply:
        found = await self._perform(subaccounts.activate, caller.actor, _name(caller), now=self._now())
        return self._switched(caller, found, "active again")

    async def deactivate(self, caller: Caller, form: Form) -> Reply:
        found = await self._perform(subaccounts.deactivate, caller.actor, _name(caller), now=self._now())
        return self._switched(caller, found, "inactive now")

    def _switched(self, caller: Caller, found: Identity, how: str) -> Reply:
        name = found.account.username
        return self._done(caller, f"{ALL}{quote(name, safe='')}/", f"Sub-account {name} is {how}.")

    async def delete(self, caller: Caller, form: Form) -> Reply:
        await self._perform(subaccounts.delete, caller.actor, _name(caller), now=self._now())
        return self._done(caller, ALL, f"Sub-account {_name(caller)} was deleted.")


def _name(caller: Caller) -> str:
    """The sub-account that the page's address names."""
    return caller.call.variables["name"]


def limit(field: Reading, name: str) -> int:
    """A limit in bytes, given in GB, also in fractions; 0 for a field without a number: no limit."""
    text = field.text(name, 24)
    if not text:
        return 0
    if not _GIGABYTES.match(text):
        field.wrong(name, Worded("Enter a number of GB, such as 20 or 0.5, or leave it empty."))
        return 0
    return int(Decimal(text) * GB)


def _read(form: Form) -> _Details:
    with form.reading() as field:
        profile = Profile(
            first_name=field.text("first_name", NAME),
            last_name=field.text("last_name", NAME),
            email=field.text("email", EMAIL),
            monthly_limit=limit(field, "monthly_limit"),
            total_limit=limit(field, "total_limit"),
        )
        return _Details(field.secret("password", PASSWORD), profile)
