"""`meshd usage`: what an account has used, by target host too, and what every account has used in a period."""

from __future__ import annotations

import csv
from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterator
from typing import Any

from meshd.accounts import domains, periods, subaccounts
from meshd.accounts.periods import Used, Which
from meshd.cli.context import Context
from meshd.cli.parser import Verbs
from meshd.cli.values import human_bytes, human_limit, human_moment, moment
from meshd.model import monthly_limit
from meshd.topology import included_bytes
from meshd.values import period
from meshd.values.cells import harmless
from meshd.values.times import today

COLUMNS = (
    "username",
    "parent",
    "plan",
    "active",
    "period_start",
    "period_end",
    "up_bytes",
    "down_bytes",
    "total_bytes",
    "exchanges",
    "limit_bytes",
)
"""The columns of the CSV, in their order."""


def add_to(top: Verbs) -> None:
    parser = top.verb("usage", usage, "what an account and its sub-accounts have used, or with --all every account")
    parser.add_argument("name", nargs="?", help="the account")
    parser.add_argument("--all", action="store_true", help="every account, with its billing period")
    parser.add_argument("--without-subaccounts", action="store_true", help="with --all: no rows of their own for them")
    parser.add_argument("--csv", action="store_true", help="with --all: CSV, with a line of names")
    parser.add_argument("--domains", action="store_true", help="by target host, those with most bytes first")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--last", action="store_true", help="with --all: the billing period before the running one")
    which.add_argument("--month", type=_month, metavar="YYYY-MM", help="with --all or --domains: a month (UTC)")


def usage(context: Context, args: Namespace) -> None:
    if args.all == (args.name is not None):
        args.parser.error("give the name of an account, or --all")
    if (args.csv or args.last or args.without_subaccounts) and not args.all:
        args.parser.error("--csv, --last and --without-subaccounts go with --all")
    if args.month and not (args.all or args.domains):
        args.parser.error("--month goes with --all or --domains")
    if args.domains and args.all:
        args.parser.error("--domains goes with the name of an account")
    act = _show_all if args.all else _show_domains if args.domains else _show_one
    act(context, args)


def _show_one(context: Context, args: Namespace) -> None:
    identity = context.run(subaccounts.details, context.operator, args.name, at=context.now())
    account, used = identity.account, identity.usage
    monthly = monthly_limit(account, included_bytes(context.plans))
    prepaid = f", and {human_bytes(used.prepaid_bytes)} prepaid are left" if used.prepaid_bytes else ""
    context.show(
        {
            "account": account.username,
            "total_bytes": used.total_bytes,
            "period_bytes": used.period_bytes,
            "period_start": moment(used.period_start),
            "total_limit": account.total_limit,
            "monthly_limit": monthly,
            **({"prepaid_bytes": used.prepaid_bytes} if used.prepaid_bytes else {}),
        },
        {
            "account": account.username,
            "total": f"{human_bytes(used.total_bytes)}, limit {human_limit(account.total_limit)}",
            "this period": f"{human_bytes(used.period_bytes)}, limit {human_limit(monthly)}{prepaid}",
            "since": human_moment(used.period_start),
        },
    )


def _show_all(context: Context, args: Namespace) -> None:
    which = args.month or ("last" if args.last else "running")
    rows = (_row(each) for each in _everybody(context, which, subs=not args.without_subaccounts))
    if not args.csv:
        context.show_rows(
            rows,
            {
                "NAME": lambda row: row["username"],
                "PARENT": lambda row: row["parent"] or "-",
                "FROM": lambda row: row["period_start"][:10],
                "UNTIL": lambda row: row["period_end"][:10],
                "UP": lambda row: human_bytes(row["up_bytes"]),
                "DOWN": lambda row: human_bytes(row["down_bytes"]),
                "TOTAL": lambda row: human_bytes(row["total_bytes"]),
                "LIMIT": lambda row: human_limit(row["limit_bytes"]),
            },
        )
        return
    writer = csv.writer(context.out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        cells = {**row, "active": "yes" if row["active"] else "no", "parent": row["parent"] or ""}
        writer.writerow(harmless(str(cells[name])) for name in COLUMNS)


def _everybody(context: Context, which: Which, *, subs: bool) -> Iterator[Used]:
    """All accounts, a page in a transaction."""
    after, now = 0, context.now()
    while True:
        page = context.run(
            periods.of_everybody,
            context.operator,
            which=which,
            after=after,
            limit=periods.MOST,
            subs=subs,
            plans=context.plans,
            now=now,
        )
        yield from page.rows
        after = page.after
        if not after:
            return


def _row(used: Used) -> dict[str, Any]:
    return {
        "username": used.username,
        "parent": used.parent or None,
        "plan": used.plan,
        "active": used.active,
        "period_start": moment(used.start),
        "period_end": moment(used.end),
        "up_bytes": used.up,
        "down_bytes": used.down,
        "total_bytes": used.total,
        "exchanges": used.exchanges,
        "limit_bytes": used.limit,
    }


def _show_domains(context: Context, args: Namespace) -> None:
    since, until = (args.month and period.month(args.month)) or (None, None)
    found = context.run(
        domains.report, context.operator, args.name, since=since, until=until, family=True, now=context.now()
    )
    context.show_rows(
        (
            {
                "domain": row.name,
                "up_bytes": row.up,
                "down_bytes": row.down,
                "exchanges": row.exchanges,
                "failures": row.failures,
            }
            for row in found.rows
        ),
        {
            "DOMAIN": lambda row: row["domain"],
            "UP": lambda row: human_bytes(row["up_bytes"]),
            "DOWN": lambda row: human_bytes(row["down_bytes"]),
            "EXCHANGES": lambda row: row["exchanges"],
            "FAILED": lambda row: row["failures"],
        },
    )
    context.note(f"{found.username}, of the days from {today(found.since)} to {today(found.until - 1)}")


def _month(text: str) -> str:
    if period.month(text) is None:
        raise ArgumentTypeError(f"{text[:20]!r} is no month such as 2026-10")
    return text
