"""The connection behind a resource: what its carrier hears, and when."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.proxy import tunnelled
from meshd.proxy.tunnelled import ResourceConnection


class EndTests(SynchronousTestCase):
    def test_order(self) -> None:
        """The record is closed before the carrier hears of the end: what fails there costs nobody a line."""
        told: list[str] = []
        joined: dict[str, Any] = {}
        self.patch(tunnelled, "join", lambda *args, **named: joined.update(named))
        connection = ResourceConnection.__new__(ResourceConnection)
        connection._plane = SimpleNamespace(relay=None)  # type: ignore[assignment]
        connection._carrier = SimpleNamespace(  # type: ignore[assignment]
            over=lambda reason: told.append(f"carrier {reason}"), stands=lambda reset: None
        )
        connection.cut, connection.buffer, connection.wire = None, b"", None  # type: ignore[assignment]
        record: Any = SimpleNamespace(close=lambda reason: told.append(f"record {reason}"))
        connection._become_tunnel(record, None, None, b"")  # type: ignore[arg-type]
        joined["ended"]("reset")
        self.assertEqual(told, ["record reset", "carrier reset"])
