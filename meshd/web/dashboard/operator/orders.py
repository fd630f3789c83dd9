"""What customers have ordered, and noting that it was paid: `/operator/orders/`."""

from __future__ import annotations

from urllib.parse import urlencode

from meshd.accounts import orders, settling
from meshd.accounts.cursors import LONGEST
from meshd.accounts.orders import STATES, Page
from meshd.accounts.validate import LABEL, USERNAME
from meshd.values.offers import seller
from meshd.web.dashboard.operator.routes import InstallationRoutes
from meshd.web.dashboard.orders import in_path, invoice_file, number
from meshd.web.dashboard.pages import EMPTY_FORM, SOLD, Filled
from meshd.web.forms import Form
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room

PAGE = 50
ASKED = ("account", "state")


class OrderRoutes(InstallationRoutes):
    def mount(self, room: Room) -> None:
        self._page(room, SOLD, self.listing, (*ASKED, "cursor"))
        self._change(room, f"{SOLD}settle/", self.settle, ("number", "reference"))
        self._change(room, f"{SOLD}cancel/", self.cancel, ("number",))
        self._page(room, f"{SOLD}{{number}}/invoice.pdf", self.invoice, ("number",))

    async def listing(self, caller: Caller, form: Form) -> Reply:
        """Show a page of the orders that the filters let through."""

        async def change() -> Reply:
            with form.reading() as field:
                account, state = field.text("account", USERNAME), field.choice("state", ("", *STATES))
                cursor = field.text("cursor", LONGEST)
            found = await self._perform(
                orders.listing, caller.actor, account=account, state=state, cursor=cursor, limit=PAGE
            )
            return self._listed(caller, form, found, EMPTY_FORM, 200)

        async def again(filled: Filled, status: int) -> Reply:
            return self._listed(caller, form, Page([], ""), filled, status)

        return await self._tried(form, change, again)

    def _listed(self, caller: Caller, form: Form, found: Page, filled: Filled, status: int) -> Reply:
        chosen = {name: form.get(name, "").strip() for name in ASKED}
        kept = {name: text for name, text in chosen.items() if text}
        return self._show(
            caller,
            "orders.html",
            status,
            form=Filled(chosen | dict(filled.typed), filled.problems),
            orders=found.rows,
            states=STATES,
            first=f"{SOLD}?{urlencode(kept)}" if form.get("cursor") else "",
            following=f"{SOLD}?{urlencode({**kept, 'cursor': found.cursor})}" if found.cursor else "",
        )

    async def settle(self, caller: Caller, form: Form) -> Reply:
        """Note that an order was paid."""
        topology = self._live.topology

        async def change() -> Reply:
            with form.reading() as field:
                which, reference = number(field), field.text("reference", LABEL)
            settled = await self._perform(
                settling.settle,
                caller.actor,
                which,
                reference=reference,
                plans=topology.plans,
                seller=seller(topology.selling),
                now=self._now(),
            )
            done = "was settled already: nothing was added" if settled.again else "is settled"
            return self._done(caller, SOLD, f"Order {which} {done}; its invoice is {settled.invoice.number}.")

        return await self._tried(form, change, lambda filled, status: self._again(caller, filled, status))

    async def cancel(self, caller: Caller, form: Form) -> Reply:
        async def change() -> Reply:
            with form.reading() as field:
                which = number(field)
            await self._perform(orders.cancel, caller.actor, which, now=self._now())
            return self._done(caller, SOLD, f"Order {which} was cancelled.")

        return await self._tried(form, change, lambda filled, status: self._again(caller, filled, status))

    async def _again(self, caller: Caller, filled: Filled, status: int) -> Reply:
        found = await self._perform(orders.listing, caller.actor, limit=PAGE)
        return self._listed(caller, Form(), found, filled, status)

    async def invoice(self, caller: Caller, form: Form) -> Reply:
        found = await self._perform(orders.read, caller.actor, in_path(caller))
        return await invoice_file(self._services, found)
