"""What the native part is made of, as one digest: `setup.py` compiles it in, and a start looks whether it still holds.

`setup.py` runs this file by itself, so it imports nothing of meshd.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

PLACES = "places.py"
"""What calls the C."""


def sources(folder: Path) -> list[Path]:
    """The files in that folder which the part is made of; none where the C is not there, as in what is installed."""
    found = sorted(folder.glob("*.[ch]"))
    return [*found, folder / PLACES] if found else []


def digest(folder: Path) -> str:
    """Of their names and contents; "" where there are none."""
    found = sources(folder)
    total = sha256()
    for path in found:
        total.update(f"{path.name}\0{sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest() if found else ""
