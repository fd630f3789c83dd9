"""`/v1/payments`: orders as ProxyHat's programs see them.

meshd takes no coins: whatever gate and coin a program names, the order is told with the operator's own words on how to
pay, and is completed when the operator or his payment processor says that it was paid.
"""

from __future__ import annotations

from meshd.accounts import invoicefile, orders
from meshd.accounts.coupons import LONGEST
from meshd.accounts.errors import Invalid
from meshd.accounts.orders import MOST, Order
from meshd.values import money
from meshd.values.offers import KINDS, Offer
from meshd.web.alike import ordered
from meshd.web.document import Document, Members
from meshd.web.forms import Form
from meshd.web.problems import Worded
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Routes
from meshd.web.v1 import answers
from meshd.web.v1.coupons import PLAN
from meshd.web.v1.values import moment, number

PATH = "/v1/payments"
ONE = f"{PATH}/{{id}}"
NEW = ("type", "plan_id", "gate", "cryptocurrency_code", "coupon_code")
NAMES = {"code": "coupon_code", "offer": "plan_id", "username": "plan_id"}
"""What fields that rules name are called in these calls."""
GATE = 64
"""Characters of the longest name of a gate or a coin, which are read and not used."""
CURSOR = 400

STATUSES = {"open": "pending", "settled": "completed", "cancelled": "cancelled", "expired": "expired"}


class PaymentRoutes(Routes):
    def mount(self, room: Room) -> None:
        room.route("GET", PATH, Who.ANY, self.listing, ("limit", "cursor"))
        room.route("POST", PATH, Who.ANY, self.create, NEW)
        room.route("GET", f"{PATH}/cryptocurrencies", Who.ANY, self.coins, ())
        room.route("GET", ONE, Who.ANY, self.read, ("id",))
        room.route("GET", f"{ONE}/check", Who.ANY, self.read, ("id",))
        room.route("GET", f"{ONE}/invoice", Who.ANY, self.invoice, ("id", "format"))

    async def listing(self, caller: Caller, form: Form) -> Reply:
        """The newest first; `next` tells the cursor of the following page."""
        with form.reading() as field:
            limit = field.whole_number("limit", least=1, most=MOST, default=100)
            cursor = field.text("cursor", CURSOR)
        found = await self._perform(orders.of_account, caller.actor, None, cursor=cursor, limit=limit)
        rows = [_summary(each) for each in found.rows]
        return answers.bare({"success": True, "data": rows, "next": found.cursor or None})

    async def create(self, caller: Caller, form: Form) -> Reply:
        assert isinstance(form, Document)
        with form.members_read() as member:
            for name in ("gate", "cryptocurrency_code"):
                member.text(name, GATE)
            coupon = member.text("coupon_code", LONGEST) or ""
            offer = self._offer(member)
        assert offer is not None
        try:
            order = await ordered(self._services, caller, offer, coupon)
        except Invalid as error:
            return answers.of_rule(answers.named(error, NAMES))
        told = {"success": True, "payment_id": str(order.id), **self._details(order)}
        return answers.bare({"success": True, "data": told}, 201)

    async def read(self, caller: Caller, form: Form) -> Reply:
        found = await self._perform(orders.read, caller.actor, number(form["id"]))
        return answers.bare({"success": True, "data": self._details(found.order)})

    async def invoice(self, caller: Caller, form: Form) -> Reply:
        with form.reading() as field:
            field.choice("format", ("pdf",))
        found = await self._perform(orders.read, caller.actor, number(form["id"]))
        if found.invoice is None:
            return answers.message(404, "This payment is not completed: there is no invoice of it.")
        content = await self._services.invoice(found.order, found.invoice)
        name = invoicefile.named(found.invoice)
        fields = (("Content-Disposition", f'attachment; filename="{name}"'),)
        return Reply(content, 200, fields, media=invoicefile.MEDIA)

    async def coins(self, caller: Caller, form: Form) -> Reply:
        return answers.bare({"success": True, "data": []})

    def _offer(self, member: Members) -> Offer | None:
        """What is to be bought."""
        kind, name = member.choice("type", KINDS), member.required("plan_id", PLAN)
        if kind is None:
            member.wrong("type", Worded("is required"))
        offer = self._live.topology.selling.offers.get(name)
        if not self._live.topology.selling.offers:
            member.wrong("plan_id", Worded("cannot be bought: nothing is sold here; ask the operator for traffic"))
        elif kind in KINDS and (offer is None or offer.kind != kind):
            member.wrong("plan_id", Worded(f"is no {kind} plan that is sold here"))
        return offer

    def _details(self, order: Order) -> dict[str, object]:
        """An order as the SDK reads it, with texts and objects wherever it takes no null."""
        shown = money.number(order.amount, order.currency)
        instructions = self._live.topology.selling.told(order.id, order.amount, order.currency)
        return {
            **_summary(order),
            "plan_id": order.offer,
            "discount": money.number(order.discount, order.currency),
            "instructions": instructions,
            "pay_address": instructions if order.state == "open" else "",
            "crypto_amount": 0,
            "amount_usd": shown if order.currency == "USD" else None,
            "crypto": {"code": "", "currency": order.currency, "network": "", "icon": None, "label": None},
            "tx_hash": order.reference or None,
            "expires_at": moment(order.expires_at),
            "completed_at": moment(order.ended_at) if order.state == "settled" else None,
        }


def _summary(order: Order) -> dict[str, object]:
    return {
        "id": str(order.id),
        "type": order.kind,
        "status": STATUSES[order.state],
        "amount": money.number(order.amount, order.currency),
        "currency": order.currency,
        "created_at": moment(order.created_at),
    }
