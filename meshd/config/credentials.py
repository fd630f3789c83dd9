"""Files that systemd gives a service alone (`LoadCredential=`), which settings name by `$CREDENTIALS_DIRECTORY/…`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_NAME = "CREDENTIALS_DIRECTORY"

USUAL = Path("/run/credentials/meshd.service")
"""The folder of the unit `meshd.service`, for a command that systemd has not started."""


def resolved(path: Path, environ: Mapping[str, str]) -> Path:
    """The path, with that folder in the place of the variable."""
    parts = path.parts
    if f"${_NAME}" not in parts:
        return path
    folder = Path(environ.get(_NAME) or USUAL)
    return folder.joinpath(*parts[parts.index(f"${_NAME}") + 1 :])
