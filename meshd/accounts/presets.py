"""What programs keep of an account for themselves: presets, each with a name, and preferences.

Their content means nothing to meshd; it is bounded, since what is kept for nothing is kept as long as anybody likes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from meshd.accounts import freeform, validate
from meshd.accounts.errors import NotFound, PlanLimitReached
from meshd.accounts.ownership import ActorId, locked, own
from meshd.accounts.trail import conclude
from meshd.store.statements import presets as stored
from meshd.store.unit import Unit

MOST = 100
"""Presets of one account: a list is answered whole."""
PRESET_BYTES = 16 * 1024
PREFERENCES_BYTES = 8 * 1024
"""A request's body has room for both."""


class Preset(NamedTuple):
    id: int
    name: str
    data: Mapping[str, Any]
    created_at: int


def listing(actor_id: ActorId) -> Unit[list[Preset]]:
    """The actor's own presets, the oldest first."""
    subject = yield from own(actor_id, None, change=False)
    return [_read(each) for each in (yield from stored.of_account(subject.account.id))]


def shown(actor_id: ActorId, preset_id: int) -> Unit[Preset]:
    """One of the actor's own presets.  Raises: NotFound."""
    subject = yield from own(actor_id, None, change=False)
    return _read(_there((yield from stored.find(subject.account.id, preset_id))))


def create(actor_id: ActorId, name: str, data: Mapping[str, Any], *, now: int) -> Unit[Preset]:
    """Keep a preset.  Raises: Invalid (fields `name`, `data`), PlanLimitReached, Forbidden for a viewer."""
    _require(name, data)
    subject = yield from locked((yield from own(actor_id, None)))
    account_id = subject.account.id
    if (yield from stored.count(account_id)) >= MOST:
        raise PlanLimitReached(f"an account has at most {MOST} presets; delete one first")
    made = yield from stored.create(account_id, name, freeform.written(data), now)
    yield from conclude(subject.by, "preset.create", account_id, f"preset {made.id}", now)
    return _read(made)


def edit(
    actor_id: ActorId, preset_id: int, name: str | None, data: Mapping[str, Any] | None, *, now: int
) -> Unit[Preset]:
    """Give a preset another name, other content, or both; None leaves what is there.
    Raises: Invalid (fields `name`, `data`), NotFound, Forbidden for a viewer.
    """
    subject = yield from locked((yield from own(actor_id, None)))
    account_id = subject.account.id
    before = _read(_there((yield from stored.find(account_id, preset_id))))
    after = before.name if name is None else name, before.data if data is None else data
    _require(*after)
    if after == (before.name, before.data):
        return before
    changed = _there((yield from stored.edit(account_id, preset_id, after[0], freeform.written(after[1]))))
    yield from conclude(subject.by, "preset.edit", account_id, f"preset {preset_id}", now)
    return _read(changed)


def delete(actor_id: ActorId, preset_id: int, *, now: int) -> Unit[None]:
    """Forget a preset.  Raises: NotFound, Forbidden for a viewer."""
    subject = yield from own(actor_id, None)
    if not (yield from stored.delete(subject.account.id, preset_id)):
        raise _absent()
    yield from conclude(subject.by, "preset.delete", subject.account.id, f"preset {preset_id}", now)


def preferences(actor_id: ActorId) -> Unit[dict[str, Any]]:
    """The actor's preferences by name."""
    subject = yield from own(actor_id, None, change=False)
    return _object((yield from stored.preferences(subject.account.id)))


def prefer(actor_id: ActorId, changes: Mapping[str, Any], *, now: int) -> Unit[dict[str, Any]]:
    """Set the preferences that are named, each as a whole, and take away those that are None; all that then hold.
    Raises: Invalid (field WHOLE of a form), Forbidden for a viewer.
    """
    subject = yield from locked((yield from own(actor_id, None)))
    before = _object((yield from stored.preferences(subject.account.id)))
    after = {name: value for name, value in (before | dict(changes)).items() if value is not None}
    if after == before:
        return before
    validate.require(__all__=freeform.problem(after, PREFERENCES_BYTES))
    yield from stored.prefer(subject.account.id, freeform.written(after))
    yield from conclude(subject.by, "account.preferences", subject.account.id, "", now)
    return after


def _require(name: str, data: Mapping[str, Any]) -> None:
    validate.require(
        name=validate.label(name) if name.strip() else "This field is required.",
        data=freeform.problem(data, PRESET_BYTES),
    )


def _read(found: stored.Preset) -> Preset:
    return Preset(found.id, found.name, freeform.read(found.content), found.created_at)


def _object(text: str) -> dict[str, Any]:
    return freeform.read(text) if text else {}


def _there(found: stored.Preset | None) -> stored.Preset:
    if found is None:
        raise _absent()
    return found


def _absent() -> NotFound:
    return NotFound("there is no such preset")
