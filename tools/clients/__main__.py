"""python -m tools.clients"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from tools.clients import habits
from tools.clients.client import Client, NotHereError
from tools.clients.place import Place, version
from tools.clients.rows import CLIENTS
from tools.clients.running import run
from tools.clients.telling import BEGIN, END, put, row, table
from tools.clients.world import World, folder

MANUAL = Path(__file__).parents[2] / "docs" / "clients.md"
AT_ONCE = 5


def every(place: Place, world: World, wanted: Sequence[Client]) -> tuple[list[str], list[str]]:
    """Rows, and what was not run and why."""
    progress = sys.stderr  # which a command of the daemon's puts elsewhere for a while

    def one(numbered: tuple[int, Client]) -> tuple[str, str]:
        number, client = numbered
        begun = time.monotonic()
        try:
            found = version(client)
            made = row(client, found, run(client, number, place, world))
            with (place.folder / "seen").open("a") as kept:  # for whoever stops it, or it stops
                kept.write(f"{made}\n")
        except NotHereError as error:
            return "", f"{client.name} ({error})"
        except Exception as error:  # the others are run all the same, and the table tells
            return "", f"{client.name} ({type(error).__name__}: {error})"
        finally:
            progress.write(f"{client.name}: {time.monotonic() - begun:.1f} s\n")
        return made, ""

    with ThreadPoolExecutor(AT_ONCE) as pool:
        told = list(pool.map(one, reversed(list(enumerate(wanted)))))[::-1]  # browsers take longest, and stand last
    return [each for each, _ in told if each], [why for _, why in told if why]


def main(arguments: list[str]) -> int:
    words = list(arguments)
    kept = ""
    if "--in" in words:
        at = words.index("--in")
        kept = words[at + 1]
        del words[at : at + 2]
    day = datetime.now(UTC).date().isoformat()
    names = [word for word in words if not word.startswith("--")]
    wanted = [client for client in CLIENTS if client.name in names or not names]
    with folder(kept) as at_folder:
        place = Place(at_folder)
        place.install()
        world = World()
        try:
            rows, absent = every(place, world, wanted)
            bans = world.banned()
            seen = "" if names else habits.table(place, world, day)
        finally:
            world.daemon.close()
    made = table(rows, absent, day, bans)
    sys.stdout.write(f"{made}\n{seen}")
    if "--write" in words and not names:
        text = put(MANUAL.read_text(), made, BEGIN, END)
        MANUAL.write_text(put(text, seen, habits.BEGIN, habits.END))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
