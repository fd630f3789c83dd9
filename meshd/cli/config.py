"""`meshd config`: what the settings are, and whether they are right."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from meshd.accounts.strays import Stray, strays, told
from meshd.cli.context import Context
from meshd.cli.errors import Refused
from meshd.cli.parser import Verbs
from meshd.config import settings
from meshd.store.interface import StoreError


def add_to(top: Verbs) -> None:
    verbs = top.noun("config", "the settings of file, environment and flags")
    verbs.verb("check", check, "whether they are right; the first fault, or each wrong line of a list of exits")
    verbs.verb("show", show, "each value and where it came from, secrets masked")


def check(context: Context, args: Namespace) -> None:
    config = context.config
    where = str(config.file) if config.file else None
    proxies, exits = list(config.topology.proxies), len(config.topology.exits)
    gone, warnings = _strays(context)
    value: dict[str, Any] = {
        "ok": True,
        "file": where,
        "proxies": proxies,
        "exits": exits,
        "problems": list(config.problems),
        "strays": [each._asdict() for each in gone],
    }
    facts = {"settings": f"right ({where or 'no file'})"}
    if config.exits_from:
        facts |= {"exits": f"{exits}, of lists {len(config.lists.exits)}", "problems": str(len(config.problems))}
    context.show(value, facts)
    if not context.json:
        for problem in (*config.problems, *warnings):
            context.out.write(f"{problem}\n")


def _strays(context: Context) -> tuple[list[Stray], list[str]]:
    """Who is for a proxy that these settings do not have, and what there is to say of it."""
    if not context.has_store():
        return [], []
    try:
        found = context.run(strays, context.config.topology.proxies)
    except (Refused, StoreError) as error:
        return [], [f"whether all accounts keep their proxies was not looked at: {error}"]
    return found, [told(each) for each in found]


def show(context: Context, args: Namespace) -> None:
    context.show_rows(
        ({"key": key, "value": value, "origin": origin} for key, value, origin in settings(context.config)),
        {"KEY": lambda row: row["key"], "VALUE": lambda row: row["value"], "FROM": lambda row: row["origin"]},
    )
