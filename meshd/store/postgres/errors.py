"""What failures of PostgreSQL mean: the connection is lost, the unit can be tried again, or neither."""

from __future__ import annotations

import psycopg2
from psycopg2 import errorcodes

from meshd.store.interface import StoreError, StoreUnavailable, taken

SHUTDOWN = {
    errorcodes.ADMIN_SHUTDOWN,
    errorcodes.CRASH_SHUTDOWN,
    errorcodes.CANNOT_CONNECT_NOW,
    "57P05",  # idle_session_timeout
    errorcodes.IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
}

TRANSIENT = {
    errorcodes.SERIALIZATION_FAILURE,
    errorcodes.DEADLOCK_DETECTED,
    # What a row points at was deleted since the unit read it: when it is read again, it is gone.
    errorcodes.FOREIGN_KEY_VIOLATION,
}

AWAY = {
    errorcodes.LOCK_NOT_AVAILABLE,
    errorcodes.QUERY_CANCELED,
    errorcodes.READ_ONLY_SQL_TRANSACTION,
    errorcodes.SERIALIZATION_FAILURE,
    errorcodes.DEADLOCK_DETECTED,
}

AWAY_CLASSES = {
    errorcodes.CLASS_INSUFFICIENT_RESOURCES,
    errorcodes.CLASS_SYSTEM_ERROR,
    errorcodes.CLASS_INVALID_AUTHORIZATION_SPECIFICATION,
}


STATEMENT_MODE = ("statement pooling mode", "give PgBouncer pool_mode = transaction, or session")
"""Words of PgBouncer when a transaction begins in statement mode, and the advice that is added to them."""


def is_lost(error: BaseException) -> bool:
    """Whether the connection is lost.  A deadlock or a full disk, OperationalErrors too, leave a connection usable."""
    if isinstance(error, psycopg2.InterfaceError):
        return True
    if not isinstance(error, psycopg2.DatabaseError):
        return False
    if error.pgcode is None:
        return isinstance(error, psycopg2.OperationalError) or type(error) is psycopg2.DatabaseError
    return error.pgcode[:2] == errorcodes.CLASS_CONNECTION_EXCEPTION or error.pgcode in SHUTDOWN


def is_transient(error: BaseException | None) -> bool:
    """Whether the same unit may succeed when it is run again at once."""
    return isinstance(error, psycopg2.Error) and error.pgcode in TRANSIENT


def translate(error: Exception) -> StoreError:
    """The StoreError for a failure of the driver, without the driver's text."""
    if not isinstance(error, psycopg2.Error):
        return StoreError("the store refuses a value")
    if is_lost(error):
        return StoreUnavailable("the connection to the database was lost")
    code = error.pgcode or ""
    if code == errorcodes.UNIQUE_VIOLATION:
        return taken(error.diag.table_name or "")
    if code in AWAY or code[:2] in AWAY_CLASSES:
        return StoreUnavailable("the database cannot do it now")
    if code[:2] == errorcodes.CLASS_INTEGRITY_CONSTRAINT_VIOLATION:
        return StoreError("the store refuses a row that contradicts others")
    return StoreError("the store refuses a statement or a value")


def why(error: BaseException) -> str:
    """The server's own text, which `translate` leaves out, for the operator."""
    said = first_line(error.__cause__ if isinstance(error.__cause__, psycopg2.Error) else error)
    return f"{said}: {STATEMENT_MODE[1]}" if STATEMENT_MODE[0] in said else said


def first_line(error: BaseException) -> str:
    """The first line of an error's text, for the log; the name of its class where the text is empty."""
    return next(iter(str(error).strip().splitlines()), "") or type(error).__name__
