"""`meshd doctor`: what is wrong with this installation, and how to mend it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence

from meshd.cli.context import Context
from meshd.cli.errors import Refused
from meshd.cli.parser import Verbs
from meshd.config.errors import ConfigError
from meshd.doctor.findings import Area, Finding
from meshd.doctor.visit import Visit, unread

WIDE = max(map(len, ("settings", "listeners")))


def add_to(top: Verbs) -> None:
    doing = "look at settings, files, daemon, store, limits, listeners, name servers, exits and clock; change nothing"
    top.verb("doctor", doctor, doing)


def doctor(context: Context, args: Namespace) -> None:
    """Print what is wrong and how it is mended.  Raises: Refused where something is wrong."""
    found: list[tuple[Area, Sequence[Finding]]] = []
    for area, findings in _looked(context):
        found.append((area, findings))
        if not context.json:
            context.out.write("".join(_lines(area, findings)))
            context.out.flush()
    every = [each for _, findings in found for each in findings]
    wrong = sum(each.wrong for each in every)
    if context.json:
        areas = {area: not any(each.wrong for each in findings) for area, findings in found}
        context.show({"ok": not wrong, "areas": areas, "findings": [each.told for each in every]})
    if wrong:
        raise Refused(f"{wrong} thing{'s are' if wrong > 1 else ' is'} wrong")


def _looked(context: Context) -> Iterator[tuple[Area, Sequence[Finding]]]:
    try:
        config = context.config
    except ConfigError as error:
        yield "settings", unread(error, context.file)
        return
    yield from Visit(config).findings()


def _lines(area: Area, findings: Sequence[Finding]) -> Iterator[str]:
    if not findings:
        yield f"ok     {area}\n"
    for each in findings:
        yield f"{'wrong' if each.wrong else 'note':<5}  {area:<{WIDE}}  {each.what}\n"
        yield f"{'':<5}  {'':<{WIDE}}  -> {each.mend}\n"
