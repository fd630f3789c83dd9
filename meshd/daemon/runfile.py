"""The run file, which tells the `meshd` command where a daemon's settings come from, and how its reloads went.

The daemon writes the whole file each time; no password is in it.  The file stays when the daemon ends, so that the
command goes on working on the same store.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from meshd import wholefile

RUN_FILE = "meshd.run"
MOST = 1024 * 1024
"""Most bytes that are read; the file is far smaller."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of a reload."""

    taken: bool
    said: tuple[str, ...] = ()
    """Lines that say why the settings were not taken, or what is worth knowing about those that were."""


@dataclass(frozen=True, slots=True)
class Running:
    """The content of the run file."""

    pid: int
    cwd: str = ""
    """The folder that relative paths in `given` start from."""
    config: str = ""
    """The settings file, absolute; "" for none."""
    given: Mapping[str, tuple[str | Sequence[str] | None, str]] = field(default_factory=dict)
    """What flags and variables say, by setting: the text, None for a secret; and which flag or variable."""
    begun: int = 0
    """How many reloads have begun."""
    ended: int = 0
    """How many reloads have ended; at most one is under way."""
    verdict: Verdict | None = None
    """The verdict of the latest reload that has ended; None before the first."""

    restarts: int = -1
    """How many restarts have failed; -1 for a daemon that knows nothing of restarts."""
    why: str = ""
    """Why the latest restart has failed."""

    def restart_failed(self, why: str) -> Running:
        return replace(self, restarts=self.restarts + 1, why=why)

    def reload_begins(self) -> Running:
        return replace(self, begun=self.begun + 1)

    def reload_ends(self, verdict: Verdict) -> Running:
        return replace(self, ended=self.begun, verdict=verdict)


def write(folder: Path, running: Running) -> None:
    """Write the run file as a whole.  Raises: OSError."""
    wholefile.put(folder / RUN_FILE, json.dumps(asdict(running)).encode())


def read(folder: Path) -> Running | None:
    """Read the run file; None where there is none, or none that this program may read and understands."""
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
        restarts=int(raw.get("restarts", -1)),
        why=str(raw.get("why", "")),
        verdict=Verdict(bool(verdict["taken"]), tuple(map(str, verdict["said"]))) if verdict else None,
    )
