"""Wrong credentials and the bans they cause, counted for all processes and nodes together."""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

from meshd.model import Ban
from meshd.store.statements import notices
from meshd.store.statements.texts import searchable, username_key
from meshd.store.unit import Statement, Unit
from meshd.values.notices import BAN_BEGUN
from meshd.values.times import iso

EVERY_NAME = "*"
SLOTS = 16
"""Rows of failure_locks."""


def active(now: int, limit: int) -> Unit[list[Ban]]:
    """At most `limit` bans that are active, those that last longest first."""
    rows = yield Statement(
        """
        select address, username, until from bans
        where until > :now order by until desc, address, username limit :limit
        """,
        {"now": now, "limit": limit},
    )
    return [Ban(*row) for row in rows]


PAGE = """
select address, username, until from bans
where until > :now and until <= :until and (until < :until or (address, username) > (:address, :username))
order by until desc, address, username limit :limit
"""


def page(after: Ban | None, now: int, limit: int) -> Unit[list[Ban]]:
    """The active bans that come after one, those that last longest first; None for the first page."""
    if after is None:
        return (yield from active(now, limit))
    rows = yield Statement(
        PAGE,
        {
            "address": searchable(after.address),
            "username": searchable(after.username),
            "until": after.until,
            "now": now,
            "limit": limit,
        },
    )
    return [Ban(*row) for row in rows]


FIND = """
select address, username, until from bans
where address = :address and until > :now and (username = :username or (username = '*' and :spared = 0 and not exists (
    select 1 from spared where spared.address = :address and spared.username = :username and spared.until > :now
)))
order by until desc limit 1
"""


def in_force(now: int, limit: int) -> Unit[tuple[list[Ban], list[Ban]]]:
    """The active bans, and the names that are spared the ban of their whole address; at most `limit` of either."""
    found = yield from active(now, limit)
    whole = any(ban.username == EVERY_NAME for ban in found)
    return found, (yield from spared(now, limit)) if whole else []


def find(address: str, username: str, now: int, *, spared: bool = False) -> Unit[Ban | None]:
    """The ban that keeps this name from this address out, the longer one where there are two.

    spared: whether the name is known to be spared a ban of the whole address; else the store is asked that too.
    """
    whom = {"address": searchable(address), "username": username_key(username)}
    rows = yield Statement(FIND, {**whom, "now": now, "spared": int(spared)})
    return Ban(*rows[0]) if rows else None


def spared(now: int, limit: int) -> Unit[list[Ban]]:
    """At most `limit` names that are spared the ban of their whole address, until that ban ends; the newest."""
    rows = yield Statement(
        "select address, username, until from spared where until > :now order by until desc limit :limit",
        {"now": now, "limit": limit},
    )
    return [Ban(*row) for row in rows]


SPARE = """
insert into spared (address, username, until) values (:address, :username, :until)
on conflict (address, username) do update
set until = case when excluded.until > spared.until then excluded.until else spared.until end
"""


def spare(names: Iterable[Ban]) -> Unit[None]:
    """Spare each of these names, until its `until`, the ban of its whole address."""
    for each in names:
        whom = {"address": searchable(each.address), "username": username_key(each.username)}
        yield Statement(SPARE, {**whom, "until": each.until})


ADD = """
insert into bans (address, username, until) values (:address, :username, :until)
on conflict (address, username) do update
set until = case when excluded.until > bans.until then excluded.until else bans.until end
"""


def add(ban: Ban) -> Unit[None]:
    """Insert a ban; one that is there already is prolonged, never shortened."""
    yield Statement(
        ADD,
        {"address": searchable(ban.address), "username": username_key(ban.username), "until": ban.until},
    )


LIFT = "delete from bans where address = :address and (username = :username or :username = '') returning username"
PARDON = "delete from failures where address = :address and (username = :username or :username in ('', '*'))"


def lift(address: str, username: str) -> Unit[int]:
    """Lift a name's ban from an address, or with "" every ban of it; how many.  What led to them is forgotten too."""
    whom = {"address": searchable(address), "username": username_key(username)}
    yield from _lock(whom["address"])
    rows = yield Statement(LIFT, whom)
    yield Statement(PARDON, whom)
    if username in ("", EVERY_NAME):
        yield Statement("delete from spared where address = :address", {"address": whom["address"]})
    return len(rows)


def forget(username: str) -> Unit[None]:
    """Delete the name's bans and failures, from whatever address, and where it was spared a ban."""
    for table in ("bans", "failures", "spared"):
        yield Statement(f"delete from {table} where username = :username", {"username": username_key(username)})  # noqa: S608


def failed(
    address: str,
    username: str,
    now: int,
    trace: str = "",
    *,
    limit: int,
    window: int,
    seconds: int,
    names_limit: int,
) -> Unit[Ban | None]:
    """Record a wrong credential and return the ban that it causes.

    So many (limit) failures of one name from one address within the window (seconds) ban that name from there; so many
    names (names_limit) ban the whole address.  Failures that led to a ban do not count towards the name's next one.
    seconds: how long a ban lasts.  trace: tells this credential from the name's others, of which each counts once in
    the window; "" for one that counts each time.
    """
    address, username = searchable(address), username_key(username)
    yield from _lock(address)
    yield from _forget_old(now, window)
    what = {"address": address, "username": username, "at": now, "trace": trace}
    if trace and (yield Statement(KNOWN, {**what, "at": now - window})):
        return None
    yield Statement(
        "insert into failures (address, username, at, trace) values (:address, :username, :at, :trace)", what
    )
    fresh, names = yield from _count(address, username, now - window)
    banned = EVERY_NAME if names >= names_limit else username
    if banned == username and fresh < limit:
        return None
    return (yield from _ban(address, banned, now, now + seconds))


KNOWN = """
select 1 from failures where address = :address and username = :username and trace = :trace and at > :at limit 1
"""


def _lock(address: str) -> Unit[None]:
    """Lock the address's slot until the commit: two failures at once would else each count without the other."""
    slot = crc32(address.encode()) % SLOTS
    yield Statement("update failure_locks set slot = slot where slot = :slot", {"slot": slot})


def _forget_old(now: int, window: int) -> Unit[None]:
    yield Statement("delete from failures where at <= :since", {"since": now - window})
    for table in ("bans", "spared"):
        yield Statement(f"delete from {table} where until <= :now", {"now": now})  # noqa: S608


COUNT = """
select
    coalesce(sum(case when username = :username then 1 - spent else 0 end), 0),
    count(distinct username)
from failures where address = :address and at > :since
"""


def _count(address: str, username: str, since: int) -> Unit[tuple[int, int]]:
    """How many failures of the name led to no ban yet, and how many names have failed from the address."""
    rows = yield Statement(COUNT, {"address": address, "username": username, "since": since})
    return int(rows[0][0]), int(rows[0][1])


SPEND = "update failures set spent = 1 where address = :address and username = :username"


def _ban(address: str, username: str, now: int, until: int) -> Unit[Ban]:
    ban = Ban(address, username, until)
    yield from add(ban)
    yield Statement(
        SPEND if username != EVERY_NAME else "delete from failures where address = :address",
        {"address": address, "username": username},
    )
    yield from _tell(ban, now)
    return ban


def _tell(ban: Ban, now: int) -> Unit[None]:
    """Tell the operator.  Only a name that an account has: somebody may have typed a password in its place."""
    rows = yield Statement("select id from accounts where username_key = :key", {"key": ban.username})
    data = {"address": ban.address, "until": iso(ban.until) + "Z", "every_name": ban.username == EVERY_NAME}
    yield from notices.tell(BAN_BEGUN, f"ban:{ban.address}", now, data, account_id=int(rows[0][0]) if rows else 0)
