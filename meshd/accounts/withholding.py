"""What the operator takes away stays away: nobody but the operator gives it back, whatever the plan or the parent says.

What is withheld is withheld from the whole family: what was taken from a sub-account its parent does not add again, and
the other way round.
"""

from __future__ import annotations

from meshd.accounts.errors import Forbidden
from meshd.accounts.ownership import Subject
from meshd.store.statements import withheld
from meshd.store.statements.withheld import Kind
from meshd.store.unit import Unit

_SAID = {"proxy": "proxy", "ip": "address", "hostname": "hostname"}


def require_free(subject: Subject, kind: Kind, name: str) -> Unit[None]:
    """Refuse what the operator has taken from the family, unless the operator asks for it.  Raises: Forbidden."""
    if not subject.by_operator and (yield from withheld.held(subject.family_id, kind, name)):
        raise Forbidden(f"the operator has taken this {_SAID[kind]} away, and alone can give it back")


def take(subject: Subject, kind: Kind, name: str, now: int) -> Unit[bool]:
    """Withhold from the family what the operator takes, and nothing that a customer removes; whether that is new."""
    if not subject.by_operator:
        return False
    return (yield from withheld.hold(subject.family_id, kind, name, "operator", now, subject.by))


def given(subject: Subject, kind: Kind, name: str) -> Unit[None]:
    """Withhold no longer what the account has again."""
    yield from withheld.give_back(subject.family_id, kind, name)
