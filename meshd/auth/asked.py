"""A credential that somebody presents: what it says, what it is called, how it counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from meshd.auth.bans import name_of_token, name_of_user
from meshd.auth.credentials import BasicCredentials, BearerCredentials, Malformed, Reading, read
from meshd.auth.secrets import ban_address, token_digest

Consumed = Literal["proxy-authorization", "authorization", ""]


@dataclass(frozen=True, slots=True)
class TokenAsked:
    """A token, in whichever field and form it came."""

    key: bytes
    """The keyed digest of its field."""
    name: str
    """What bans call it."""
    address: str
    """What bans call the peer."""
    consumed: Consumed
    once: bool
    """Whether the same wrong credential within ten seconds counts once."""
    digest: bytes
    session: str


@dataclass(frozen=True, slots=True)
class PasswordAsked:
    """A user-id, and all readings of what follows it; the other attributes as above."""

    key: bytes
    name: str
    address: str
    consumed: Consumed
    once: bool
    readings: tuple[Reading, ...]


Asked = TokenAsked | PasswordAsked


def asked(key: bytes, field: bytes, peer: str, consumed: Consumed, *, once: bool) -> Asked | None:
    """None where the field is in no scheme of ours, or cannot be read: nothing was guessed."""
    address = ban_address(peer)
    match read(field):
        case Malformed():
            return None
        case BearerCredentials(token):
            return _token(key, address, consumed, once, Reading("", token))
        case BasicCredentials() as basic:
            if (carried := basic.token) is not None:
                return _token(key, address, consumed, once, carried)
            return PasswordAsked(key, name_of_user(basic.username), address, consumed, once, basic.passwords)


def _token(key: bytes, address: str, consumed: Consumed, once: bool, carried: Reading) -> TokenAsked:
    digest = token_digest(carried.secret)
    return TokenAsked(key, name_of_token(digest), address, consumed, once, digest, carried.session)
