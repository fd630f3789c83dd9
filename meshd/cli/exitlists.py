"""`meshd exit lists` and `meshd exit refresh`: lists of exits that are fetched, how they are, and fetching them now."""

from __future__ import annotations

import os
import time
from argparse import Namespace
from typing import Any

from meshd.accounts.errors import NotFound
from meshd.cli.context import Context
from meshd.cli.errors import Refused
from meshd.cli.parser import Verbs
from meshd.cli.values import moment
from meshd.config import Config
from meshd.config.exits.kept import State, Unusable, fail, state_of, take
from meshd.config.exits.remote import RemoteList


def add_to(verbs: Verbs) -> None:
    verbs.verb("lists", lists, "the lists of exits that are fetched, and how they are")
    parser = verbs.verb(
        "refresh", refresh, "fetch lists of exits now; a running daemon takes what is new within seconds"
    )
    parser.add_argument("name", nargs="*", help="the list; every one if none is said")


def lists(context: Context, args: Namespace) -> None:
    config = context.config
    _show(context, ((source, state_of(config.data_dir, source)) for source in config.exit_lists))


def note_failing(context: Context) -> None:
    """Say of each list that does not come why not, and how old the one is that is in use."""
    config = context.config
    for source in config.exit_lists:
        state = state_of(config.data_dir, source)
        if state.error:
            age = f"the last one is of {moment(state.checked)}" if state.checked else "there is none"
            context.note(f"list {source.name}: {state.error}; {age}")


def refresh(context: Context, args: Namespace) -> None:
    config = context.config
    known = {source.name: source for source in config.exit_lists}
    for name in args.name:
        if name not in known:
            raise NotFound(f"there is no list of exits named {name!r} in the settings")
    if not config.data_dir.is_dir():
        raise Refused(f"there is no data folder {config.data_dir} yet: start the daemon")
    if config.data_dir.stat().st_uid != os.geteuid():
        raise Refused(
            f"data folder {config.data_dir} is another user's, who could not read the lists: run this as its owner"
        )
    chosen = [known[name] for name in dict.fromkeys(args.name)] or list(known.values())
    found = [(source, fetched(config, source)) for source in chosen]
    _show(context, found)
    failed = [source.name for source, state in found if state.error]
    if failed:
        raise Refused(f"not taken: {', '.join(failed)}")


def fetched(config: Config, source: RemoteList) -> State:
    """Fetch one list on an event loop of its own, and keep it.  Raises: OSError."""
    from meshd.cli.listfetch import FetchError, fetch  # noqa: PLC0415  (no other command needs a reactor)

    known, now = state_of(config.data_dir, source), lambda: int(time.time())
    try:
        answer = fetch(source, known, config.topology, config.dns_servers)
        return take(config.data_dir, source, answer, now())
    except (FetchError, Unusable) as error:
        return fail(config.data_dir, source, str(error), now())


def _show(context: Context, found: Any) -> None:
    context.show_rows(
        (_row(source, state) for source, state in found),
        {
            "NAME": lambda row: row["name"],
            "URL": lambda row: row["url"],
            "EXITS": lambda row: row["exits"],
            "CHECKED": lambda row: row["checked"] or "never",
            "CHANGED": lambda row: row["changed"] or "never",
            "STATE": lambda row: row["error"] or ("good" if row["checked"] else "was not fetched yet"),
        },
    )


def _row(source: RemoteList, state: State) -> dict[str, Any]:
    return {
        "name": source.name,
        "url": source.shown,
        "exits": state.exits,
        "every": source.every,
        "checked": moment(state.checked) if state.checked else None,
        "changed": moment(state.changed) if state.changed else None,
        "tried": moment(state.tried) if state.tried else None,
        "error": state.error or None,
        "failures": state.failures,
    }
