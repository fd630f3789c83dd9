"""What the operator takes away stays away: nobody but the operator gives it back, whatever the plan or the parent says.

It is kept for the whole family: what was taken from a sub-account its parent does not add again, and the other way
round.
"""

from __future__ import annotations

from meshd.accounts.errors import Forbidden
from meshd.accounts.ownership import Subject
from meshd.store.statements import withheld
from meshd.store.statements.withheld import Kind
from meshd.store.unit import Unit

_SAID = {"proxy": "proxy", "ip": "address", "hostname": "hostname"}


def require_free(subject: Subject, kind: Kind, name: str) -> Unit[None]:
    """Forbidden where the operator has taken this from the account, and another than the operator asks for it."""
    if not subject.by_operator and (yield from withheld.held(subject.family_id, kind, name)):
        raise Forbidden(f"the operator has taken this {_SAID[kind]} away, and alone can give it back")


def taken(subject: Subject, kind: Kind, name: str, now: int) -> Unit[bool]:
    """Where the operator takes it: keep it away from now on; whether that is new."""
    if not subject.by_operator:
        return False
    return (yield from withheld.hold(subject.family_id, kind, name, "operator", now, subject.by))


def given(subject: Subject, kind: Kind, name: str) -> Unit[None]:
    """It is the account's again: nothing holds it back any more."""
    yield from withheld.give_back(subject.family_id, kind, name)
