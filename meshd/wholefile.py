"""Files that whoever reads them finds whole or not at all."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path


def put(path: Path, data: bytes) -> None:
    """Put a file of mode 0600 in the place of what has that name, for every process alive; the disk is not waited for.

    Raises: OSError, and then what was there is there still.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
        draft.rename(path)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise
