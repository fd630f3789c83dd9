"""`meshd config`: what the settings are, and whether they are right."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from meshd.accounts.strays import Stray
from meshd.cli.context import Context
from meshd.cli.errors import Refused
from meshd.cli.parser import Verbs
from meshd.config import rows
from meshd.daemon.doubts import of_store
from meshd.daemon.examination import examine
from meshd.daemon.faults import one_line
from meshd.store.interface import SchemaBehind, StoreError
from meshd.tls.profile import CertificateError


def add_to(top: Verbs) -> None:
    verbs = top.noun("config", "the settings of file, environment and flags")
    verbs.verb("check", check, "whether the daemon would take them; the first fault, or all that is not right besides")
    verbs.verb("show", show, "each value and where it came from, secrets masked")


def check(context: Context, args: Namespace) -> None:
    """Check all that a start and a reload of the daemon check, and tell also what these only log."""
    config = context.config
    try:
        examine(config)
    except (CertificateError, OSError) as error:
        raise Refused(one_line(error)) from error
    gone, doubts = _doubts(context)
    problems = [*config.problems, *doubts]
    where = str(config.file) if config.file else None
    proxies, exits = list(config.topology.proxies), len(config.topology.exits)
    value: dict[str, Any] = {
        "ok": not problems,
        "file": where,
        "proxies": proxies,
        "exits": exits,
        "problems": problems,
    }
    value["strays"] = [each._asdict() for each in gone]
    verdict = "taken as they are, and not right" if problems else "right"
    facts = {"settings": f"{verdict} ({where or 'no file'})"}
    if config.exits_from:
        facts |= {"exits": f"{exits}, of lists {len(config.lists.exits)}"}
    context.show(value, facts)
    if problems:
        _tell(context, problems)


def _tell(context: Context, problems: Sequence[str]) -> None:
    """Print the problems.  Raises: Refused, so that a script sees by the exit code that there are problems."""
    if not context.json:
        for problem in problems:
            context.out.write(f"{problem}\n")
    raise Refused(f"{len(problems)} problem{'s' if len(problems) > 1 else ''}")


def _doubts(context: Context) -> tuple[list[Stray], Sequence[str]]:
    """The proxies that accounts have and the settings lack, and problems in words; none without a store."""
    if not context.has_store():
        return [], ()
    try:
        return context.run(of_store, context.config.topology)
    except SchemaBehind:
        return [], ()
    except StoreError as error:
        return [], (f"store: {error}",)


def show(context: Context, args: Namespace) -> None:
    context.show_rows(
        ({"key": key, "value": value, "origin": origin} for key, value, origin in rows(context.config)),
        {"KEY": lambda row: row["key"], "VALUE": lambda row: row["value"], "FROM": lambda row: row["origin"]},
    )
