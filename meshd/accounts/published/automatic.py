"""Certificates that come with a host: one that forces HTTPS and names none has one obtained, for its own names.

Such a certificate follows the names of its host, and goes when the host does without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshd.accounts.published import forms
from meshd.accounts.published.rows import Row, row, written
from meshd.store.statements import acme
from meshd.store.statements import published as stored
from meshd.store.unit import Unit
from meshd.values.published import Kind


def linked(
    kind: Kind, found: dict[str, Any], owner_id: int, now: int, before: Row | None = None
) -> Unit[tuple[int, ...]]:
    """Give a host that wants a certificate one that is still to be obtained, or have the one that came with the host
    follow its names; the ids of certificates that are new or changed.
    """
    if "certificate_id" not in found or "domain_names" not in found:
        return ()
    own = (yield from _own(before)) if before is not None else None
    if own is not None and forms.wants_certificate(found):
        found["certificate_id"] = own.id
    if forms.wants_certificate(found):
        facts = {"provider": "acme", "domain_names": found["domain_names"], "automatic": True}
        settings = forms.whole("certificates", facts)
        made = yield from stored.create(
            "certificates", written(settings), secret=b"", enabled=True, owner_id=owner_id, token_id=0, now=now
        )
        yield from acme.order(made.id, now)
        found["certificate_id"] = made.id
        return (made.id,)
    if own is None or found["certificate_id"] != own.id or own.settings["domain_names"] == found["domain_names"]:
        return ()
    return (yield from _renamed(own, found, now))


def dropped(before: Row, found: Mapping[str, Any], now: int) -> Unit[tuple[int, ...]]:
    """Delete the certificate that came with a host, where the host does without it and nobody else uses it; its id."""
    own = yield from _own(before)
    if own is None or found.get("certificate_id") == own.id or (yield from stored.users_of(own.id, 1)):
        return ()
    yield from stored.bury(own.id, now)
    return (own.id,)


def to_obtain(before: Row, found: dict[str, Any]) -> bool:
    """Whether a certificate that was changed has to be obtained anew: for other names, or after a failure."""
    if found["provider"] != "acme":
        return False
    if before.settings["domain_names"] == found["domain_names"] and found["state"] != "failed":
        return False
    if not found["certificate"]:
        found["state"], found["problem"] = "pending", ""
    return True


def _own(host: Row) -> Unit[Row | None]:
    """The certificate that came with a host; None where it has none, or one that somebody chose."""
    used = host.settings.get("certificate_id", 0)
    found = (yield from stored.by_id("certificates", used)) if used else None
    certificate = row(found) if found is not None else None
    return certificate if certificate is not None and certificate.settings["automatic"] else None


def _renamed(own: Row, found: Mapping[str, Any], now: int) -> Unit[tuple[int, ...]]:
    """Have a certificate obtained anew for the names that its host has now; what was obtained serves until then."""
    if len((yield from stored.users_of(own.id, 2))) > 1:
        return ()
    given = {"domain_names": found["domain_names"], "nice_name": ""}
    settings = forms.whole("certificates", given, own.settings)
    yield from stored.edit(own.id, written(settings), own.secret, own.enabled, now)
    yield from acme.order(own.id, now)
    return (own.id,)
