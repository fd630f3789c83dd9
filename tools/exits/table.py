"""What is told of what was seen: a row for each proxy, and the table of docs/exits.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tools.exits.makers import Maker
from tools.exits.operations import CARRIED, Seen
from tools.exits.trials import TIMES, Found, Refusal

BEGIN, END = "<!-- exits -->\n", "<!-- end of exits -->\n"
HEADER = (
    "| exit | version | its line in a list | what works | what a customer sees "
    "of a closed port, of an unknown name and of a port that its rules refuse | a wrong password | to know |"
)
COLUMNS = 7
DIFFER = "**the log has other bytes**"
NO_RULE = "it passes"


def works(carried: Mapping[str, Seen]) -> str:
    """All, or what does not, with what the client saw there."""
    amiss = {name: seen.amiss for name, seen in carried.items() if seen.amiss}
    if not amiss:
        return "all"
    told = "; ".join(f"{named(names)}: {what}" for what, names in _gathered(amiss).items())
    if len(amiss) == len(carried):
        return f"**nothing**: {', '.join(dict.fromkeys(amiss.values()))}"
    if len(amiss) * 2 > len(carried):
        return f"**only** {named([name for name in carried if name not in amiss])}. Else {told}"
    return f"all but {told}"


def _gathered(amiss: Mapping[str, str]) -> dict[str, list[str]]:
    """Names by what was amiss."""
    found: dict[str, list[str]] = {}
    for name, what in amiss.items():
        found.setdefault(what, []).append(name)
    return found


def named(names: Sequence[str]) -> str:
    ends = [name for name in names if name.endswith("half-close")]
    if len(ends) == 2:
        names = [name for name in names if name not in ends] + ["half-closes"]
    return ", ".join(names)


def refused(found: Found) -> str:
    """What the customer is shown, plain and by a tunnel."""
    told = []
    for name, several in found.refused.items():
        shown = [seen.told or f"**{seen.amiss}**" for seen in several]
        if shown == [NO_RULE]:
            continue
        plain, *tunnels = shown
        differs = [tunnel for tunnel in tunnels if tunnel != plain]
        told.append(f"{name}: {plain}" + "".join(f" (tunnel: {tunnel})" for tunnel in differs))
    return "<br>".join(told)


def wrong(refusal: Refusal | None) -> str:
    """What the customer is shown, whether the exit rests, and what becomes of requests where there is another one."""
    if refusal is None:
        return "it has no login"
    each = [(refusal.plain, refusal.plain_rests), (refusal.tunnel, refusal.tunnel_rests)]
    shown = [f"{told}; " + (f"rests: `{why}`" if why else "**does not rest**") for told, why in each]
    lines = [shown[0]] if shown[0] == shown[1] else [f"http: {shown[0]}", f"tunnel: {shown[1]}"]
    if refusal.beside < TIMES:
        lines.append(f"**beside a good exit {refusal.beside} of {TIMES} were served**")
    return "<br>".join(lines)


def to_know(maker: Maker, found: Found) -> str:
    """Its note, then what it adds and what may be said of it."""
    told = [maker.note] if maker.note else []
    if found.to_origins:
        told.append(f"Tells origins: {quoted(found.to_origins)}")
    if found.to_clients:
        told.append(f"Taken from answers: {quoted(found.to_clients)}")
    if maker.login and found.reuse != "-":
        told.append("`reuse` works" if not found.reuse else f"No `reuse`: {found.reuse}")
    elif found.reuse not in {"", "-", *(seen.amiss for seen in found.carried.values())}:
        told.append(f"Where its connections are kept: {found.reuse}")
    if found.tunnel:
        by_tunnel = works(found.tunnel)
        told.append("With `tunnel` all of `http://` works" if by_tunnel == "all" else f"With `tunnel`: {by_tunnel}")
    told += [f"Rests by {name}: `{why}`" for name, why in found.rests.items()]
    if found.differ:
        told.append(f"{DIFFER}: {', '.join(found.differ)}")
    return "<br>".join(told)


def quoted(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def row(maker: Maker, version: str, found: Found) -> str:
    cells = [maker.name, version, f"`{found.line}`", works(found.carried), refused(found), wrong(found.wrong)]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in [*cells, to_know(maker, found)])} |"


def table(rows: Sequence[str], absent: Sequence[str], day: str) -> str:
    """As docs/exits.md has it."""
    lines = [f"Seen on {day}, with {len(CARRIED)} operations each.", "", HEADER, "|---" * COLUMNS + "|", *rows]
    if absent:
        lines += ["", f"Not run: {'; '.join(absent)}."]
    return "\n".join(lines) + "\n"


def put(text: str, made: str) -> str:
    """The manual with another table."""
    before, begin, rest = text.partition(BEGIN)
    _, end, behind = rest.partition(END)
    return before + begin + made + end + behind
