"""What runs in a data folder, told to the `meshd` command: where its settings come from, and how its reloads went.

The daemon writes the file whole each time; no password is in it.  It stays when the daemon ends, so that the command
goes on working on the same store.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

RUN_FILE = "meshd.run"
MOST = 1024 * 1024
"""Bytes of it that are read: it is far smaller."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a reload."""

    taken: bool
    said: tuple[str, ...] = ()
    """Why it was not taken, or what is worth knowing of what was; a line each."""


@dataclass(frozen=True, slots=True)
class Running:
    """The content of the file."""

    pid: int
    cwd: str = ""
    """What relative paths in `given` start from."""
    config: str = ""
    """The settings file, absolute; "" for none."""
    given: Mapping[str, tuple[str | Sequence[str] | None, str]] = field(default_factory=dict)
    """By setting what a flag or a variable said, and which; None in the place of a secret."""
    begun: int = 0
    """How many reloads have begun, and"""
    ended: int = 0
    """how many have ended; at most one is under way."""
    verdict: Verdict | None = None
    """Of the latest that has ended."""

    def reload_begins(self) -> Running:
        return replace(self, begun=self.begun + 1)

    def reload_ends(self, verdict: Verdict) -> Running:
        return replace(self, ended=self.begun, verdict=verdict)


def write(folder: Path, running: Running) -> None:
    """OSError."""
    path = folder / RUN_FILE
    draft = folder / f".{RUN_FILE}.{secrets.token_hex(8)}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(running), file)
        draft.rename(path)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise


def read(folder: Path) -> Running | None:
    """None where there is none, or none that this program may read and understands."""
    try:
        with (folder / RUN_FILE).open("rb") as file:
            raw = json.loads(file.read(MOST))
        return _running(raw)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _running(raw: Mapping[str, Any]) -> Running:
    verdict = raw["verdict"]
    return Running(
        pid=int(raw["pid"]),
        cwd=str(raw["cwd"]),
        config=str(raw["config"]),
        given={str(key): (value, str(origin)) for key, (value, origin) in raw["given"].items()},
        begun=int(raw["begun"]),
        ended=int(raw["ended"]),
        verdict=Verdict(bool(verdict["taken"]), tuple(map(str, verdict["said"]))) if verdict else None,
    )
