"""`meshd exchange`: what is open now, in all processes on the store, and ending one of it."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from meshd.accounts import exchanges
from meshd.accounts.exchanges import Open
from meshd.cli.context import Context
from meshd.cli.parser import Verbs
from meshd.cli.values import counted, human_bytes, moment
from meshd.values.addresses import join_host

MANY = 10_000
"""Exchanges that are listed at most."""


def add_to(top: Verbs) -> None:
    verbs = top.noun("exchange", "requests and tunnels that are open now")
    parser = verbs.verb("list", listing, "what is open, the oldest first, as the processes told some seconds ago")
    parser.add_argument("--account", metavar="NAME", help="only of this account and its sub-accounts")
    parser.add_argument(
        "--exit", default="", metavar="EXIT", help="only by this exit: its name, or as this list shows it"
    )
    parser = verbs.verb("end", end, "end one, within a second")
    parser.add_argument("id", help="as `exchange list` shows it, and the answer's Proxy-Status")
    parser.add_argument("--account", metavar="NAME", help="whose it is, where the list does not show it")


def listing(context: Context, args: Namespace) -> None:
    now = context.now()
    if args.account is None:
        page = context.run(exchanges.of_everybody, context.operator, exit_=args.exit, limit=MANY, now=now)
    else:
        page = context.run(exchanges.of_family, context.operator, args.account, exit_=args.exit, limit=MANY, now=now)
    context.show_rows(
        (_row(each, now) for each in page.rows),
        {
            "ID": lambda row: row["id"],
            "AGE": lambda row: _age(row["seconds"]),
            "ACCOUNT": lambda row: row["account"],
            "CLIENT": lambda row: row["client"],
            "PROXY": lambda row: row["proxy"],
            "TO": lambda row: row["to"],
            "EXIT": lambda row: row["exit"] or "-",
            "UP": lambda row: human_bytes(row["up"]),
            "DOWN": lambda row: human_bytes(row["down"]),
        },
    )
    if not page.complete:
        shown = f"{counted(len(page.rows), 'exchange')} of {page.total:,}"
        context.note(f"{shown}: of each process those with most bytes and the oldest")


def end(context: Context, args: Namespace) -> None:
    account = context.run(exchanges.end, context.operator, args.id, args.account, now=context.now())
    context.show({"ended": args.id, "account": account})


def _row(each: Open, now: int) -> dict[str, Any]:
    exchange = each.exchange
    return {
        "id": exchange.id,
        "began": moment(exchange.began // 1000),
        "seconds": max(0, now - exchange.began // 1000),
        "account": exchange.username,
        "token": exchange.token_id or None,
        "client": exchange.client,
        "proxy": exchange.proxy,
        "method": exchange.method,
        "to": join_host(exchange.host, exchange.port),
        "exit": exchange.exit,
        "up": exchange.up,
        "down": exchange.down,
        "node": each.node,
        "seen_at": moment(each.seen_at),
    }


def _age(seconds: int) -> str:
    """A length of time in its two largest units, such as `3h05m`."""
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days}d{hour:02}h"
    if hours:
        return f"{hours}h{minute:02}m"
    return f"{minutes}m{second:02}s" if minutes else f"{second}s"
