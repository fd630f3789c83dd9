"""`meshd node`: the processes that work on the store."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from meshd.accounts import nodes
from meshd.accounts.nodes import Node
from meshd.cli.context import Context
from meshd.cli.parser import Verbs
from meshd.cli.values import moment


def add_to(top: Verbs) -> None:
    verbs = top.noun("node", "the processes that work on the store")
    verbs.verb("list", listing, "every process, its version, what it listens at, and when it told something last")


def listing(context: Context, args: Namespace) -> None:
    now = context.now()
    found = context.run(nodes.processes, context.operator, now=now)
    context.show_rows(
        (_row(each, now) for each in found.nodes),
        {
            "NAME": lambda row: row["name"],
            "VERSION": lambda row: row["version"] or "-",
            "STATE": lambda row: "up" if row["alive"] else "gone",
            "STARTED": lambda row: row["started_at"] or "-",
            "SEEN": lambda row: row["seen_at"],
            "OPEN": lambda row: "-" if row["open"] is None else row["open"],
            "LISTENS AT": lambda row: ", ".join(row["listeners"]) or "-",
        },
    )


def _row(node: Node, now: int) -> dict[str, Any]:
    return {
        "name": node.name,
        "version": node.version or None,
        "listeners": list(node.listeners),
        "started_at": moment(node.started_at) if node.started_at else None,
        "seen_at": moment(node.seen_at),
        "alive": nodes.alive(node, now=now),
        "open": node.open,
        "resting": node.resting,
    }
