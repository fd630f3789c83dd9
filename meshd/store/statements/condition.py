"""How a database is: what a check of it finds, its size and its clock.  Each unit is one database's own."""

from __future__ import annotations

from collections.abc import Sequence

from meshd.store.unit import Statement, Unit

MOST = 5
"""Faults that are told; one is enough to act."""

FILE = "select * from pragma_quick_check(:most)"

SERVER = """
select extract(epoch from clock_timestamp())::float8, pg_database_size(current_database())::bigint,
    pg_is_in_recovery() or current_setting('default_transaction_read_only') = 'on'
"""

INVALID = """
select i.indexrelid::regclass::text from pg_index as i join pg_class as c on c.oid = i.indexrelid
    join pg_namespace as n on n.oid = c.relnamespace
where not i.indisvalid and n.nspname = any (current_schemas(false))
limit :most
"""


def of_file() -> Unit[Sequence[str]]:
    """What SQLite finds wrong with its file; nothing where it is sound."""
    rows = yield Statement(FILE, {"most": MOST})
    return [str(text) for (text,) in rows if text != "ok"]


def of_server() -> Unit[tuple[float, int, bool, Sequence[str]]]:
    """PostgreSQL's time (seconds since the epoch), the database's bytes, whether it takes no writes, broken indexes."""
    ((now, size, read_only),) = yield Statement(SERVER, {})
    rows = yield Statement(INVALID, {"most": MOST})
    return float(now), int(size), bool(read_only), [f"index {name} is not valid" for (name,) in rows]
