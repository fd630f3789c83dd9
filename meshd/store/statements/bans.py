"""Wrong credentials and the bans they cause, counted for all processes and nodes together."""

from __future__ import annotations

from zlib import crc32

from meshd.model import Ban
from meshd.store.statements.texts import searchable, username_key
from meshd.store.unit import Statement, Unit

EVERY_NAME = "*"
SLOTS = 16
"""Rows of failure_locks."""


def active(now: int, limit: int) -> Unit[list[Ban]]:
    """Those that last longest first."""
    rows = yield Statement(
        """
        select address, username, until from bans
        where until > :now order by until desc, address, username limit :limit
        """,
        {"now": now, "limit": limit},
    )
    return [Ban(*row) for row in rows]


def find(address: str, username: str, now: int) -> Unit[Ban | None]:
    """The ban that keeps this name from this address out, the longer one where there are two."""
    rows = yield Statement(
        """
        select address, username, until from bans
        where address = :address and username in (:username, '*') and until > :now
        order by until desc limit 1
        """,
        {"address": searchable(address), "username": username_key(username), "now": now},
    )
    return Ban(*rows[0]) if rows else None


ADD = """
insert into bans (address, username, until) values (:address, :username, :until)
on conflict (address, username) do update
set until = case when excluded.until > bans.until then excluded.until else bans.until end
"""


def add(ban: Ban) -> Unit[None]:
    """A ban that is there already is prolonged, never shortened."""
    yield Statement(
        ADD,
        {"address": searchable(ban.address), "username": username_key(ban.username), "until": ban.until},
    )


LIFT = "delete from bans where address = :address and (username = :username or :username = '') returning username"
PARDON = "delete from failures where address = :address and (username = :username or :username in ('', '*'))"


def lift(address: str, username: str) -> Unit[int]:
    """How many bans were lifted; "" lifts every ban of the address.  What led to them is forgotten too."""
    whom = {"address": searchable(address), "username": username_key(username)}
    yield from _lock(whom["address"])
    rows = yield Statement(LIFT, whom)
    yield Statement(PARDON, whom)
    return len(rows)


def forget(username: str) -> Unit[None]:
    """The name's bans and failures, wherever they came from."""
    for table in ("bans", "failures"):
        yield Statement(f"delete from {table} where username = :username", {"username": username_key(username)})  # noqa: S608


def failed(
    address: str, username: str, now: int, *, limit: int, window: int, seconds: int, names_limit: int
) -> Unit[Ban | None]:
    """Record a wrong credential and return the ban that it causes.

    So many (limit) failures of one name from one address within the window ban that name from there; so many names
    (names_limit) ban the whole address.  Failures that led to a ban do not count towards the name's next one.
    """
    address, username = searchable(address), username_key(username)
    yield from _lock(address)
    yield from _forget_old(now, window)
    yield Statement(
        "insert into failures (address, username, at) values (:address, :username, :at)",
        {"address": address, "username": username, "at": now},
    )
    fresh, names = yield from _count(address, username, now - window)
    banned = EVERY_NAME if names >= names_limit else username
    if banned == username and fresh < limit:
        return None
    return (yield from _ban(address, banned, now + seconds))


def _lock(address: str) -> Unit[None]:
    """Without it, two failures at once would each count without the other."""
    slot = crc32(address.encode()) % SLOTS
    yield Statement("update failure_locks set slot = slot where slot = :slot", {"slot": slot})


def _forget_old(now: int, window: int) -> Unit[None]:
    yield Statement("delete from failures where at <= :since", {"since": now - window})
    yield Statement("delete from bans where until <= :now", {"now": now})


COUNT = """
select
    coalesce(sum(case when username = :username then 1 - spent else 0 end), 0),
    count(distinct username)
from failures where address = :address and at > :since
"""


def _count(address: str, username: str, since: int) -> Unit[tuple[int, int]]:
    """The name's failures that no ban was made of, and how many names there were."""
    rows = yield Statement(COUNT, {"address": address, "username": username, "since": since})
    return int(rows[0][0]), int(rows[0][1])


SPEND = "update failures set spent = 1 where address = :address and username = :username"


def _ban(address: str, username: str, until: int) -> Unit[Ban]:
    ban = Ban(address, username, until)
    yield from add(ban)
    yield Statement(
        SPEND if username != EVERY_NAME else "delete from failures where address = :address",
        {"address": address, "username": username},
    )
    return ban
