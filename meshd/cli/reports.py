"""`meshd ban`: bans after wrong credentials."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator

from meshd.accounts import bans
from meshd.cli.context import Context
from meshd.cli.parser import Verbs
from meshd.cli.values import moment
from meshd.model import Ban


def add_to(top: Verbs) -> None:
    verbs = top.noun("ban", "who is refused after too many wrong credentials")
    verbs.verb("list", list_bans, "the bans in force")
    parser = verbs.verb("lift", lift_ban, "let them try again")
    parser.add_argument("address", help="as `ban list` shows it, or any address of the network it shows")
    parser.add_argument("name", nargs="?", default="", help="only this name's ban from there")


def list_bans(context: Context, args: Namespace) -> None:
    context.show_rows(
        ({"address": ban.address, "username": ban.username, "until": moment(ban.until)} for ban in _bans(context)),
        {
            "ADDRESS": lambda row: row["address"],
            "NAME": lambda row: "every name" if row["username"] == "*" else row["username"],
            "UNTIL": lambda row: row["until"],
        },
    )


def _bans(context: Context) -> Iterator[Ban]:
    """All bans in force, a page in a transaction."""
    after, now = None, context.now()
    while True:
        page = context.run(bans.listing, context.operator, after=after, limit=bans.MOST, now=now)
        yield from page.rows
        if not page.more:
            return
        after = page.rows[-1]


def lift_ban(context: Context, args: Namespace) -> None:
    lifted = context.run(bans.lift, context.operator, args.address, args.name, now=context.now())
    context.show({"lifted": lifted})
