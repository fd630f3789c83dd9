"""`meshd proxy`: which proxies an account may use."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import Any

from meshd.accounts import proxies, strays
from meshd.cli.context import Context
from meshd.cli.errors import Refused
from meshd.cli.parser import Verbs, add_progress
from meshd.cli.values import counted, moment
from meshd.topology import ProxyHost

NOT_THERE = "not in the settings"


def add_to(top: Verbs) -> None:
    verbs = top.noun("proxy", "which proxies an account may use")
    for name, act, doing in (
        ("authorize", authorize, "let an account use a proxy"),
        ("revoke", revoke, "take a proxy away: the account cannot add it itself, `proxy authorize` gives it back"),
    ):
        parser = verbs.verb(name, act, doing)
        parser.add_argument("name", help="the account")
        parser.add_argument("proxy", help="its name in the settings, or its domain; to revoke, also one that is gone")
    parser = verbs.verb("list", listing, "an account's proxies, or without one all of the settings")
    parser.add_argument("name", nargs="?", help="the account")
    parser = verbs.verb("move", move, "give all customers of a proxy to another, as after it was renamed")
    parser.add_argument("old", help="its name until now, whether or not the settings still have it")
    parser.add_argument("new", help="a proxy of the settings")
    add_progress(parser)


def authorize(context: Context, args: Namespace) -> None:
    known, plans, now = context.config.topology.proxies, context.plans, context.now()
    proxy = context.run(proxies.authorize, context.operator, args.name, args.proxy, known=known, plans=plans, now=now)
    context.show({"proxy": proxy.name, "domain": proxy.domain})


def revoke(context: Context, args: Namespace) -> None:
    known = context.config.topology.proxies
    context.run(proxies.revoke, context.operator, args.name, args.proxy, known=known, now=context.now())
    context.show({"revoked": args.proxy})


def listing(context: Context, args: Namespace) -> None:
    known = context.config.topology.proxies
    names, held = list(known), list[Any]()
    if args.name is not None:
        names, held = context.run(proxies.of_account, context.operator, args.name)
    rows: list[dict[str, Any]] = [{"proxy": name, **_domain(known, name)} for name in names]
    for each in held:
        rows.append({"proxy": each.name, **_domain(known, each.name), "taken_by": each.by, "taken_at": moment(each.at)})
    columns: dict[str, Callable[[Any], object]] = {
        "PROXY": lambda row: row["proxy"],
        "DOMAIN": lambda row: row["domain"] or NOT_THERE,
    }
    if held:
        columns["STATE"] = lambda row: f"taken by {row['taken_by']}" if "taken_by" in row else "authorized"
    context.show_rows(rows, columns)


def _domain(known: Mapping[str, ProxyHost], name: str) -> dict[str, Any]:
    return {"domain": known[name].domain if name in known else None}


def move(context: Context, args: Namespace) -> None:
    known = context.config.topology.proxies
    host = proxies.recognised(args.new, known)
    if host is None:
        raise Refused(f"there is no proxy {args.new!r} in the settings; there are {', '.join(known)}")
    tokens = context.run(strays.begin, context.operator, args.old, host.name, known=known, now=context.now())
    with context.progress("moved") as progress:
        while moved := context.run(strays.proceed, context.operator, args.old, host.name, now=context.now()):
            progress.step(moved)
    shown = {"old": args.old, "new": host.name, "accounts": progress.done, "tokens": tokens}
    context.show(shown, {"moved": f"{counted(progress.done, 'account')}, {counted(tokens, 'token')}", "to": host.name})
