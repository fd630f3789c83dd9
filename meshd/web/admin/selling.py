"""`/api/admin/offers`, `…/orders`, `…/coupons`: what is sold, to whom, and the codes that take something off."""

from __future__ import annotations

from functools import partial

from meshd.accounts import coupons, invoicefile, orders, settling
from meshd.accounts.coupons import MOST_USES, Coupon, NewCoupon
from meshd.accounts.errors import NotFound
from meshd.accounts.orderfacts import facts
from meshd.accounts.orders import STATES, Found
from meshd.accounts.validate import LABEL, MAX_LIMIT, USERNAME
from meshd.values import money
from meshd.values.offers import Offer, seller
from meshd.web.admin.accounts import moment
from meshd.web.admin.lists import PAGED, paged
from meshd.web.admin.repeats import create
from meshd.web.admin.segments import number, text
from meshd.web.document import Document, Members
from meshd.web.forms import Form
from meshd.web.problems import Worded
from meshd.web.reply import Reply, Rows
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Routes

ORDERS = "/api/admin/orders"
ONE = f"{ORDERS}/{{number}}"
COUPONS = "/api/admin/coupons"
NAME = 64
"""Characters of the longest name of an offer."""
WORTH = ("percent", "amount", "bytes")
NEW_COUPON = ("code", *WORTH, "currency", "uses", "each_uses", "last_day", "offers")


class SellingRoutes(Routes):
    def mount(self, room: Room) -> None:
        room.route("GET", "/api/admin/offers", Who.PASSWORD, self.offers, ())
        room.route("GET", ORDERS, Who.PASSWORD, self.orders, ("account", "state", *PAGED))
        room.route("POST", ORDERS, Who.PASSWORD, self.order, ("account", "offer", "coupon"))
        room.route("GET", ONE, Who.PASSWORD, self.read, ("number",))
        room.route("GET", f"{ONE}/invoice", Who.PASSWORD, self.invoice, ("number",))
        room.route("POST", f"{ONE}/settle", Who.PASSWORD, self.settle, ("reference",))
        room.route("POST", f"{ONE}/cancel", Who.PASSWORD, self.cancel, ())
        room.route("GET", COUPONS, Who.PASSWORD, self.coupons, PAGED)
        room.route("POST", COUPONS, Who.PASSWORD, self.coupon, NEW_COUPON)
        room.route("POST", f"{COUPONS}/{{code}}/disable", Who.PASSWORD, self.disable, ())

    async def offers(self, caller: Caller, form: Form) -> Reply:
        return Reply({"offers": [_offer(each) for each in self._live.topology.selling.offers.values()]})

    async def orders(self, caller: Caller, form: Form) -> Reply:
        """Orders of everybody or of one account, the newest first."""
        with form.reading() as field:
            account, state = field.text("account", USERNAME), field.choice("state", ("", *STATES))
            limit, cursor = paged(field)
        found = await self._perform(
            orders.listing, caller.actor, account=account, state=state, cursor=cursor, limit=limit
        )
        return Reply({"orders": Rows(facts, found.rows), "next": found.cursor or None})

    async def order(self, caller: Caller, form: Form) -> Reply:
        """Order something for a customer."""
        assert isinstance(form, Document)
        topology = self._live.topology
        with form.members_read() as member:
            account, coupon = member.required("account", USERNAME), member.text("coupon", coupons.LONGEST) or ""
            offer = topology.selling.offers.get(member.required("offer", NAME))
            if offer is None:
                member.wrong("offer", Worded("is no offer of the settings"))
        assert offer is not None
        unit = partial(
            orders.create,
            caller.actor,
            account,
            offer,
            coupon=coupon,
            plans=topology.plans,
            selling=topology.selling,
            now=self._now(),
        )
        return await create(self._services, caller, unit, facts, lambda made: f"{ORDERS}/{made.id}")

    async def read(self, caller: Caller, form: Form) -> Reply:
        return Reply(_found(await self._perform(orders.read, caller.actor, number(caller, "number"))))

    async def settle(self, caller: Caller, form: Form) -> Reply:
        """Note that an order was paid; what was settled before is told again, and nothing is added."""
        assert isinstance(form, Document)
        topology = self._live.topology
        with form.members_read() as member:
            reference = member.text("reference", LABEL) or ""
        settled = await self._perform(
            settling.settle,
            caller.actor,
            number(caller, "number"),
            reference=reference,
            plans=topology.plans,
            seller=seller(topology.selling),
            now=self._now(),
        )
        return Reply({**_found(Found(settled.order, settled.invoice)), "again": settled.again})

    async def cancel(self, caller: Caller, form: Form) -> Reply:
        cancelled = await self._perform(orders.cancel, caller.actor, number(caller, "number"), now=self._now())
        return Reply(_found(Found(cancelled, None)))

    async def invoice(self, caller: Caller, form: Form) -> Reply:
        found = await self._perform(orders.read, caller.actor, number(caller, "number"))
        if found.invoice is None:
            raise NotFound("only an order that was settled has an invoice")
        content = await self._services.invoice(found.order, found.invoice)
        name = invoicefile.named(found.invoice)
        return Reply(
            content, fields=(("Content-Disposition", f'attachment; filename="{name}"'),), media=invoicefile.MEDIA
        )

    async def coupons(self, caller: Caller, form: Form) -> Reply:
        with form.reading() as field:
            limit, cursor = paged(field)
        found = await self._perform(coupons.listing, caller.actor, cursor=cursor, limit=limit)
        return Reply({"coupons": Rows(_coupon, found.rows), "next": found.cursor or None})

    async def coupon(self, caller: Caller, form: Form) -> Reply:
        assert isinstance(form, Document)
        with form.members_read() as member:
            new = _new_coupon(member, form)
        known = dict(self._live.topology.selling.offers)
        unit = partial(coupons.create, caller.actor, new, known=known, now=self._now())
        return await create(self._services, caller, unit, _coupon, lambda made: f"{COUPONS}/{made.code}")

    async def disable(self, caller: Caller, form: Form) -> Reply:
        return Reply(_coupon(await self._perform(coupons.disable, caller.actor, text(caller, "code"), now=self._now())))


def _new_coupon(member: Members, form: Form) -> NewCoupon:
    """A coupon that is worth one thing: a share, an amount or bytes."""
    currency = member.text("currency", 3) or ""
    worth = [name for name in WORTH if name in form]
    value = 0
    if len(worth) != 1:
        member.wrong("percent", Worded("give one of percent, amount and bytes"))
    elif worth[0] == "amount":
        value = _amount(member, currency)
    else:
        value = member.number(worth[0], least=1, most=100 if worth[0] == "percent" else MAX_LIMIT) or 0
    each = member.number("each_uses", most=MOST_USES)
    return NewCoupon(
        code=member.required("code", coupons.LONGEST),
        kind=worth[0] if worth else "percent",  # type: ignore[arg-type]
        value=value,
        currency=currency,
        uses=member.number("uses", most=MOST_USES) or 0,
        each_uses=1 if each is None else each,
        last_day=member.date("last_day") or "",
        offers=tuple(dict.fromkeys(member.texts("offers", NAME, coupons.MOST_OFFERS) or ())),
    )


def _amount(member: Members, currency: str) -> int:
    try:
        return money.minor(member.required("amount", 20), currency)
    except ValueError as error:
        member.wrong("amount", Worded(f"must be an amount of money: {error}"))
        return 0


def _offer(offer: Offer) -> dict[str, object]:
    return {
        "name": offer.name,
        "kind": offer.kind,
        "title": offer.title,
        "bytes": offer.bytes,
        "price": money.decimal(offer.price, offer.currency),
        "currency": offer.currency,
        "period": offer.period or None,
        "rollover_enabled": offer.rollover,
    }


def _found(found: Found) -> dict[str, object]:
    return {**facts(found.order), "invoice": found.invoice.number if found.invoice else None}


def _coupon(coupon: Coupon) -> dict[str, object]:
    value = money.decimal(coupon.value, coupon.currency) if coupon.kind == "amount" else coupon.value
    return {
        "code": coupon.code,
        coupon.kind: value,
        "currency": coupon.currency or None,
        "uses": coupon.uses,
        "each_uses": coupon.each_uses,
        "used": coupon.used,
        "last_day": coupon.last_day or None,
        "offers": list(coupon.offers),
        "active": coupon.active,
        "created_at": moment(coupon.created_at),
        "by": coupon.by,
    }
