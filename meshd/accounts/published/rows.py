"""One published resource as its users see it.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from meshd.accounts import freeform
from meshd.store.statements.published import Stored
from meshd.values.published import Kind


@dataclass(frozen=True, slots=True)
class Row:
    """A resource; `settings` has every member as the API spells it, and nothing secret."""

    id: int
    kind: Kind
    settings: dict[str, Any]
    enabled: bool
    owner_id: int
    created_at: int
    modified_at: int
    token_id: int = 0
    """Under which the ledger counts its bytes; 0 for what moves none."""
    revision: int = field(default=0, compare=False)
    """The number in the change feed of its last change, where that is known."""
    deleted: bool = False
    """Whether nothing is left of it but that it was deleted."""
    secret: bytes = field(default=b"", repr=False)
    """A private key, sealed, or an access list's hashed passwords as JSON."""

    @property
    def hashes(self) -> dict[str, str]:
        """Of an access list the hashed passwords, by name."""
        return freeform.read(self.secret.decode("ascii")) if self.kind == "access-lists" and self.secret else {}


def row(stored: Stored) -> Row:
    settings = freeform.read(stored.settings)
    if not stored.deleted:
        settings["enabled"] = stored.enabled
    return Row(
        stored.id,
        stored.kind,  # type: ignore[arg-type]
        settings,
        stored.enabled,
        stored.owner_id,
        stored.created_at,
        stored.modified_at,
        stored.token_id,
        stored.revision,
        bool(stored.deleted),
        stored.secret,
    )


def written(settings: Mapping[str, Any]) -> str:
    """The settings as the store keeps them: whether a resource is enabled stands beside them."""
    return freeform.written({name: value for name, value in settings.items() if name != "enabled"})
