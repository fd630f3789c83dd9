"""What the settings say of letters, `[mail]`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Security = Literal["offered", "required", "implicit", "none"]


@dataclass(frozen=True, slots=True)
class Mail:
    """How letters leave: through the operator's server, or into a folder."""

    spool: Path
    """The folder for letters where there is no server, and for those that could not be sent."""
    smtp: str = ""
    """The server as `host:port`; "" for none."""
    sender: str = ""
    """The address that letters are from."""
    user: str = ""
    password_file: Path | None = None
    tls: Security = "offered"
    """Whether the way to the server is encrypted: where it offers that, always (then its certificate is verified, too),
    always and from the first byte, never."""
    password: bytes = field(default=b"", repr=False)
