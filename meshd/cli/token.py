"""`meshd token`: bearer tokens; the secret of a new one is printed once."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from typing import Any

from meshd.accounts import tokens
from meshd.accounts.errors import NotFound
from meshd.auth.secrets import TOKEN_BYTES, new_token, token_digest
from meshd.cli.context import Context
from meshd.cli.parser import Verbs
from meshd.cli.restraint import add_to_token
from meshd.cli.values import human_moment, moment, number_argument
from meshd.model import Token
from meshd.store.unit import Unit
from meshd.values.rules import parsed
from meshd.values.traces import Entry, Made

EXPIRES = "the last day on which it is valid, YYYY-MM-DD, or the minute until which it is, YYYY-MM-DDTHH:MM (UTC)"


def add_to(top: Verbs) -> None:
    verbs = top.noun("token", "bearer tokens")
    parser = verbs.verb("create", create, "make a token and print it, this once")
    parser.add_argument("name", help="the account")
    parser.add_argument("--label", default="", help="up to 100 characters")
    parser.add_argument("--expires", default="", metavar="TIME", help=EXPIRES)
    parser.add_argument(
        "--select", default="", metavar="TEXT", help="the exit where its user asks for none: country-us-session-a1"
    )
    parser.add_argument("--proxies", default="", metavar="NAME,…", help="the proxies that it is for; else all of these")
    verbs.verb("list", listing, "an account's tokens").add_argument("name", help="the account")
    parser = verbs.verb("set", change, "change a token's label and end")
    _add_id(parser)
    parser.add_argument("--label", help="up to 100 characters")
    parser.add_argument("--expires", metavar="TIME", help=f"{EXPIRES}; `never` for none")
    _add_id(verbs.verb("activate", activate, "let a token be used again"))
    _add_id(verbs.verb("deactivate", deactivate, "put a token out of use; its holder cannot activate it again"))
    _add_id(verbs.verb("delete", delete, "remove a token for good"))
    add_to_token(verbs)


def _add_id(parser: ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="the account; refuses another's token")
    parser.add_argument("id", type=number_argument, help="as `token list` shows it")


def create(context: Context, args: Namespace) -> None:
    secret = new_token(os.urandom(TOKEN_BYTES))
    token = context.run(
        tokens.create,
        context.operator,
        args.name,
        digest=token_digest(secret),
        label=args.label,
        expires_on=args.expires,
        plans=context.plans,
        now=context.now(),
        selection=args.select,
        proxies=[each for part in args.proxies.split(",") if (each := part.strip())],
        known=context.config.topology.proxies,
    )
    context.note("The token is shown this once.")
    context.show(_brief(token) | {"token": secret}, {"token": secret, **_facts(token)})


def listing(context: Context, args: Namespace) -> None:
    found = context.run(tokens.listing, context.operator, args.name)
    columns: dict[str, Callable[[dict[str, Any]], object]] = {
        "ID": lambda row: row["id"],
        "LABEL": lambda row: row["label"],
        "ACTIVE": lambda row: "yes" if row["is_active"] else "no",
        "EXPIRES": lambda row: row["expires_at"] or "never",
        "CREATED": lambda row: row["created_at"].replace("T", " ").rstrip("Z"),
    }
    if any(token.used_at for token in found):
        columns["LAST USED"] = lambda row: row.get("last_used_at", "never").replace("T", " ").rstrip("Z")
    if any(token.ended_by for token in found):
        columns["DEACTIVATED BY"] = lambda row: row.get("deactivated_by", "")
    if any(map(_beyond, found)):
        columns["SELECTION"] = lambda row: row.get("selection", "")
        columns["PROXIES"] = lambda row: ",".join(row.get("proxies", ["all"]))
    context.show_rows((_brief(token) for token in found), columns)


def change(context: Context, args: Namespace) -> None:
    if args.label is None and args.expires is None:
        args.parser.error("nothing to set is named")
    expires_on = "" if args.expires == "never" else args.expires
    given = {"label": args.label, "expires_on": expires_on, "now": context.now()}
    token = context.run(_as_named, args.name, tokens.edit, context.operator, args.id, **given)
    context.show(_brief(token), _facts(token))


def activate(context: Context, args: Namespace) -> None:
    known = {"plans": context.plans, "now": context.now()}
    token = context.run(_as_named, args.name, tokens.activate, context.operator, args.id, **known)
    context.show(_brief(token), _facts(token))


def deactivate(context: Context, args: Namespace) -> None:
    ended = context.run(_as_named, args.name, tokens.deactivate, context.operator, args.id, now=context.now())
    _show_ended(context, ended.made, _brief(ended.token), _facts(ended.token))


def delete(context: Context, args: Namespace) -> None:
    ended = context.run(_as_named, args.name, tokens.delete, context.operator, args.id, now=context.now())
    _show_ended(context, ended.made, {"deleted": args.id}, {"deleted": f"token {args.id}"})


def _show_ended(context: Context, made: Made, shown: dict[str, Any], facts: dict[str, object]) -> None:
    """Print a token that was ended, and what the token had made, which is still there."""
    if made.counts:
        shown["made"] = {
            kind: [{"username": each.username, "name": each.name} if isinstance(each, Entry) else each for each in all_]
            for kind, all_ in made._asdict().items()
            if all_
        }
        facts |= {f"made {kind.replace('_', '-')}": _told(all_) for kind, all_ in made._asdict().items() if all_}
        context.note("What the token had made is still there: take away what nobody else knows of.")
    context.show(shown, facts)


def _told(entries: Sequence[str | Entry]) -> str:
    return ", ".join(f"{each.name} of {each.username}" if isinstance(each, Entry) else each for each in entries)


def _as_named(
    name: str | None, unit: Callable[..., Unit[Any]], operator: Any, token_id: int, **known: Any
) -> Unit[Any]:
    """Run the unit on a token, which must be the named account's, if any: a wrong id then harms no other account's."""
    if name is not None:
        held = yield from tokens.listing(operator, name)
        if token_id not in [token.id for token in held]:
            raise NotFound(f"{name} has no token {token_id}")
    return (yield from unit(operator, token_id, **known))


def _brief(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "label": token.label,
        "is_active": token.active,
        "expires_at": token.expires_on or None,
        "created_at": moment(token.created_at),
        **({"deactivated_by": token.ended_by} if token.ended_by else {}),
        **({"last_used_at": moment(token.used_at)} if token.used_at else {}),
        **_beyond(token),
        **({"rules": parsed(token.rules).given()} if token.rules else {}),
    }


def _beyond(token: Token) -> dict[str, Any]:
    """The optional values of a token that few tokens have."""
    facts = {"selection": token.selection, "proxies": list(token.proxies)}
    return {name: value for name, value in facts.items() if value}


def _facts(token: Token) -> dict[str, object]:
    return {
        "id": token.id,
        "label": token.label or "none",
        "active": "yes" if token.active else "no",
        **({"deactivated by": f"the {token.ended_by}"} if token.ended_by else {}),
        "expires": token.expires_on or "never",
        "created": human_moment(token.created_at),
        **({"last used": human_moment(token.used_at)} if token.used_at else {}),
        **{name: value if name == "selection" else ", ".join(value) for name, value in _beyond(token).items()},
        **({"rules": f"some: meshd token rules {token.id}"} if token.rules else {}),
    }
