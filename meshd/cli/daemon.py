"""`meshd migrate` makes or updates the schema of the store; `meshd reload` has the running daemon read its settings."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from argparse import Namespace
from pathlib import Path

from meshd.cli.context import Context
from meshd.cli.errors import Refused
from meshd.cli.parser import Verbs
from meshd.cli.values import seconds
from meshd.daemon import runfile
from meshd.daemon.datafolder import Unsafe, secure
from meshd.daemon.pidfile import PID_FILE
from meshd.daemon.runfile import Running, Verdict

PATIENCE = 60.0
"""Seconds to wait for a reload by default: reading lists of a million exits takes a while."""

BEGINNING = 330.0
"""Seconds to wait for a restart by default: a little more than the new process is given."""

LOOK = 0.05
"""Seconds between two looks for the daemon's verdict."""


def add_to(top: Verbs) -> None:
    top.verb("migrate", migrate, "make the store, or bring its schema up to date")
    parser = top.verb("reload", reload, "let the running daemon read its settings again, and say what came of it")
    parser.add_argument("--wait", type=seconds, default=PATIENCE, metavar="SECONDS", help=f"at most ({PATIENCE:g})")

    parser = top.verb("restart", restart, "have a new process take over from the running daemon; nobody is refused")
    parser.add_argument("--wait", type=seconds, default=BEGINNING, metavar="SECONDS", help=f"at most ({BEGINNING:g})")


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
    """Ask the running daemon for a reload, and wait for the outcome."""
    folder, pid = _daemon_of(context)
    before = _begun(folder, pid)
    _signal(folder, pid, signal.SIGHUP)
    verdict = _await(folder, pid, before, args.wait)
    if not verdict.taken:
        raise Refused(f"settings were not reloaded: {'; '.join(verdict.said)}")
    context.show({"pid": pid, "reloaded": True, "notes": list(verdict.said)}, {"settings": f"reloaded (process {pid})"})
    if not context.json:
        for line in verdict.said:
            context.out.write(f"{line}\n")


def restart(context: Context, args: Namespace) -> None:
    """Have a new process take over, and wait until it has."""
    folder, pid = _daemon_of(context)
    before = runfile.read(folder)
    if before is None or before.pid != pid or before.restarts < 0:
        raise Refused(f"process {pid} is just starting, or of a version that cannot hand over: stop and start it")
    _signal(folder, pid, signal.SIGUSR2)
    end = time.monotonic() + args.wait
    while True:
        running, now = runfile.read(folder), holder(folder / PID_FILE)
        if running is not None and running.pid == now != pid:
            break
        if running is not None and running.pid == pid and running.restarts > before.restarts:
            raise Refused(f"not restarted, process {pid} goes on: {running.why}")
        if now is None:
            raise Refused(f"process {pid} has ended, and no other has taken over: the log says why")
        if time.monotonic() > end:
            raise Refused(f"process {pid} has not said within {args.wait:g} s what came of it: its log will")
        time.sleep(LOOK)
    context.show({"pid": now, "before": pid}, {"restarted": f"process {now} has taken over from {pid}"})


def _daemon_of(context: Context) -> tuple[Path, int]:
    """The data folder, and the process that works in it with the settings file of this command.  Raises: Refused."""
    folder = context.data_dir
    pid = holder(folder / PID_FILE)
    if pid is None:
        raise Refused(f"no daemon runs on {folder}")
    _require_same_file(context, runfile.read(folder))
    return folder, pid


def _signal(folder: Path, pid: int, number: int) -> None:
    """Raises: Refused."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        raise Refused(f"no daemon runs on {folder}") from None
    except PermissionError:
        raise Refused(f"process {pid} is another user's: run this as the one that the daemon runs as") from None


def _require_same_file(context: Context, running: Running | None) -> None:
    """Check that the daemon reads the settings file that this command was told of, if any.  Raises: Refused."""
    if context.file and running is not None and os.path.realpath(context.file) != os.path.realpath(running.config):
        if running.config:
            raise Refused(f"the daemon reads {running.config}, and not {context.file}")
        raise Refused(f"the daemon was started without a settings file, and not with {context.file}: start it so")


def _begun(folder: Path, pid: int) -> int:
    """The number of reloads that have begun: any later reload reads the settings as they are written by now."""
    running = runfile.read(folder)
    return running.begun if running is not None and running.pid == pid else 0


def _await(folder: Path, pid: int, before: int, seconds: float) -> Verdict:
    """Wait for the verdict of a reload that began after `before` others.  Raises: Refused."""
    end = time.monotonic() + seconds
    while True:
        running = runfile.read(folder)
        if running is not None and running.pid == pid and running.ended > before and running.verdict is not None:
            return running.verdict
        if holder(folder / PID_FILE) != pid:
            raise Refused(f"process {pid} has ended, and has not said whether it had taken the settings")
        if time.monotonic() > end:
            raise Refused(f"process {pid} has not said within {seconds:g} s what came of it: its log will")
        time.sleep(LOOK)


def holder(path: Path) -> int | None:
    """The process id of the daemon that holds the lock of this file; None where nobody does.  Raises: Refused.

    A daemon holds the lock while it lives, which tells its process id from one that a dead daemon left behind.
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
    """The process id in a PID file; a number below 2 would signal init or a process group.  Raises: Refused."""
    text = text.strip()
    if not text:
        raise Refused("the daemon is just starting or stopping: try again")
    if not text.isdigit() or int(text) < 2:
        raise Refused(f"{path}: holds no process number")
    return int(text)
