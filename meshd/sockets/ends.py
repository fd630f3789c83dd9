"""How an exchange ends before its time."""

from __future__ import annotations

from meshd.model import Refusal


class Stopped(Exception):
    """The exchange ends here; the client learns why where it has not got another answer yet."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal
        self.blameless = False
        """Whether the exit has no part in it, as far as one can tell."""


class ClientGone(Exception):
    """The client has left; there is nobody to answer."""


class Abandoned(Exception):
    """The rest of a body is not wanted any more."""
