"""`meshd proxy`: which proxies an account may use."""

from __future__ import annotations

from argparse import Namespace

from meshd.accounts import proxies
from meshd.cli.context import Context
from meshd.cli.parser import Verbs

NOT_THERE = "not in the settings"


def add_to(top: Verbs) -> None:
    verbs = top.noun("proxy", "which proxies an account may use")
    for name, act, doing in (
        ("authorize", authorize, "let an account use a proxy"),
        ("revoke", revoke, "do not let an account use a proxy any more"),
    ):
        parser = verbs.verb(name, act, doing)
        parser.add_argument("name", help="the account")
        parser.add_argument("proxy", help="its name in the settings, or its domain; to revoke, also one that is gone")
    parser = verbs.verb("list", listing, "an account's proxies, or without one all of the settings")
    parser.add_argument("name", nargs="?", help="the account")


def authorize(context: Context, args: Namespace) -> None:
    known = context.config.topology.proxies
    proxy = context.run(
        proxies.authorize,
        context.operator,
        args.name,
        args.proxy,
        known=known,
        plans=context.plans,
        now=context.now(),
    )
    shown = {"proxy": proxy.name, "domain": proxy.domain}
    context.show(shown, shown)


def revoke(context: Context, args: Namespace) -> None:
    known = context.config.topology.proxies
    context.run(proxies.revoke, context.operator, args.name, args.proxy, known=known, now=context.now())
    context.show({"revoked": args.proxy}, {"revoked": args.proxy})


def listing(context: Context, args: Namespace) -> None:
    known = context.config.topology.proxies
    names = list(known) if args.name is None else context.run(proxies.authorized, context.operator, args.name)
    context.show_rows(
        ({"proxy": name, "domain": known[name].domain if name in known else None} for name in names),
        {"PROXY": lambda row: row["proxy"], "DOMAIN": lambda row: row["domain"] or NOT_THERE},
    )
