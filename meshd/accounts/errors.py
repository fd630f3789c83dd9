"""Why a change was refused: each class says whose rule it was.  What a client is answered, an edge decides.

The texts are for the account holder; they hold nothing internal and nothing about accounts that are not the caller's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class AccountError(Exception):
    """A change that a rule forbids; nothing of it was kept."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class PlanLimitReached(AccountError):
    """The plan has no room for one more, or lacks the thing altogether."""


class NotYours(AccountError):
    """Not the caller's, or not there: one answer for both, so that nobody learns which names exist."""

    def __init__(self, detail: str = "not a sub-account of yours", *, absent: bool = False) -> None:
        super().__init__(detail)
        self.absent = absent
        """Whether nobody has that name: for the one path whose document promises the difference."""


class Forbidden(AccountError):
    """Known to the caller, and not theirs to do: the text says what would be, and who can."""


class NotFound(AccountError):
    """No such thing among those that the caller may know of."""


class TooMany(AccountError):
    """Another question of this account, which takes the store long, is being answered."""


class PlanUnknown(AccountError):
    """The account's plan is not in the settings: the operator's fault, and curable by them alone."""


class Invalid(AccountError):
    """Values that cannot be accepted, by field: `{"field": ["message", …]}`."""

    def __init__(self, messages: Mapping[str, Sequence[str]]) -> None:
        super().__init__("; ".join(f"{name}: {text}" for name, texts in messages.items() for text in texts))
        self.messages = {name: list(texts) for name, texts in messages.items()}

    @property
    def field(self) -> str:
        """The first field at fault."""
        return next(iter(self.messages))


class Taken(Invalid):
    """A value that must be unique and is not."""
