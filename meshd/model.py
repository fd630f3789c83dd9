"""The values that all modules share: frozen, comparable, almost without behaviour.

Sizes are in bytes, times in whole seconds since the epoch (UTC), an absent text is "", and a limit of 0 is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from meshd.selection import Selection
from meshd.values.terms import Terms
from meshd.values.tokens import TokenKind

Role = Literal["root", "admin", "viewer", "customer"]
EndedBy = Literal["", "operator", "plan"]

GB = 10**9
"""A gigabyte, in bytes, wherever a document, a form or a command says GB."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account holder; a sub-account is an Account with a parent."""

    id: int
    username: str
    parent_id: int | None
    role: Role
    plan: str
    active: bool
    first_name: str
    last_name: str
    email: str
    monthly_limit: int
    total_limit: int
    billing_day: int
    """1 to 31; in a month without that day its last day.  For a sub-account its parent's day counts instead."""
    created_at: int
    password_hash: str = field(repr=False)
    """argon2id in its encoded form; "" for an account that cannot sign in by password."""
    suspended: bool = False
    """Whether the operator deactivated this sub-account, so that its parent cannot activate it."""
    monthly_ceiling: int = 0
    """Of a sub-account: the highest monthly limit that the operator lets its parent set."""
    total_ceiling: int = 0
    """Of a sub-account: the highest total limit that the operator lets its parent set."""
    password_by: int = 0
    """The id of the token that set the password; 0 for none."""
    expires_on: str = ""
    """An ISO date, the account valid through that day (UTC); "" for never."""
    notes: str = ""
    """What the operator noted about the account, for operators alone."""
    bounds: str = ""
    """Rates and counts that differ from those of the account's plan, as a text of meshd.values.bounds; "" for none."""
    rules: str = ""
    """Where the account's requests may go, as a text of meshd.values.rules; "" for everywhere that its plan allows."""
    bounds_by: Literal["", "operator"] = ""  # of a sub-account, whose parent cannot change what the operator has set
    rules_by: Literal["", "operator"] = ""


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token.  Only the holder knows its secret; the store has the secret's SHA-256."""

    id: int
    account_id: int
    label: str
    active: bool
    expires_on: str  # an ISO date, the token valid through that day (UTC), or a minute; "" for never
    created_at: int
    selection: str = ""
    """The exit that a request asks for by default, as a text of meshd.selection."""
    proxies: tuple[str, ...] = ()
    """Names of the proxies that the token is for; () for all that its account may use."""
    ended_by: EndedBy = ""
    """Who deactivated an inactive token: the operator, a change of plan, or "" for the holder."""
    rules: str = ""
    """Where requests by the token may go, as a text of meshd.values.rules; "" for everywhere that its account may."""
    used_at: int = 0  # when it was last billed for an exchange, or used at the API below `/v1`; 0 for never
    kind: TokenKind = ""

    @property
    def confined(self) -> bool:
        """Whether the token permits less than its account may do: only some proxies, exits or destinations."""
        return bool(self.proxies or self.selection or self.rules)


@dataclass(frozen=True, slots=True)
class AuthorizedIP:
    """An address whose connections are let in as an account's without any credential."""

    account_id: int
    address: str
    """The address as ipaddress prints it, never IPv4-mapped."""
    label: str
    created_at: int
    disputed: bool = False
    """Whether an earlier claim keeps the address from this account, as far as the caller may know."""
    contested: bool = False
    """Whether an earlier claim keeps the address from this account; for the log, never for a customer."""


@dataclass(frozen=True, slots=True)
class AuthorizedHostname:
    """A hostname from whose present addresses connections are let in as an account's without any credential."""

    account_id: int
    hostname: str
    """Lower case, no final dot."""
    created_at: int
    addresses: tuple[str, ...] = ()
    """The addresses that the hostname has now, as the daemon has found."""
    disputed: tuple[str, ...] = ()
    """Those of `addresses` that an earlier claim keeps from this account, as far as the caller may know."""


@dataclass(frozen=True, slots=True)
class Usage:
    """The bytes that an account and its sub-accounts have used, as the store knows."""

    account_id: int
    total_bytes: int
    period_bytes: int
    period_start: int
    """The first second of the billing period that period_bytes belongs to."""
    prepaid_bytes: int = 0
    """What is left of top-ups, which is used once the period's limit is used up."""


@dataclass(frozen=True, slots=True)
class Identity:
    """An account with all that decisions about its requests need, read in one unit of the store."""

    account: Account
    parent: Account | None
    proxies: tuple[str, ...]
    """Names of the account's proxies, in the order of authorisation; a sub-account has its parent's."""
    usage: Usage
    parent_usage: Usage | None
    expired: bool = False
    """Whether the last day of the account, or of its parent, was past when this was read."""


@dataclass(frozen=True, slots=True)
class Standing:
    """An account's limits and usage after a flush, by which the ledger judges whether it may go on."""

    account_id: int
    parent_id: int | None
    monthly_limit: int
    """The limit that holds: the account's own, or else what its plan includes."""
    total_limit: int
    billing_day: int
    """The day that counts: the parent's for a sub-account."""
    usage: Usage

    def monthly_left(self, period_bytes: int) -> int:
        """What the monthly limit, which there is, leaves after so many bytes of the period, with prepaid bytes."""
        left, prepaid = self.monthly_limit - period_bytes, self.usage.prepaid_bytes
        return max(left, 0) + prepaid if prepaid else left

    @property
    def total_left(self) -> int:
        """What the total limit, which there is, leaves."""
        return self.total_limit - self.usage.total_bytes

    @property
    def fullness(self) -> int:
        """How many percent of the nearest limit are used, at most 100; prepaid bytes count as a part of the limit."""
        usage, found = self.usage, 0
        if self.monthly_limit:
            left = self.monthly_left(usage.period_bytes)
            found = 100 * usage.period_bytes // (usage.period_bytes + left) if left > 0 else 100
        if self.total_limit:
            found = max(found, min(100 * usage.total_bytes // self.total_limit, 100))
        return found


def monthly_limit(account: Account, included: Mapping[str, int]) -> int:
    """The account's own monthly limit, or what its plan includes; 0 for none.

    included: as topology.included_bytes() tells.  It holds for the whole family, so a sub-account has none by it.
    """
    return account.monthly_limit or (included.get(account.plan, 0) if account.parent_id is None else 0)


class UsageEntry(NamedTuple):
    """The bytes and exchanges of one account and token in one batch of the journal."""

    account_id: int
    parent_id: int
    """0 for none.  Kept here since the account may be deleted before its last bytes are billed."""
    token_id: int
    """0 where no token was used."""
    up: int
    """Bytes from the client."""
    down: int
    """Bytes to the client."""
    exchanges: int


@dataclass(frozen=True, slots=True)
class Ban:
    """After too many wrong credentials this name is refused from this address, until the time `until`."""

    address: str
    """IPv4, or the /64 of an IPv6 address, as text."""
    username: str
    """Lower case; "*" bans every name from the address."""
    until: int


class DrainedExit(NamedTuple):
    """An exit that the operator has drained: nothing new leaves by it."""

    name: str
    at: int
    by: str
    """Who drained the exit, as the audit log names people."""


class RestingExit(NamedTuple):
    """An exit that rests after failures, as one process sees it."""

    node: str
    """The process: `host:data folder`."""
    exit: str
    until: int
    """When the rest ends and a request may try the exit."""
    failures: int
    """Failures in a row."""
    reason: str
    """The reason of the latest failure."""
    at: int
    """When the rest was noted."""


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the change feed: processes drop what they remember of this account."""

    seq: int
    account_id: int
    """0 for all accounts; `values.published.HOSTS` for none."""


Source = Literal["password", "token", "key", "address", "hostname", "meter"]  # meter: as owner of a published host


@dataclass(frozen=True, slots=True)
class Admission:
    """A client that was let in: the outcome of authentication and of all checks of the account alone."""

    identity: Identity
    source: Source
    subject: str
    """What the client was admitted by, never secret: the token's id, the address, the hostname, or the username."""
    token_id: int
    """0 where no token was used."""
    selection: Selection
    """The exit that the credential asks for: by its user name, over the default of its token."""
    consumed: Literal["proxy-authorization", "authorization", ""]
    """The request field that carried the credential; "" for none."""
    only: frozenset[str] = frozenset()
    """Names of the proxies that the token is for; empty for all that the account may use."""
    confined: bool = False
    """Whether the token is confined (see Token), and so may change nothing of the account."""
    terms: Terms | None = field(default=None, compare=False, repr=False)
    """What account, parent, plan and token hold the exchanges to, beside the settings; None for nothing."""

    @property
    def account(self) -> Account:
        return self.identity.account


class Tried(NamedTuple):
    """Whose credential came with what was refused: for the logs, never for a client."""

    name: str
    """The username of the account, where the credential was the account's; else the tried name as bans have it."""
    account_id: int = 0
    """The account of that name; 0 where it is not known."""
    token_id: int = 0
    """0 where no known token was used."""
    admitted: bool = False  # whether the credential was let in, and only what was asked for with it is refused


@dataclass(frozen=True, slots=True)
class Refusal:
    """A "no" as a value.  The reason is a key of `proxy.replies`; the detail, for people, holds nothing internal."""

    reason: str
    detail: str = ""
    retry_after: int = 0
    """Seconds for the field Retry-After; 0 for no such field."""
    tried: Tried | None = field(default=None, compare=False)
    """The owner of the credential; None where none came, or whoever refuses knows it otherwise."""
    words: str = ""  # the operator's own for the client, printable ASCII, in place of those of `proxy.replies`
