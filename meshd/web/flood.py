"""Bounds what may be tried in an hour: so often from one address or by one account, so often in all.

A registration costs the store a row that stays, and the processor a slow hash; whether an e-mail address is somebody's
is told to whoever wants to have it.  The memory is each process's own: several processes together allow as many times
more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from math import ceil

from meshd.accounts.errors import Invalid, TooMany
from meshd.bounded import Bounded
from meshd.model import Account

HOUR = 3600.0
PER_ADDRESS = 20
"""In an hour from one address: an office that shares one is not shut out."""
IN_ALL = 200
"""In an hour: what one person can look through, and a tenth of a second of hashing each minute."""
ASKED_BY_ACCOUNT = 10
"""Changes of an e-mail address that are tried in an hour: whose an address is can be learnt by them."""
TOO_OFTEN = "the e-mail address was to be changed too often; try again later"
GUESSED_BY_ACCOUNT = 20
"""Codes of coupons that are wrong, in an hour: what a code is worth is money."""
TOO_MANY_CODES = "too many codes were wrong; try again later"
NAMED_BY_ACCOUNT = 50
"""Names of sub-accounts with an @ that are refused, in an hour: they may be anybody's address."""
TOO_MANY_NAMES = "too many names were refused; try again later"
UNBOUNDED = 1_000_000_000
"""Tries of all in an hour, where a bound would let one customer keep everybody from any."""
ADDRESSES = 10_000
"""That are remembered; of more the oldest is forgotten, and then the bound of all holds alone."""


@dataclass(frozen=True, slots=True)
class Wait:
    """How long to wait, and how many tries an hour are allowed."""

    seconds: int
    limit: int


class Flood:
    """Counts as a bucket that fills evenly: all of an hour's tries may come at once, and then one after the other."""

    def __init__(self, clock: Callable[[], float], per_address: int = PER_ADDRESS, in_all: int = IN_ALL) -> None:
        self._clock = clock
        self._per_address = per_address
        self._in_all = in_all
        self._full: Bounded[str, float] = Bounded(lambda: ADDRESSES)
        """By address, when all of its tries are there again."""
        self._all = 0.0

    def tried(self, address: str) -> Wait | None:
        """Count a try; or say how long to wait, and count nothing."""
        now = self._clock()
        one = _after(self._full.get(address, 0.0), now, self._per_address)
        all_ = _after(self._all, now, self._in_all)
        for full, limit in ((one, self._per_address), (all_, self._in_all)):
            if full - now > HOUR:
                return Wait(ceil(full - now - HOUR), limit)
        self._full.put(address, one)
        self._all = all_
        return None

    @contextmanager
    def guessing(self, account_id: int, guess: str, field: str = "code", told: str = TOO_MANY_CODES) -> Iterator[None]:
        """Count what an account names in a field, unless nothing that is wrong with it comes out of the block.
        Raises: TooMany, before, with that text.
        """
        if not guess.strip():
            yield
            return
        self.require(account_id, told)
        wrong = False
        try:
            yield
        except Invalid as error:
            wrong = field in error.messages
            raise
        finally:
            if not wrong:
                self._give_back(str(account_id))

    def _give_back(self, address: str) -> None:
        self._full.put(address, self._full.get(address, 0.0) - HOUR / self._per_address)
        self._all -= HOUR / self._in_all

    def require(self, account_id: int, told: str) -> None:
        """Count a try of an account's.  Raises: TooMany, with that text."""
        if (wait := self.tried(str(account_id))) is not None:
            raise TooMany(told, wait.seconds, wait.limit)


class Bounds:
    """What an account may guess in an hour, by whichever API or page of this process."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.coupons = Flood(clock, GUESSED_BY_ACCOUNT, UNBOUNDED)
        self._addresses = Flood(clock, ASKED_BY_ACCOUNT, UNBOUNDED)
        self._names = Flood(clock, NAMED_BY_ACCOUNT, UNBOUNDED)

    def asked(self, account: Account) -> Wait | None:
        """Count a change of an account's e-mail address, or say how long to wait.  A sub-account's is not counted: none
        is refused to it but below `/v1`, where its letters are.
        """
        return None if account.parent_id is not None else self._addresses.tried(str(account.id))

    def require_asked(self, account: Account) -> None:
        """Count it.  Raises: TooMany."""
        if (wait := self.asked(account)) is not None:
            raise TooMany(TOO_OFTEN, wait.seconds, wait.limit)

    def naming(self, account: Account, username: str) -> AbstractContextManager[None]:
        """Count the name of a new sub-account that is refused and could be an address.  Raises: TooMany, before."""
        return self._names.guessing(account.id, username if "@" in username else "", "username", TOO_MANY_NAMES)


def _after(full: float, now: float, tries: int) -> float:
    """When all tries are there again after one more; a clock that was set back is not waited for."""
    return max(now, min(full, now + HOUR)) + HOUR / tries
