"""One account as operators see it, below `/operator/accounts/NAME/`: what all of its pages have in common."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import quote

from meshd.accounts import dossier, subaccounts
from meshd.accounts.directory import state_of
from meshd.accounts.dossier import Dossier
from meshd.accounts.errors import NotFound, NotYours
from meshd.model import Account, Identity
from meshd.values.times import today
from meshd.web.dashboard.pages import OperatorRoutes
from meshd.web.reply import Reply
from meshd.web.room import Caller

ALL = "/operator/accounts/"
ONE = f"{ALL}{{name}}/"

TABS = {
    "": "Summary",
    "terms/": "Terms",
    "limits/": "Limits",
    "access/": "Access",
    "addresses/": "Addresses",
    "tokens/": "Tokens",
    "usage/": "Usage",
    "topups/": "Top-ups",
    "audit/": "Audit",
}
"""The pages of an account, by what their addresses end with."""


class Tab(NamedTuple):
    """A link to one of an account's pages."""

    text: str
    href: str
    current: bool


class SheetRoutes(OperatorRoutes):
    """Pages about the account that their address names."""

    async def _dossier(self, caller: Caller, username: str = "") -> Dossier:
        """The account that the address names, or another.
        Raises: NotFound where there is none; NotYours for an operator's, but to the root.
        """
        try:
            return await self._perform(dossier.read, caller.actor, username or named(caller))
        except NotYours as error:
            if error.absent:
                raise NotFound("there is no account of this name") from None
            raise

    async def _identity(self, caller: Caller, account: Account) -> Identity:
        """The account with what it used."""
        if account.id == caller.id:
            return caller.admission.identity
        return await self._perform(subaccounts.details, caller.actor, account.username, at=self._now())

    def _sheet(
        self, caller: Caller, found: Dossier, tab: str, template: str, status: int = 200, **facts: object
    ) -> Reply:
        """A page of the account; tab: a key of TABS."""
        account, now = found.account, self._now()
        shared: dict[str, Any] = {
            "found": account,
            "parent": found.parent,
            "state": state_of(account, today(now)),
            "plan": self._live.topology.plans.get(account.plan),
            "at": where(account.username),
            "tabs": [Tab(text, where(account.username, end), end == tab) for end, text in TABS.items()],
            "tab": TABS[tab],
            "may": may_change(caller, account),
            "others": account.id != caller.id,
            "version": version(found),
        }
        return self._show(caller, f"customers/{template}", status, **(shared | facts))


def named(caller: Caller) -> str:
    """The username in the page's address."""
    return caller.call.variables["name"]


def where(username: str, end: str = "") -> str:
    """The address of a page of that account."""
    return f"{ALL}{quote(username, safe='')}/{end}"


def whose(caller: Caller, account: Account) -> str | None:
    """The account as rules take it: None for the caller's own."""
    return None if account.id == caller.id else account.username


def may_change(caller: Caller, account: Account) -> bool:
    """Whether forms are shown: nobody changes her own account as an operator, and a viewer none."""
    return caller.account.role != "viewer" and account.id != caller.id


def version(found: Dossier) -> str:
    """What changes whenever the account does; what is secret in it is no part of it."""
    return sha256(repr(found).encode()).hexdigest()[:32]
