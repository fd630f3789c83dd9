"""What the doctor says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

Area = Literal["settings", "files", "daemon", "store", "clock", "limits", "listeners", "names", "exits"]


class Finding(NamedTuple):
    """One thing, in words that hold no secret."""

    area: Area
    what: str
    mend: str
    """What to do about it."""
    wrong: bool = True
    """False for what is worth knowing and keeps nobody from being served."""

    @property
    def told(self) -> Mapping[str, str]:
        """As JSON has it."""
        return {
            "area": self.area,
            "severity": "wrong" if self.wrong else "note",
            "what": self.what,
            "mend": self.mend,
        }
