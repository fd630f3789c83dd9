"""What is told of a client: its row, from what was seen."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence

from tests.live.programs import Task
from tools.clients.client import CARRIED, NAME, PASSWORD, REFUSED, SHAKEN, WAYS, WRONG, Client, Outcome, Seen

BEGIN, END = "<!-- clients -->\n", "<!-- end of clients -->\n"
FAILURE = re.compile(r"\b[45]\d\d\b")
SHOWN = 110
"""Characters of a refusal that stand in the table."""


def steady(text: str, task: Task) -> str:
    """What a client printed, without secrets and without what is another in each run."""
    pair = b64encode(task.raw.encode()).decode()
    parts = {pair: "…", task.folder: "FOLDER", task.proxy: "proxy:31280", task.origin: "origin"}
    parts |= {task.origin.replace("127.0.0.1", NAME): "origin"}
    parts |= {each: "PASSWORD" for each in (task.password, task.username) if each.startswith("pm_")}
    parts |= dict.fromkeys((PASSWORD, WRONG), "PASSWORD")
    for old, new in parts.items():
        text = text.replace(old, new)
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    text = re.sub(r"(?:\d{4}[-/.]\d\d[-/.]\d\d )?\d\d:\d\d:\d\d(?:\.\d+)?", "…", text)
    text = re.sub(r"\[\d{3,}\]", "[…]", text)  # a process's number
    text = re.sub(r"(port\W{1,3})\d{4,5}\b", r"\1…", text)
    text = re.sub(r"\b\d+ ms\b", "… ms", text)
    text = re.sub(r"0x[0-9a-f]{6,}", "0x…", text)
    text = re.sub(r"client\d+(?:https?|socks5)\b", "name", text)
    text = re.sub(r"127\.0\.0\.1|localhost\.?", "host", text)
    text = re.sub(r"\b(host(?:[: ]|%3A))\d{4,5}\b", r"\1…", text)
    return re.sub(r"https?://[\w.-]+\.[a-z]{2,}[^\s'\")]*", "…", text)  # where to read on


def carried(seen: Seen, client: Client) -> bool:
    """Whether the page came."""
    return seen.arrived and (not client.shows or '"method"' in seen.text or SHAKEN in seen.text)


def cell(client: Client, outcome: Outcome, way: str) -> str:
    """Of a way: "yes", or by which credentials it did not work."""
    if way not in client.ways:
        return "-"
    failed = [kind for kind in CARRIED if not carried(outcome[way, kind], client)]
    if len(failed) == len(CARRIED):
        return "**no**"
    return f"**not by {', '.join(failed)}**" if failed else "yes"


def shown(text: str, kind: str) -> str:
    """What of a refusal's status and words the client's own output tells."""
    status, words = REFUSED[kind]
    found = [
        *(["status"] if re.search(rf"\b{status}\b", text) else []),
        *(["words"] if words in text.lower() else []),
    ]
    return " and ".join(found) or "neither"


def says(line: str) -> bool:
    """Not so what has no word, and a line of a trace."""
    return bool(re.search(r"\w", line)) and not line.strip().startswith("at ")


def telling(text: str, kind: str) -> str:
    """The line that tells most: the first with words or status, else the last that is not blank."""
    lines = [line.strip() for line in text.splitlines() if says(line)]
    both = [line for line in lines if shown(line, kind) == "status and words"]
    some = [line for line in lines if shown(line, kind) != "neither"]
    line = next(iter([*both, *some, *lines[-1:]]), "")
    line = re.sub(r"\s+", " ", line).replace("`", "'").replace("|", "\\|")
    return cut(line, kind)


def complaint(text: str) -> str:
    """The last line with a status that tells of a failure, else the last that is not blank."""
    lines = [line for line in text.splitlines() if says(line)]
    return telling(
        next(iter([line for line in reversed(lines) if FAILURE.search(line)] or lines[-1:]), ""), "wrong password"
    )


def cut(line: str, kind: str) -> str:
    """What tells most is kept; the line's begin or end may go."""
    if len(line) <= SHOWN:
        return line
    ends = [line.lower().find(each) + len(each) for each in REFUSED[kind] if each in line.lower()]
    end = max([SHOWN - 1, *ends])
    start = max(0, end - SHOWN + 2)
    return ("…" if start else "") + line[start:end] + ("…" if end < len(line) else "")


def quoted(line: str) -> str:
    return f"`{line}`" if line else "nothing"


def refusal(client: Client, outcome: Outcome) -> str:
    """How each way tells a refusal, and the line of a wrong password."""
    told = []
    for way in client.ways:
        if all(outcome[way, kind].late for kind in REFUSED):
            told.append(f"{way}: does not end")
            continue
        line = quoted(telling(outcome[way, "wrong password"].text, "wrong password"))
        seen = {kind: shown(outcome[way, kind].text, kind) for kind in REFUSED}
        if way == "SOCKS5":
            told.append(f"SOCKS5: {line}")
        elif len(set(seen.values())) == 1:
            told.append(f"{way}: {seen['wrong password']}, {line}")
        else:
            told.append(f"{way}: {'; '.join(f'{kind}: {what}' for kind, what in seen.items())}, {line}")
    return "<br>".join(told)


def amiss(client: Client, outcome: Outcome) -> str:
    """What does not work, and what the client said there."""
    told = [client.note] if client.note else []
    for way in client.ways:
        failed = [kind for kind in CARRIED if not carried(outcome[way, kind], client)]
        if failed:
            seen = outcome[way, failed[0]]
            said = "does not end" if seen.late else quoted(complaint(seen.text))
            which = "" if len(failed) == len(CARRIED) else f", {failed[0]}"
            told.append(f"{way}{which}: {said}")
        told += [f"{way}, {kind}: **it passed**" for kind in REFUSED if outcome[way, kind].arrived]
    return "<br>".join(told)


def row(client: Client, number: str, outcome: Outcome) -> str:
    cells = [client.name, number, client.credential, *(cell(client, outcome, way) for way in WAYS)]
    return f"| {' | '.join([*cells, refusal(client, outcome), amiss(client, outcome)])} |"


HEADER = (
    "| client | version | how to give the credential | http | https | SOCKS5 | what a refusal looks like | what does not work |"
)  # fmt: skip


def table(rows: Sequence[str], absent: Sequence[str], day: str, bans: int) -> str:
    """As docs/clients.md has it.

    bans: how many were in force once all had run.
    """
    lines = [f"Seen on {day}. Bans in force when all had run: {bans or 'none'}.", "", HEADER, "|---" * 8 + "|", *rows]
    if absent:
        lines += ["", f"Not run: {'; '.join(absent)}."]
    return "\n".join(lines) + "\n"


def put(text: str, made: str, begin: str, end: str) -> str:
    """The manual with another table between these two lines."""
    before, mark, rest = text.partition(begin)
    behind = rest.partition(end)[2]
    return before + mark + made + end + behind
