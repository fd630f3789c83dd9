"""`meshd invite`: codes of invitation, by which people register where the settings say so."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from meshd.accounts import invitations
from meshd.accounts.invitations import MOST, Invitation
from meshd.cli.context import Context
from meshd.cli.paging import every
from meshd.cli.parser import Verbs
from meshd.cli.values import human_moment, moment, number_argument, time_argument


def add_to(top: Verbs) -> None:
    verbs = top.noun("invite", "codes of invitation, by which people register at ProxyHat's API")
    parser = verbs.verb("create", create, "make a code and print it, this once")
    parser.add_argument("--label", default="", help="up to 100 characters")
    parser.add_argument(
        "--uses", type=number_argument, default=1, metavar="N", help="how many people register by it; 1 by default"
    )
    told = "when it ends, YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS (UTC); never, if not given"
    parser.add_argument("--until", type=time_argument, default=0, metavar="TIME", help=told)
    verbs.verb("list", listing, "all invitations, the newest first")
    verbs.verb("delete", delete, "take an invitation back").add_argument(
        "id", type=number_argument, help="as `invite list` shows it"
    )


def create(context: Context, args: Namespace) -> None:
    code = invitations.new_code()
    made = context.run(
        invitations.create,
        context.operator,
        digest=invitations.code_digest(code),
        label=args.label,
        uses=args.uses,
        until=args.until,
        now=context.now(),
    )
    context.note("The code is shown this once.")
    facts = {"code": code, "id": made.id, "label": made.label, "uses": made.uses, "until": _end(made.until)}
    context.show(_shown(made) | {"code": code}, facts)


def listing(context: Context, args: Namespace) -> None:
    context.show_rows(
        map(
            _shown, every(lambda cursor: context.run(invitations.listing, context.operator, cursor=cursor, limit=MOST))
        ),
        {
            "ID": lambda row: row["id"],
            "USES": lambda row: row["uses"],
            "UNTIL": lambda row: row["until"] or "-",
            "MADE": lambda row: row["created_at"],
            "BY": lambda row: row["by"],
            "LABEL": lambda row: row["label"],
        },
    )


def delete(context: Context, args: Namespace) -> None:
    context.run(invitations.delete, context.operator, args.id, now=context.now())
    context.show({"id": args.id, "deleted": True}, {"deleted": args.id})


def _end(until: int) -> str:
    return human_moment(until) if until else "never"


def _shown(invitation: Invitation) -> dict[str, Any]:
    return {
        "id": invitation.id,
        "label": invitation.label,
        "uses": invitation.uses,
        "until": moment(invitation.until) if invitation.until else None,
        "created_at": moment(invitation.created_at),
        "by": invitation.by,
    }
