"""Credentials that are not remembered: the store and the slow hash.

Every way to a "no" costs the same: one question to the store and as many slow hashes as the field has readings, whether
or not there is such an account.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import blake2b
from time import gmtime, strftime

from twisted.internet.interfaces import IReactorTime

from meshd.auth import lookups
from meshd.auth.asked import Asked, PasswordAsked, TokenAsked, selected
from meshd.auth.credentials import Reading
from meshd.auth.failures import Failures
from meshd.auth.flights import Lines
from meshd.auth.identity import IdentityCache, Proof, Proofs, Verdict
from meshd.auth.passwords import Hasher
from meshd.auth.policy import INVALID, open_to, token_end, token_valid
from meshd.model import Account, Admission, Ban, Identity, Refusal
from meshd.selection import NONE
from meshd.store.interface import Store
from meshd.topology import Limits


class Verifier:
    """Decides about a credential anew.  What it has verified once it does not hash again while it is in use."""

    def __init__(
        self,
        store: Store,
        clock: IReactorTime,
        now: Callable[[], float],
        limits: Callable[[], Limits],
        hasher: Hasher,
        failures: Failures,
        key: bytes,
    ) -> None:
        self._store = store
        self._clock = clock
        self._now = now
        self._limits = limits
        self._hasher = hasher
        self._failures = failures
        self._proofs = Proofs(lambda: limits().identities)
        self._lines = Lines()
        self._twofold: frozenset[str] | None = None
        """The usernames that can be read as another one and a selection; None where that is in doubt."""
        self._epoch = 0
        self._password_digest = blake2b(key=key, digest_size=16)

    async def check(self, asked: Asked) -> Verdict | Refusal:
        """For one that no known ban concerns.  StoreError, Busy."""
        if isinstance(asked, TokenAsked):
            return await self._token(asked)
        # One guess after the other: of many at once, all but the first few are to meet the ban, not the hash.
        async with self._lines.hold((asked.address, asked.name)):
            return self._failures.banned(asked.address, asked.name) or await self._password(asked)

    def derive(
        self, asked: Asked, cache: IdentityCache, monotonic: float, *, away: bool = False
    ) -> Verdict | Refusal | None:
        """From what is remembered of the same token or password with another selection or sticky key; no I/O."""
        if isinstance(asked, TokenAsked):
            known = cache.fresh(asked.digest, monotonic) if not away else cache.stale(asked.digest, monotonic)
            return known and _selecting(asked, known)
        for split in asked.splits:
            for reading in asked.readings:
                proof = self._proofs.get(self._password_key(split.base, reading), monotonic)
                known = proof and cache.of_account(proof.account_id, monotonic, away=away)
                if proof and known and known.admission.account.password_hash == proof.encoded:
                    return self._by_password(asked, reading, known.admission.identity, (known.until, known.last))
            # A shorter name counts only where there is no account of this one.
            if self._twofold is None or split.base in self._twofold:
                return None
        return None

    def doubt(self) -> None:
        """An account has changed: perhaps there is one whose name was none before."""
        self._epoch += 1
        self._twofold = None

    def life(self, end: float = float("inf")) -> tuple[float, float]:
        """Until when a verdict is fresh, and until when it may serve while the store is away; never past its end."""
        monotonic, span, left = self._clock.seconds(), self._limits().credential_cache, end - self._now()
        return monotonic + min(span, left), monotonic + min(2 * span, left)

    async def _token(self, asked: TokenAsked) -> Verdict | Refusal:
        now = int(self._now())
        found = await self._store.run(lookups.by_token, asked.digest, asked.name, asked.address, now)
        if found.ban:
            return self._banned(found.ban, asked)
        identity, token = found.identity, found.token
        if identity is None or token is None or not token_valid(token, today(now)):
            return await self._failures.failed(asked)
        only = frozenset(token.proxies)
        admission = Admission(identity, "token", str(token.id), token.id, NONE, asked.consumed, only)
        life = self.life(token_end(token))
        return _selecting(asked, Verdict(admission, asked.name, *life, open_to(identity, only), token.selection))

    async def _password(self, asked: PasswordAsked) -> Verdict | Refusal:
        found = await self._find(asked)
        if found.ban:
            return self._banned(found.ban, asked)
        account = found.identity.account if found.identity else None
        reading = await self._matching(asked, account)
        if reading is None or found.identity is None:
            return await self._failures.failed(asked)
        self._prove(reading, found.identity.account)
        return self._by_password(asked, reading, found.identity, self.life())

    async def _find(self, asked: PasswordAsked) -> lookups.Found:
        names = [split.base for split in asked.splits]
        epoch = self._epoch
        found = await self._store.run(
            lookups.by_name,
            asked.name,
            names,
            asked.address,
            int(self._now()),
            twofold=len(names) > 1 and self._twofold is None,
        )
        if found.twofold is not None and self._epoch == epoch:
            self._twofold = found.twofold
        return found

    async def _matching(self, asked: PasswordAsked, account: Account | None) -> Reading | None:
        monotonic = self._clock.seconds()
        username, encoded = (account.username.lower(), account.password_hash) if account else (asked.name, "")
        for reading in asked.readings:
            proof = self._proofs.get(self._password_key(username, reading), monotonic)
            if proof is not None and proof.encoded == encoded:
                return reading
        for reading in asked.readings:
            if await self._hasher.verify(encoded, reading.secret):
                return reading
        return None

    def _prove(self, reading: Reading, account: Account) -> None:
        # Twice the time of a verdict: one that is asked for again when it has run out finds its proof.
        until = self._clock.seconds() + 2 * self._limits().credential_cache
        proof = Proof(account.id, account.password_hash, until)
        self._proofs.put(self._password_key(account.username.lower(), reading), proof)

    def _password_key(self, username: str, reading: Reading) -> bytes:
        digest = self._password_digest.copy()
        digest.update(f"{username}:{reading.secret}".encode("utf-8", "surrogatepass"))
        return digest.digest()

    def _by_password(
        self, asked: PasswordAsked, reading: Reading, identity: Identity, life: tuple[float, float]
    ) -> Verdict | Refusal:
        username = identity.account.username
        selection = selected(asked, username, reading.session)
        if isinstance(selection, Refusal):
            return selection
        admission = Admission(identity, "password", username, 0, selection, asked.consumed)
        return Verdict(admission, asked.name, *life, open_to(identity))

    def _banned(self, ban: Ban, asked: Asked) -> Refusal:
        """By a ban that the store has and this process had not read yet."""
        self._failures.table.add(ban)
        return self._failures.banned(asked.address, asked.name) or INVALID


def _selecting(asked: TokenAsked, known: Verdict) -> Verdict | Refusal:
    """The same token with what is asked for this time."""
    selection = selected(asked, known.admission.account.username, asked.session, known.default)
    if isinstance(selection, Refusal):
        return selection
    admission = replace(known.admission, selection=selection, consumed=asked.consumed)
    return Verdict(admission, known.name, known.until, known.last, known.open_to, known.default)


def today(now: float) -> str:
    return strftime("%Y-%m-%d", gmtime(now))
