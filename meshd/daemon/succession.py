"""What a process and its successor tell each other, over a socket pair that the successor is started with.

The predecessor says first what it leaves: one frame with the names of the sockets and two descriptors beside them, one
frame of what it knows of passwords.  The successor says `ready`, or `failed` and why; when the predecessor accepts
nobody any more it says `yours`.  The pair stays open until the predecessor has ended.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

VARIABLE = "SUCCEEDS_MESHD"
"""The descriptor of the socket pair, in the environment of a successor."""

WORD = 64 * 1024
"""Most bytes of one word of the successor's."""

PATIENCE = 300.0
"""Seconds that a successor has to be ready: lists of a million exits take a minute to read and to prepare."""


class NotSucceeded(Exception):
    """No other process serves in this one's place; the text says why."""


class Estate(NamedTuple):
    """What a process leaves to its successor."""

    lock: int
    """The descriptor of the data folder's locked file: the lock is that of both until one of them is left."""
    sockets: Sequence[tuple[int, str]]
    """Those that listen: descriptors with their names."""
    known: bytes
    """What is known of passwords (`auth/proven.py`)."""
    part: str
    """Tells the process apart in the store from others of its data folder."""


@dataclass(frozen=True, slots=True)
class Command:
    """How this process was started."""

    words: Sequence[str]
    environ: Mapping[str, str]
    folder: str

    @classmethod
    def own(cls, environ: Mapping[str, str]) -> Command:
        """That of this process: where another version is installed by now in the same place, that is started."""
        left_out = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID", VARIABLE)
        kept = {name: value for name, value in environ.items() if name not in left_out}
        return cls((sys.executable, *sys.orig_argv[1:]), kept, str(Path.cwd()))


def described(estate: Estate) -> bytes:
    """The content of the first frame."""
    names = [name for _, name in estate.sockets]
    return json.dumps({"pid": os.getpid(), "part": estate.part, "names": names}).encode()


OTHER_PART = "~"
"""Behind the name in the store of every other process that serves a data folder, as one takes over from another."""


def other_part(part: str) -> str:
    """How a successor is told apart from a process with this part, both of which are there for a while."""
    return "" if part else OTHER_PART
