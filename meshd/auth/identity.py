"""Remembered answers: which credential, or address, is whose.

Nothing secret is kept: a field is remembered by a digest keyed with a random key of this process.  Everything is
bounded, in all and for each account, so that one account's many sticky keys push out its own entries and nobody else's.
A verdict is passing where the next request may come with another field of the same credential, as from programs that
make a sticky key for each request: passing verdicts push out each other, however many accounts have them.
Times are the monotonic clock's.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from meshd.bounded import Bounded
from meshd.model import Admission

Key = bytes | str
"""The keyed digest of a header field, or a client's address as the socket gives it."""

PER_ACCOUNT = 1024
PASSING = 4
"""The part of the bound, one in so many, that passing verdicts may take."""
_DROPPED = 4096


@dataclass(slots=True, eq=False)
class Verdict:
    """A remembered admission; its times are monotonic."""

    admission: Admission
    name: str
    """What bans call the credential; "" for an address, which no ban concerns."""
    until: float
    """When the verdict ceases to be fresh."""
    last: float
    """Until when the verdict may still serve while the store is away."""
    open_to: frozenset[str]
    """The proxies that the account may use, so that no other check is needed for them."""
    default: str = ""
    """The selection that its token asks for by itself; "" for none."""
    peer: str = ""
    """The address at which the credential was noted as right last; "" for none yet."""


class IdentityCache:
    """Verdicts by key, the least recently used evicted first; and by account, to be dropped together."""

    def __init__(self, bound: Callable[[], int]) -> None:
        self._bound = bound
        self._verdicts: OrderedDict[Key, Verdict] = OrderedDict()
        self._passing: OrderedDict[Key, None] = OrderedDict()
        """The keys of passing verdicts, in the order in which they were put."""
        self._keys: dict[int, dict[Key, None]] = {}
        self._children: dict[int, set[int]] = {}
        self._dropped: Bounded[int, int] = Bounded(lambda: _DROPPED)
        self._floor = 0
        self.epoch = 0
        """How often something was dropped; noted before a read of the store, and passed to current() after it."""

    def __len__(self) -> int:
        return len(self._verdicts)

    def fresh(self, key: Key, monotonic: float) -> Verdict | None:
        verdict = self._verdicts.get(key)
        if verdict is None or monotonic >= verdict.until:
            return None
        self._verdicts.move_to_end(key)
        return verdict

    def stale(self, key: Key, monotonic: float) -> Verdict | None:
        """The verdict that may serve while the store is away, fresh or not; None for none."""
        verdict = self._verdicts.get(key)
        return verdict if verdict is not None and monotonic < verdict.last else None

    def of_account(self, account_id: int, monotonic: float, *, away: bool = False) -> Verdict | None:
        """Any verdict of the account that is fresh, or (away) may serve while the store is away; None for none."""
        for key in self._keys.get(account_id, ()):
            verdict = self._verdicts[key]
            if monotonic < (verdict.last if away else verdict.until):
                self._verdicts.move_to_end(key)
                return verdict
        return None

    def current(self, admission: Admission, epoch: int) -> bool:
        """True if neither the account nor its parent was dropped after `epoch`, so what was read then is current."""
        account = admission.account
        newest = max(self._floor, self._dropped.get(account.id, 0), self._dropped.get(account.parent_id or 0, 0))
        return newest <= epoch

    def put(self, key: Key, verdict: Verdict, *, passing: bool = False) -> None:
        if key in self._verdicts:
            self._remove(key)
        account = verdict.admission.account
        keys = self._keys.setdefault(account.id, {})
        if account.parent_id is not None:
            self._children.setdefault(account.parent_id, set()).add(account.id)
        self._verdicts[key] = verdict
        keys[key] = None
        if passing:
            self._passing[key] = None
        if len(keys) > PER_ACCOUNT:
            self._remove(self._oldest(keys) if passing else next(iter(keys)))
        bound = max(self._bound(), 1)
        if len(self._passing) > max(bound // PASSING, 1):
            self._remove(next(iter(self._passing)))
        while len(self._verdicts) > bound:
            self._remove(next(iter(self._verdicts)))

    def _oldest(self, keys: dict[Key, None]) -> Key:
        """The oldest passing key of an account, which has one; keys before it become the newest."""
        while (oldest := next(iter(keys))) not in self._passing:
            del keys[oldest]
            keys[oldest] = None
        return oldest

    def drop(self, account_id: int) -> None:
        """Forget the verdicts of an account and its sub-accounts; with 0 all verdicts."""
        self.epoch += 1
        if account_id == 0:
            self._floor = self.epoch
            for table in (self._verdicts, self._passing, self._keys, self._children, self._dropped):
                table.clear()
            return
        for family in (account_id, *self._children.get(account_id, ())):
            for key in list(self._keys.get(family, ())):
                self._remove(key)
        self._floor = self._dropped.put(account_id, self.epoch) or self._floor

    def _remove(self, key: Key) -> None:
        account = self._verdicts.pop(key).admission.account
        self._passing.pop(key, None)
        keys = self._keys[account.id]
        del keys[key]
        if keys:
            return
        del self._keys[account.id]
        if account.parent_id is not None and (siblings := self._children.get(account.parent_id)) is not None:
            siblings.discard(account.id)
            if not siblings:
                del self._children[account.parent_id]


class Proof(NamedTuple):
    """That a password, known by its keyed digest, is the one behind an encoded hash."""

    account_id: int
    encoded: str
    until: float

    def __repr__(self) -> str:
        return f"Proof(account_id={self.account_id})"


class Disproof(NamedTuple):
    """That a password, known by its keyed digest, is not that of an encoded hash; "" is nobody's hash."""

    encoded: str
    trace: bytes
    """The trace of the slow hash, as in passwords.Compared."""
    until: float


P = TypeVar("P", Proof, Disproof)


class Proofs(Generic[P]):
    """Passwords that were verified, or found wrong, so that the slow hash is not run again for each use.

    A proof names one encoded hash, so it does not match after a change of the password; each proof ends at `until`.
    """

    def __init__(self, bound: Callable[[], int]) -> None:
        self._proofs: Bounded[bytes, P] = Bounded(lambda: max(bound(), 1))

    def __len__(self) -> int:
        return len(self._proofs)

    def get(self, key: bytes, monotonic: float) -> P | None:
        proof = self._proofs.get(key)
        return proof if proof is not None and monotonic < proof.until else None

    def put(self, key: bytes, proof: P) -> None:
        self._proofs.put(key, proof)
