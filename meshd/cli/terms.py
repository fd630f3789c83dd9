"""The options of `meshd account set` for what operators agree with a customer, and how that is shown."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from meshd.accounts.terms import Agreed
from meshd.model import Account
from meshd.values.bounds import parsed as bounds
from meshd.values.rules import parsed as rules
from meshd.values.times import today

NEVER = "never"


def add_to(parser: ArgumentParser) -> None:
    parser.add_argument("--rename", metavar="NAME", help="another username; with it alone the password is right then")
    told = "move a sub-account, deactivated ten seconds ago, below this account; what it used stays where it was billed"
    parser.add_argument("--parent", metavar="NAME", help=told)
    told = f"the last day (UTC) on which it and its sub-accounts may pass; `{NEVER}` for none"
    parser.add_argument("--expires", metavar="YYYY-MM-DD", help=told)
    parser.add_argument("--notes", metavar="TEXT", help="for operators alone; up to 4000 characters")


def agreed(args: Namespace) -> Agreed:
    expires_on = "" if args.expires == NEVER else args.expires
    return Agreed(username=args.rename, parent=args.parent, expires_on=expires_on, notes=args.notes)


def shown(account: Account) -> dict[str, Any]:
    """What is agreed, as JSON; what is not is left out."""
    found = {
        "expires_on": account.expires_on,
        "notes": account.notes,
        "bounds": bounds(account.bounds).given() if account.bounds else None,
        "rules": rules(account.rules).given() if account.rules else None,
    }
    return {name: value for name, value in found.items() if value}


def facts(account: Account, now: int) -> dict[str, str]:
    expires_on = account.expires_on
    over = ", which is past" if expires_on and expires_on < today(now) else ""
    return {
        "expires": f"after {expires_on}{over}" if expires_on else "",
        "notes": account.notes.replace("\n", " / "),
        "bounds": account.bounds,
        "rules": f"some: meshd account rules {account.username}" if account.rules else "",
    }
