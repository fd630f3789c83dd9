"""`meshd migrate` and `meshd reload`: what concerns the store's file and the running daemon."""

from __future__ import annotations

import fcntl
import os
import signal
from argparse import Namespace
from pathlib import Path

from meshd.cli.context import Context
from meshd.cli.errors import Refused
from meshd.cli.parser import Verbs
from meshd.datafolder import Unsafe, secure
from meshd.pidfile import PID_FILE


def add_to(top: Verbs) -> None:
    top.verb("migrate", migrate, "make the store, or bring its schema up to date")
    top.verb("reload", reload, "let the running daemon read its settings again")


def migrate(context: Context, args: Namespace) -> None:
    data_dir = context.config.data_dir
    try:
        secure(data_dir, context.config.store_url, context.note_closed)
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except Unsafe as error:
        raise Refused(str(error)) from error
    except OSError as error:
        raise Refused(f"{data_dir}: cannot be made: {error.strerror}") from error
    names = context.store.migrate()
    context.show({"applied": names}, {"applied": ", ".join(names) or "nothing, the schema is up to date"})


def reload(context: Context, args: Namespace) -> None:
    path = context.config.data_dir / PID_FILE
    pid = holder(path)
    if pid is None:
        raise Refused(f"no daemon runs on {context.config.data_dir}")
    try:
        os.kill(pid, signal.SIGHUP)
    except ProcessLookupError:
        raise Refused(f"no daemon runs on {context.config.data_dir}") from None
    except PermissionError:
        raise Refused(f"process {pid} is another user's: run this as the one that the daemon runs as") from None
    context.show({"pid": pid}, {"reloading": f"process {pid}; its log says whether the settings were taken"})


def holder(path: Path) -> int | None:
    """The daemon that holds the lock of this file; None where nobody does.  Refused.

    It holds the lock while it lives, so a number that was left behind is told from a true one.
    """
    try:
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _pid(file.read(32), path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Refused(f"{path}: cannot be read: {error.strerror}") from error
    return None


def _pid(text: bytes, path: Path) -> int:
    """A number below 2 would signal init, or every process of a group."""
    text = text.strip()
    if not text:
        raise Refused("the daemon is just starting or stopping: try again")
    if not text.isdigit() or int(text) < 2:
        raise Refused(f"{path}: holds no process number")
    return int(text)
