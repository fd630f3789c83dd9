"""Files that are written once, whole or not at all, and never over existing ones."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def create(path: Path, data: bytes, mode: int) -> bool:
    """Write a new file, whole or not at all; False where there is a file of that name by now.  Raises: OSError."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)  # unlike a rename, fails where the name is taken
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True
