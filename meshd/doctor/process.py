"""Judges the daemon itself: whether it runs, as which version, and whether it took its settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from meshd.doctor.findings import Finding

SILENT = 60
"""Seconds without a word in the store, where each process tells something every five."""


class Process(NamedTuple):
    folder: str
    noted: int
    """The process id in the data folder's pid file, which a daemon that ends well empties; 0 for none."""
    runs: bool
    """Whether somebody has the pid file locked."""
    ours: str
    """The version of this command."""
    version: str = ""
    """That of the daemon on this folder, as it told the store; "" where it did not."""
    seen_at: int = 0
    """When it told something last, by the store; 0 for never."""
    refused: Sequence[str] = ()
    """Why the latest reload was not taken; none where it was."""


def judge(process: Process, now: int) -> Iterator[Finding]:
    if not process.runs:
        yield _absent(process)
        return
    if process.refused:
        why = "; ".join(process.refused)
        yield Finding(
            "daemon", f"the latest reload was refused: {why}", "mend the settings, `meshd config check`, `meshd reload`"
        )
    if process.version and process.version != process.ours:
        what = f"process {process.noted} runs meshd {process.version}, and this command is {process.ours}"
        yield Finding("daemon", what, "restart the daemon, or use the command of its version")
    if process.seen_at and now - process.seen_at > SILENT:
        what = f"process {process.noted} has told the store nothing for {now - process.seen_at} seconds"
        yield Finding("daemon", what, "look at its log: it hangs, or cannot reach the store")


def _absent(process: Process) -> Finding:
    if process.noted:
        return Finding(
            "daemon",
            f"the daemon on {process.folder} (process {process.noted}) has died without an end",
            "look at the end of its log and at the kernel's (out of memory?), and start it: what it counted is billed",
        )
    return Finding("daemon", f"no daemon runs on {process.folder}", "start it: twistd meshd", wrong=False)
