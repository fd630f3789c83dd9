"""What the operator is told of: the kinds of events, one notice, and whom the settings want told.  Pure."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

ACCOUNT_CREATED, ACCOUNT_CHANGED, ACCOUNT_DELETED = "account.created", "account.changed", "account.deleted"
ACCOUNT_EXPIRED, ACCOUNT_QUOTA = "account.expired", "account.quota"
EXIT_RESTING, EXIT_BACK = "exit.resting", "exit.back"
BAN_BEGUN = "ban.begun"
CERTIFICATE_ENDING = "certificate.ending"
STORE_AWAY, STORE_BACK = "store.away", "store.back"
LEDGER_BEHIND, LEDGER_LEVEL = "ledger.behind", "ledger.level"

KINDS = (
    ACCOUNT_CREATED,
    ACCOUNT_CHANGED,
    ACCOUNT_DELETED,
    ACCOUNT_EXPIRED,
    ACCOUNT_QUOTA,
    EXIT_RESTING,
    EXIT_BACK,
    BAN_BEGUN,
    CERTIFICATE_ENDING,
    STORE_AWAY,
    STORE_BACK,
    LEDGER_BEHIND,
    LEDGER_LEVEL,
)
"""All that may be wanted."""

TEST = "notify.test"
"""What `meshd notify test` sends, wanted or not."""

GROUPS = tuple(dict.fromkeys(kind.partition(".")[0] for kind in KINDS))
"""Words that stand for all kinds that begin so."""


def kinds_of(words: Iterable[str]) -> tuple[str, ...]:
    """The kinds that these kinds and groups mean, in the order of KINDS; all for none."""
    wanted = set(words)
    return tuple(kind for kind in KINDS if not wanted or wanted & {kind, kind.partition(".")[0]})


KEY_PREFIX = "whsec_"
"""May stand before a webhook's key in base64, as Standard Webhooks has it."""
LEAST_KEY, MOST_KEY = 24, 64
"""Bytes of such a key."""


def webhook_key(text: str) -> bytes:
    """The key that a text in base64 is.  Raises: ValueError."""
    found = base64.b64decode(text.removeprefix(KEY_PREFIX), validate=True)
    if not LEAST_KEY <= len(found) <= MOST_KEY:
        raise ValueError(f"it must be {LEAST_KEY} to {MOST_KEY} bytes long, and is {len(found)}")
    return found


class Notice(NamedTuple):
    """One notice on its way to one target."""

    notice: str
    """Its id, the same at every try and for every target."""
    kind: str
    at: int
    """When that happened, in seconds since the epoch."""
    data: str
    """What else there is to say: a JSON object."""
    account_id: int = 0
    """The account that it is about; 0 for none."""
    username: str = ""
    """That account's."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """An URL of the operator's that notices are posted to."""

    name: str
    url: str = field(repr=False)
    """Whoever knows it may post there, so it is no part of the repr."""
    secrets: tuple[bytes, ...] = field(repr=False)
    """The keys that notices are signed with, one, or two while one follows the other."""
    kinds: tuple[str, ...] = KINDS
    private: bool = False
    """Whether it may lead to a private address, and be plain HTTP."""
    ca: str = ""
    """A file with the authority of its certificate; "" for those that the system trusts."""
    secret_files: tuple[Path, ...] = ()

    @property
    def target(self) -> str:
        """Its name in the store."""
        return self.name

    @property
    def place(self) -> str:
        return self.url


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address of the operator's that notices are sent to as letters."""

    address: str
    kinds: tuple[str, ...] = KINDS

    @property
    def target(self) -> str:
        """Its name in the store, which no webhook has."""
        return f"mail:{self.address}"

    @property
    def place(self) -> str:
        return self.address


Target = Webhook | Mailbox


@dataclass(frozen=True, slots=True)
class Notify:
    """`[notify]`: whom the operator wants told of what."""

    webhooks: tuple[Webhook, ...] = ()
    mailboxes: tuple[Mailbox, ...] = ()

    @property
    def targets(self) -> tuple[Target, ...]:
        return *self.webhooks, *self.mailboxes
