"""`meshd ban` and `meshd audit`: bans after wrong credentials, and the audit."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterator

from meshd.accounts import bans, overview
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
    parser = top.verb("audit", show_audit, "who changed what of an account, the newest first")
    parser.add_argument("name", help="the account")
    parser.add_argument("--limit", type=_count, default=100, help="how many entries (default: 100)")


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


def show_audit(context: Context, args: Namespace) -> None:
    entries = context.run(overview.trail, context.operator, args.name, args.limit)
    context.show_rows(
        (
            {"at": moment(entry.at), "actor": entry.actor, "action": entry.action, "detail": entry.detail}
            for entry in entries
        ),
        {
            "AT": lambda row: row["at"],
            "BY": lambda row: row["actor"],
            "DID": lambda row: row["action"],
            "DETAIL": lambda row: row["detail"],
        },
    )


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 1_000_000):
        raise ArgumentTypeError(f"{text[:20]!r} is not a number from 1 to 1000000")
    return int(text)
