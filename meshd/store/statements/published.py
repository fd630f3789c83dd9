"""What is published: one row each, with the names, the ports and the other rows that it uses."""

# ruff: noqa: S608 (the texts are put together from constants of this package; every value is a parameter)

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from meshd.store.statements.rows import CHUNK, among, chunks, numbered, placeholders
from meshd.store.statements.texts import storable
from meshd.store.unit import Row, Statement, Unit


@dataclass(frozen=True, slots=True)
class Stored:
    """One row as it is kept."""

    id: int
    kind: str
    settings: str
    """JSON, without anything secret."""
    enabled: bool
    owner_id: int
    token_id: int
    created_at: int
    modified_at: int
    revision: int
    deleted: int
    """When it was deleted; 0 while it is there."""
    secret: bytes = field(default=b"", repr=False)


_FIELDS = (
    "id",
    "kind",
    "settings",
    "enabled",
    "owner_id",
    "token_id",
    "created_at",
    "modified_at",
    "revision",
    "deleted",
    "secret",
)
COLUMNS = ", ".join(_FIELDS)


def _read(row: Row) -> Stored:
    values: tuple[Any, ...] = (*row[:3], bool(row[3]), *row[4:10], bytes(row[10] or b""))
    return Stored(*values)


def lock() -> Unit[None]:
    """Let nobody else change what is published before this unit ends.  Rows of accounts and of tokens that the unit
    locks must be locked before, and what it publishes be published after.
    """
    yield Statement("update published_lock set pruned = pruned where id = 1", {})


def of_kind(kind: str, after: int, limit: int) -> Unit[list[Stored]]:
    """The rows of a kind that come after an id, by id."""
    rows = yield Statement(
        f"select {COLUMNS} from published where kind = :kind and deleted = 0 and id > :after order by id limit :limit",
        {"kind": kind, "after": after, "limit": limit},
    )
    return [_read(row) for row in rows]


def of_all(after: int, limit: int) -> Unit[list[Stored]]:
    """The rows of all kinds that come after an id, by id."""
    rows = yield Statement(
        f"select {COLUMNS} from published where deleted = 0 and id > :after order by id limit :limit",
        {"after": after, "limit": limit},
    )
    return [_read(row) for row in rows]


def by_id(kind: str, row_id: int) -> Unit[Stored | None]:
    """The row of that kind and id, unless it was deleted."""
    if not storable(row_id):
        return None
    rows = yield Statement(
        f"select {COLUMNS} from published where id = :id and kind = :kind and deleted = 0",
        {"id": row_id, "kind": kind},
    )
    return _read(rows[0]) if rows else None


def count() -> Unit[int]:
    """How many there are of all kinds."""
    rows = yield Statement("select count(*) from published where deleted = 0", {})
    return int(rows[0][0])


def counts() -> Unit[dict[str, int]]:
    """How many there are of each kind of which there is one."""
    rows = yield Statement("select kind, count(*) from published where deleted = 0 group by kind", {})
    return {row[0]: int(row[1]) for row in rows}


CREATE = f"""
insert into published (kind, settings, secret, enabled, owner_id, token_id, created_at, modified_at)
values (:kind, :settings, :secret, :enabled, :owner_id, :token_id, :now, :now)
returning {COLUMNS}
"""


def create(
    kind: str, settings: str, *, secret: bytes, enabled: bool, owner_id: int, token_id: int, now: int
) -> Unit[Stored]:
    facts = {"kind": kind, "settings": settings, "secret": secret, "enabled": int(enabled)}
    rows = yield Statement(CREATE, {**facts, "owner_id": owner_id, "token_id": token_id, "now": now})
    return _read(rows[0])


def edit(row_id: int, settings: str, secret: bytes, enabled: bool, now: int) -> Unit[Stored]:
    rows = yield Statement(
        "update published set settings = :settings, secret = :secret, enabled = :enabled, modified_at = :now"
        f" where id = :id returning {COLUMNS}",
        {"id": row_id, "settings": settings, "secret": secret, "enabled": int(enabled), "now": now},
    )
    return _read(rows[0])


def give(row_id: int, owner_id: int, token_id: int) -> Unit[None]:
    """Let another account pay, under another token."""
    yield Statement(
        "update published set owner_id = :owner_id, token_id = :token_id where id = :id",
        {"id": row_id, "owner_id": owner_id, "token_id": token_id},
    )


def of_owner(owner_id: int, limit: int) -> Unit[list[Stored]]:
    """Rows of an account's, at most `limit`."""
    rows = yield Statement(
        f"select {COLUMNS} from published where owner_id = :owner_id and deleted = 0 order by id limit :limit",
        {"owner_id": owner_id, "limit": limit},
    )
    return [_read(row) for row in rows]


def bury(row_id: int, now: int) -> Unit[None]:
    """Leave of a row nothing but that it was deleted, and free its names and ports."""
    yield Statement(
        "update published set settings = '{}', secret = null, enabled = 0, token_id = 0, modified_at = :now,"
        " deleted = :now where id = :id",
        {"id": row_id, "now": now},
    )
    for table in ("published_names", "published_ports", "published_links", "acme_orders"):
        yield Statement(f"delete from {table} where published_id = :id", {"id": row_id})


def revise(ids: Sequence[int], revision: int) -> Unit[None]:
    """Note the number of the change feed under which these rows have changed."""
    yield from among("update published set revision = :revision where id in {0}", ids, {"revision": revision})


def names_taken(names: Iterable[str], but: int) -> Unit[list[tuple[str, str, int]]]:
    """Those of the names that another row than `but` has: the name, and that row's kind and id."""
    rows = yield from among(
        "select n.name, p.kind, p.id from published_names as n join published as p on p.id = n.published_id"
        " where n.name in {0} and n.published_id <> :but",
        sorted(names),
        {"but": but},
    )
    return sorted((row[0], row[1], row[2]) for row in rows)


def set_names(row_id: int, names: Sequence[str]) -> Unit[None]:
    """Let these be the names of a row.  Raises: Conflict where one is another's."""
    yield Statement("delete from published_names where published_id = :id", {"id": row_id})
    for chunk in chunks([(name, row_id) for name in names], CHUNK):
        columns = ("name", "published_id")
        texts = placeholders(columns, len(chunk))
        yield Statement(f"insert into published_names (name, published_id) values {texts}", numbered(columns, chunk))


class Port(NamedTuple):
    """A port that a stream or a forward listens at."""

    transport: str
    port: int
    interface: str
    sni: str


PORT_COLUMNS = (*Port._fields, "published_id")


def ports_at(port: int, but: int) -> Unit[list[tuple[Port, str, int]]]:
    """What other rows than `but` have of a port, with kind and id of each."""
    rows = yield Statement(
        "select o.transport, o.port, o.interface, o.sni, p.kind, p.id from published_ports as o"
        " join published as p on p.id = o.published_id"
        " where o.transport in ('tcp', 'udp') and o.port = :port and o.published_id <> :but"
        " order by o.transport, o.interface, o.sni",
        {"port": port, "but": but},
    )
    return [(Port(*row[:4]), row[4], row[5]) for row in rows]


def set_ports(row_id: int, ports: Sequence[Port]) -> Unit[None]:
    """Let these be the ports of a row.  Raises: Conflict where one is another's."""
    yield Statement("delete from published_ports where published_id = :id", {"id": row_id})
    for chunk in chunks([(*port, row_id) for port in ports], CHUNK):
        texts = placeholders(PORT_COLUMNS, len(chunk))
        sql = f"insert into published_ports ({', '.join(PORT_COLUMNS)}) values {texts}"
        yield Statement(sql, numbered(PORT_COLUMNS, chunk))


def set_links(row_id: int, others: Iterable[int]) -> Unit[None]:
    """Let these be the rows that a row uses."""
    yield Statement("delete from published_links where published_id = :id", {"id": row_id})
    for other in sorted(others):
        yield Statement(
            "insert into published_links (published_id, other_id) values (:id, :other)", {"id": row_id, "other": other}
        )


def users_of(row_id: int, limit: int) -> Unit[list[tuple[str, int]]]:
    """Kind and id of those that use a row, at most `limit`."""
    rows = yield Statement(
        "select p.kind, p.id from published_links as l join published as p on p.id = l.published_id"
        " where l.other_id = :id order by l.published_id limit :limit",
        {"id": row_id, "limit": limit},
    )
    return [(row[0], row[1]) for row in rows]


def newer(revision: int, limit: int) -> Unit[list[Stored]]:
    """Rows, deleted ones too, that have changed after a revision, in the order of their last changes: at most `limit`,
    and what has changed with the last of them.
    """
    rows = yield Statement(
        f"select {COLUMNS} from published where revision > :revision order by revision, id limit :limit",
        {"revision": revision, "limit": limit},
    )
    found = [_read(row) for row in rows]
    if len(found) == limit:
        rows = yield Statement(
            f"select {COLUMNS} from published where revision = :revision and id > :id order by id",
            {"revision": found[-1].revision, "id": found[-1].id},
        )
        found += [_read(row) for row in rows]
    return found


def pruned() -> Unit[int]:
    """The greatest revision of a row that is not even known as deleted any more."""
    rows = yield Statement("select pruned from published_lock where id = 1", {})
    return int(rows[0][0])


PRUNE = """
delete from published where id in (
    select id from published where deleted > 0 and deleted < :before order by deleted, id limit :limit
) returning revision
"""


def prune(before: int, limit: int) -> Unit[None]:
    """Forget rows, at most `limit`, that were deleted before that second."""
    rows = yield Statement(PRUNE, {"before": before, "limit": limit})
    if rows:
        most = max(row[0] for row in rows)
        yield Statement("update published_lock set pruned = :most where id = 1 and pruned < :most", {"most": most})
