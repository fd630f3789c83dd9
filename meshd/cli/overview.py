"""`meshd overview`: traffic, customers and exits of the last hour, day and month."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator
from typing import Any

from meshd.accounts import traffic
from meshd.accounts.traffic import COUNTED, KINDS, SPANS, Figures, Overview
from meshd.cli import output
from meshd.cli.context import Context
from meshd.cli.parser import Verbs
from meshd.cli.values import human_bytes, moment


def add_to(top: Verbs) -> None:
    top.verb("overview", show, "traffic, customers and exits, of the last hour, day and month")


def show(context: Context, args: Namespace) -> None:
    known = [each.name for each in context.config.topology.exits]
    found = context.run(traffic.overview, context.operator, known=known, now=context.now())
    if context.json:
        output.show_json(context.out, _as_json(found))
        return
    output.show_table(context.out, ["", *(f"LAST {span.upper()}" for span in SPANS)], _lines(found))
    exits = found.exits
    facts = {"open now": found.open, "exits": f"{exits.up} up, {exits.resting} resting, {exits.drained} drained"}
    context.out.write("\n")
    output.show_facts(context.out, facts)


def _lines(found: Overview) -> Iterator[list[str]]:
    def line(name: str, cell: Callable[[Figures], str]) -> list[str]:
        return [name, *(cell(found.spans[span]) for span in SPANS)]

    yield line("exchanges", lambda each: str(each.exchanges))
    for kind in KINDS:
        if any(found.spans[span].outcomes[kind].exchanges for span in SPANS):
            yield line(f"  {kind}", lambda each, kind=kind: str(each.outcomes[kind].exchanges))  # type: ignore[misc]
    yield line("up", lambda each: human_bytes(each.up))
    yield line("down", lambda each: human_bytes(each.down))
    yield line("accounts active", lambda each: _counted(each.active))
    yield line("accounts made", lambda each: _counted(each.new))


def _counted(number: int) -> str:
    return f"{number}+" if number >= COUNTED else str(number)


def _as_json(found: Overview) -> dict[str, Any]:
    return {
        "spans": {span: _span(found.spans[span]) for span in SPANS},
        "exits": found.exits._asdict(),
        "open": found.open,
    }


def _span(each: Figures) -> dict[str, Any]:
    return {
        "since": moment(each.since),
        "exchanges": each.exchanges,
        "up_bytes": each.up,
        "down_bytes": each.down,
        "outcomes": {kind: each.outcomes[kind].exchanges for kind in KINDS},
        "accounts_active": each.active,
        "accounts_made": each.new,
    }
