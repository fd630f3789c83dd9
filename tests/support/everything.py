"""A store with rows in every table that there is, of every type of value: whatever a later migration adds as well."""

from __future__ import annotations

from typing import Any

from meshd.store.moving import open as ends
from meshd.store.moving.end import End
from meshd.store.moving.shape import Column, Kind, Table
from meshd.store.open import BlockingStore

ROWS = 5
"""In each table but those of one row."""

ONE_ROW = {"change_counter", "invoice_numbers", "published_lock"}

_STORIES: dict[str, Any] = {
    "accounts.role": "customer",
    "orders.state": "open",
    "coupons.kind": "bytes",
    "coupons.uses": 0,
    "subscriptions.state": "running",
    "published_ports.transport": "tcp",
    "usage.total_bytes": 2**63 - 1,
}
"""Values that a check of the schema, or a test, wants."""


def fill(url: str) -> None:
    """Make the store, and put rows into all of its tables; AssertionError where one of them stays empty."""
    store = BlockingStore(url)
    store.migrate()
    store.close()
    with ends.opened(url) as end:
        with end.transaction():
            end.loosen()
            for table in end.tables.values():
                if table.name in ONE_ROW or table.name == "failure_locks":
                    end.wipe(table)
                count = 1 if table.name in ONE_ROW else ROWS
                end.insert(table, [row(table, n) for n in range(1, count + 1)])
                assert end.count(table) == count, table.name
            end.set_sequences(dict.fromkeys(end.sequences(), 100) | {"accounts": 70})
            end.tighten()
        end.look_through()


def row(table: Table, n: int) -> tuple[Any, ...]:
    """The n-th row: rows of two tables with the same number point at each other."""
    return tuple(_value(table, column, n) for column in table.columns)


def _value(table: Table, column: Column, n: int) -> Any:
    name = f"{table.name}.{column.name}"
    if name in _STORIES:
        return _STORIES[name]
    if name == "accounts.parent_id":
        return n + 1 if n < ROWS else None  # a parent comes after its child
    if column.name == "group_uuid":
        return _text("uuid", n) if n > 1 else None
    if column.kind is Kind.TEXT:
        return _text(column.name, n) if n > 1 or column.name in {*table.key, "hostname", "uuid"} else ""
    if column.kind is Kind.BYTES:
        return None if column.optional and n == 1 else bytes([n, 0, 255, 92, 10])
    return n


def _text(name: str, n: int) -> str:
    """Of letters that formats of copies give a meaning to."""
    return f"{name} {n}\\N \t\n\r'\"{{%s :x ü \N{SNAKE}"


def contents(url: str) -> dict[str, Any]:
    """All that is in a store and moves, and the ids that were given last."""
    with ends.opened(url) as end:
        found: dict[str, Any] = {name: _sorted(end, table) for name, table in end.tables.items()}
        return {**found, "sequences": {name: last for name, last in end.sequences().items() if last}}


def _sorted(end: End, table: Table) -> list[Any]:
    columns = ", ".join(f'"{name}"' for name in table.names)
    return sorted(end.execute(f'select {columns} from "{table.name}"'), key=repr)
