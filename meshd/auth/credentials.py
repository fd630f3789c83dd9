"""What a credential field says: Basic (RFC 7617) or Bearer (RFC 6750), never who that is.

A Basic user-id ends at the first colon.  The rest is read in two ways: as the password, and as `key:password`, whose
key is sticky; at the API, which knows no exits, as the password alone.  A token of ours may stand in a Basic field too,
since most clients cannot send Bearer to a proxy:

- as the password, whatever the user-id (a token names its account by itself, and clients fill in anything),
- as the password of the sticky form (`anything:key:pm_…`),
- as the user-id, with an empty or ignored password; `pm_…:key:` gives a sticky key,
- alone, where a client leaves out the colon of a user-id without a password.

Many clients take name and password from a URL as they stand there, and send `%3A` and `%40` for what these mean.  No
username has a `%`, so a user-id with an escape is decoded, and what follows it.  A password may have one: it is tried
as it was sent, and then decoded.

What a user-id says of the exit (meshd.selection) is read by `question.asked`, which knows whether that is allowed.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from meshd.auth.secrets import looks_like_token
from meshd.selection import LONGEST, stem

# A credential is read before anybody is known, and each reading of a password is hashed slowly, so there is no more of
# either than an honest client can need.  What is longer is nobody's, whatever it says.
LONGEST_FIELD = 8 * 1024
"""Bytes of the field: a user name and a rest of the longest, in UTF-8 and base64, have 6.8 kB."""
LONGEST_REST = 1024
"""Characters behind the user name: a sticky key, and a password of 128 in the longest spelling that means the same."""
LONGEST_TOKEN = 256
"""Characters of a bearer token; ours have 52."""

_ESCAPE = re.compile("%[0-9A-Fa-f]{2}")
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
        """The readings of `rest`, in the order in which to try them: two at most, however many colons there are, and
        two more where it holds escapes that may not have been decoded.
        """
        if not self.keyed:
            return (Reading("", self.rest),)
        if not _ESCAPE.search(self.rest):
            return _readings(self.rest)
        return tuple(dict.fromkeys(_readings(self.rest) + _readings(_decoded(self.rest))))

    @property
    def token(self) -> Reading | None:
        """The token that the field carries, where it carries one."""
        if looks_like_token(self.username):
            keys = (reading.session for reading in self.passwords if reading.session)
            return Reading(next(keys, ""), self.username)
        return next((reading for reading in self.passwords if looks_like_token(reading.secret)), None)

    @property
    def pair(self) -> tuple[str, str]:
        """The user-id, and all after it."""
        return self.username, self.rest

    @property
    def as_meant(self) -> BasicCredentials:
        """The same, decoded where the user-id was not, before what may be a selection, whose values have escapes."""
        if "%" not in self.username or not _ESCAPE.search(stem(self.username)):
            return self
        username, _, rest = f"{_decoded(self.username)}:{_decoded(self.rest)}".partition(":")
        return BasicCredentials(username, rest, self.keyed)

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
    text = _text(decoded)
    if ":" not in text and not looks_like_token(stem(text)):
        text = _decoded(text)
        if ":" not in text:
            return Malformed()
    username, _, rest = text.partition(":")
    short = len(username) <= LONGEST and len(rest) <= LONGEST_REST
    return BasicCredentials(username, rest) if short else Malformed()


def _readings(rest: str) -> tuple[Reading, ...]:
    key, colon, password = rest.partition(":")
    whole = Reading("", rest)
    return (whole, Reading(key, password)) if colon else (whole,)


def _decoded(text: str) -> str:
    """The text with its percent-escapes decoded once (RFC 3986, 2.1)."""
    return _text(unquote_to_bytes(text))


def _text(raw: bytes) -> str:
    """Decode UTF-8, as our challenge asks for (RFC 7617), or else Latin-1, which older clients send."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _bearer(token: bytes) -> BearerCredentials | Malformed:
    short = len(token) <= LONGEST_TOKEN
    return BearerCredentials(token.decode("ascii")) if short and _TOKEN68.fullmatch(token) else Malformed()
