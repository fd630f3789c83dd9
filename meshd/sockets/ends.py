"""The exceptions that end an exchange before its time."""

from __future__ import annotations

from meshd.model import Refusal


class Stopped(Exception):
    """The exchange ends here; the client is answered with the refusal where its answer has not begun yet."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal
        self.blameless = False
        """Whether the exit, as far as one can tell, has no part in this end."""


class ClientGone(Exception):
    """The client has left; there is nobody to answer."""


class Abandoned(Exception):
    """Whoever a body was read for wants no more of it."""
