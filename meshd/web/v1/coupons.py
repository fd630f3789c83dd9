"""`/v1/coupon/…`: what a code does to a price, and bytes for one that is worth bytes.

To validate and to apply are the same: a coupon is used by the order that names it.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from meshd.accounts import coupons
from meshd.accounts.coupons import LONGEST, Coupon, Priced
from meshd.accounts.errors import Invalid
from meshd.values import money
from meshd.values.offers import Offer
from meshd.web.document import Document, Members
from meshd.web.forms import Form
from meshd.web.problems import Worded
from meshd.web.reply import Reply
from meshd.web.room import Caller, Room, Who
from meshd.web.services import Routes
from meshd.web.v1 import answers

ASKED = ("code", "plan_id", "order_sum", "currency")
PLAN = 64
"""Characters of the longest name of an offer."""
NAMES = {"username": "code"}
"""What fields that rules name are called in these calls."""
TYPES = {"percent": "percentage", "amount": "fixed", "bytes": "traffic"}


class CouponRoutes(Routes):
    def mount(self, room: Room) -> None:
        room.route("POST", "/v1/coupon/validate", Who.ANY, self.check, ASKED)
        room.route("POST", "/v1/coupon/apply", Who.ANY, self.check, ASKED)
        room.route("POST", "/v1/coupon/redeem", Who.ANY, self.redeem, ("code",))

    async def check(self, caller: Caller, form: Form) -> Reply:
        """Tell what a coupon would do to the price of a plan, or to a sum."""
        assert isinstance(form, Document)
        with form.members_read() as member:
            code, plan = member.required("code", LONGEST), member.text("plan_id", PLAN) or ""
            currency = member.text("currency", 3) or ""
            offer = self._offer(member, plan)
            given = _sum(member, form.members.get("order_sum"))
            amount = None if offer else _amount(member, given, currency)
        try:
            with self._services.bounds.coupons.guessing(caller.id, code):
                priced = await self._perform(
                    coupons.check,
                    caller.actor,
                    None,
                    code,
                    offer=offer,
                    amount=amount,
                    currency=currency,
                    now=self._now(),
                )
        except Invalid as error:
            return answers.of_rule(answers.named(error, NAMES))
        return _told(described(priced.coupon) | _price(priced))

    async def redeem(self, caller: Caller, form: Form) -> Reply:
        """Add a coupon's bytes to the account."""
        assert isinstance(form, Document)
        with form.members_read() as member:
            code = member.required("code", LONGEST)
        try:
            with self._services.bounds.coupons.guessing(caller.id, code):
                redeemed = await self._perform(
                    coupons.redeem, caller.actor, None, code, plans=self._live.topology.plans, now=self._now()
                )
        except Invalid as error:
            return answers.of_rule(answers.named(error, NAMES))
        return _told(described(redeemed.coupon) | {"discount": None, "final_amount": None})

    def _offer(self, member: Members, name: str) -> Offer | None:
        offer = self._live.topology.selling.offers.get(name)
        if name and offer is None:
            member.wrong("plan_id", Worded("is no plan that is sold here"))
        return offer


def described(coupon: Coupon) -> dict[str, object]:
    data: dict[str, object] = {"value": coupon.value, "offers": list(coupon.offers)}
    if coupon.kind == "amount":
        data |= {"value": money.number(coupon.value, coupon.currency), "currency": coupon.currency}
    return {"id": str(coupon.id), "code": coupon.code, "type": TYPES[coupon.kind], "data": data}


def _price(priced: Priced) -> dict[str, object]:
    if priced.discount is None or priced.amount is None:
        return {"discount": None, "final_amount": None}
    off, left = (money.number(each, priced.currency) for each in (priced.discount, priced.amount))
    return {"discount": off, "final_amount": left}


def _sum(member: Members, value: object) -> int | float | None:
    """A sum of money, which JSON has as a number; it is looked at even where a plan decides."""
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    member.wrong("order_sum", Worded("must be a number"))
    return None


def _amount(member: Members, value: float | None, currency: str) -> int | None:
    """That sum in minor units of the currency."""
    if value is None:
        return None
    if not money.is_currency(currency):
        member.wrong("currency", Worded("must be a currency's code such as EUR"))
        return 0
    try:
        return money.minor(f"{Decimal(str(value)):f}", currency)
    except (ValueError, InvalidOperation):
        member.wrong("order_sum", Worded(f"must be an amount of {currency}"))
        return 0


def _told(coupon: dict[str, object]) -> Reply:
    return answers.bare({"success": True, "coupon": coupon})
