"""One try of one notice, whatever its target is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred, TimeoutError

from meshd.dns.resolver import Resolver
from meshd.mail import smtp
from meshd.mail.letter import rendered
from meshd.notify import document
from meshd.notify.retrying import Outcome
from meshd.notify.webhook import Poster
from meshd.values.mail import Mail
from meshd.values.notices import Mailbox, Notice, Target, Webhook

LETTER = 120.0
"""Seconds for one letter with all answers of the server: less than a process has its notice in hand (queue.LEASE)."""


class Send(Protocol):
    """How a notice is tried once."""

    async def __call__(self, target: Target, notice: Notice) -> Outcome:
        """No failure of the target's raises."""


class Sender:
    """Tries notices by webhook and by letter."""

    def __init__(self, reactor: Any, resolver: Resolver, mail: Callable[[], Mail], now: Callable[[], float]) -> None:
        """mail: gives the settings of letters that are in force."""
        self._reactor = reactor
        self._poster = Poster(reactor, resolver)
        self._mail = mail
        self._now = now

    async def __call__(self, target: Target, notice: Notice) -> Outcome:
        if isinstance(target, Webhook):
            return await self._poster.post(target, notice, self._now())
        return await self._write(target, notice)

    async def _write(self, mailbox: Mailbox, notice: Notice) -> Outcome:
        mail = self._mail()
        letter = document.letter(notice, mailbox.address)
        content = rendered(letter, mail.sender, now=notice.at, unique=notice.notice)
        sending = Deferred.fromCoroutine(smtp.send(self._reactor, mail, mailbox.address, content))
        try:
            await sending.addTimeout(LETTER, self._reactor)
        except smtp.Undelivered as error:
            return Outcome("over" if error.final else "again", str(error))
        except TimeoutError:
            return Outcome("again", f"the server did not take the letter within {LETTER:g} s")
        return Outcome("taken", "the server took the letter")
