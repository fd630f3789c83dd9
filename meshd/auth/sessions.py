"""Sessions of the pages, in the store: begun by a sign-in, found by the digest of a cookie, ended by many things.

The cookie holds 32 random bytes and the store only their SHA-256.  A session is over after some hours in which
nothing was asked, and some days after its begin (Life); it ends at once when its account is deleted, deactivated, or
has another password or role than it began with.  A session that is half signed in waits for a code of the second
factor, and is nobody yet.
"""

from __future__ import annotations

from hashlib import sha256
from hmac import compare_digest
from typing import NamedTuple

from meshd.auth.policy import inactive
from meshd.auth.secrets import normal_address
from meshd.model import Account, Identity
from meshd.store.statements import identities, tokens
from meshd.store.statements import secondfactors as factors
from meshd.store.statements import sessions as stored
from meshd.store.statements.sessions import Session
from meshd.store.statements.texts import searchable
from meshd.store.unit import Unit

SECRET_BYTES = 32
HALF = 300
"""Seconds in which the code of the second factor is to come."""
TRIES = 5
"""Codes that may be tried by one sign-in; the next takes the password again."""
MOST = 20
"""Sessions of one account: somebody's browsers and machines.  Of more the one that was seen longest ago ends."""
EVERY = 60
"""Seconds within which one session's `seen_at` is written once."""
SWEEP = 1000
"""Sessions that are over and that one sign-in deletes; more are over than begin only after a long rest."""
AGENT = 200
"""Characters that are kept of what a browser calls itself."""


class Life(NamedTuple):
    """How long sessions last, in seconds: by the operator's settings, or as these are where nothing is set."""

    idle: int = 12 * 3600
    """Without a request."""
    longest: int = 30 * 86_400
    """However busy."""

    def end(self, began_at: int, seen_at: int) -> int:
        """The first second in which a session is over that began and was seen last then."""
        return min(seen_at + self.idle, began_at + self.longest)


LIFE = Life()


class SignedIn(NamedTuple):
    """A session with the account that it is of."""

    session: Session
    identity: Identity


def digest(secret: bytes) -> bytes:
    """What the store keeps of a cookie's secret.  A fast hash is right for 256 random bits."""
    return sha256(secret).digest()


def begin(
    account: Account,
    key: bytes,
    *,
    half: bool = False,
    replacing: bytes = b"",
    now: int,
    client: str,
    agent: str,
    life: Life = LIFE,
) -> Unit[None]:
    """Begin a session of an account whose password was right; the oldest of too many ends, and what is over goes.

    key, replacing: digests of the new cookie's secret and of that of the session that ends with it; b"" for none.
    """
    if replacing:
        yield from stored.end(replacing)
    until = now + HALF if half else life.end(now, now)
    shown = {"client": searchable((normal_address(client) or client)[:64]), "agent": searchable(agent[:AGENT])}
    yield from stored.add(key, account.id, proof=proof(account), half=half, now=now, until=until, **shown)
    yield from stored.keep(account.id, MOST)
    yield from stored.sweep(now, SWEEP)


def sign_in(
    account: Account, key: bytes, *, replacing: bytes = b"", now: int, client: str, agent: str, life: Life = LIFE
) -> Unit[bool]:
    """Begin a session as begin() does; whether by half, since the account has a second factor."""
    half = (yield from factors.of_account(account.id)) is not None
    yield from begin(account, key, half=half, replacing=replacing, now=now, client=client, agent=agent, life=life)
    return half


def find(key: bytes, now: int, *, half: bool = False, life: Life = LIFE) -> Unit[SignedIn | None]:
    """The session of that digest and its account, and note that it was seen; None for one that is over or otherwise
    half than asked for.
    """
    session = yield from stored.by_digest(key, now)
    if session is None or session.half != half or now >= life.end(session.began_at, session.seen_at):
        return None
    identity = yield from identities.load(session.account_id, now)
    if identity is None or not _holds(session, identity):
        yield from stored.end(key)
        return None
    if not half and now - session.seen_at >= EVERY:
        yield from stored.seen(session.id, now, life.end(session.began_at, now))
    return SignedIn(session, identity)


def listing(account_id: int, now: int) -> Unit[list[Session]]:
    """The account's sessions, the one that was seen last first."""
    return (yield from stored.of_account(account_id, now, MOST))


def tried(key: bytes) -> Unit[bool]:
    """Count a code that is tried; the session ends, and the answer is False, when it has had TRIES before."""
    if (yield from stored.tried(key, TRIES)):
        return True
    yield from stored.end(key)
    return False


def end(key: bytes) -> Unit[None]:
    yield from stored.end(key)


def end_one(account_id: int, session_id: int) -> Unit[bool]:
    """End one of the account's sessions; False where the account has none of that id."""
    return (yield from stored.end_one(account_id, session_id))


def end_all(account_id: int, but: int = 0) -> Unit[None]:
    """End all of an account's sign-ins: at the pages, and by access tokens but for the one of that id."""
    yield from stored.end_all(account_id)
    yield from tokens.end_access(account_id, but)


def _holds(session: Session, identity: Identity) -> bool:
    return inactive(identity) is None and compare_digest(session.proof, proof(identity.account))


def proof(account: Account) -> str:
    """What a sign-in is held against later: it ends with another password or another role."""
    return sha256(f"{account.role}\0{account.password_hash}".encode()).hexdigest()
