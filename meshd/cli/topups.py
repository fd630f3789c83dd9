"""`meshd account topup` and `meshd account topups`: adding bytes to an account, and what was added."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from meshd.accounts import topups
from meshd.accounts.topups import MOST, TopUp
from meshd.cli.context import Context
from meshd.cli.paging import every
from meshd.cli.parser import Verbs
from meshd.cli.values import human_bytes, human_limit, limit_argument, moment


def add_to(verbs: Verbs) -> None:
    parser = verbs.verb("topup", add, "add bytes to an account that has a limit; they are used after the period's")
    parser.add_argument("name")
    parser.add_argument("gb", type=limit_argument, metavar="GB", help="how many; fractions are allowed")
    told = "what the payment is called: told twice, it counts once"
    parser.add_argument("--reference", required=True, metavar="TEXT", help=told)
    parser.add_argument("--note", default="", metavar="TEXT", help="up to 4000 characters")
    verbs.verb("topups", listing, "what was added to an account, the newest first").add_argument("name")


def add(context: Context, args: Namespace) -> None:
    known: dict[str, Any] = {"note": args.note, "plans": context.plans, "now": context.now()}
    topped = context.run(topups.add, context.operator, args.name, args.gb, args.reference, **known)
    if topped.again:
        context.note("This top-up was added before; nothing is added now.")
    shown = _shown(topped.topup) | {"again": topped.again, "prepaid_bytes": topped.usage.prepaid_bytes}
    facts = {
        "added": human_bytes(0 if topped.again else topped.topup.bytes),
        "reference": topped.topup.reference,
        "prepaid": human_bytes(topped.usage.prepaid_bytes),
        "total limit": human_limit(topped.total_limit),
    }
    context.show(shown | {"total_limit": topped.total_limit}, facts)


def listing(context: Context, args: Namespace) -> None:
    context.show_rows(
        map(
            _shown,
            every(lambda cursor: context.run(topups.listing, context.operator, args.name, cursor=cursor, limit=MOST)),
        ),
        {
            "AT": lambda row: row["at"],
            "ADDED": lambda row: human_bytes(row["bytes"]),
            "REFERENCE": lambda row: row["reference"],
            "BY": lambda row: row["by"],
            "NOTE": lambda row: row["note"].replace("\n", " / "),
        },
    )


def _shown(topup: TopUp) -> dict[str, Any]:
    return {
        "id": topup.id,
        "at": moment(topup.at),
        "bytes": topup.bytes,
        "reference": topup.reference,
        "by": topup.by,
        "note": topup.note,
    }
