"""The rules about several rows of an import: names that are given twice or taken, parents and their room."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from meshd.accounts import importing
from meshd.cli.nametable import NameTable
from meshd.model import Account
from meshd.topology import Plan

ASIDE = 500
"""Rows that are put aside in one text."""

Existing = Mapping[str, tuple[Account, int]]


class Place(NamedTuple):
    """What is kept of a row until it is judged."""

    number: int
    line: int
    username: str
    parent: str
    """"" for a top-level account."""
    plan: str
    """Of a top-level account."""


class _Known(NamedTuple):
    """An account of the file, or one of the store that is a parent in the file."""

    line: int
    """0 for one of the store."""
    children: int
    plan: str
    """"" for a sub-account."""


class Sieve:
    """Judges rows one after the other, and remembers the accounts that the accepted rows will add."""

    def __init__(self, run: Callable[..., Any], plans: Mapping[str, Plan]) -> None:
        self._run = run
        self._plans = plans
        self._names = NameTable()
        self._aside: list[str] = []
        self._waiting: list[Place] = []

    def put_aside(self, place: Place) -> None:
        """Keep a sub-account's row until all top-level accounts are known."""
        self._waiting.append(place)
        if len(self._waiting) == ASIDE:
            self._aside.append(json.dumps(self._waiting))
            self._waiting = []

    def aside(self) -> Iterator[Place]:
        """The rows that were put aside, in their order."""
        for text in self._aside:
            yield from (Place(*each) for each in json.loads(text))
        yield from self._waiting

    def reasons(self, places: Sequence[Place]) -> list[str | None]:
        """Why each of these cannot be added; None for one that can, against which later rows are judged too."""
        existing = self._existing(places)
        return [self._reason_against(place, existing) for place in places]

    def _existing(self, places: Sequence[Place]) -> Existing:
        """What the store knows of their names and parents; of the parents it is remembered."""
        parents = {place.parent.lower() for place in places if place.parent}
        unknown = {name for name in parents if self._names.get(name) is None}
        found: Existing = self._run(importing.existing, [*{place.username.lower() for place in places} | unknown])
        for name in unknown & found.keys():
            account, children = found[name]
            self._put(name, _Known(0, children, "" if account.parent_id else account.plan))
        return found

    def _reason_against(self, place: Place, existing: Existing) -> str | None:
        name, parent = place.username.lower(), place.parent.lower()
        reason = self._against_name(name, existing) or (self._against_parent(parent) if parent else None)
        if reason is None:
            self._put(name, _Known(place.line, 0, place.plan))
            if parent and (known := self._get(parent)) is not None:
                self._put(parent, known._replace(children=known.children + 1))
        return reason

    def _against_name(self, name: str, existing: Existing) -> str | None:
        if name in existing:
            return "username: This username is taken."
        known = self._get(name)
        return None if known is None else f"username: also in line {known.line}"

    def _against_parent(self, parent: str) -> str | None:
        known = self._get(parent)
        if known is None:
            return f"parent: {parent!r} is no account"
        if not known.plan:
            return f"parent: {parent!r} is a sub-account itself"
        plan = self._plans.get(known.plan)
        if plan is None:
            return f"parent: its plan {known.plan!r} is not in the settings"
        if known.children >= plan.sub_accounts:
            return f"parent: plan {plan.name} allows {plan.sub_accounts} sub-accounts"
        return None

    def _get(self, name: str) -> _Known | None:
        text = self._names.get(name)
        if text is None:
            return None
        line, children, plan = text.split(" ", 2)
        return _Known(int(line), int(children), plan)

    def _put(self, name: str, known: _Known) -> None:
        self._names.put(name, f"{known.line} {known.children} {known.plan}")
