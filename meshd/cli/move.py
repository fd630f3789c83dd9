"""`meshd move`: all that the store has, in another store, of either kind."""

from __future__ import annotations

import re
import socket
from argparse import Namespace

from meshd.cli.backup import ours_alone
from meshd.cli.context import Context
from meshd.cli.errors import Refused
from meshd.cli.parser import Verbs, add_progress
from meshd.cli.serving import served
from meshd.daemon.datafolder import JOURNALS
from meshd.daemon.succession import OTHER_PART
from meshd.store import url as urls
from meshd.store.moving import live, offline
from meshd.store.moving.outcome import Moved, Unmovable


def add_to(top: Verbs) -> None:
    parser = top.verb("move", move, "move all that is in the store to another one, of either kind")
    ways = parser.add_mutually_exclusive_group(required=True)
    ways.add_argument("--to", metavar="URL", help="the store to fill, as store.url names one; - for a line of stdin")
    ways.add_argument("--cancel", action="store_true", help="give up a live move that was killed: its target is waste")
    parser.add_argument("--live", action="store_true", help="while the daemon serves, which goes on with the new store")
    add_progress(parser)


def move(context: Context, args: Namespace) -> None:
    if args.cancel:
        live.cancel(context.config.store_url)
        context.show({"cancelled": True}, {"store": "changes are not written down any more"})
        return
    url = target_url(context, args.to)
    try:
        moved, waiting = (_live if args.live else _offline)(context, url)
    except Unmovable as error:
        show_unmovable(context, error)
        raise
    show(context, moved, url)
    if waiting:
        context.note(f"{waiting} journals wait in the data folder: its next start bills them to the new store")


def _offline(context: Context, url: str) -> tuple[list[Moved], int]:
    """What has moved, and how many journals wait for the next start.  Raises: Refused, StoreError."""
    config, node = context.config, _node(context)
    with ours_alone(config.data_dir, config.store_url, context.note_closed):
        moved = offline.move(
            config.store_url,
            url,
            now=context.now(),
            progress=context.progress,
            ours=lambda name: is_daemons(name, node, workers=True),  # which have died with it
        )
        return moved, len(list((config.data_dir / JOURNALS).glob("*.journal")))


def _live(context: Context, url: str) -> tuple[list[Moved], int]:
    """What has moved; the journals are the daemon's.  Raises: Refused, StoreError."""
    config, node = context.config, _node(context)
    with served(config.data_dir) as serving:
        moved = live.move(
            config.store_url,
            url,
            now=context.now(),
            progress=context.progress,
            ours=lambda name: is_daemons(name, node),  # while the one before it lives, the daemon itself refuses
            serving=serving,
        )
    return moved, 0


def _node(context: Context) -> str:
    """What the daemon on the data folder calls itself in the store, but for what tells its processes apart."""
    return f"{socket.gethostname()}:{context.config.data_dir}"


def is_daemons(name: str, node: str, *, workers: bool = False) -> bool:
    """Whether a process of that name is the daemon `node`, one that has taken over from it or, if asked, a worker."""
    part = rf"{OTHER_PART}?(#[0-9]+)?" if workers else f"{OTHER_PART}?"
    return name.startswith(node) and re.fullmatch(part, name.removeprefix(node)) is not None


def target_url(context: Context, given: str) -> str:
    """The URL as it was given, or from standard input.  Raises: Refused, StoreError."""
    if given == "-":
        url = context.input.readline().strip()
    elif urls.has_password(given):
        raise Refused("a password on the command line can be read by others: say --to - and give the URL on stdin")
    else:
        url = given
    found = urls.sqlite_file(url)  # relative to the working directory, as whoever types it means it
    return url if found is None else urls.of_file(str(found))


def show(context: Context, moved: list[Moved], url: str) -> None:
    """The tables on stdout; what is to be done now on stderr."""
    place = urls.place(url)
    if context.json:
        tables = [each._asdict() for each in moved]
        context.show({"moved": place, "rows": sum(each.rows for each in moved), "tables": tables})
    else:
        table = {
            "table": lambda each: each["table"],
            "rows": lambda each: each["rows"],
            "checksum before": lambda each: each["before"],
            "checksum after": lambda each: each["after"],
        }
        context.show_rows((each._asdict() for each in moved), table)
    context.note(f"everything is in {place} now, and the old store refuses every start")
    context.note(
        f"name the new one in the settings (store.url, MESHD_STORE_URL or --store) before the next start: {place}"
    )
    context.note(
        "an installation with another data folder also needs the files of this one that end in .key and .pem,"
        " and its folder journal"
    )


def show_unmovable(context: Context, error: Unmovable) -> None:
    """List the rows on stdout."""
    context.show_rows(
        ({"table": row.table, "key": [str(each) for each in row.key], "reason": row.reason} for row in error.rows),
        {"table": lambda row: row["table"], "key": lambda row: ", ".join(row["key"]), "why": lambda row: row["reason"]},
    )
