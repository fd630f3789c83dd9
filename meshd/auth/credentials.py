"""What a credential field says: Basic (RFC 7617) or Bearer (RFC 6750), never who that is.

A Basic user-id ends at the first colon.  The rest is read in two ways: as the password, and as `key:password`, whose
key is sticky; at the API, which knows no exits, as the password alone.  A token of ours may stand in a Basic field too,
since most clients cannot send Bearer to a proxy:

- as the password, whatever the user-id (a token names its account by itself, and clients fill in anything),
- as the password of the sticky form (`anything:key:pm_…`),
- as the user-id, with an empty or ignored password; `pm_…:key:` gives a sticky key.

What a user-id says of the exit (meshd.selection) is read by `question.asked`, which knows whether that is allowed.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass, field
from typing import NamedTuple

from meshd.auth.secrets import looks_like_token
from meshd.selection import LONGEST

# A credential is read before anybody is known, and each reading of a password is hashed slowly, so there is no more of
# either than an honest client can need.  What is longer is nobody's, whatever it says.
LONGEST_FIELD = 8 * 1024
"""Bytes of the field: a user name and a rest of the longest, in UTF-8 and base64, have 6.8 kB."""
LONGEST_REST = 1024
"""Characters behind the user name: a sticky key, and a password of 128 in the longest spelling that means the same."""
LONGEST_TOKEN = 256
"""Characters of a bearer token; ours have 52."""

_TOKEN68 = re.compile(rb"[A-Za-z0-9._~+/-]++=*+")


class Reading(NamedTuple):
    """One way to understand what follows the user-id, or a token."""

    session: str
    """The sticky key; "" for none."""
    secret: str

    def __repr__(self) -> str:
        return "Reading(…)"


@dataclass(frozen=True, slots=True)
class BasicCredentials:
    username: str
    rest: str = field(repr=False)
    """All after the first colon."""
    keyed: bool = True
    """Whether a sticky key may stand before the password."""

    @property
    def passwords(self) -> tuple[Reading, ...]:
        """The readings of `rest`, in the order in which to try them; two at most, however many colons there are."""
        whole = Reading("", self.rest)
        key, colon, password = self.rest.partition(":")
        return (whole, Reading(key, password)) if colon and self.keyed else (whole,)

    @property
    def token(self) -> Reading | None:
        """The token that the field carries, where it carries one."""
        if looks_like_token(self.username):
            key, colon, _ = self.rest.partition(":")
            return Reading(key if colon and self.keyed else "", self.username)
        return next((reading for reading in self.passwords if looks_like_token(reading.secret)), None)

    def __repr__(self) -> str:
        # The user-id may be a token.
        return "BasicCredentials(…)"


@dataclass(frozen=True, slots=True)
class BearerCredentials:
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Malformed:
    """A field in another scheme than Basic and Bearer, or one that cannot be read."""


Credentials = BasicCredentials | BearerCredentials | Malformed


def read(field: bytes) -> Credentials:
    """What a `Proxy-Authorization` or `Authorization` value says."""
    if len(field) > LONGEST_FIELD:
        return Malformed()
    scheme, _, rest = field.strip(b" \t").partition(b" ")
    match scheme.lower():
        case b"basic":
            return _basic(rest.strip(b" \t"))
        case b"bearer":
            return _bearer(rest.strip(b" \t"))
    return Malformed()


def own_token(field: bytes) -> bool:
    """Whether a Bearer value is for meshd: by the token's prefix, so that a mistyped one goes to no origin either."""
    return bearer(field) and field[7:].lstrip(b" ").startswith(b"pm_")


def bearer(field: bytes) -> bool:
    """Whether an `Authorization` value is in the Bearer scheme: a quick question, asked before own_token."""
    return field[:7].lower() == b"bearer "


def _basic(encoded: bytes) -> BasicCredentials | Malformed:
    try:
        # Padding is left out by some clients; it carries nothing.
        decoded = binascii.a2b_base64(encoded + b"=" * (-len(encoded) % 4), strict_mode=True)
    except binascii.Error:
        return Malformed()
    username, colon, rest = _text(decoded).partition(":")
    short = len(username) <= LONGEST and len(rest) <= LONGEST_REST
    return BasicCredentials(username, rest) if colon and short else Malformed()


def _text(raw: bytes) -> str:
    """Decode UTF-8, as our challenge asks for (RFC 7617), or else Latin-1, which older clients send."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _bearer(token: bytes) -> BearerCredentials | Malformed:
    short = len(token) <= LONGEST_TOKEN
    return BearerCredentials(token.decode("ascii")) if short and _TOKEN68.fullmatch(token) else Malformed()
