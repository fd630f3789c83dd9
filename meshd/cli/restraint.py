"""`meshd account bounds`, `meshd account rules`, `meshd token rules`: what accounts and tokens are held to."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from typing import Any

from meshd.accounts import restraint, subaccounts, tokens
from meshd.accounts.errors import NotFound
from meshd.cli.context import Context
from meshd.cli.errors import Refused
from meshd.cli.parser import Verbs
from meshd.cli.values import number_argument
from meshd.model import Identity, Token
from meshd.store.unit import Unit
from meshd.topology import Plan
from meshd.values.bounds import NAMES, NO_BOUNDS, BoundsError, parsed, told
from meshd.values.rules import Rules
from meshd.values.rules import parsed as parsed_rules

LINES = 1000
"""Lines of standard input that are read for `-`: as many as a list may have entries, and one to be refused by."""


def add_to_account(verbs: Verbs) -> None:
    doing = "show or change what an account, with its sub-accounts, may do within a second and at a time"
    parser = verbs.verb("bounds", bounds, doing)
    parser.add_argument("name")
    parser.add_argument(
        "bound",
        nargs="*",
        metavar="BOUND=VALUE",
        help=f"one of {', '.join(NAMES)}; 0 for no bound, nothing behind = for what plan or settings say",
    )
    parser = verbs.verb("rules", rules, "show or change where an account's requests, and its sub-accounts', may go")
    parser.add_argument("name")
    _add_rules(parser)


def add_to_token(verbs: Verbs) -> None:
    parser = verbs.verb("rules", token_rules, "show or change where requests by a token may go")
    parser.add_argument("name", nargs="?", help="the account; refuses another's token")
    parser.add_argument("id", type=number_argument, help="as `token list` shows it")
    _add_rules(parser)


def _add_rules(parser: ArgumentParser) -> None:
    lists = parser.add_mutually_exclusive_group()
    entries = "name, *.name, address or network, or *, each with :port or :port-port or for every port"
    read = "; - reads more of them from standard input, one a line"
    lists.add_argument("--only", nargs="+", metavar="ENTRY", help=f"nowhere else: {entries}{read}")
    lists.add_argument("--except", nargs="+", dest="but", metavar="ENTRY", help="everywhere else, likewise")
    lists.add_argument("--none", action="store_true", help="no rules any more")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--observe", action="store_true", help="let pass what would be refused, and only log and count it")
    how.add_argument("--enforce", action="store_true", help="refuse what was only observed so far")
    parser.add_argument("--words", metavar="TEXT", help='for a refusal, in place of "destination not allowed"')


def bounds(context: Context, args: Namespace) -> None:
    if args.bound:
        try:
            given = told(args.bound)
        except BoundsError as error:
            raise Refused(str(error)) from None
        context.run(restraint.set_bounds, context.operator, args.name, given, now=context.now())
    identity = context.run(subaccounts.details, context.operator, args.name, at=context.now())
    rows = list(_rows(identity, context.plans.get((identity.parent or identity.account).plan)))
    context.show_rows(
        rows,
        {
            "BOUND": lambda row: row["bound"],
            "VALUE": lambda row: "none" if row["value"] == 0 else row["value"],
            "OF": lambda row: row["of"],
        },
    )


def _rows(identity: Identity, plan: Plan | None) -> Iterator[dict[str, Any]]:
    """The bounds that hold beside the settings', and whose they are: a sub-account's own, and those of its family."""
    account, parent = identity.account, identity.parent
    holder = parent or account
    own = parsed(account.bounds).given() if parent is not None else {}
    of_holder, of_plan = parsed(holder.bounds).given(), (plan.bounds if plan is not None else NO_BOUNDS).given()
    for name in NAMES:
        if name in own:
            yield {"bound": name, "value": own[name], "of": f"account {account.username}"}
        if name in of_holder:
            yield {"bound": name, "value": of_holder[name], "of": f"account {holder.username}, with its sub-accounts"}
        elif name in of_plan:
            whose = f"plan {holder.plan}, for {holder.username} with its sub-accounts"
            yield {"bound": name, "value": of_plan[name], "of": whose}


def rules(context: Context, args: Namespace) -> None:
    identity = context.run(subaccounts.details, context.operator, args.name, at=context.now())
    text = identity.account.rules
    if _changes(args):
        given = _given(context, args, text)
        text = context.run(restraint.set_rules, context.operator, args.name, given, now=context.now()).rules
    _show(context, {"account": identity.account.username}, text)


def token_rules(context: Context, args: Namespace) -> None:
    token = context.run(_held, context, args.name, args.id)
    if _changes(args):
        given = _given(context, args, token.rules)
        token = context.run(restraint.set_token_rules, context.operator, args.id, given, args.name, now=context.now())
    _show(context, {"token": args.id}, token.rules)


def _held(context: Context, name: str | None, token_id: int) -> Unit[Token]:
    """The token, which must be the named account's, if any."""
    token = yield from tokens.shown(context.operator, token_id)
    if name is not None and token.id not in [each.id for each in (yield from tokens.listing(context.operator, name))]:
        raise NotFound(f"{name} has no token {token_id}")
    return token


def _changes(args: Namespace) -> bool:
    return bool(args.only or args.but or args.none or args.observe or args.enforce or args.words is not None)


def _given(context: Context, args: Namespace, before: str) -> dict[str, Any] | None:
    """The rules after the command: a list that is not given stays.  Raises: Refused where there is none."""
    if args.none:
        return None
    known: Rules | None = parsed_rules(before) if before else None
    given: dict[str, Any] = known.given() if known else {}
    listed = args.only or args.but
    if listed:
        given.pop("only", None)
        given.pop("except", None)
        given["only" if args.only else "except"] = list(_entries(context, listed))
    elif not known:
        raise Refused("there are no rules yet: give --only or --except")
    if args.observe or args.enforce:
        given["observe"] = bool(args.observe)
    if args.words is not None:
        given["words"] = args.words
    return given


def _entries(context: Context, listed: list[str]) -> Iterator[str]:
    for each in listed:
        if each != "-":
            yield from (part for part in each.split(",") if part)
            continue
        for number, line in enumerate(context.input):
            if number > LINES:
                break
            if text := line.strip():
                yield text


def _show(context: Context, whose: Mapping[str, Any], text: str) -> None:
    if not text:
        context.show({**whose, "rules": None}, {**whose, "rules": "none"})
        return
    held = parsed_rules(text)
    facts = {
        **whose,
        "only" if held.kind == "only" else "all but": ", ".join(held.entries),
        "refusals": "observed only" if held.observe else "enforced",
        **({"words": held.words} if held.words else {}),
    }
    context.show({**whose, "rules": held.given()}, facts)
