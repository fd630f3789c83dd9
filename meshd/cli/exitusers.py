"""`meshd exit users`: who used an exit at some time, by the store and by the exchange log's files on this machine."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace
from typing import Any

from meshd.accounts import exitusers
from meshd.accounts.exitusers import MOST, User
from meshd.cli.context import Context
from meshd.cli.exitlogs import Found, fitting, search
from meshd.cli.parser import Verbs
from meshd.cli.values import human_bytes, moment, seconds
from meshd.values.addresses import join_host
from meshd.values.times import read_time


def add_to(verbs: Verbs) -> None:
    parser = verbs.verb("users", users, "who used an exit at some time")
    parser.add_argument("name", help="the exit, or an address that it leaves by")
    parser.add_argument("--at", type=_time, required=True, metavar="TIME", help="UTC, such as 2026-11-28T09:30:00")
    parser.add_argument(
        "--within", type=seconds, default=60.0, metavar="SECONDS", help="before and after it (default: 60)"
    )


def users(context: Context, args: Namespace) -> None:
    since, until = args.at - int(args.within), args.at + int(args.within)
    exits = context.config.topology.exits
    ways = exitusers.ways(args.name, exits)
    stored = context.run(
        exitusers.users, context.operator, ways, since=since, until=until, limit=MOST, now=context.now()
    )
    path, fits = context.config.exchange_log, fitting(exits, args.name)
    logged = search(path, fits, since=since, until=until, limit=MOST, note=context.note)
    rows = {row.request: row for row in (*stored.rows, *logged.rows)}.values()
    context.show_rows(
        (_row(row) for row in sorted(rows, key=lambda row: (row.began, row.request))),
        {
            "FROM": lambda row: row["began"],
            "UNTIL": lambda row: row["ended"] or "open",
            "ACCOUNT": lambda row: row["account"],
            "TOKEN": lambda row: row["token"] or "-",
            "CLIENT": lambda row: row["client"],
            "TO": lambda row: row["to"],
            "EXIT": lambda row: row["exit"],
            "UP": lambda row: human_bytes(row["up"]),
            "DOWN": lambda row: human_bytes(row["down"]),
            "ID": lambda row: row["id"],
        },
    )
    if stored.more or logged.more:
        context.note(f"there are more than {MOST:,}: ask for fewer seconds with --within")
    context.note(_reach(stored.since, logged, since))


def _reach(stored: int, logged: Found, since: int) -> str:
    """How far back the answer sees."""
    log = (
        f"all of this machine's since {moment(logged.since // 1000)}"
        if logged.since
        else "there is no exchange log here"
    )
    store = f"the newest of each account since {moment(stored // 1000)}" if stored else "none that have ended"
    early = ", which is later than asked for" if logged.since // 1000 > since else ""
    return f"exchange log: {log}{early}; store, for all machines: {store}, and what is open"


def _row(user: User) -> dict[str, Any]:
    return {
        "id": user.request,
        "began": moment(user.began // 1000),
        "ended": moment(user.ended // 1000) if user.ended else None,
        "account": user.username,
        "account_id": user.account_id,
        "token": user.token_id or None,
        "client": user.client,
        "proxy": user.proxy,
        "method": user.method,
        "to": join_host(user.host, user.port),
        "exit": user.exit,
        "up": user.up,
        "down": user.down,
    }


def _time(text: str) -> int:
    at = read_time(text.removesuffix("Z"))
    if at is None:
        raise ArgumentTypeError(f"{text[:40]!r} is no time such as 2026-11-28T09:30:00")
    return at
