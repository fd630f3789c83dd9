"""Each proxy as an exit of a live daemon: the table in docs/exits.md.

    python -m tools.exits                     # installs, runs, prints the table
    python -m tools.exits --write             # and puts it into docs/exits.md
    python -m tools.exits --in FOLDER         # installs into this folder, and uses what an earlier run left there
    python -m tools.exits Squid tinyproxy     # these alone, and nothing is written

Packages come from PyPI and npm, in the versions that are pinned in packages.py; programs are those of this machine's
Debian.  Everything listens on loopback, has a time limit, and is ended by whoever started it.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.support.origin import authority
from tools.exits import packages
from tools.exits.catalogue import MAKERS
from tools.exits.makers import Maker, NotHereError, debian_version
from tools.exits.table import put, row, table
from tools.exits.trials import carry_out, running

MANUAL = Path(__file__).parents[2] / "docs" / "exits.md"
AT_ONCE = 2


def version(maker: Maker) -> str:
    """Raises: NotHereError"""
    pinned = packages.PYTHON | packages.NODE
    return pinned[maker.package] if maker.package in pinned else debian_version(maker.package)


def one(maker: Maker, place: Path) -> tuple[str, str]:
    """A row, or what was not run and why."""
    begun = time.monotonic()
    try:
        found = version(maker)
        with running(maker, place) as trial:
            return row(maker, found, carry_out(trial, maker)), ""
    except (NotHereError, RuntimeError) as error:
        return "", f"{maker.name} ({str(error).splitlines()[0]})"
    finally:
        sys.__stderr__.write(f"{maker.name}: {time.monotonic() - begun:.1f} s\n")  # type: ignore[union-attr]


def every(place: Path, wanted: Sequence[Maker]) -> tuple[list[str], list[str]]:
    """Rows, and what was not run and why."""
    authority()  # made by one thread, before there are several
    with ThreadPoolExecutor(AT_ONCE) as pool:
        told = list(pool.map(lambda maker: one(maker, place), wanted))
    return [each for each, _ in told if each], [why for _, why in told if why]


@contextmanager
def folder(kept: str = "") -> Iterator[Path]:
    """A new one that is removed at its end, or this one, which stays."""
    place = Path(kept or tempfile.mkdtemp(prefix="meshd-exits-", dir="/tmp")).absolute()
    place.mkdir(parents=True, exist_ok=True)
    place.chmod(0o755)  # what leaves root behind runs from here
    try:
        yield place
    finally:
        if not kept:
            shutil.rmtree(place, ignore_errors=True)


def main(arguments: list[str]) -> int:
    words, kept = list(arguments), ""
    if "--in" in words:
        at = words.index("--in")
        kept = words[at + 1]
        del words[at : at + 2]
    names = [word for word in words if not word.startswith("--")]
    wanted = [maker for maker in MAKERS if maker.name in names or not names]
    with folder(kept) as place:
        packages.install(place)
        rows, absent = every(place, wanted)
    made = table(rows, absent, datetime.now(UTC).date().isoformat())
    sys.stdout.write(made)
    if "--write" in words and not names:
        MANUAL.write_text(put(MANUAL.read_text(), made))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
