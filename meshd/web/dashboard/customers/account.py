"""An account at a glance, put out of use, or deleted: `/operator/accounts/NAME/`."""

from __future__ import annotations

from meshd.accounts import auditing, directory, dossier, subaccounts, summary
from meshd.accounts.auditing import Entry
from meshd.accounts.directory import Filters, Row
from meshd.accounts.errors import Stale
from meshd.accounts.summary import Below
from meshd.model import Account
from meshd.topology import included_bytes
from meshd.values.bounds import parsed as read_bounds
from meshd.web.dashboard.customers.limits import rules_of
from meshd.web.dashboard.customers.sheet import ALL, ONE, SheetRoutes, named, version, where, whose
from meshd.web.dashboard.home import used
from meshd.web.dashboard.pages import EMPTY_FORM, Filled
from meshd.web.dashboard.wording import told
from meshd.web.forms import Form
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room

BELOW, NEWS = 10, 5
"""Sub-accounts and entries of the audit at a glance."""


class AccountRoutes(SheetRoutes):
    def mount(self, room: Room) -> None:
        self._page(room, ONE, self.summary)
        self._change(room, f"{ONE}activate/", self.activate)
        self._change(room, f"{ONE}deactivate/", self.deactivate)
        self._page(room, f"{ONE}delete/", self.asking)
        self._change(room, f"{ONE}delete/", self.delete, ("version",))

    async def summary(self, caller: Caller, form: Form) -> Reply:
        found = await self._dossier(caller)
        account, plans = found.account, self._live.topology.plans
        name = whose(caller, account)
        identity = await self._identity(caller, account)
        return self._sheet(
            caller,
            found,
            "",
            "summary.html",
            used=used(identity, self._now(), included_bytes(plans)),
            bounds=read_bounds(account.bounds).given(),
            rules=rules_of(account.rules),
            holdings=await self._perform(summary.holdings, caller.actor, name),
            proxies=len(identity.proxies),
            row=await self._row(caller, account),
            below=await self._below(caller, account),
            news=await self._news(caller, account),
            changed=auditing.changed,
        )

    async def _row(self, caller: Caller, account: Account) -> Row | None:
        """The account as it stands in the list: the first of those whose names begin with its own."""
        asked, plans = Filters(prefix=account.username), self._live.topology.plans
        page = await self._perform(directory.listing, caller.actor, asked, plans=plans, now=self._now(), limit=1)
        return next((row for row in page.rows if row.account.id == account.id), None)

    async def _below(self, caller: Caller, account: Account) -> Below | None:
        if account.parent_id is not None:
            return None
        name = whose(caller, account)
        return await self._perform(summary.below, caller.actor, name, limit=BELOW, at=self._now())

    async def _news(self, caller: Caller, account: Account) -> list[Entry]:
        asked = auditing.Filters(account_id=account.id)
        return (await self._perform(auditing.entries, caller.actor, asked, limit=NEWS)).entries

    async def activate(self, caller: Caller, form: Form) -> Reply:
        found = await self._perform(subaccounts.activate, caller.actor, named(caller), now=self._now())
        name = found.account.username
        return self._done(caller, where(name), f"{name} is active again.")

    async def deactivate(self, caller: Caller, form: Form) -> Reply:
        found = await self._perform(subaccounts.deactivate, caller.actor, named(caller), now=self._now())
        name = found.account.username
        return self._done(caller, where(name), f"{name} is inactive now, and is refused everywhere.")

    async def asking(self, caller: Caller, form: Form) -> Reply:
        return await self._asking(caller, EMPTY_FORM, 200)

    async def _asking(self, caller: Caller, form: Filled, status: int) -> Reply:
        """Say what goes with the account, and ask once more."""
        found = await self._dossier(caller)
        held = await self._perform(summary.holdings, caller.actor, whose(caller, found.account))
        return self._sheet(caller, found, "", "delete.html", status, form=form, holdings=held)

    async def delete(self, caller: Caller, form: Form) -> Reply:
        with form.reading() as field:
            shown = field.text("version", 32)
        name = named(caller)

        async def change() -> Reply:
            await self._perform(
                dossier.delete,
                caller.actor,
                name,
                expected=lambda found: version(found) == shown,
                now=self._now(),
            )
            return self._done(caller, ALL, f"{name} was deleted.")

        try:
            return await self._tried(form, change, lambda filled, status: self._asking(caller, filled, status))
        except Stale as error:
            return await self._asking(caller, Filled({}, told(error)), 409)
