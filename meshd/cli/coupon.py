"""`meshd coupon`: codes that take something off a price, or are worth bytes."""

from __future__ import annotations

import os
from argparse import ArgumentTypeError, Namespace
from typing import Any

from meshd.accounts import coupons
from meshd.accounts.coupons import MOST, Coupon, NewCoupon
from meshd.auth.secrets import new_password
from meshd.cli.context import Context
from meshd.cli.errors import Refused
from meshd.cli.paging import every
from meshd.cli.parser import Verbs
from meshd.cli.values import limit_argument, moment, percent
from meshd.values import money

CODE_BYTES = 9
"""Random bytes of a code that is made up: nobody finds one by trying."""


def add_to(nouns: Verbs) -> None:
    verbs = nouns.noun("coupon", "codes that take something off a price, or are worth bytes")
    parser = verbs.verb("create", create, "make a coupon")
    parser.add_argument("code", nargs="?", help="4 to 40 letters, digits, - and _; made up and printed if left out")
    worth = parser.add_mutually_exclusive_group(required=True)
    worth.add_argument("--percent", type=percent, metavar="N", help="so much off a price")
    worth.add_argument("--amount", metavar="AMOUNT", help="such as 5.00, off a price in --currency")
    worth.add_argument("--gb", type=limit_argument, metavar="GB", help="worth so many GB when it is redeemed")
    parser.add_argument("--currency", default="", metavar="CODE", help="of --amount, such as EUR")
    parser.add_argument(
        "--uses", type=_uses, default=0, metavar="N", help="how often in all; 0, the default: any number"
    )
    parser.add_argument("--each", type=_uses, default=1, metavar="N", help="how often by one account; 1 by default")
    parser.add_argument("--until", default="", metavar="DATE", help="the last day, UTC")
    parser.add_argument(
        "--offer", action="append", default=[], metavar="NAME", help="for this one alone; may be repeated"
    )
    verbs.verb("list", listing, "all coupons, the newest first")
    verbs.verb("disable", disable, "let nobody use a coupon any more").add_argument("code")


def create(context: Context, args: Namespace) -> None:
    kind, value = _worth(args)
    new = NewCoupon(
        code=args.code or new_password(os.urandom(CODE_BYTES)),
        kind=kind,
        value=value,
        currency=args.currency,
        uses=args.uses,
        each_uses=args.each,
        last_day=args.until,
        offers=tuple(dict.fromkeys(args.offer)),
    )
    known = dict(context.config.topology.selling.offers)
    _show(context, context.run(coupons.create, context.operator, new, known=known, now=context.now()))


def listing(context: Context, args: Namespace) -> None:
    context.show_rows(
        map(_shown, every(lambda cursor: context.run(coupons.listing, context.operator, cursor=cursor, limit=MOST))),
        {
            "CODE": lambda row: row["code"],
            "WORTH": lambda row: row["worth"],
            "USED": lambda row: f"{row['used']}/{row['uses']}" if row["uses"] else row["used"],
            "EACH": lambda row: row["each_uses"] or "any",
            "UNTIL": lambda row: row["last_day"] or "-",
            "OFFERS": lambda row: ", ".join(row["offers"]) or "all",
            "STATE": lambda row: "active" if row["active"] else "disabled",
        },
    )


def disable(context: Context, args: Namespace) -> None:
    _show(context, context.run(coupons.disable, context.operator, args.code, now=context.now()))


def _worth(args: Namespace) -> tuple[Any, int]:
    if args.percent is not None:
        return "percent", args.percent
    if args.gb is not None:
        return "bytes", args.gb
    try:
        return "amount", money.minor(args.amount, args.currency)
    except ValueError as error:
        raise Refused(f"--amount {args.amount[:40]!r}: {error}") from error


def _show(context: Context, coupon: Coupon) -> None:
    shown = _shown(coupon)
    facts = {
        "code": coupon.code,
        "worth": shown["worth"],
        "uses": f"{coupon.uses or 'any number'} in all, {coupon.each_uses or 'any number'} by one account",
        "until": coupon.last_day or "ever",
        "offers": ", ".join(coupon.offers) or "all",
        "state": "active" if coupon.active else "disabled",
    }
    context.show(shown, facts)


def _shown(coupon: Coupon) -> dict[str, Any]:
    return {
        "code": coupon.code,
        "kind": coupon.kind,
        "value": coupon.value,
        "currency": coupon.currency or None,
        "worth": coupons.worth(coupon),
        "uses": coupon.uses,
        "each_uses": coupon.each_uses,
        "used": coupon.used,
        "last_day": coupon.last_day or None,
        "offers": list(coupon.offers),
        "active": coupon.active,
        "created_at": moment(coupon.created_at),
        "by": coupon.by,
    }


def _uses(text: str) -> int:
    """A number of uses, for argparse.  Raises: ArgumentTypeError."""
    if not (text.isascii() and text.isdigit() and len(text) < 11):
        raise ArgumentTypeError(f"{text[:40]!r} is not a number of uses")
    return int(text)
