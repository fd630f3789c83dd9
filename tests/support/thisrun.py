"""Folders that all processes of one run of the tests share, and that go with it."""

from __future__ import annotations

import os
from pathlib import Path

RUN = "TESTS_RUN_FOLDER"
"""The variable that names where they are, set by the first process of a run."""


def of_this_run(name: str) -> str:
    """The path of such a folder, which is there; without that variable it is one of this process, in its own folder."""
    folder = Path(os.environ.get(RUN) or os.getcwd()).resolve() / name
    folder.mkdir(mode=0o700, exist_ok=True)
    return str(folder)
