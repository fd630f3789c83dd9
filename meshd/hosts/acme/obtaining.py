"""What is due is looked at, ordered, answered for and kept, one certificate after the other.

The store says what is due, and lets one process at a time see to it; an authority is asked in a thread.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from threading import Event
from typing import Any, NamedTuple, Protocol, TypeVar

from cryptography import x509
from twisted.internet.defer import CancelledError, succeed
from twisted.internet.task import deferLater
from twisted.logger import Logger

from meshd.accounts.published import acme as orders
from meshd.accounts.published import attempts
from meshd.accounts.service import Accounts
from meshd.auth.sealing import Seals
from meshd.hosts.acme.authority import CHECK, Advice, Authority, Offer, Placed, new_key
from meshd.hosts.acme.failure import Failed
from meshd.hosts.acme.schedule import next_look, renewal, retry
from meshd.store.interface import StoreError
from meshd.tls.material import Material, checked, names_of, sealed_about
from meshd.values.hosting import Acme

SPREAD = 1.5
"""Seconds after which every process answers for a challenge: each looks for changes every half second."""
CLOCKS = 300
"""Seconds that the authority's clock may be ahead of this machine's."""

T = TypeVar("T")

log = Logger()


class Threads(Protocol):
    """Where an authority is asked."""

    def __call__(self, work: Callable[[], T]) -> Awaitable[T]:
        """What the work makes, in a thread.  Its exceptions are raised."""


class Parts(NamedTuple):
    """What obtaining needs of the process."""

    reactor: Any
    accounts: Accounts
    settings: Callable[[], Acme]
    seals: Callable[[], Seals]
    """Opens keys, and may raise OSError."""
    refresh: Callable[[], Awaitable[None]]
    """Has this process serve what is published by now."""
    node: str
    """Which one process at a time may be."""
    threads: Threads
    stopped: Event
    drawn: Callable[[], float]
    """A number from 0 up to 1 by chance."""


class Obtaining:
    """Sees to certificates, one at a time."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._perform = parts.accounts.perform
        self._now = parts.accounts.now

    async def look(self) -> None:
        """See to all that is due, and that nobody else has claimed.  Raises: StoreError."""
        for each in await self._perform(orders.due, self._now()):
            now = self._now()
            if await self._perform(orders.claim, each.row.id, self._parts.node, now + orders.LEASE, now=now):
                await self._see_to(each)

    async def _see_to(self, due: orders.Due) -> None:
        """Raises: StoreError, CancelledError."""
        certificate_id = due.row.id
        try:
            await self._renew_or_wait(due)
        except Failed as error:
            await self._failed(due, str(error), error.wait, type(error.__cause__).__name__)
        except CancelledError:
            await self._perform(orders.released, certificate_id, self._now())
            raise
        except StoreError:
            raise  # nothing can be told; the claim ends by itself
        except Exception:
            log.failure("certificate {id} of published hosts was not obtained", id=certificate_id)
            await self._failed(due, "meshd could not do it: its log says why.", 0.0, "")

    async def _failed(self, due: orders.Due, problem: str, wait: float, cause: str) -> None:
        now = self._now()
        text = "certificate {id} of published hosts was not obtained: {problem} [{cause}]"
        log.warn(text, id=due.row.id, problem=problem, cause=cause)
        again = retry(due.failures + 1, wait, self._parts.drawn(), now)
        await self._perform(orders.failed, due.row.id, problem, again, now, tuple(due.row.settings["domain_names"]))

    async def _renew_or_wait(self, due: orders.Due) -> None:
        """Raises: Failed, StoreError."""
        settings = due.row.settings
        names = tuple(settings["domain_names"])
        served = _leaf(settings["certificate"])
        if served is not None and not due.wanted and _is_well(settings) and set(names_of(served)) == set(names):
            at = await self._due_at(served, settings["certificate"], self._authority)
            if at > self._now():
                await self._perform(orders.postponed, due.row.id, at)
                return
        await self._obtain(due.row.id, names)

    async def _due_at(self, leaf: x509.Certificate, chain: str, reached: Callable[[], Awaitable[Authority]]) -> int:
        """When to renew what is served, or to look again.  An authority that is away changes nothing."""
        first, last = _life(leaf)
        try:
            authority = await reached()
            advice = await self._parts.threads(partial(authority.advice, chain))
        except Failed:
            advice = Advice(renewal(first, last), CHECK)
        return next_look(first, last, self._now(), *advice)

    async def _obtain(self, certificate_id: int, names: Sequence[str]) -> None:
        """Raises: Failed, StoreError."""
        authority = await self._signed_in()
        free_at = await self._perform(attempts.begin, names, self._now())
        if free_at:
            wait = free_at - self._now()
            raise Failed(f"Too many tries for one of these names: the next is made in {wait // 60 + 1} minutes.", wait)
        placed = await self._parts.threads(partial(authority.place, names))
        async with self._answered(placed.offers):
            chain = await self._parts.threads(partial(authority.collect, placed))
        made = _judged(chain, placed, names, self._now())
        await self._keep(certificate_id, names, made, authority)
        log.info(
            "certificate {id} of published hosts was obtained for {names}", id=certificate_id, names=", ".join(names)
        )
        await self._parts.refresh()

    async def _keep(self, certificate_id: int, names: Sequence[str], made: Material, authority: Authority) -> None:
        """Raises: StoreError."""
        sealed = self._parts.seals().seal_bytes(made.key.encode("ascii"), sealed_about(made.chain))
        leaf = _leaf(made.chain)
        assert leaf is not None
        at = await self._due_at(leaf, made.chain, partial(succeed, authority))
        now = self._now()
        # Whatever the authority says, it is asked no sooner than after a failure.
        again = max(at, retry(1, 0.0, self._parts.drawn(), now))
        await self._perform(orders.obtained, certificate_id, made.chain, sealed, made.expires, again, now, names)

    @asynccontextmanager
    async def _answered(self, offers: Sequence[Offer]) -> AsyncIterator[None]:
        """While it lasts, every process answers for these challenges.  Raises: StoreError."""
        try:
            for offer in offers:
                await self._perform(orders.challenge, offer.token, offer.text, self._now())
            if offers:
                await self._parts.refresh()
                await deferLater(self._parts.reactor, SPREAD)
            yield
        finally:
            for offer in offers:
                await self._perform(orders.unchallenge, offer.token)

    async def _authority(self) -> Authority:
        """A conversation in the name of the account that is kept, or of a new one.  Raises: Failed, StoreError."""
        return (await self._account())[0]

    async def _signed_in(self) -> Authority:
        """The same, with the account made or found again, and kept.  Raises: Failed, StoreError."""
        authority, key, uri = await self._account()
        found = await self._parts.threads(authority.sign_in)
        if found != uri:
            directory = self._parts.settings().directory
            sealed = self._parts.seals().seal_bytes(key.encode("ascii"), _account_of(directory))
            await self._perform(orders.keep_account_key, sealed, found, directory)
        return authority

    async def _account(self) -> tuple[Authority, str, str]:
        """The conversation, the account's key, and its URI, "" for one that is not known there yet."""
        settings = self._parts.settings()
        kept = await self._perform(orders.account_key, settings.directory)
        opened = kept and self._parts.seals().open_bytes(kept[0], _account_of(settings.directory))
        if kept and not opened:
            log.warn("the account at the authority was sealed by another key file; another account is made")
        key, uri = (opened.decode("ascii"), kept[1]) if kept and opened else (new_key(), "")
        return await self._parts.threads(partial(Authority, settings, key, uri, self._parts.stopped)), key, uri


def _account_of(directory: str) -> str:
    """What the key of an account is sealed about."""
    return f"account {directory}"


def _is_well(settings: dict[str, Any]) -> bool:
    """Whether there is something to serve that has not failed to be renewed: then a look is all that is due."""
    return settings["state"] == "active" and not settings["problem"]


def _leaf(chain: str) -> x509.Certificate | None:
    return x509.load_pem_x509_certificates(chain.encode("ascii"))[0] if chain else None


def _life(leaf: x509.Certificate) -> tuple[int, int]:
    return int(leaf.not_valid_before_utc.timestamp()), int(leaf.not_valid_after_utc.timestamp())


def _judged(chain: str, placed: Placed, names: Sequence[str], now: int) -> Material:
    """What was obtained, as it is served.  Raises: Failed."""
    try:
        made = checked(chain, placed.key, now + CLOCKS)
    except ValueError as error:
        raise Failed(f"The authority's certificate cannot be served. {error}") from error
    if missing := sorted(set(names) - set(made.names)):
        raise Failed(f"The authority's certificate is not for {missing[0]}.")
    return made
