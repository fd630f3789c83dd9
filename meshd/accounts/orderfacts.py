"""What is told of an order as JSON, by the command and to operators' programs alike.  Pure."""

from __future__ import annotations

from typing import Any

from meshd.accounts.orders import Order
from meshd.values import money
from meshd.values.times import iso


def facts(order: Order) -> dict[str, Any]:
    """Amounts are decimals of the currency, times ISO 8601 in UTC; None for what there is not."""
    currency = order.currency
    return {
        "number": order.id,
        "account": order.username,
        "offer": order.offer,
        "kind": order.kind,
        "title": order.title,
        "bytes": order.bytes,
        "price": money.decimal(order.price, currency),
        "discount": money.decimal(order.discount, currency),
        "amount": money.decimal(order.amount, currency),
        "currency": currency,
        "coupon": order.coupon or None,
        "state": order.state,
        "reference": order.reference or None,
        "created_at": f"{iso(order.created_at)}Z",
        "expires_at": f"{iso(order.expires_at)}Z",
        "ended_at": f"{iso(order.ended_at)}Z" if order.ended_at else None,
        "ended_by": order.ended_by or None,
    }
