"""Changing what is published: one unit for each of the API's routes.

Settings come as `forms.read` gives them.  A change holds the lock of what is published from before it looks until it is
committed, so that rules over several resources hold whoever changes at the same time.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from meshd.accounts import freeform
from meshd.accounts.errors import Invalid, NotFound, PlanLimitReached, Stale
from meshd.accounts.ownership import ActorId, Operator
from meshd.accounts.published import automatic, billing, claims, forms
from meshd.accounts.published.grounds import GROUNDS, Grounds
from meshd.accounts.published.rights import Actor, acting
from meshd.accounts.published.rows import Row, row, written
from meshd.accounts.published.telling import conclude
from meshd.store.statements import accounts, acme, tokens
from meshd.store.statements import published as stored
from meshd.store.unit import Unit
from meshd.values.published import Kind
from meshd.values.times import DAY

MOST = 20_000
"""Resources of all kinds together: every process holds what is published in memory, and reads it all at its start."""
PRUNED_AFTER = 7 * DAY
"""Seconds for which it is known of a resource that it was deleted; who has not looked for longer reads all anew."""
PRUNED_AT_ONCE = 100
"""Deleted resources that one more deletion forgets."""

Secrets = Mapping[str, object]
"""What is kept beside the settings and never told: of a certificate `sealed_key` (bytes) and `expires` (an epoch
second), of an access list `items` (hashed passwords by name)."""
NONE: Secrets = MappingProxyType({})


def listing(actor_id: ActorId, kind: Kind, *, after: int = 0, limit: int = 1000) -> Unit[list[Row]]:
    """The resources of a kind that come after an id, by id.  Raises: Forbidden."""
    yield from acting(actor_id, change=False)
    return [row(each) for each in (yield from stored.of_kind(kind, after, limit))]


def everything(actor_id: ActorId, *, after: int = 0, limit: int = 1000) -> Unit[list[Row]]:
    """The resources of all kinds that come after an id, by id.  Raises: Forbidden."""
    yield from acting(actor_id, change=False)
    return [row(each) for each in (yield from stored.of_all(after, limit))]


def read(actor_id: ActorId, kind: Kind, id: int) -> Unit[Row]:
    """One resource.  Raises: NotFound, Forbidden."""
    yield from acting(actor_id, change=False)
    return row((yield from _there(kind, id)))


def counts(actor_id: ActorId) -> Unit[dict[str, int]]:
    """How many there are of each kind of which there is one.  Raises: Forbidden."""
    yield from acting(actor_id, change=False)
    return (yield from stored.counts())


def create(
    actor_id: ActorId,
    kind: Kind,
    settings: Mapping[str, object],
    *,
    secrets: Secrets = NONE,
    now: int,
    grounds: Grounds = GROUNDS,
) -> Unit[Row]:
    """Publish something.
    Raises: Invalid; InUse where a name or a port is another's; PlanLimitReached where there are too many; Forbidden.
    """
    actor = yield from acting(actor_id, change=True)
    found = forms.whole(kind, _with_facts(kind, settings, secrets))
    owner = yield from _owner(actor)
    yield from stored.lock()
    if (yield from stored.count()) >= MOST:
        raise PlanLimitReached(f"at most {MOST} things are published; delete some first")
    token_id = (yield from billing.metered(owner, kind, now)) if kind in claims.METERED and owner else 0
    changed = yield from automatic.linked(kind, found, owner, now)
    secret = _secret(kind, found, secrets, None)
    facts: dict[str, Any] = {"owner_id": owner, "token_id": token_id, "now": now}
    made = yield from stored.create(kind, written(found), secret=secret, enabled=found["enabled"], **facts)
    yield from claims.take(kind, made.id, found, grounds)
    if kind == "certificates" and found["provider"] == "acme":
        yield from acme.order(made.id, now)
    yield from conclude(actor, "create", kind, made.id, (made.id, *changed), now, after=found)
    return row(made)


def change(
    actor_id: ActorId,
    kind: Kind,
    id: int,
    settings: Mapping[str, object],
    *,
    secrets: Secrets = NONE,
    seen: int | None = None,
    now: int,
    grounds: Grounds = GROUNDS,
) -> Unit[Row]:
    """Set the members that are given; all others stay.

    seen: the revision that whoever changes it has seen, where it must be as it was then.
    Raises: as create(), NotFound, Stale.
    """
    actor = yield from acting(actor_id, change=True)
    yield from stored.lock()
    before = row((yield from _there(kind, id)))
    if seen is not None and seen != before.revision:
        raise Stale("this was changed meanwhile; load the page again, and look at what it is now")
    found = forms.whole(kind, _with_facts(kind, settings, secrets), before.settings)
    anew = kind == "certificates" and automatic.to_obtain(before, found)
    changed = yield from automatic.linked(kind, found, before.owner_id, now, before)
    secret = _secret(kind, found, secrets, before)
    if (found, secret) == (before.settings, before.secret):
        return before
    made = yield from stored.edit(id, written(found), secret, found["enabled"], now)
    yield from claims.take(kind, id, found, grounds)
    if anew:
        yield from acme.order(id, now)
    changed += yield from automatic.dropped(before, found, now)
    yield from conclude(actor, "update", kind, id, (id, *changed), now, before.settings, found)
    return row(made)


def delete(actor_id: ActorId, kind: Kind, id: int, *, now: int) -> Unit[Row]:
    """Publish something no longer; the resource as it was.  Raises: NotFound; InUse for what others use; Forbidden."""
    actor = yield from acting(actor_id, change=True)
    yield from stored.lock()
    before = row((yield from _there(kind, id)))
    yield from claims.refuse_used(kind, id)
    yield from stored.bury(id, now)
    yield from tokens.delete(before.token_id)
    changed = yield from automatic.dropped(before, {}, now)
    yield from stored.prune(now - PRUNED_AFTER, PRUNED_AT_ONCE)
    yield from conclude(actor, "delete", kind, id, (id, *changed), now, before.settings)
    return before


def switch(actor_id: ActorId, kind: Kind, id: int, enabled: bool, *, now: int) -> Unit[tuple[Row, bool]]:
    """Switch a resource on or off; the resource, and whether that changed it.  Raises: NotFound, Forbidden."""
    actor = yield from acting(actor_id, change=True)
    yield from stored.lock()
    before = row((yield from _there(kind, id)))
    if before.enabled == enabled:
        return before, False
    made = yield from stored.edit(id, written(before.settings), before.secret, enabled, now)
    action = "enable" if enabled else "disable"
    yield from conclude(actor, action, kind, id, (id,), now, {"enabled": not enabled}, {"enabled": enabled})
    return row(made), True


def _owner(actor: Actor) -> Unit[int]:
    """The id of the account that pays for what the actor makes, its row locked; 0 where there is none."""
    owner = yield from billing.owner(None if isinstance(actor.account, Operator) else actor.account)
    yield from accounts.lock(owner)
    return owner


def _there(kind: Kind, row_id: int) -> Unit[stored.Stored]:
    found = yield from stored.by_id(kind, row_id)
    if found is None:
        raise NotFound(f"there is no {claims.words(kind, row_id)}")
    return found


def _with_facts(kind: Kind, settings: Mapping[str, object], secrets: Secrets) -> Mapping[str, object]:
    """The settings with what was found out about a certificate that somebody brings."""
    if kind == "certificates" and "sealed_key" in secrets:
        return {**settings, "expires": secrets.get("expires", 0), "state": "active", "problem": ""}
    return settings


def _secret(kind: Kind, found: Mapping[str, Any], secrets: Secrets, before: Row | None) -> bytes:
    """What is kept beside the settings; b"" for nothing.  Raises: Invalid where a secret is missing."""
    if kind == "access-lists":
        return _hashes(found, secrets, before.hashes if before is not None else {})
    known = before.secret if before is not None else b""
    if kind != "certificates" or found["provider"] != "custom":
        return known
    if "sealed_key" not in secrets and (before is None or before.settings["certificate"] != found["certificate"]):
        raise Invalid({"certificate_key": [forms.REQUIRED]})
    sealed = secrets.get("sealed_key", known)
    assert isinstance(sealed, bytes)
    return sealed


def _hashes(found: Mapping[str, Any], secrets: Secrets, known: Mapping[str, str]) -> bytes:
    """The hashed passwords of an access list's logins: those that are given, else those that were there."""
    given: Any = secrets.get("items", {})
    hashes = {each["username"]: {**known, **given}.get(each["username"]) for each in found["items"]}
    if bare := [name for name, hashed in hashes.items() if not hashed]:
        raise Invalid({"items": [f"{bare[0]} needs a password."]})
    return freeform.written(hashes).encode("ascii") if hashes else b""
