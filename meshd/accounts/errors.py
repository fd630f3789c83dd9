"""Why a change was refused: each class says whose rule it was.  The API and the command line choose the answer.

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
    """The account's plan allows no more of what was asked for, or none at all."""


class NotYours(AccountError):
    """The account is another's or does not exist: one answer for both, so that nobody learns which names exist."""

    def __init__(self, detail: str = "not a sub-account of yours", *, absent: bool = False) -> None:
        super().__init__(detail)
        self.absent = absent
        """Whether no account has that name: for the one API path that is documented to tell the difference."""


class Forbidden(AccountError):
    """The caller knows of the account and may not do this: the text says who may, or what the caller may do."""


class NotFound(AccountError):
    """What was named does not exist among what the caller may see."""


class TooMany(AccountError):
    """Another slow query of this account is still running, or what was asked for comes too soon after the last time."""

    def __init__(self, detail: str, seconds: int = 0, limit: int = 1) -> None:
        """seconds: until the next try is of use, 0 where nobody knows; limit: how many tries are allowed in a time."""
        super().__init__(detail)
        self.seconds = seconds
        self.limit = limit


class PlanUnknown(AccountError):
    """The account's plan is not in the settings, which only the operator can mend."""


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
    """A value that must be unique is another's already."""


class InUse(AccountError):
    """What was to be deleted or taken is needed, or held, by something else; the text says by what."""


class Stale(AccountError):
    """What was to be changed is no longer as the caller has seen it."""


class OtherRequest(AccountError):
    """The key of a repeatable request was used before, for a request that asked for something else."""
