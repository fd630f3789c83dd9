"""Where a process leaves what only the next process on the same running machine may have."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

_IN_MEMORY = ("tmpfs", "ramfs")
MOUNT_POINT = 4
"""Which word of a line of mountinfo (proc(5)) it is."""
_ESCAPED = re.compile(r"\\(0(?:11|12|40)|134)")


def volatile_file(data_dir: Path, name: str, environ: Mapping[str, str], mounted: str) -> Path | None:
    """The file of that name for the daemon of a data folder, in a folder in memory that nobody else can write to.

    That folder is systemd's `RuntimeDirectory=`, else `meshd` in `$XDG_RUNTIME_DIR`, else for root `/run/meshd`.
    mounted: what `mounts` says.  None where there is no such folder.
    """
    folder = _folder(environ)
    if folder is None or not in_memory(folder, mounted) or not _ours(folder):
        return None
    return folder / f"{name}-{sha256(os.fsencode(data_dir.resolve())).hexdigest()[:16]}"


def mounts() -> str:
    """What Linux says of the mounts that this process sees; "" where it says nothing."""
    with suppress(OSError):
        return Path("/proc/self/mountinfo").read_text(errors="surrogateescape")
    return ""


def in_memory(path: Path, mounted: str) -> bool:
    """Whether the file system that a path is on is kept in memory alone.  mounted: what `mounts` says."""
    found: dict[str, str] = {}
    for line in mounted.split("\n"):  # and at nothing else that splitlines() takes for an end: a name may have it
        where, _, what = line.partition(" - ")
        words = where.split(" ")
        if len(words) > MOUNT_POINT:
            found[_ESCAPED.sub(_unescaped, words[MOUNT_POINT])] = what.split(" ")[0]
    resolved = path.resolve()
    for each in (resolved, *resolved.parents):
        if str(each) in found:
            return found[str(each)] in _IN_MEMORY
    return False


def _unescaped(found: re.Match[str]) -> str:
    return chr(int(found[1], 8))


def _folder(environ: Mapping[str, str]) -> Path | None:
    if told := environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]:
        return Path(told)
    if user := environ.get("XDG_RUNTIME_DIR"):
        return Path(user) / "meshd"
    return Path("/run/meshd") if os.geteuid() == 0 else None


def _ours(folder: Path) -> bool:
    """Make the folder where it is missing; whether it is this user's alone."""
    with suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        about = folder.lstat()
        return folder.is_dir() and about.st_uid == os.geteuid() and not about.st_mode & 0o022
    return False
