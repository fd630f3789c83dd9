"""`meshd config`: what the settings are, and whether they are right."""

from __future__ import annotations

from argparse import Namespace

from meshd.cli.context import Context
from meshd.cli.parser import Verbs
from meshd.config import settings


def add_to(top: Verbs) -> None:
    verbs = top.noun("config", "the settings of file, environment and flags")
    verbs.verb("check", check, "whether they are right; the first that is not is named with its place")
    verbs.verb("show", show, "each value and where it came from, secrets masked")


def check(context: Context, args: Namespace) -> None:
    config = context.config
    where = str(config.file) if config.file else None
    proxies = list(config.topology.proxies)
    context.show({"ok": True, "file": where, "proxies": proxies}, {"settings": f"right ({where or 'no file'})"})


def show(context: Context, args: Namespace) -> None:
    context.show_rows(
        ({"key": key, "value": value, "origin": origin} for key, value, origin in settings(context.config)),
        {"KEY": lambda row: row["key"], "VALUE": lambda row: row["value"], "FROM": lambda row: row["origin"]},
    )
