"""Coupons, and who has used them."""

# ruff: noqa: S608 (the texts are put together from constants of this package; every value is a parameter)

from __future__ import annotations

import json
from typing import Any, Literal, NamedTuple

from meshd.store.statements.texts import LARGEST, searchable
from meshd.store.unit import Row, Statement, Unit

CouponKind = Literal["percent", "amount", "bytes"]


class Coupon(NamedTuple):
    """What a code is worth, to whom, and until when."""

    id: int
    code: str
    """In capitals."""
    kind: CouponKind
    value: int
    """Percent, minor units of the currency, or bytes."""
    currency: str
    uses: int
    """How often it can be used in all; 0 for any number."""
    each_uses: int
    """How often by one account; 0 for any number."""
    used: int
    last_day: str
    """An ISO date, the coupon valid through that day (UTC); "" for ever."""
    offers: tuple[str, ...]
    """Names of the offers that it is for; () for all."""
    active: bool
    created_at: int
    by: str


COLUMNS = ", ".join(Coupon._fields)
FIELDS = tuple(name for name in Coupon._fields if name not in ("id", "used", "active"))


def _read(row: Row) -> Coupon:
    found = Coupon(*row)
    return found._replace(offers=tuple(json.loads(row[9])), active=bool(found.active))


def add(**values: Any) -> Unit[Coupon]:
    """Insert a coupon: the columns in FIELDS, offers as a tuple.  Raises: Conflict where its code is taken."""
    rows = yield Statement(
        f"insert into coupons ({', '.join(FIELDS)}) values ({', '.join(f':{name}' for name in FIELDS)})"
        f" returning {COLUMNS}",
        {name: values[name] for name in FIELDS} | {"offers": json.dumps(values["offers"])},
    )
    return _read(rows[0])


def find(code: str) -> Unit[Coupon | None]:
    rows = yield Statement(f"select {COLUMNS} from coupons where code = :code", {"code": searchable(code)})
    return _read(rows[0]) if rows else None


def disable(code: str) -> Unit[Coupon | None]:
    """Let nobody use the coupon any more."""
    rows = yield Statement(
        f"update coupons set active = 0 where code = :code returning {COLUMNS}", {"code": searchable(code)}
    )
    return _read(rows[0]) if rows else None


def page(before: int | None, limit: int) -> Unit[list[Coupon]]:
    """The coupons with an id below `before` (None: all), at most `limit`, the newest first."""
    rows = yield Statement(
        f"select {COLUMNS} from coupons where id < :before order by id desc limit :limit",
        {"before": before if before is not None else LARGEST, "limit": limit},
    )
    return [_read(row) for row in rows]


def take(coupon_id: int) -> Unit[Coupon | None]:
    """Count one use more and keep all others from counting before this unit ends; None where no use is left."""
    rows = yield Statement(
        "update coupons set used = used + 1 where id = :id and active = 1 and (uses = 0 or used < uses)"
        f" returning {COLUMNS}",
        {"id": coupon_id},
    )
    return _read(rows[0]) if rows else None


def used_by(coupon_id: int, account_id: int) -> Unit[tuple[int, int]]:
    """How often an account has used the coupon, and the highest number of those uses."""
    rows = yield Statement(
        "select count(*), coalesce(max(number), 0) from coupon_uses"
        " where coupon_id = :coupon_id and account_id = :account_id",
        {"coupon_id": coupon_id, "account_id": account_id},
    )
    return int(rows[0][0]), int(rows[0][1])


def note(coupon_id: int, account_id: int, number: int, order_id: int, at: int) -> Unit[None]:
    """Note a use.  Raises: Conflict where the account has that one already."""
    yield Statement(
        "insert into coupon_uses (coupon_id, account_id, number, order_id, at)"
        " values (:coupon_id, :account_id, :number, :order_id, :at)",
        {"coupon_id": coupon_id, "account_id": account_id, "number": number, "order_id": order_id, "at": at},
    )


def give_back(coupon_id: int, account_id: int, order_id: int) -> Unit[None]:
    """Undo the use of a coupon by an order that is not paid."""
    rows = yield Statement(
        "delete from coupon_uses where coupon_id = :coupon_id and account_id = :account_id and order_id = :order_id"
        " returning number",
        {"coupon_id": coupon_id, "account_id": account_id, "order_id": order_id},
    )
    if rows:
        yield Statement("update coupons set used = used - 1 where id = :id", {"id": coupon_id})
