"""A folder of letters, one file each, for a program of the operator's to take."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

MOST = 10_000
"""Letters that lie in the folder at a time: of more nobody takes any, and the disk is the daemon's too."""
ENDING = ".eml"


class SpoolFull(OSError):
    """There are so many letters in the folder that nobody seems to take them."""


def put(folder: Path, name: str, content: bytes) -> Path:
    """Write a letter that whoever looks into the folder sees whole or not at all; its path.  Raises: OSError."""
    folder.mkdir(mode=0o700, exist_ok=True)
    with os.scandir(folder) as entries:
        if sum(1 for _ in entries) >= MOST:
            raise SpoolFull(f"there are {MOST} letters in {folder}, and nobody takes them")
    path, part = folder / f"{name}{ENDING}", folder / f".{name}.part"
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError:
        with suppress(OSError):
            part.unlink()
        raise
    return path
