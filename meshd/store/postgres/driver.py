"""What the reactor's connections to PostgreSQL and the command line's have in common."""

from __future__ import annotations

import psycopg2
from psycopg2 import extensions

CHANNEL = "meshd_changes"
"""The channel of the NOTIFY that is sent when a change was published."""

ATTEMPTS = 5
"""How often a unit that meets a deadlock or a serialization failure is tried in all."""

SET_UP = """
set statement_timeout = '20s'; set lock_timeout = '10s'; set idle_in_transaction_session_timeout = '7s';
set default_transaction_isolation = 'read committed'; set client_min_messages = 'warning'
"""
"""Timeouts that the server enforces, so that a client that is gone or stuck does not keep locks: it loses them before
whoever waits for them gives up, and takes the store for away.  Should it come back, a daemon runs its unit again, and a
command ends with an error.
"""

NETWORK = {
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
"""libpq's settings that end connections to a machine that is gone: in seconds, the last in milliseconds."""

BYTES = extensions.new_type(
    psycopg2.BINARY.values,
    "BYTES",
    lambda value, cursor: None if value is None else bytes(psycopg2.BINARY(value, cursor)),
)
"""A psycopg2 type that reads bytea as bytes instead of memoryview."""


def commit(published: bool) -> str:
    """The text that ends a transaction; it also notifies the listeners where the unit published a change."""
    return f"notify {CHANNEL}; commit" if published else "commit"
