"""`meshd order`: what customers buy, noted as paid, cancelled, or made for them."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from meshd.accounts import invoicefile, orders, settling
from meshd.accounts.orderfacts import facts
from meshd.accounts.orders import MOST, STATES, Invoice, Order, Page
from meshd.cli.context import Context
from meshd.cli.errors import Refused
from meshd.cli.paging import every
from meshd.cli.parser import Verbs
from meshd.cli.values import human_bytes, human_moment, number_argument
from meshd.config.errors import suggestion
from meshd.values import money
from meshd.values.offers import seller


def add_to(nouns: Verbs) -> None:
    verbs = nouns.noun("order", "what customers buy")
    parser = verbs.verb("create", create, "order something for a customer")
    parser.add_argument("name")
    parser.add_argument("offer", help="as the settings call it")
    parser.add_argument("--coupon", default="", metavar="CODE")
    parser = verbs.verb("list", listing, "orders, the newest first")
    parser.add_argument("--account", default="", metavar="NAME", help="of one account alone")
    parser.add_argument("--state", default="", choices=STATES, help="in this state alone")
    verbs.verb("show", show, "one order").add_argument("number", type=number_argument)
    parser = verbs.verb("settle", settle, "note that an order was paid: its bytes are added, once")
    parser.add_argument("number", type=number_argument)
    parser.add_argument("--reference", default="", metavar="TEXT", help="what the payment is called")
    verbs.verb("cancel", cancel, "cancel an order that waits for its payment").add_argument(
        "number", type=number_argument
    )
    parser = verbs.verb("invoice", invoice, "write the invoice of an order that was paid, a PDF")
    parser.add_argument("number", type=number_argument)
    parser.add_argument("file", help="- for standard output")


def create(context: Context, args: Namespace) -> None:
    topology = context.config.topology
    offer = topology.selling.offers.get(args.offer)
    if offer is None:
        raise Refused(f"the settings have no offer {args.offer!r}{suggestion(args.offer, topology.selling.offers)}")
    how: dict[str, Any] = {"plans": topology.plans, "selling": topology.selling, "now": context.now()}
    _show(context, context.run(orders.create, context.operator, args.name, offer, coupon=args.coupon, **how))


def listing(context: Context, args: Namespace) -> None:
    context.show_rows(
        map(facts, every(lambda cursor: _page(context, args, cursor))),
        {
            "NUMBER": lambda row: row["number"],
            "CREATED": lambda row: row["created_at"],
            "ACCOUNT": lambda row: row["account"],
            "WHAT": lambda row: row["title"],
            "AMOUNT": lambda row: f"{row['amount']} {row['currency']}",
            "STATE": lambda row: row["state"],
            "REFERENCE": lambda row: row["reference"] or "-",
        },
    )


def show(context: Context, args: Namespace) -> None:
    found = context.run(orders.read, context.operator, args.number)
    _show(context, found.order, found.invoice)


def settle(context: Context, args: Namespace) -> None:
    topology = context.config.topology
    settled = context.run(
        settling.settle,
        context.operator,
        args.number,
        reference=args.reference,
        plans=topology.plans,
        seller=seller(topology.selling),
        now=context.now(),
    )
    if settled.again:
        context.note("This order was settled before; nothing is added now.")
    _show(context, settled.order, settled.invoice)


def cancel(context: Context, args: Namespace) -> None:
    _show(context, context.run(orders.cancel, context.operator, args.number, now=context.now()))


def invoice(context: Context, args: Namespace) -> None:
    found = context.run(orders.read, context.operator, args.number)
    if found.invoice is None:
        raise Refused(f"order {args.number} is {found.order.state}: only what was paid has an invoice")
    content = invoicefile.written(found.order, found.invoice, font=context.config.topology.selling.font)
    if args.file == "-":
        sys.stdout.buffer.write(content)
        return
    Path(args.file).write_bytes(content)
    context.note(f"{args.file}: invoice {found.invoice.number}, {len(content)} bytes")


def _page(context: Context, args: Namespace, cursor: str) -> Page:
    return context.run(
        orders.listing, context.operator, account=args.account, state=args.state, cursor=cursor, limit=MOST
    )


def _show(context: Context, order: Order, made: Invoice | None = None) -> None:
    told = {
        "number": order.id,
        "account": order.username,
        "what": f"{order.title}, {human_bytes(order.bytes)}",
        "price": money.shown(order.price, order.currency),
        "coupon": f"{order.coupon}, {money.shown(order.discount, order.currency)} off" if order.coupon else "none",
        "amount": money.shown(order.amount, order.currency),
        "state": order.state,
        "created": human_moment(order.created_at),
        "waits until": human_moment(order.expires_at),
    }
    if order.state != "open":
        told |= {"ended": human_moment(order.ended_at), "by": order.ended_by}
    if made is not None:
        told |= {"reference": order.reference or "none", "invoice": made.number}
    context.show(facts(order) | {"invoice": made.number if made else None}, told)
