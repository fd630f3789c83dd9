"""Certificates that are to be obtained: when, by which process; what an authority knows us by, and looks for here."""

from __future__ import annotations

from typing import NamedTuple

from meshd.store.unit import Statement, Unit

MOST_CHALLENGES = 1000
"""Challenges that are told at a time: as many as ten certificates with a hundred names each have."""


class Due(NamedTuple):
    """A certificate for which something is to be done."""

    id: int
    failures: int
    """How many tries have failed in a row."""
    wanted: bool
    """Whether somebody wants it obtained, whatever there is already."""


ORDER = """
insert into acme_orders (published_id, due_at, wanted) values (:id, :now, 1)
on conflict (published_id) do update set due_at = :now, failures = 0, wanted = 1,
    again = case when acme_orders.until > :now then 1 else 0 end
"""


def order(certificate_id: int, now: int) -> Unit[None]:
    """Have a certificate obtained now, whatever was to be done later, and once more where a process is at it."""
    yield Statement(ORDER, {"id": certificate_id, "now": now})


def due(now: int, limit: int) -> Unit[list[Due]]:
    """Certificates for which something is to be done by now and which no process has claimed, the longest due first;
    those that are switched off wait.
    """
    rows = yield Statement(
        "select o.published_id, o.failures, o.wanted from acme_orders as o join published as p on p.id = o.published_id"
        " where o.due_at <= :now and o.until <= :now and p.enabled = 1 order by o.due_at, o.published_id limit :limit",
        {"now": now, "limit": limit},
    )
    return [Due(row[0], row[1], bool(row[2])) for row in rows]


def claim(certificate_id: int, node: str, now: int, until: int) -> Unit[bool]:
    """Let one process do what is due, until a second by which it is done or dead; False where another does it."""
    rows = yield Statement(
        "update acme_orders set node = :node, until = :until, again = 0"
        " where published_id = :id and due_at <= :now and until <= :now returning published_id",
        {"id": certificate_id, "node": node, "now": now, "until": until},
    )
    return bool(rows)


def settle(certificate_id: int, due_at: int, *, failed: bool) -> Unit[bool]:
    """End a claim, and say when something is to be done again; False where nothing is known of the certificate."""
    rows = yield Statement(
        "update acme_orders set due_at = case when again = 1 then due_at else :due_at end, node = '',"
        " until = 0, wanted = again, again = 0,"
        " failures = case when :failed = 1 then failures + 1 else 0 end"
        " where published_id = :id returning published_id",
        {"id": certificate_id, "due_at": due_at, "failed": int(failed)},
    )
    return bool(rows)


def release(certificate_id: int, now: int) -> Unit[None]:
    """End a claim with nothing done: whoever comes next may see to it."""
    yield Statement(
        "update acme_orders set due_at = :now, node = '', until = 0 where published_id = :id",
        {"id": certificate_id, "now": now},
    )


def challenge(token: str, content: str, now: int) -> Unit[None]:
    yield Statement(
        "insert into acme_challenges (token, content, at) values (:token, :content, :now)"
        " on conflict (token) do update set content = excluded.content, at = excluded.at",
        {"token": token, "content": content, "now": now},
    )


def unchallenge(token: str) -> Unit[bool]:
    """Whether there was such a challenge."""
    rows = yield Statement("delete from acme_challenges where token = :token returning token", {"token": token})
    return bool(rows)


def sweep_challenges(before: int) -> Unit[None]:
    """Forget challenges that were begun before that second."""
    yield Statement("delete from acme_challenges where at < :before", {"before": before})


def challenges() -> Unit[list[tuple[str, str]]]:
    """Tokens and what stands behind each, the newest first, at most MOST_CHALLENGES."""
    rows = yield Statement(
        "select token, content from acme_challenges order by at desc, token desc limit :limit",
        {"limit": MOST_CHALLENGES},
    )
    return [(row[0], row[1]) for row in rows]


def account(directory: str) -> Unit[tuple[bytes, str] | None]:
    """The sealed key by which that authority knows us, and the account's URL; None where there is none yet."""
    rows = yield Statement(
        "select sealed, uri from acme_accounts where directory = :directory", {"directory": directory}
    )
    return (bytes(rows[0][0]), rows[0][1]) if rows else None


def keep_account(directory: str, sealed: bytes, uri: str) -> Unit[None]:
    yield Statement(
        "insert into acme_accounts (directory, sealed, uri) values (:directory, :sealed, :uri)"
        " on conflict (directory) do update set sealed = excluded.sealed, uri = excluded.uri",
        {"directory": directory, "sealed": sealed, "uri": uri},
    )
