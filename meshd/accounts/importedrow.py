"""One row of an import: what it says, and whether it is right by itself, whatever the store holds.  Pure.

A million rows say few different things but names, so what they say alike is one object for all, and judged once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from meshd.accounts import entitlement, validate
from meshd.accounts.errors import Invalid
from meshd.accounts.profile import NewAccount, Profile
from meshd.accounts.toplevel import Terms, require_terms
from meshd.accounts.usernames import ROOT_NAME
from meshd.topology import Plan

JUDGED = 4096
"""Of how many Commons it is remembered that they are right."""

NOBODY = ("", "", "")
"""The person of an account of which no name and no address is given."""


@dataclass(frozen=True, slots=True, eq=False)
class Common:
    """What a row says in the columns in which most rows say what others do.

    Two are equal where they are the same object, so that one is found as fast as its address.
    """

    terms: Terms
    limits: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Of a month, in total, and the ceilings of both; in bytes, 0 for none."""
    active: bool = True
    suspended: bool = False
    """Whether the operator deactivated the account, so that its parent cannot activate it."""
    proxies: tuple[str, ...] | None = None
    """Proxies that the account may use; None for the first of its plan.  A sub-account has its parent's."""
    withheld: tuple[str, ...] = ()
    """Proxies that the operator took from the account."""


class ImportedAccount(NamedTuple):
    """One row of the file, read."""

    line: int
    username: str
    parent: str
    """The parent's username, of this file (further up) or of the store; "" for a top-level account."""
    common: Common
    password_hash: str = ""
    person: tuple[str, str, str] = NOBODY
    """First name, last name, e-mail address."""

    def __repr__(self) -> str:
        return f"ImportedAccount(line={self.line}, username={self.username!r})"

    def new(self) -> NewAccount:
        first_name, last_name, email = self.person
        monthly, total, monthly_ceiling, total_ceiling = self.common.limits
        profile = Profile(
            first_name=first_name, last_name=last_name, email=email, monthly_limit=monthly, total_limit=total
        )
        return NewAccount(
            username=self.username,
            password_hash=self.password_hash,
            profile=profile,
            monthly_ceiling=monthly_ceiling,
            total_ceiling=total_ceiling,
        )


class Rules:
    """The rules about one row, with the plans and the names of the proxies that the settings have."""

    def __init__(self, plans: Mapping[str, Plan], proxies: Sequence[str] = ()) -> None:
        self.plans = plans
        self.proxies = proxies
        self._is_right = lru_cache(JUDGED)(self._judged)

    def problem(self, row: ImportedAccount) -> Invalid | None:
        """Why the row cannot be added; None for one that is right."""
        if self._is_right(row.common, bool(row.parent)) and _names_are_right(row):
            return None
        try:
            self._require(row)
        except Invalid as refused:
            return refused
        return None

    def _judged(self, common: Common, below: bool) -> bool:
        """Whether a row with this would be right if its names are.  below: whether it is a sub-account's."""
        try:
            self._require(ImportedAccount(0, "x", "x" if below else "", common))
        except Invalid:
            return False
        return True

    def _require(self, row: ImportedAccount) -> None:
        """Check all of the row.  Raises: Invalid, with what is wrong."""
        row.new().require_valid()
        require_terms(row.common.terms, self.plans)
        if row.username.lower() == ROOT_NAME:
            raise Invalid({"username": ["This username is the root account's."]})
        if row.parent:
            _refuse_role(row.common.terms)
        elif row.common.terms.plan is None:
            raise Invalid({"plan": ["This field is required."]})
        else:
            self._refuse_proxies(row.common.proxies or (), row.common.terms.plan)

    def _refuse_proxies(self, wanted: Sequence[str], plan: str) -> None:
        """Refuse a proxy that the settings lack, or that the plan has no room for.  Raises: Invalid."""
        fit = entitlement.first_proxies(self.plans[plan], wanted)
        for name in wanted:
            if name not in self.proxies:
                raise Invalid({"proxies": [f"There is no proxy {name!r}."]})
            if name not in fit:
                raise Invalid({"proxies": [f"Plan {plan} has no room for the proxy {name!r}."]})


def _names_are_right(row: ImportedAccount) -> bool:
    """What `_require` finds of the columns that each row has its own of."""
    if validate.username(row.username) is not None or row.username.lower() == ROOT_NAME:
        return False
    first_name, last_name, email = row.person
    if email and validate.email(email) is not None:
        return False
    return not (first_name or last_name) or not Profile(first_name=first_name, last_name=last_name).problems()


def _refuse_role(terms: Terms) -> None:
    if terms.role not in (None, "customer"):
        raise Invalid({"role": ["A sub-account is a customer."]})
