"""A credential that somebody presents: what it says, what it is called, how it counts, what it asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Literal, NamedTuple

from meshd.auth.bans import MALFORMED, can_be_user, name_of_token, name_of_user
from meshd.auth.credentials import BasicCredentials, BearerCredentials, Malformed, Reading, read
from meshd.auth.identity import Key
from meshd.auth.secrets import ban_address, token_digest
from meshd.model import Refusal
from meshd.selection import NONE, Selection, SelectionError, Split, candidates, read_selection
from meshd.values.tokens import MESHD, V1, TokenKind

Consumed = Literal["proxy-authorization", "authorization", ""]

_NOBODY = Split("", "")


@dataclass(frozen=True, slots=True)
class TokenAsked:
    """A token, in whichever field and form it came."""

    key: bytes
    """The keyed digest of the field that the token came in."""
    name: str
    """What bans call the token."""
    address: str
    """What bans call the peer: an IPv4 address, or the /64 of an IPv6 address."""
    consumed: Consumed
    once: bool
    """Whether the same wrong credential counts once in the window of failures."""
    splits: tuple[Split, ...] = field(repr=False)
    """The ways to read the user-id (which may be the token itself), one at least, the longest base first."""
    digest: bytes
    session: str
    kinds: frozenset[TokenKind] = MESHD
    """The kinds of token that count where this one came."""

    @property
    def varies(self) -> bool:
        """Whether the same token may come with other words around it the next time."""
        return len(self.splits) > 1 or self.session != ""

    def base(self, account_id: int) -> Key:
        """The key of a verdict on the same credential, whatever is around it."""
        return self.digest


@dataclass(frozen=True, slots=True)
class PasswordAsked:
    """A user-id, and all readings of what follows it; the other attributes are as in TokenAsked."""

    key: bytes
    name: str
    address: str
    consumed: Consumed
    once: bool
    splits: tuple[Split, ...]
    """The ways to read the user-id whose base can be a username, in lower case; the longest base first."""
    readings: tuple[Reading, ...]

    @property
    def varies(self) -> bool:
        """Whether the same password may come with other words around it the next time."""
        return len(self.splits) > 1 or len(self.readings) > 1

    def base(self, account_id: int) -> Key:
        """The key of any verdict on a password of the account: another one's is no address and no digest."""
        return f"account {account_id}"


Asked = TokenAsked | PasswordAsked


class Unseen(NamedTuple):
    """What the store has to be asked about somebody who asks through a named proxy."""

    question: Asked | None
    """The credential that decides; None where the address does."""
    peer: str
    proxy: str


def asked(key: bytes, field: bytes, peer: str, consumed: Consumed, *, api: bool = False) -> Asked | None:
    """What a credential's field asks; None for another scheme, and for one that cannot be read: nothing was guessed.

    api: whether the field came to the API, where the user-id is a username alone and all that follows is the password.
    """
    common = ban_address(peer), consumed, not api
    match read(field):
        case Malformed():
            return None
        case BearerCredentials(token):
            return _token(key, *common, (_NOBODY,), Reading("", token))
        case BasicCredentials() as sent:
            username, rest = (sent if api else sent.as_meant).pair
            splits = (Split(username, ""),) if api else tuple(candidates(username))
            basic = BasicCredentials(splits[-1].base, rest, keyed=not api)
            if (carried := basic.token) is not None:
                return _token(key, *common, splits, carried)
            named = tuple(Split(each.base.lower(), each.rest) for each in splits if can_be_user(each.base))
            return PasswordAsked(key, name_of_user(username), *common, named or (_UNNAMED,), basic.passwords)


def by_key(key: bytes, field: bytes, peer: str, kinds: frozenset[TokenKind] = V1) -> TokenAsked | None:
    """What `Authorization` asks at an API that takes Bearer alone, of the tokens that count there."""
    credentials = read(field)
    if not isinstance(credentials, BearerCredentials):
        return None
    common = ban_address(peer), "authorization", False
    return replace(_token(key, *common, (_NOBODY,), Reading("", credentials.token)), kinds=kinds)  # type: ignore[arg-type]


def entering(digest: Callable[[bytes], bytes], typed: str, username: str, password: str, peer: str) -> PasswordAsked:
    """What is asked by a page's form: a password alone, never a token, of the account that the username names.

    digest: that of forms, by which the question is remembered; typed: the name that bans know.
    """
    field = "\0".join((typed, username, password)).encode("utf-8", "surrogatepass")
    splits = (Split(username.lower(), "") if can_be_user(username) else _UNNAMED,)
    reading = Reading("", password)
    return PasswordAsked(digest(field), entering_name(typed), ban_address(peer), "", False, splits, (reading,))


def entering_name(typed: str) -> str:
    """What bans call a name that was typed into a form: an e-mail address that can be no username has its own name."""
    if can_be_user(typed) or "@" not in typed:
        return name_of_user(typed)
    return f"email:{sha256(typed.lower().encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def selected(asked: Asked, username: str, session: str, default: str = "") -> Selection | Refusal:
    """What a right credential asks of the exit, or the refusal of what cannot be read.

    username: the account's; session: the credential's sticky key; default: its token's own selection; "" for none.
    """
    known = (split for split in asked.splits if split.base.lower() == username.lower())
    base, rest = next(known, asked.splits[-1])
    try:
        own = read_selection(rest, len(base) + 1).over(Selection(session=session) if session else NONE)
        return own.over(read_selection(default)) if default else own
    except SelectionError as error:
        return Refusal("bad-selection", str(error))


_UNNAMED = Split(MALFORMED, "")
"""What the store is asked for in place of an impossible name, so that to find nobody takes as long as ever."""


def _token(
    key: bytes, address: str, consumed: Consumed, once: bool, splits: tuple[Split, ...], carried: Reading
) -> TokenAsked:
    digest = token_digest(carried.secret)
    return TokenAsked(key, name_of_token(digest), address, consumed, once, splits, digest, carried.session)
