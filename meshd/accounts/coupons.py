"""Coupons: a code that takes something off a price, or that is worth bytes by itself.

How often a code can be used is bounded in all and for each account; a use counts once it is in an order, and again not
any more when that order is not paid.  What is over is told like what never was, so that nobody learns which codes are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from meshd.accounts import cursors, topups, validate
from meshd.accounts.errors import Invalid, NotFound, Taken
from meshd.accounts.ownership import ActorId, Subject, locked, managed, name_of, operating
from meshd.accounts.topups import Plans, Topped
from meshd.model import GB
from meshd.store.statements import audit
from meshd.store.statements import coupons as stored
from meshd.store.unit import Unit
from meshd.values import money
from meshd.values.offers import Offer
from meshd.values.times import today

MOST = 1000
"""Coupons of one page at most."""
MOST_USES = 10**9
LEAST, LONGEST = 4, 40
"""Characters of a code."""
MOST_OFFERS = 100

KIND = "coupons"

Coupon = stored.Coupon
CouponKind = stored.CouponKind

_CODE = re.compile(r"[A-Z0-9][A-Z0-9_-]*\Z")

UNKNOWN = "There is no such coupon, or it cannot be used any more."


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCoupon:
    """A coupon that is to be made."""

    code: str
    kind: CouponKind
    value: int
    """Percent, minor units of the currency, or bytes."""
    currency: str = ""
    uses: int = 0
    """In all; 0 for any number."""
    each_uses: int = 1
    """By one account; 0 for any number."""
    last_day: str = ""
    offers: tuple[str, ...] = ()
    """Names of the offers that the coupon is for; () for all."""


class Page(NamedTuple):
    """A part of all coupons, the newest first."""

    rows: list[Coupon]
    cursor: str
    """Where the next page begins; "" where they end."""


class Priced(NamedTuple):
    """What a coupon does to a price."""

    coupon: Coupon
    currency: str
    discount: int | None
    """What is taken off, in minor units; None where no price was named."""
    amount: int | None
    """What is left to be paid; None likewise."""


class Redeemed(NamedTuple):
    coupon: Coupon
    topped: Topped


def key(code: str) -> str:
    """A code as it is stored and compared."""
    return code.strip().upper()


def create(actor_id: ActorId, new: NewCoupon, *, known: dict[str, Offer], now: int) -> Unit[Coupon]:
    """Make a coupon.  known: the offers of the settings.
    Raises: Forbidden; Invalid by the fields of NewCoupon; Taken.
    """
    by = name_of((yield from operating(actor_id, change=True)))
    code = key(new.code)
    validate.require(
        code=_code_problem(code),
        value=_value_problem(new),
        currency=_currency_problem(new),
        uses=_uses_problem(new.uses),
        each_uses=_uses_problem(new.each_uses),
        last_day=validate.last_day(new.last_day),
        offers=_offers_problem(new, known),
    )
    if (yield from stored.find(code)) is not None:
        raise Taken({"code": ["There is a coupon of this code already."]})
    values = {name: getattr(new, name) for name in ("kind", "value", "currency", "uses", "each_uses", "last_day")}
    made = yield from stored.add(**values, code=code, offers=new.offers, created_at=now, by=by)
    yield from audit.record(now, by, "coupon.create", 0, f"{code}, {worth(made)}")
    return made


def listing(actor_id: ActorId, *, cursor: str = "", limit: int = 100) -> Unit[Page]:
    """All coupons, the newest first, at most `limit`.  Raises: Forbidden; Invalid (fields `cursor`, `limit`)."""
    yield from operating(actor_id, change=False)
    validate.require(limit=None if 1 <= limit <= MOST else f"Enter a number from 1 to {MOST}.")
    after = cursors.read(KIND, cursor, (int,))
    found = yield from stored.page(int(after[0]) if after else None, limit + 1)
    following = (found[limit - 1].id,) if len(found) > limit else None
    return Page(found[:limit], cursors.written(KIND, following))


def disable(actor_id: ActorId, code: str, *, now: int) -> Unit[Coupon]:
    """Let nobody use a coupon any more; orders that have it keep it.  Raises: Forbidden, NotFound."""
    by = name_of((yield from operating(actor_id, change=True)))
    found = yield from stored.find(key(code))
    if found is None:
        raise NotFound(f"there is no coupon {key(code)!r}")
    if not found.active:
        return found
    disabled = yield from stored.disable(found.code)
    assert disabled is not None
    yield from audit.record(now, by, "coupon.disable", 0, found.code)
    return disabled


def check(
    actor_id: ActorId,
    username: str | None,
    code: str,
    *,
    offer: Offer | None = None,
    amount: int | None = None,
    currency: str = "",
    now: int,
) -> Unit[Priced]:
    """What a coupon would do to the price of an offer, or to an amount; nothing is used by it.
    Raises: Invalid (field `code`), NotYours.
    """
    subject = yield from managed(actor_id, username, change=False)
    coupon = yield from _usable(code, now)
    yield from _require_left(coupon, subject)
    if offer is not None:
        amount, currency = offer.price, offer.currency
    if coupon.kind == "bytes" or (amount is None and not coupon.offers):
        return Priced(coupon, currency, None, None)
    off = discount(coupon, offer.name if offer else "", amount or 0, currency)
    return Priced(coupon, currency, off, (amount or 0) - off)


def discount(coupon: Coupon, offer: str, amount: int, currency: str) -> int:
    """What the coupon takes off the amount, which is never more than all of it.
    Raises: Invalid (field `code`) where it is not for that.
    """
    if coupon.kind == "bytes":
        raise Invalid({"code": ["This coupon takes nothing off a price: it is worth traffic, and is redeemed."]})
    if coupon.offers and offer not in coupon.offers:
        raise Invalid({"code": ["This coupon is not for this offer."]})
    if coupon.kind == "percent":
        return money.share(amount, coupon.value)
    if coupon.currency != currency:
        raise Invalid({"code": [f"This coupon is for prices in {coupon.currency}."]})
    return min(coupon.value, amount)


def reserve(subject: Subject, code: str, offer: Offer, now: int) -> Unit[tuple[Coupon, int, int]]:
    """Count a use of a coupon by the account, which is locked: the coupon, what it takes off, the number of the use.

    Whoever counts another use of it waits until this unit ends.  Raises: Invalid (field `code`).
    """
    coupon = yield from _usable(code, now)
    off = discount(coupon, offer.name, offer.price, offer.currency)
    return coupon, off, (yield from _counted(coupon, subject))


def redeem(actor_id: ActorId, username: str | None, code: str, *, plans: Plans, now: int) -> Unit[Redeemed]:
    """Add a coupon's bytes to the account.
    Raises: Invalid (fields `code`; `username` for an account without limits), NotYours, Forbidden.
    """
    subject = yield from locked((yield from managed(actor_id, username)))
    coupon = yield from _usable(code, now)
    if coupon.kind != "bytes":
        raise Invalid({"code": ["This coupon takes something off a price: name it when you order."]})
    number = yield from _counted(coupon, subject)
    yield from stored.note(coupon.id, subject.account.id, number, 0, now)
    reference = f"coupon {coupon.code} {number}"
    return Redeemed(coupon, (yield from topups.paid(subject, coupon.value, reference, plans, now)))


def worth(coupon: Coupon) -> str:
    """What a coupon is worth, for people."""
    match coupon.kind:
        case "percent":
            return f"{coupon.value} % off"
        case "amount":
            return f"{money.shown(coupon.value, coupon.currency)} off"
    return f"{Decimal(coupon.value) / GB:f} GB"


def _usable(code: str, now: int) -> Unit[Coupon]:
    coupon = yield from stored.find(key(code))
    if coupon is None or not coupon.active or (coupon.last_day and coupon.last_day < today(now)):
        raise Invalid({"code": [UNKNOWN]})
    return coupon


def _require_left(coupon: Coupon, subject: Subject) -> Unit[int]:
    """The number that the account's next use has.  Raises: Invalid where none is left."""
    if coupon.uses and coupon.used >= coupon.uses:
        raise Invalid({"code": [UNKNOWN]})
    used, last = yield from stored.used_by(coupon.id, subject.account.id)
    if coupon.each_uses and used >= coupon.each_uses:
        raise Invalid({"code": ["This coupon was used by this account already."]})
    return last + 1


def _counted(coupon: Coupon, subject: Subject) -> Unit[int]:
    number = yield from _require_left(coupon, subject)
    if (yield from stored.take(coupon.id)) is None:  # others were quicker
        raise Invalid({"code": [UNKNOWN]})
    return number


def _code_problem(code: str) -> str | None:
    if not LEAST <= len(code) <= LONGEST:
        return f"Use {LEAST} to {LONGEST} characters."
    return None if _CODE.match(code) else "Use letters, digits, - and _ only."


def _value_problem(new: NewCoupon) -> str | None:
    most = {"percent": 100, "amount": money.MOST, "bytes": validate.MAX_LIMIT}[new.kind]
    return None if 0 < new.value <= most else f"Enter a number from 1 to {most}."


def _currency_problem(new: NewCoupon) -> str | None:
    if new.kind != "amount":
        return "Only an amount has a currency." if new.currency else None
    return None if money.is_currency(new.currency) else "Enter the currency of the amount, such as EUR."


def _uses_problem(uses: int) -> str | None:
    return None if 0 <= uses <= MOST_USES else f"Enter a number from 0 (any number) to {MOST_USES}."


def _offers_problem(new: NewCoupon, known: dict[str, Offer]) -> str | None:
    if len(new.offers) > MOST_OFFERS:
        return f"Name at most {MOST_OFFERS} offers."
    if new.kind == "bytes" and new.offers:
        return "A coupon that is worth bytes is for no offer."
    for name in new.offers:
        if name not in known:
            return f"There is no offer {name!r}; there are {', '.join(known) or 'none'}."
        if new.kind == "amount" and known[name].currency != new.currency:
            return f"The offer {name!r} is sold in {known[name].currency}."
    return None
