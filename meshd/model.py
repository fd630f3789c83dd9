"""The values that every floor speaks of: frozen, comparable, without behaviour beyond their own sums.

Bytes are integers, times are whole seconds since the epoch (UTC), an absent text is "".  0 means "no limit".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from meshd.selection import Selection

Role = Literal["root", "admin", "viewer", "customer"]
EndedBy = Literal["", "operator", "plan"]

GB = 10**9
"""A gigabyte, in bytes, wherever a document, a form or a command says GB."""

Sample = tuple[str, tuple[tuple[str, str], ...], float]
"""One number of a service at this moment: its name, its labels with their values, and what it is."""


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
    """1 to 31; a day that a month lacks means its last.  A sub-account's periods follow its parent's."""
    created_at: int
    password_hash: str = field(repr=False)
    """argon2id in its encoded form; "" for an account that cannot sign in by password."""
    suspended: bool = False
    """Whether the operator deactivated it: a sub-account that its parent cannot activate."""
    monthly_ceiling: int = 0
    """Of a sub-account: the highest limit that the operator lets its parent set, as is `total_ceiling`."""
    total_ceiling: int = 0
    password_by: int = 0
    """The token that set its password; 0 for none."""


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token.  Its secret is known to its holder alone; the store has the SHA-256."""

    id: int
    account_id: int
    label: str
    active: bool
    expires_on: str
    """An ISO date, the token valid through that day (UTC); "" for never."""
    created_at: int
    selection: str = ""
    """What it asks for where its user does not, in the form of meshd.selection."""
    proxies: tuple[str, ...] = ()
    """Names of the proxies that it is for; () for all that its account may use."""
    ended_by: EndedBy = ""
    """Of an inactive one: whose doing that is, other than its holder's."""

    @property
    def confined(self) -> bool:
        """Whether it is for less than its account may do: for some proxies, or with exits of its own choice."""
        return bool(self.proxies or self.selection)


@dataclass(frozen=True, slots=True)
class AuthorizedIP:
    """An address whose connections are an account's without any credential."""

    account_id: int
    address: str
    """As ipaddress prints it, never IPv4-mapped."""
    label: str
    created_at: int
    disputed: bool = False
    """Whether an earlier claim keeps the address from this account, as far as whoever asked may know."""
    contested: bool = False
    """Whether it does in truth: for the daemon's log, and for no customer."""


@dataclass(frozen=True, slots=True)
class AuthorizedHostname:
    """A name whose present addresses are an account's without any credential."""

    account_id: int
    hostname: str
    """Lower case, no final dot."""
    created_at: int
    addresses: tuple[str, ...] = ()
    """What it stands for now, as the daemon has found."""
    disputed: tuple[str, ...] = ()
    """Those of them that an earlier claim keeps from this account, as far as whoever asked may know."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What an account and its sub-accounts have used, as the store knows it."""

    account_id: int
    total_bytes: int
    period_bytes: int
    period_start: int
    """The first second of the billing period that period_bytes belongs to."""


@dataclass(frozen=True, slots=True)
class Identity:
    """All that a decision about one account needs, read in one unit."""

    account: Account
    parent: Account | None
    proxies: tuple[str, ...]
    """Names of the proxies it is authorised for, in the order of authorisation; a sub-account's are its parent's."""
    usage: Usage
    parent_usage: Usage | None


@dataclass(frozen=True, slots=True)
class Standing:
    """An account's limits and usage after a flush: what the ledger judges by."""

    account_id: int
    parent_id: int | None
    monthly_limit: int
    total_limit: int
    billing_day: int
    """The effective one: the parent's for a sub-account."""
    usage: Usage


@dataclass(frozen=True, slots=True)
class UsageEntry:
    """What one account moved in one journal batch."""

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
    """Four wrong credentials: this name is refused from this address until then."""

    address: str
    """IPv4, or the /64 of an IPv6 address, as text."""
    username: str
    """Lower case; "*" bans every name from the address."""
    until: int


class DrainedExit(NamedTuple):
    """An exit that the operator has taken out: nothing new leaves by it."""

    name: str
    at: int
    by: str
    """As the audit names whoever did it."""


class RestingExit(NamedTuple):
    """An exit that has failed, as one process sees it."""

    node: str
    """The process: `host:data folder`."""
    exit: str
    until: int
    """When its rest ends and it is tried."""
    failures: int
    """In a row."""
    reason: str
    """Of the latest one."""
    at: int
    """When that was."""


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the change feed: drop what you remember of this account."""

    seq: int
    account_id: int
    """0 means everything."""


Source = Literal["password", "token", "address", "hostname"]


@dataclass(frozen=True, slots=True)
class Admission:
    """Who is asking, decided: the outcome of authentication and of what depends on the account alone."""

    identity: Identity
    source: Source
    subject: str
    """What it was admitted by, never secret: the token's id, the address, the hostname, or the username."""
    token_id: int
    """0 where no token was used."""
    selection: Selection
    """What the credential says of the exit: its user name and its sticky key, else what its token has."""
    consumed: Literal["proxy-authorization", "authorization", ""]
    """The request field that carried the credential."""
    only: frozenset[str] = frozenset()
    """Names of the proxies that its token is for; empty for all that the account may use."""
    confined: bool = False
    """Whether its token is for less than the account may do, and so changes nothing of it."""

    @property
    def account(self) -> Account:
        return self.identity.account


class Tried(NamedTuple):
    """Whose credential was refused, as the logs may tell it; no client is told."""

    name: str
    """The account's, where the credential was its; else what bans call the name that was tried."""
    account_id: int = 0
    """The account of that name, where that is known."""
    token_id: int = 0
    """0 where no token was used, or none that is known."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A "no" as a value.  The reason is a key of `proxy.replies`; the detail, for people, holds nothing internal."""

    reason: str
    detail: str = ""
    retry_after: int = 0
    """Seconds; 0 for none."""
    tried: Tried | None = field(default=None, compare=False)
    """None where no credential was refused."""


class Exchange(NamedTuple):
    """One request and its answer, or one tunnel: a line of the exchange log.

    A tuple, since one is made for every request and a frozen dataclass takes four times as long to make.
    """

    id: str
    at: float
    seconds: float
    account_id: int
    """0 where nobody was admitted."""
    username: str
    token_id: int
    proxy: str
    client: str
    method: str
    host: str
    port: int
    exit: str
    status: int
    reason: str
    """"" where all went well, else the reason of the refusal or of the end."""
    up: int
    down: int


class PastExchange(NamedTuple):
    """An exchange that has ended, as its account's holder sees it."""

    account_id: int
    ended: int
    """Milliseconds since the epoch, as is `began`."""
    request: str
    """The id of the exchange."""
    family_id: int
    """The parent's id, or the account's own."""
    began: int
    token_id: int
    proxy: str
    client: str
    method: str
    host: str
    port: int
    exit: str
    status: int
    reason: str
    up: int
    down: int
