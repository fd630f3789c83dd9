"""Credentials that are not remembered: the store and the slow hash.

Every way to a "no" costs the same: one question to the store and as many slow hashes as the field has readings that
were not found wrong before, whether or not there is such an account.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from hashlib import blake2b, sha256

from twisted.internet.interfaces import IReactorTime

from meshd.auth import units as lookups
from meshd.auth.credentials import Reading
from meshd.auth.failures import Failures
from meshd.auth.guesses import Guess
from meshd.auth.identity import Disproof, IdentityCache, Proof, Proofs, Verdict
from meshd.auth.passwords import Busy, Hasher
from meshd.auth.policy import INVALID, account_end, of_account, of_name, open_to, token_end, token_valid
from meshd.auth.question import Asked, PasswordAsked, TokenAsked, selected
from meshd.auth.terms import terms_of
from meshd.model import Account, Admission, Identity, Refusal
from meshd.running.flights import Lines
from meshd.selection import NONE
from meshd.store.interface import Store
from meshd.store.statements import tokens
from meshd.topology import Live
from meshd.values.terms import Terms
from meshd.values.tokens import MESHD

Wanted = Callable[[], bool]
"""Whether anybody waits for an answer still."""

MOST_WRONG = 10_000
"""Passwords that are remembered as wrong: 3 MB.  Each has cost a slow hash, and four of a name are a ban."""

LINE = 256
"""Different credentials of one name that may wait at one address for each other, as sticky keys with one password."""

TOKEN = "token"  # noqa: S105
"""The trace of every wrong token: bans call each token by a name of its own, which has no second credential."""


class Verifier:
    """Decides about a credential anew.  A password that was verified is not hashed again while it is in use."""

    def __init__(
        self,
        store: Store,
        clock: IReactorTime,
        now: Callable[[], float],
        live: Live,
        hasher: Hasher,
        failures: Failures,
        random: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._clock = clock
        self._now = now
        self._live = live
        self._hasher = hasher
        self._failures = failures
        self._random = random
        self._proofs: Proofs[Proof] = Proofs(lambda: live.limits.identities)
        self._disproofs: Proofs[Disproof] = Proofs(lambda: MOST_WRONG)
        self._lines = Lines(LINE)
        self._twofold: frozenset[str] | None = None
        """The usernames that can be read as another one and a selection; None where that is in doubt."""
        self._epoch = 0
        self._password_digest = blake2b(key=random(32), digest_size=16)

    async def check(self, asked: Asked, wanted: Wanted) -> Verdict | Refusal:
        """Decide about a credential that no known ban concerns.  Raises: StoreError, Busy, Crowded.

        wanted: a password that nobody waits for any more is not hashed.
        """
        if isinstance(asked, TokenAsked):
            return await self._token(asked)
        # One guess after the other: of many at once, all but the first few are to meet the ban, not the hash.
        async with self._lines.hold((asked.address, asked.name)):
            try:
                if wanted():
                    return self._failures.banned(asked.address, asked.name) or await self._password(asked, wanted)
            except Busy:
                if refusal := self._failures.banned(asked.address, asked.name):
                    return refusal
                raise
        raise Busy

    def derive(
        self, asked: Asked, cache: IdentityCache, monotonic: float, *, away: bool = False
    ) -> Verdict | Refusal | None:
        """Decide by what is remembered of the same token or password with another selection or sticky key; no I/O.

        None where nothing is; away: whether an outdated verdict will do, since the store is away.
        """
        if isinstance(asked, TokenAsked):
            if asked.kinds is not MESHD:  # what is remembered by its digest counts elsewhere
                return None
            known = cache.fresh(asked.digest, monotonic) if not away else cache.stale(asked.digest, monotonic)
            return known and _selecting(asked, known)
        for split in asked.splits:
            for reading in asked.readings:
                proof = self._proofs.get(self._password_key(split.base, reading), monotonic)
                known = proof and cache.of_account(proof.account_id, monotonic, away=away)
                if proof and known and _proven(known.admission.account, split.base, proof):
                    return self._by_password(asked, reading, known.admission.identity, (known.until, known.last))
            # A shorter name counts only where no account has this longer one.
            if self._twofold is None or split.base in self._twofold:
                return None
        return None

    def guess(self, asked: Asked) -> bytes:
        """What tells a wrong credential from others of its name: the token, or all that follows the user-id."""
        return asked.digest if isinstance(asked, TokenAsked) else self._password_key(asked.name, asked.readings[0])

    def one_account(self, asked: Asked) -> bool:
        """Whether all that bans call by this credential's name is surely one account's, with whatever selection."""
        longer = () if isinstance(asked, TokenAsked) else asked.splits[:-1]
        return not longer or (self._twofold is not None and not any(each.base in self._twofold for each in longer))

    def doubt(self) -> None:
        """Forget which usernames are twofold: an account has changed, and perhaps a username is new."""
        self._epoch += 1
        self._twofold = None

    def life(self, end: float = float("inf")) -> tuple[float, float]:
        """Until when (monotonic) a verdict is fresh, and may serve while the store is away; never past end (epoch)."""
        monotonic, span, left = self._clock.seconds(), self._live.limits.credential_cache, end - self._now()
        return monotonic + min(span, left), monotonic + min(2 * span, left)

    def by_peer(self, listed: lookups.Listed, address: str) -> Verdict:
        """The verdict on a client without a credential, whose address is an account's."""
        identity, source, subject = listed.identity, "address", address
        if listed.hostname:
            source, subject = "hostname", listed.hostname
        terms = self._terms(identity)
        admission = Admission(identity, source, subject, 0, NONE, "", terms=terms)  # type: ignore[arg-type]
        return Verdict(admission, "", *self.life(account_end(identity)), open_to(identity))

    def _terms(self, identity: Identity, token_rules: str = "") -> Terms | None:
        """What the account is held to by the settings of now; None for nothing beside them."""
        return terms_of(identity, self._live.topology.plans, token_rules)

    async def _token(self, asked: TokenAsked) -> Verdict | Refusal:
        found = await self._unbanned(asked, lambda: self._find_token(asked))
        if isinstance(found, Refusal):
            return found
        identity, token = found.identity, found.token
        valid = token is not None and token.kind in asked.kinds and token_valid(token, self._now())
        if identity is None or token is None or not valid:
            await self._failures.failed(asked, self.guess(asked), TOKEN)
            return of_name(INVALID, asked.name, identity.account.id if identity else 0)
        only = frozenset((*token.proxies, *found.formerly))
        by = str(token.id), token.id, NONE, asked.consumed, only, token.confined
        admission = Admission(identity, "key" if token.kind else "token", *by, self._terms(identity, token.rules))
        life = self.life(min(token_end(token), account_end(identity)))
        if token.kind:
            await self._store.run(tokens.used, [token.id], int(self._now()))
        return _selecting(asked, Verdict(admission, asked.name, *life, open_to(identity, only), token.selection))

    async def _password(self, asked: PasswordAsked, wanted: Wanted) -> Verdict | Refusal:
        found = await self._unbanned(asked, lambda: self._find(asked))
        if isinstance(found, Refusal):
            return found
        account = found.identity.account if found.identity else None
        matched = await self._matching(asked, account, wanted)
        if isinstance(matched, str) or found.identity is None:
            await self._failures.failed(asked, self.guess(asked), matched if isinstance(matched, str) else "")
            return of_name(INVALID, asked.name, account.id if account else 0)
        self._prove(matched, found.identity.account)
        return self._by_password(asked, matched, found.identity, self.life(account_end(found.identity)))

    async def _unbanned(self, asked: Asked, find: Callable[[], Awaitable[lookups.Found]]) -> lookups.Found | Refusal:
        """What the store finds, or the refusal by a ban that the store has and this process had not read yet."""
        found = await find()
        if found.ban is None:
            return found
        self._failures.learned(found.ban)
        if refusal := self._failures.banned(asked.address, asked.name):
            return refusal
        # The address is banned for every name, but this process knows that this name was right there.
        found = await find()
        return of_name(INVALID, asked.name) if found.ban else found

    async def _find_token(self, asked: TokenAsked) -> lookups.Found:
        return await self._store.run(
            lookups.by_token,
            asked.digest,
            asked.name,
            asked.address,
            int(self._now()),
            spared=self._failures.table.spares(asked.address, asked.name),
        )

    async def _find(self, asked: PasswordAsked) -> lookups.Found:
        names = [split.base for split in asked.splits]
        epoch = self._epoch
        found = await self._store.run(
            lookups.by_name,
            asked.name,
            names,
            asked.address,
            int(self._now()),
            spared=self._failures.table.spares(asked.address, asked.name),
            twofold=len(names) > 1 and self._twofold is None,
        )
        if found.twofold is not None and self._epoch == epoch:
            self._twofold = found.twofold
        return found

    async def _matching(self, asked: PasswordAsked, account: Account | None, wanted: Wanted) -> Reading | str:
        """The reading that is the account's password; else the trace of the wrong ones, "" where one has no trace."""
        monotonic = self._clock.seconds()
        username, encoded = (account.username.lower(), account.password_hash) if account else (asked.name, "")
        for reading in asked.readings:
            proof = self._proofs.get(self._password_key(username, reading), monotonic)
            if proof is not None and proof.encoded == encoded:
                return reading
        if proven := next((each for each in asked.readings if self._hasher.knows(encoded, each.secret)), None):
            return proven
        known = self._failures.known(asked.address, asked.name)
        guess = Guess(asked.address, known, lambda: wanted() and not self._failures.banned(asked.address, asked.name))
        traces: list[bytes] = []
        for reading in asked.readings:
            # By what was typed: a hash that is spared must not tell that a name and an e-mail address are the same.
            key = self._password_key(asked.name, reading)
            disproof = self._disproofs.get(key, monotonic)
            if disproof is None or disproof.encoded != encoded:
                right, trace = await self._hasher.verify(encoded, reading.secret, guess)
                if right:
                    for _ in traces:  # of the same credential, read otherwise
                        self._hasher.forgive(guess)
                    return reading
                disproof = self._disprove(key, encoded, trace)
            traces.append(disproof.trace)
        return sha256(b"".join(traces)).hexdigest()[:16] if all(traces) else ""

    def _disprove(self, key: bytes, encoded: str, trace: bytes) -> Disproof:
        # For a random time: that a password is hashed again must not tell of a change in between.
        share = 1 + self._random(1)[0] / 255
        until = self._clock.seconds() + share * self._live.limits.failure_window / 2
        disproof = Disproof(encoded, trace, until)
        self._disproofs.put(key, disproof)
        return disproof

    def _prove(self, reading: Reading, account: Account) -> None:
        # Twice the time of a verdict: a password that is asked about again after its verdict has its proof still.
        until = self._clock.seconds() + 2 * self._live.limits.credential_cache
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
        admission = Admission(identity, "password", username, 0, NONE, asked.consumed, terms=self._terms(identity))
        if isinstance(selection, Refusal):
            return of_account(selection, admission)
        admission = replace(admission, selection=selection) if selection is not NONE else admission
        return Verdict(admission, asked.name, *life, open_to(identity))


def _proven(account: Account, username: str, proof: Proof) -> bool:
    """Whether the account still has the password that was proven, and the name that the password was proven with."""
    return account.password_hash == proof.encoded and account.username.lower() == username


def _selecting(asked: TokenAsked, known: Verdict) -> Verdict | Refusal:
    """The verdict on a token with the selection that is asked for this time."""
    selection = selected(asked, known.admission.account.username, asked.session, known.default)
    if isinstance(selection, Refusal):
        return of_account(selection, known.admission)
    admission = replace(known.admission, selection=selection, consumed=asked.consumed)
    return Verdict(admission, known.name, known.until, known.last, known.open_to, known.default)
