"""What is asked of certificates beside what is asked of all resources: to be obtained anew, and who has their names."""

from __future__ import annotations

from collections.abc import Collection

from meshd.accounts.errors import Invalid, NotFound
from meshd.accounts.ownership import ActorId
from meshd.accounts.published.rights import acting
from meshd.accounts.published.rows import Row, row
from meshd.accounts.published.telling import conclude
from meshd.store.statements import acme
from meshd.store.statements import published as stored
from meshd.store.unit import Unit


def renew(actor_id: ActorId, id: int, *, now: int) -> Unit[Row]:
    """Have a certificate obtained anew, now; the present one is served until then.
    Raises: Invalid for one that was uploaded, NotFound, Forbidden.
    """
    actor = yield from acting(actor_id, change=True)
    yield from stored.lock()
    found = yield from stored.by_id("certificates", id)
    if found is None:
        raise NotFound(f"there is no certificate {id}")
    certificate = row(found)
    if certificate.settings["provider"] != "acme":
        raise Invalid({"provider": ["A certificate that was uploaded is renewed by another upload."]})
    yield from acme.order(id, now)
    yield from conclude(actor, "renew", "certificates", id, (id,), now)
    return certificate


def published_names(actor_id: ActorId, names: Collection[str]) -> Unit[frozenset[str]]:
    """Those of the names that are a host's.  Raises: Forbidden."""
    yield from acting(actor_id, change=False)
    return frozenset(name for name, _, _ in (yield from stored.names_taken(names, 0)))
