"""The source tree as it is built from: a copy of the project's files alone.  With no more than the standard library:

    python3 -m tools.packaging.tree FOLDER      # makes the copy there

setuptools leaves a `build` folder behind that goes into the next wheel, files that are deleted since among it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "meshd-data", "dropin.cache")
"""What is no part of a tree that git does not know."""


def copy(into: Path, root: Path = ROOT) -> None:
    """Copy what git knows or would add, else what is there; modes are 0755 and 0644, whatever the umask was."""
    listing = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if listing is None:
        shutil.copytree(root, into, ignore=LEFT_OUT, dirs_exist_ok=True)
    else:
        for name in filter(None, listing.split("\0")):
            if (root / name).is_file():
                (into / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(root / name, into / name)
                shutil.copymode(root / name, into / name)
    for path in (into, *into.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def epoch(root: Path = ROOT) -> int:
    """Seconds of the time that all that is built bears: SOURCE_DATE_EPOCH, else the last commit's, else the newest
    file's."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    if committed := _git(root, "log", "-1", "--format=%ct"):
        return int(committed)
    return int(max(path.stat().st_mtime for path in (root / "meshd").rglob("*.py")))


def version(root: Path = ROOT) -> str:
    config = ConfigParser()
    config.read(root / "setup.cfg")
    return config["metadata"]["version"]


def _git(root: Path, *words: str) -> str | None:
    """What git says; None where there is no git, or this is no tree of its own."""
    if not (root / ".git").exists():
        return None
    try:
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


if __name__ == "__main__":
    copy(Path(sys.argv[1]))
    print(epoch())
