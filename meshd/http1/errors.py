"""The exception for a message that breaks a rule."""

from __future__ import annotations


class BadMessage(Exception):
    """The peer's fault: a message that is not, or not unambiguously, HTTP/1.1.  Nothing after it can be trusted.

    `status` is the answer it calls for: 4xx or 5xx for a client's request, 502 for an origin's response.
    `rule` is one short ASCII sentence that may be shown to a client; it quotes nothing of the message.
    """

    def __init__(self, status: int, rule: str, words: str = "") -> None:
        """words: what the status line says, if not the rule."""
        super().__init__(status, rule)
        self.status = status
        self.rule = rule
        self.words = words or rule

    def __str__(self) -> str:
        return f"{self.status} {self.rule}"
