"""Who did what by the API of published hosts, the newest first."""

# ruff: noqa: S608 (the texts are put together from constants of this package; every value is a parameter)

from __future__ import annotations

from typing import NamedTuple

from meshd.store.statements.texts import storable
from meshd.store.unit import Statement, Unit


class Entry(NamedTuple):
    """One request."""

    at: int
    account_id: int
    """0 where nobody was known."""
    username: str
    email: str
    action: str
    resource_type: str
    resource_id: int
    """0 for none."""
    details: str
    """JSON; "" for nothing."""
    address: str
    """The client's."""
    id: int = 0


COLUMNS = ", ".join(Entry._fields)
_OF_A = ", ".join(f"a.{name}" for name in Entry._fields)
_GIVEN = Entry._fields[:-1]


class Asked(NamedTuple):
    """What is asked of entries; "" and None for nothing."""

    resource_type: str = ""
    action: str = ""
    username: str = ""
    since: int | None = None
    until: int | None = None


def record(entry: Entry) -> Unit[int]:
    """Add an entry; its id."""
    names, marks = ", ".join(_GIVEN), ", ".join(f":{name}" for name in _GIVEN)
    rows = yield Statement(
        f"insert into hosts_audit ({names}) values ({marks}) returning id",
        dict(zip(_GIVEN, entry[:-1], strict=True)),
    )
    return int(rows[0][0])


def by_id(entry_id: int) -> Unit[Entry | None]:
    if not storable(entry_id):
        return None
    rows = yield Statement(f"select {COLUMNS} from hosts_audit where id = :id", {"id": entry_id})
    return Entry(*rows[0]) if rows else None


def page(asked: Asked, *, scanned: int, skip: int, limit: int) -> Unit[list[Entry]]:
    """The newest entries but for the first `skip`, at most `limit`.

    Those of one user, one action or one kind of resource are looked for in this order of preference, by an index; among
    the newest `scanned` of them those that meet the rest.
    """
    index = next((name for name in ("username", "action", "resource_type") if getattr(asked, name)), "")
    within = [f"{index} = :{index}"] if index else []
    within += ["at >= :since"] if asked.since is not None else []
    within += ["at < :until"] if asked.until is not None else []
    rest = [f"a.{name} = :{name}" for name in ("action", "resource_type") if getattr(asked, name) and name != index]
    if rest:
        found = f"select id from hosts_audit{_where(within)} order by at desc, id desc limit :scanned"
        sql = f"select {_OF_A} from ({found}) as found join hosts_audit as a on a.id = found.id{_where(rest)}"
        sql += " order by a.at desc, a.id desc"
    else:
        sql = f"select {COLUMNS} from hosts_audit{_where(within)} order by at desc, id desc"
    params = {**asked._asdict(), "scanned": scanned, "limit": limit, "skip": skip}
    rows = yield Statement(f"{sql} limit :limit offset :skip", params)
    return [Entry(*row) for row in rows]


def prune(before: int, newest: int, limit: int) -> Unit[None]:
    """Forget entries, at most `limit` of each: those that are older than a second, and those up to an id."""
    yield Statement(
        "delete from hosts_audit where id in"
        " (select id from hosts_audit where at < :before order by at, id limit :limit)",
        {"before": before, "limit": limit},
    )
    yield Statement(
        "delete from hosts_audit where id in (select id from hosts_audit where id <= :newest order by id limit :limit)",
        {"newest": newest, "limit": limit},
    )


def _where(conditions: list[str]) -> str:
    return f" where {' and '.join(conditions)}" if conditions else ""
