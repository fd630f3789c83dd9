"""Errors that the operator can mend: told in one line, and never with a traceback."""

from __future__ import annotations

from meshd.config.errors import ConfigError
from meshd.daemon.opening import ListenError
from meshd.daemon.pidfile import FolderInUse
from meshd.daemon.succession import NotSucceeded
from meshd.store.interface import StoreError
from meshd.tls.profile import CertificateError


class WorkerFailed(Exception):
    """A worker has ended as soon as it was begun; the text says why, where that is known."""


FAULTS = (ConfigError, ListenError, FolderInUse, StoreError, CertificateError, WorkerFailed, NotSucceeded, OSError)


def one_line(error: BaseException) -> str:
    """The error in one line, with the name of its file where it has one."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__
