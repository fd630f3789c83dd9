"""`meshd account list`: all accounts, or those that are asked for."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from meshd.accounts import directory
from meshd.accounts.directory import MOST, Filters, Row
from meshd.cli.ambiguous import tell_ambiguous
from meshd.cli.context import Context
from meshd.cli.parser import Verbs, add_progress
from meshd.cli.roster import brief
from meshd.cli.values import human_bytes, human_limit, moment, percent, time_argument
from meshd.selection import stem

ACTIVE = {"active": "yes", "expired": "expired"}


def add_to(verbs: Verbs) -> None:
    parser = verbs.verb("list", listing, "the accounts, oldest first, or those that all of the options are true of")
    parser.add_argument("--parent", metavar="NAME", help="only the sub-accounts of this account")
    parser.add_argument("--prefix", default="", metavar="TEXT", help="whose names begin so, whatever the case; by name")
    parser.add_argument("--email", default="", metavar="ADDRESS", help="whose e-mail address this is, exactly")
    parser.add_argument("--state", choices=("active", "inactive", "expired", "suspended"))
    parser.add_argument("--plan", default="", help="on this plan")
    parser.add_argument("--role", choices=("root", "admin", "viewer", "customer"))
    told = "who have used so much of a limit, the fullest first"
    parser.add_argument("--near-limit", type=percent, default=0, metavar="PERCENT", help=told)
    told = "last seen then or later, the last first; a date or YYYY-MM-DDTHH:MM:SS, UTC"
    parser.add_argument("--seen-after", type=time_argument, metavar="TIME", help=told)
    parser.add_argument("--seen-before", type=time_argument, metavar="TIME", help="last seen before then, or never")
    add_progress(parser)


def listing(context: Context, args: Namespace) -> None:
    told = _filters(args)
    usage = bool(args.near_limit or args.seen_after is not None or args.seen_before is not None)
    ambiguous: list[str] = []
    rows = (_shown(row) for row in _watched(_rows(context, told), ambiguous))
    columns: dict[str, Any] = {
        "ID": lambda row: row["id"],
        "ACCOUNT": lambda row: row["username"],
        "PARENT": lambda row: row["parent"] or "",
        "ROLE": lambda row: row["role"],
        "PLAN": lambda row: row["plan"],
        "ACTIVE": lambda row: ACTIVE.get(row["state"], "no"),
        "MONTHLY LIMIT": lambda row: human_limit(row["monthly_limit"]),
        "TOTAL LIMIT": lambda row: human_limit(row["total_limit"]),
    }
    if usage:
        columns["THIS PERIOD"] = lambda row: human_bytes(row["period_bytes"])
        columns["TOTAL"] = lambda row: human_bytes(row["total_bytes"])
        columns["SEEN"] = lambda row: (row["seen_at"] or "never").replace("T", " ").rstrip("Z")
    context.show_rows(rows, columns)
    tell_ambiguous(context, ambiguous)


def _filters(args: Namespace) -> Filters:
    return Filters(
        prefix=args.prefix,
        email=args.email,
        state=args.state,
        plan=args.plan,
        role=args.role,
        parent=args.parent or "",
        near_limit=args.near_limit,
        seen_after=args.seen_after,
        seen_before=args.seen_before,
    )


def _rows(context: Context, filters: Filters) -> Iterator[Row]:
    """The rows of all pages."""
    known: dict[str, Any] = {"plans": context.plans, "order": "name" if filters.parent else "oldest", "limit": MOST}
    cursor = ""
    with context.progress("listed") as progress:
        while True:
            page = context.run(directory.listing, context.operator, filters, now=context.now(), cursor=cursor, **known)
            yield from page.rows
            progress.step(len(page.rows))
            cursor = page.cursor
            if not cursor:
                return


def _watched(rows: Iterator[Row], ambiguous: list[str]) -> Iterator[Row]:
    """The rows, of which those with a name that reads as another one and a selection are noted."""
    for row in rows:
        username = row.account.username
        if stem(username) != username:
            ambiguous.append(username)
        yield row


def _shown(row: Row) -> dict[str, Any]:
    """A row as JSON: the account, with the limits that hold."""
    return brief(row.account, row.parent or None) | {
        "state": row.state,
        "monthly_limit": row.monthly_limit,
        "total_bytes": row.usage.total_bytes,
        "period_bytes": row.usage.period_bytes,
        "prepaid_bytes": row.usage.prepaid_bytes,
        "period_start": moment(row.usage.period_start),
        "period_end": moment(row.period_end),
        "seen_at": moment(row.seen_at) if row.seen_at else None,
    }
