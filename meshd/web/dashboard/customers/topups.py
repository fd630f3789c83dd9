"""Top-ups of an account: `…/topups/`, listed and added."""

from __future__ import annotations

from meshd.accounts import topups
from meshd.accounts.validate import LABEL, NOTES
from meshd.model import monthly_limit
from meshd.topology import included_bytes
from meshd.web.dashboard.customers.listing import CURSOR
from meshd.web.dashboard.customers.sheet import ONE, SheetRoutes, named, where, whose
from meshd.web.dashboard.figures import size
from meshd.web.dashboard.pages import EMPTY_FORM, Filled
from meshd.web.dashboard.subaccounts import limit
from meshd.web.forms import Form
from meshd.web.problems import Flaw
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room

HERE = f"{ONE}topups/"
PAGE = 50


class TopUpRoutes(SheetRoutes):
    def mount(self, room: Room) -> None:
        self._page(room, HERE, self.listing, ("cursor",))
        self._change(room, HERE, self.add, ("bytes", "reference", "note"))

    async def listing(self, caller: Caller, form: Form) -> Reply:
        with form.reading() as field:
            cursor = field.text("cursor", CURSOR)
        return await self._listing(caller, EMPTY_FORM, 200, cursor)

    async def _listing(self, caller: Caller, form: Filled, status: int, cursor: str = "") -> Reply:
        found = await self._dossier(caller)
        account = found.account
        page = await self._perform(topups.listing, caller.actor, whose(caller, account), cursor=cursor, limit=PAGE)
        identity = await self._identity(caller, account)
        return self._sheet(
            caller,
            found,
            "topups/",
            "topups.html",
            status,
            form=form,
            topups=page.rows,
            cursor=page.cursor,
            monthly=monthly_limit(account, included_bytes(self._live.topology.plans)),
            prepaid=identity.usage.prepaid_bytes,
        )

    async def add(self, caller: Caller, form: Form) -> Reply:
        """Add bytes; a payment that is told again by its reference adds nothing, and that is said."""

        async def change() -> Reply:
            with form.reading() as field:
                amount, note = limit(field, "bytes"), field.text("note", NOTES)
                reference = field.text("reference", LABEL, required=True)
                if not amount:
                    field.wrong("bytes", Flaw.REQUIRED)
            plans = self._live.topology.plans
            topped = await self._perform(
                topups.add, caller.actor, named(caller), amount, reference, note=note, plans=plans, now=self._now()
            )
            said = (
                f"{reference} was known already: nothing was added." if topped.again else f"{size(amount)} were added."
            )
            return self._done(caller, where(named(caller), "topups/"), said)

        return await self._tried(form, change, lambda filled, status: self._listing(caller, filled, status))
