"""Who is asking, answered for the proxy and the account API by one set of rules.

The first that applies decides, and a wrong credential never falls through to the next: `Proxy-Authorization`; a token
of ours in `Authorization`; the peer's address on a list; a hostname that resolves to it; nobody.

`recall` answers what is remembered, without I/O, or says what is to be asked; `admit` asks that of the store, runs the
slow hash and counts failures.  While the store is away, what is remembered serves for one more lifetime, and all else
is refused: nobody is let in unknown.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from twisted.internet.interfaces import IReactorTime

from meshd.auth import units as lookups
from meshd.auth.asking import Asking
from meshd.auth.bans import MALFORMED
from meshd.auth.credentials import bearer, own_token
from meshd.auth.denials import Denials
from meshd.auth.digests import FieldDigests
from meshd.auth.entrance import Entrance
from meshd.auth.failures import Failures
from meshd.auth.hostnames import Hostnames
from meshd.auth.identity import IdentityCache, Key, Verdict
from meshd.auth.passwords import Busy, Hasher
from meshd.auth.policy import INVALID, REQUIRED, UNAVAILABLE, account_end, inactive, may_pass, of_account, of_name
from meshd.auth.question import Asked, Consumed, Unseen, asked, by_key
from meshd.auth.recheck import Presence, Still
from meshd.auth.secrets import ban_address, normal_address
from meshd.auth.verify import Verifier, Wanted
from meshd.model import Admission, Change, Refusal
from meshd.running.flights import Crowded
from meshd.store.interface import Store, StoreError
from meshd.topology import Live
from meshd.values.samples import Sample
from meshd.values.tokens import MESHD, V1, Kinds

PROBE = 2.0
"""Seconds that an outdated "yes" serves for when the store was found away; then the store is asked again."""


class AuthService:
    """Says who is asking, for all of a process; starts and stops the hostnames, and stops the hasher."""

    def __init__(
        self,
        store: Store,
        clock: IReactorTime,
        now: Callable[[], float],
        live: Live,
        hasher: Hasher,
        hostnames: Hostnames,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._store = store
        self._seconds = clock.seconds
        self._now = now
        self._live = live
        self._hasher = hasher
        self._hostnames = hostnames
        self._cache = IdentityCache(lambda: live.limits.identities)
        self._failures = Failures(store, clock, now, live)
        self._bans = self._failures.table
        self._verifier = Verifier(store, clock, now, live, hasher, self._failures, random)
        self._presence = Presence(store, clock, now, live)
        self._asking = Asking(hasher, clock.seconds, live.limits.password_queue)
        self._denials = Denials(self._verifier, self._failures, clock.seconds)
        self._digests = FieldDigests(random)
        self.entrance = Entrance(self._sign_in, self._failures, self._digests.page)

    def recall(
        self, proxy: str, peer: str, proxy_authorization: bytes | None, authorization: bytes | None, /
    ) -> Admission | Refusal | Unseen:
        """Answer from memory; Unseen where `admit` has to be awaited.  Called for each request, so kept short."""
        if proxy_authorization is not None:
            key = self._digests.proxy(proxy_authorization)
            verdict = self._cache.fresh(key, self._seconds())
            if verdict is None:
                return self._recall_unseen(key, proxy_authorization, "proxy-authorization", proxy, peer)
            if self._bans.by_address and (refusal := self._banned(verdict, peer)):
                return refusal
            if verdict.peer != peer:
                self._failures.right(verdict, peer)
            return verdict.admission if proxy in verdict.open_to else _answer(verdict, proxy)
        if authorization is not None and bearer(authorization):
            return self._recall_origin(authorization, proxy, peer)
        return self._recall_peer(proxy, peer)

    async def admit(self, unseen: Unseen) -> Admission | Refusal:
        """Decide what `recall` could not answer, by the store and the slow hash."""
        question, peer, proxy = unseen
        outcome, _ = await self._decide(question.key if question else peer, question, peer)
        if isinstance(outcome, Refusal):
            return outcome
        if question is not None:
            self._failures.right(outcome, peer)
        return _answer(outcome, proxy)

    async def sign_in(self, peer: str, authorization: bytes | None, *, kinds: Kinds = MESHD) -> Admission | Refusal:
        """Say who asks at an API, by `Authorization`; an address is no credential there.  kinds: the tokens that count
        there; at any but meshd's own APIs nothing else does.
        """
        if authorization is None:
            return REQUIRED
        digests = self._digests
        key = (digests.api if kinds is MESHD else digests.v1 if kinds is V1 else digests.hosts)(authorization)
        verdict = self._cache.fresh(key, self._seconds())
        if verdict is not None:  # as in recall(): a field whose verdict is remembered is not parsed again
            if self._bans.by_address and (refusal := self._banned(verdict, peer)):
                return refusal
            if verdict.peer != peer:
                self._failures.right(verdict, peer)
            return _signed_in(verdict)
        if kinds is not MESHD:
            question: Asked | None = by_key(key, authorization, peer, kinds)
        else:
            question = asked(key, authorization, peer, "authorization", api=True)
        return await self._sign_in(question, peer) if question is not None else _UNREADABLE

    async def _sign_in(self, question: Asked, peer: str) -> Admission | Refusal:
        outcome = self._remembered(question)
        if outcome is None and (wrong := self._denials.wrong(question)):
            await self._failures.failed(question)
            return wrong
        if outcome is None:
            outcome, led = await self._decide(question.key, question, peer)
            if outcome == INVALID and not led:
                await self._failures.failed(question)
        if isinstance(outcome, Refusal):
            return outcome
        self._failures.right(outcome, peer)
        return _signed_in(outcome)

    async def still(self, admission: Admission, proxy: str) -> Still:
        """Why an open tunnel's admission no longer holds, asked of the store; where it does, the terms now, or None."""
        return await self._presence.still(admission, proxy, self._cache.epoch)

    def forget(self, change: Change) -> None:
        """Ask anew for a changed account and its sub-accounts from now on, and trust no remembered "no"."""
        self._cache.drop(change.account_id)
        self._verifier.doubt()
        self._denials.doubt()
        self._hostnames.forget(change)

    def samples(self) -> Iterable[Sample]:
        """How many credentials and addresses are remembered, and how many addresses are banned."""
        return ("auth_identities", (), float(len(self._cache))), *self._failures.samples()

    async def start(self) -> None:
        """Start to read the bans again and again, and to watch the hostnames, even while the store is away."""
        await self._failures.start()
        await self._hostnames.start()

    async def stop(self) -> None:
        await self._failures.stop()
        await self._hostnames.stop()
        await self._hasher.stop()

    def _recall_origin(self, authorization: bytes, proxy: str, peer: str) -> Admission | Refusal | Unseen:
        key = self._digests.origin(authorization)
        verdict = self._cache.fresh(key, self._seconds())
        if verdict is not None:
            if refusal := self._banned(verdict, peer):
                return refusal
            if verdict.peer != peer:
                self._failures.right(verdict, peer)
            return _answer(verdict, proxy)
        if own_token(authorization):
            return self._recall_unseen(key, authorization, "authorization", proxy, peer)
        return self._recall_peer(proxy, peer)

    def _recall_unseen(
        self, key: bytes, field: bytes, consumed: Consumed, proxy: str, peer: str
    ) -> Admission | Refusal | Unseen:
        question = asked(key, field, peer, consumed)
        if question is None:
            return _UNREADABLE
        outcome = self._remembered(question)
        if isinstance(outcome, Verdict):
            self._failures.right(outcome, peer)
            return _answer(outcome, proxy)
        return outcome or self._denials.counted(question) or Unseen(question, peer, proxy)

    def _banned(self, verdict: Verdict, peer: str) -> Refusal | None:
        return self._failures.banned(ban_address(peer), verdict.name, verdict.admission.identity.account.id)

    def _remembered(self, question: Asked) -> Verdict | Refusal | None:
        """A ban, a verdict on this field, or what follows from one on the same credential with another selection."""
        monotonic = self._seconds()
        if refusal := self._failures.banned(question.address, question.name):
            return refusal
        verdict = self._cache.fresh(question.key, monotonic)
        if verdict is not None:
            return verdict
        derived = self._verifier.derive(question, self._cache, monotonic)
        if isinstance(derived, Verdict):
            self._cache.put(question.key, derived, passing=question.varies)
        return derived

    def _recall_peer(self, proxy: str, peer: str) -> Admission | Refusal | Unseen:
        verdict = self._cache.fresh(peer, self._seconds())
        if verdict is not None and self._resolves(verdict, peer):
            return _answer(verdict, proxy)
        refusal = self._denials.stranger(peer) if verdict is None else None
        return refusal if refusal and not self._hostname(peer) else Unseen(None, peer, proxy)

    def _resolves(self, verdict: Verdict, key: Key) -> bool:
        """Whether the verdict's hostname still resolves to the address; true for a verdict by anything else."""
        admission = verdict.admission
        return admission.source != "hostname" or self._hostname(str(key)) == admission.subject

    def _hostname(self, peer: str) -> str:
        address = normal_address(peer)
        return self._hostnames.find(address) if address else ""

    async def _decide(self, key: Key, question: Asked | None, peer: str) -> tuple[Verdict | Refusal, bool]:
        """The outcome, and whether this call brought it about itself, rather than waited for another's."""
        try:
            landed = await self._asking.join(
                key, question, peer, lambda wanted: self._anew(key, question, peer, wanted)
            )
        except StoreError:
            return self._while_away(key, question), False
        except (Busy, Crowded):
            return _unavailable(question), False
        return landed.result, landed.led

    async def _anew(self, key: Key, question: Asked | None, peer: str, wanted: Wanted) -> Verdict | Refusal:
        while True:
            epoch = self._cache.epoch
            outcome = await (self._verifier.check(question, wanted) if question else self._whose(peer))
            if isinstance(outcome, Refusal):
                if self._cache.epoch == epoch:
                    self._denials.note(key, question, outcome)
                return outcome
            # What was read before a change of this account, or before its last day was over, is not good enough: a
            # tunnel opened by it would have missed the check that followed.
            ended = account_end(outcome.admission.identity) <= self._now()
            if not ended and self._cache.current(outcome.admission, epoch):
                self._remember(key, question, outcome)
                return outcome

    def _remember(self, key: Key, question: Asked | None, verdict: Verdict) -> None:
        if varies := question is not None and question.varies:
            self._cache.put(question.base(verdict.admission.account.id), verdict)
        self._cache.put(key, verdict, passing=varies)

    async def _whose(self, peer: str) -> Verdict | Refusal:
        """Ask the store whose the peer's address is."""
        address = normal_address(peer)
        if address is None:
            return REQUIRED
        listed = await self._store.run(lookups.by_peer, address, self._hostnames.find(address), int(self._now()))
        return REQUIRED if listed is None else self._verifier.by_peer(listed, address)

    def _while_away(self, key: Key, question: Asked | None) -> Verdict | Refusal:
        """What serves without the store: an outdated "yes", or the "no" to an address that was nobody's of late."""
        monotonic = self._seconds()
        verdict = self._cache.stale(key, monotonic)
        if verdict is None and question is not None:
            derived = self._verifier.derive(question, self._cache, monotonic, away=True)
            if isinstance(derived, Refusal):
                return derived
            verdict = derived
        if verdict is not None and self._resolves(verdict, key):
            verdict.until = min(monotonic + PROBE, verdict.last)
            self._cache.put(key, verdict, passing=question is not None and question.varies)
            return verdict
        if isinstance(key, str) and self._denials.was_stranger(key, self._live.limits.credential_cache):
            return REQUIRED
        return _unavailable(question)


_UNREADABLE = of_name(INVALID, MALFORMED)
"""For a field that cannot be read: nothing was guessed, so no failure is counted."""


def _unavailable(question: Asked | None) -> Refusal:
    return of_name(UNAVAILABLE, question.name) if question is not None else UNAVAILABLE


def _answer(verdict: Verdict, proxy: str) -> Admission | Refusal:
    admission = verdict.admission
    refusal = may_pass(admission.identity, proxy, admission.only)
    return of_account(refusal, admission) if refusal else admission


def _signed_in(verdict: Verdict) -> Admission | Refusal:
    refusal = inactive(verdict.admission.identity)
    return of_account(refusal, verdict.admission) if refusal else verdict.admission
