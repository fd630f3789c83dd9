"""`meshd audit`: who changed what, of one account or of all."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterator
from typing import Any

from meshd.accounts import auditing
from meshd.accounts.auditing import MOST, Entry, Filters
from meshd.cli.context import Context
from meshd.cli.parser import Verbs
from meshd.cli.values import moment, time_argument


def add_to(top: Verbs) -> None:
    parser = top.verb("audit", show, "who changed what, of an account or of all, the newest first")
    parser.add_argument("name", nargs="?", default="", help="an account, also one that is gone; else all")
    parser.add_argument("--id", type=_count, default=0, help="an account by its number")
    parser.add_argument("--actor", default="", metavar="NAME", help="only what this one did, as column BY shows it")
    parser.add_argument("--action", default="", metavar="TEXT", help="only what begins so: `account.`, `token.create`")
    told = "only from then on; a date or YYYY-MM-DDTHH:MM:SS, UTC"
    parser.add_argument("--since", type=time_argument, metavar="TIME", help=told)
    parser.add_argument("--until", type=time_argument, metavar="TIME", help="only before then")
    parser.add_argument("--limit", type=_count, default=100, help="how many entries (default: 100)")


def show(context: Context, args: Namespace) -> None:
    filters = Filters(
        account=args.name,
        account_id=args.id,
        actor=args.actor,
        action=args.action,
        since=args.since,
        until=args.until,
    )
    columns: dict[str, Any] = {
        "AT": lambda row: row["at"],
        "BY": lambda row: row["actor"],
        "DID": lambda row: row["action"],
        "ACCOUNT": lambda row: row["account"] or "",
        "DETAIL": lambda row: row["detail"],
    }
    if args.name or args.id:
        del columns["ACCOUNT"]
    context.show_rows(map(_shown, _entries(context, filters, args.limit)), columns)


def _entries(context: Context, filters: Filters, limit: int) -> Iterator[Entry]:
    """At most so many (limit) entries, of as many pages as that takes."""
    cursor = ""
    while limit > 0:
        at_most = min(limit, MOST)
        page = context.run(auditing.entries, context.operator, filters, cursor=cursor, limit=at_most)
        yield from page.entries
        limit -= len(page.entries)
        cursor = page.cursor
        if not cursor:
            return


def _shown(entry: Entry) -> dict[str, Any]:
    return {
        "at": moment(entry.at),
        "actor": entry.actor,
        "action": entry.action,
        "account": entry.username or None,
        "account_id": entry.account_id or None,
        "detail": entry.detail,
        "changed": auditing.changed(entry),
    }


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 1_000_000):
        raise ArgumentTypeError(f"{text[:20]!r} is not a number from 1 to 1000000")
    return int(text)
