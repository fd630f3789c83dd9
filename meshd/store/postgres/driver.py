"""What the reactor's connections to PostgreSQL and the command line's have in common."""

from __future__ import annotations

import psycopg2
from psycopg2 import extensions

CHANNEL = "meshd_changes"
"""Of NOTIFY, when a change was published."""

ATTEMPTS = 5
"""Of a unit that meets a deadlock or a serialization failure."""

SET_UP = """
set statement_timeout = '20s'; set lock_timeout = '10s'; set idle_in_transaction_session_timeout = '30s';
set default_transaction_isolation = 'read committed'; set client_min_messages = 'warning'
"""
"""Bounds that hold on the server, so that what a client forgot does not keep locks."""

NETWORK = {
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
"""A machine that is gone without a word ends its connections: libpq's settings, in seconds, and milliseconds."""

BYTES = extensions.new_type(
    psycopg2.BINARY.values,
    "BYTES",
    lambda value, cursor: None if value is None else bytes(psycopg2.BINARY(value, cursor)),
)
"""bytea as bytes, which psycopg2 reads as memoryview."""


def commit(published: bool) -> str:
    """The end of a transaction; the listeners hear of a published change with it."""
    return f"notify {CHANNEL}; commit" if published else "commit"
