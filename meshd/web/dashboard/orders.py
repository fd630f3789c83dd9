"""What an account has ordered, and ordering: `/account/orders/`; invoices of what was paid."""

from __future__ import annotations

from meshd.accounts import invoicefile, orders
from meshd.accounts.coupons import LONGEST as CODE
from meshd.accounts.cursors import LONGEST
from meshd.accounts.errors import NotFound
from meshd.accounts.orders import Found
from meshd.web.alike import ordered
from meshd.web.dashboard.pages import EMPTY_FORM, NO_STORE, Filled, PageRoutes
from meshd.web.forms import LARGEST_STORED, Form, Reading
from meshd.web.problems import Worded
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room
from meshd.web.services import Services

ORDERS = "/account/orders/"
PAGE = 50
NAME = 64
"""Characters of the longest name of an offer."""


class OrderRoutes(PageRoutes):
    def mount(self, room: Room) -> None:
        self._page(room, ORDERS, self.listing, ("cursor",))
        self._change(room, ORDERS, self.order, ("offer", "coupon"))
        self._change(room, f"{ORDERS}cancel/", self.cancel, ("number",))
        self._page(room, f"{ORDERS}{{number}}/invoice.pdf", self.invoice, ("number",))

    async def listing(self, caller: Caller, form: Form) -> Reply:
        with form.reading() as field:
            cursor = field.text("cursor", LONGEST)
        return await self._listing(caller, EMPTY_FORM, 200, cursor)

    async def _listing(self, caller: Caller, form: Filled, status: int, cursor: str = "") -> Reply:
        found = await self._perform(orders.of_account, caller.actor, None, cursor=cursor, limit=PAGE)
        selling = self._live.topology.selling
        return self._show(
            caller,
            "orders.html",
            status,
            form=form,
            orders=found.rows,
            following=found.cursor,
            after=cursor,
            offers=list(selling.offers.values()),
            told=selling.told,
        )

    async def order(self, caller: Caller, form: Form) -> Reply:
        """Order an offer; how to pay stands beside the order on the next page."""
        selling = self._live.topology.selling

        async def change() -> Reply:
            with form.reading() as field:
                offer = selling.offers.get(field.text("offer", NAME))
                coupon = field.text("coupon", CODE)
                if offer is None:
                    field.wrong("offer", Worded("Choose one of those that are sold."))
            assert offer is not None
            made = await ordered(self._services, caller, offer, coupon)
            paid = made.state == "settled"
            said = f"Order {made.id} was made" + (": it costs nothing, and its traffic was added." if paid else ".")
            return self._done(caller, ORDERS, said)

        return await self._tried(form, change, lambda filled, status: self._listing(caller, filled, status))

    async def cancel(self, caller: Caller, form: Form) -> Reply:
        async def change() -> Reply:
            with form.reading() as field:
                which = number(field)
            await self._perform(orders.cancel, caller.actor, which, now=self._now())
            return self._done(caller, ORDERS, f"Order {which} was cancelled.")

        return await self._tried(form, change, lambda filled, status: self._listing(caller, filled, status))

    async def invoice(self, caller: Caller, form: Form) -> Reply:
        which = in_path(caller)
        found = await self._perform(orders.read, caller.actor, which)
        if found.order.account_id != caller.id:  # an operator has her own page for those of others
            raise NotFound(f"there is no order {which}")
        return await invoice_file(self._services, found)


def number(field: Reading) -> int:
    """The number of an order."""
    return field.whole_number("number", least=1, most=LARGEST_STORED)


def in_path(caller: Caller) -> int:
    """The number of the order that the address names.  Raises: NotFound for what is no number."""
    text = caller.call.variables["number"]
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise NotFound("there is no such order")
    return int(text)


async def invoice_file(services: Services, found: Found) -> Reply:
    """The invoice of an order as a file.  Raises: NotFound where it was not paid."""
    if found.invoice is None:
        raise NotFound("only an order that was paid has an invoice")
    content = await services.invoice(found.order, found.invoice)
    name = f'attachment; filename="{invoicefile.named(found.invoice)}"'
    return Reply(content, fields=(*NO_STORE, ("Content-Disposition", name)), media=invoicefile.MEDIA)
