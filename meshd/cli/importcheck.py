"""The check of the rows of an import against each other and against the store, before any row is added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from meshd.accounts import importing
from meshd.cli.context import Context
from meshd.cli.csvrows import BadRow, ReadRow
from meshd.model import Account
from meshd.topology import Plan

BATCH = 500
"""Rows in a transaction: enough to be fast, few enough that the daemon's own writes wait for milliseconds only."""

Existing = Mapping[str, tuple[Account, int]]


def sift(context: Context, rows: Sequence[ReadRow]) -> tuple[list[ReadRow], list[BadRow]]:
    """The rows that can be added, top-level accounts first, and the rows that cannot."""
    existing = _existing(context, rows)
    good: list[ReadRow] = []
    bad: list[BadRow] = []
    sieve = _Sieve(existing, context.plans)
    for row in sorted(rows, key=lambda row: bool(row.account.parent)):
        reason = sieve.reason_against(row)
        if reason is None:
            good.append(row)
        else:
            bad.append(BadRow(row.account.line, row.account.new.username, reason))
    return good, bad


def batches(rows: Sequence[ReadRow]) -> Iterator[Sequence[ReadRow]]:
    return (rows[start : start + BATCH] for start in range(0, len(rows), BATCH))


def _existing(context: Context, rows: Sequence[ReadRow]) -> Existing:
    """What the store knows of the names of these rows and of their parents."""
    found: dict[str, tuple[Account, int]] = {}
    with context.progress("checked", len(rows)) as progress:
        for batch in batches(rows):
            found |= context.run(importing.existing, sorted(_names(batch) - found.keys()))
            progress.step(len(batch))
    return found


def _names(rows: Iterable[ReadRow]) -> set[str]:
    names = {row.account.new.username.lower() for row in rows}
    return names | {row.account.parent.lower() for row in rows if row.account.parent}


class _Sieve:
    """Checks rows one after the other, and remembers the accounts that the accepted rows will add."""

    def __init__(self, existing: Existing, plans: Mapping[str, Plan]) -> None:
        self._existing = existing
        self._plans = plans
        self._lines: dict[str, int] = {}
        self._plan_of: dict[str, str] = {
            name: account.plan for name, (account, _) in existing.items() if account.parent_id is None
        }
        self._children = Counter({name: children for name, (_, children) in existing.items()})

    def reason_against(self, row: ReadRow) -> str | None:
        """Why a row cannot be added; None for a row that can, against which later rows are then checked too."""
        name, parent = row.account.new.username.lower(), row.account.parent.lower()
        reason = self._against_name(name) or (self._against_parent(parent) if parent else None)
        if reason is None:
            self._lines[name] = row.account.line
            self._children[parent] += 1
            if not parent:
                self._plan_of[name] = row.account.terms.plan or ""
        return reason

    def _against_name(self, name: str) -> str | None:
        if name in self._existing:
            return "username: This username is taken."
        return f"username: also in line {self._lines[name]}" if name in self._lines else None

    def _against_parent(self, parent: str) -> str | None:
        plan_name = self._plan_of.get(parent)
        if plan_name is None:
            known = parent in self._existing or parent in self._lines
            return f"parent: {parent!r} {'is a sub-account itself' if known else 'is no account'}"
        plan = self._plans.get(plan_name)
        if plan is None:
            return f"parent: its plan {plan_name!r} is not in the settings"
        if self._children[parent] >= plan.sub_accounts:
            return f"parent: plan {plan.name} allows {plan.sub_accounts} sub-accounts"
        return None
