"""What tells that a file has changed: looked at every few seconds, it costs one system call."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

Stamp = tuple[int, int, int, int]
Stamps = Mapping[Path, Stamp | None]
"""By file what tells that the file has changed; None where there is no file."""


def stamps(paths: Iterable[Path]) -> Stamps:
    """The stamps that the files have now."""
    return {path: stamp_of(path) for path in paths}


def stamp_of(path: Path) -> Stamp | None:
    try:
        return stamp(path.stat())
    except (OSError, ValueError):
        return None


def stamp(status: os.stat_result) -> Stamp:
    return status.st_mtime_ns, status.st_size, status.st_dev, status.st_ino
