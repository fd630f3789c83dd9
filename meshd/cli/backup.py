"""`meshd backup` and `meshd restore`: the whole store written to one file, and read from such a file."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from meshd.cli.context import Context
from meshd.cli.errors import Refused
from meshd.cli.parser import Verbs
from meshd.daemon.datafolder import JOURNALS, secure
from meshd.daemon.pidfile import FolderInUse, PidFile
from meshd.store import backup


def add_to(top: Verbs) -> None:
    parser = top.verb("backup", back_up, "write the whole store, as it is now, to a new file; the daemon may run")
    parser.add_argument("file", type=Path, help="the file, which must not be there yet; it gets mode 0600")
    doing = "put the store of a backup in the place of what is there; no daemon may run"
    parser = top.verb("restore", restore, doing)
    parser.add_argument("file", type=Path, help="what `meshd backup` wrote")


def back_up(context: Context, args: Namespace) -> None:
    size = backup.back_up(context.config.store_url, args.file)
    if args.file.stat().st_mode & 0o077:
        context.note(f"{args.file} can be read by others, for its file system knows no modes: it holds password hashes")
    context.show({"file": str(args.file), "bytes": size}, {"written": f"{args.file}, {size} bytes"})


def restore(context: Context, args: Namespace) -> None:
    data_dir, url = context.config.data_dir, context.config.store_url
    with ours_alone(data_dir, url, context.note_closed):
        kept = backup.restore(url, args.file, stamp=time.strftime("%Y%m%dT%H%M%S", time.gmtime()))
        waiting = len(list((data_dir / JOURNALS).glob("*.journal")))
    context.show(
        {"restored": str(args.file), "kept": str(kept or ""), "journals": waiting},
        {
            "restored": args.file,
            "kept": kept or "nothing was there",
            "journals": f"{waiting} wait for the next start, which bills them",
        },
    )


@contextmanager
def ours_alone(data_dir: Path, store_url: str, note: Callable[[str, str, str], None]) -> Iterator[None]:
    """Keep daemons from starting in the data folder during the block.  Raises: Refused where one runs."""
    try:
        secure(data_dir, store_url, note)
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = PidFile(data_dir)
    except FolderInUse as error:
        raise Refused(f"{error}: stop it first") from error
    except OSError as error:
        raise Refused(f"{error.filename}: {error.strerror}" if error.filename else str(error)) from error
    try:
        yield
    finally:
        lock.release()
