"""What the store is asked about a credential or an address, one unit for each question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from meshd.auth.claims import admitted
from meshd.model import Admission, Ban, Identity, Token
from meshd.store.statements import accounts, addresses, bans, claims, hostnames, identities, proxies, tokens
from meshd.store.unit import Unit


class Found(NamedTuple):
    """Who a credential names; nobody while a ban holds."""

    ban: Ban | None = None
    identity: Identity | None = None
    token: Token | None = None
    twofold: frozenset[str] | None = None
    """Usernames, in lower case, that can be read as another one and a selection; None for not asked, or too many."""
    formerly: Sequence[str] = ()
    """Names that the token's proxies had before."""


class Listed(NamedTuple):
    """Whose an address is, and by which hostname; "" where the address itself is listed."""

    identity: Identity
    hostname: str


def by_name(
    name: str, usernames: Sequence[str], address: str, now: int, *, spared: bool = False, twofold: bool = False
) -> Unit[Found]:
    """The account with the longest of the usernames, or the ban that keeps it out.

    name: what bans call all of the usernames; spared: whether that name is spared a ban of the whole address; twofold:
    whether to read the twofold usernames too.
    """
    if ban := (yield from bans.find(address, name, now, spared=spared)):
        return Found(ban)
    names = (yield from accounts.twofold()) if twofold else None
    return Found(identity=(yield from identities.by_usernames(usernames, now)), twofold=names)


def by_token(digest: bytes, name: str, address: str, now: int, *, spared: bool = False) -> Unit[Found]:
    if ban := (yield from bans.find(address, name, now, spared=spared)):
        return Found(ban)
    found = yield from identities.by_token(digest, now)
    if found is None:
        return Found()
    identity, token = found
    return Found(identity=identity, token=token, formerly=(yield from proxies.formerly(token.proxies, now)))


def by_peer(address: str, hostname: str, now: int) -> Unit[Listed | None]:
    """Whose the address is, by its earliest claim.  hostname: what resolves to it as this process sees it, or ""."""
    claim = admitted((yield from claims.of_address(address)), hostname, now)
    identity = (yield from identities.load(claim.account_id, now)) if claim else None
    return Listed(identity, claim.hostname) if claim and identity else None


class Present(NamedTuple):
    """An admitted account as it is now, None where it is admitted no more; the token only where one was used."""

    identity: Identity | None
    token: Token | None


def present(admission: Admission, now: int) -> Unit[Present]:
    """Read an admitted account anew, if what it was admitted by is still the account's.  A password is not compared."""
    token = None
    match admission.source:
        case "token":
            token = yield from tokens.by_id(admission.token_id)
            owner = None if token is None else token.account_id
        case "address":
            listed = yield from addresses.of_both(admission.account.id, admission.subject)
            owner = None if listed is None else listed.account_id
        case "hostname":
            named = yield from hostnames.of_both(admission.account.id, admission.subject)
            owner = None if named is None else named.account_id
        case "password" | "meter":
            owner = admission.account.id
    if owner != admission.account.id:
        return Present(None, token)
    return Present((yield from identities.load(owner, now)), token)
