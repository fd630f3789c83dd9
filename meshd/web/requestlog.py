"""The request log: a file with a line for each request to the API, JSON, buffered, many to a write.

A line through the daemon's own log takes as long as answering the request.  A line that cannot be written is given up,
and that is said once: who asks the API pays nothing by it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from time import gmtime, strftime
from typing import NamedTuple

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

SECONDS = 1.0
"""A line waits so long at most."""
MANY = 1024
"""Lines that may wait, 200 KB of them: more are written at once."""

_log = Logger()
_json = json.JSONEncoder(separators=(",", ":")).encode


class Answered(NamedTuple):
    """A request and how it ended; its fields are the line's."""

    at: float
    """When it was answered."""
    client: str
    method: str
    """ "" for one that never reached a route, whose head was not taken."""
    path: str
    """Without the query."""
    status: int
    username: str
    """Of who signed in; "" for nobody."""
    sent: int
    """Bytes of the body."""
    seconds: float
    detail: str = ""
    """Why it was refused below the routes."""


class RequestLog:
    """Appends to `path`; with "" nothing is written."""

    def __init__(self, path: str, clock: IReactorTime, now: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock
        self.now = now
        self._fd = -1
        self._waiting: list[Answered] = []
        self._timer: IDelayedCall | None = None
        self._failing = False

    def add(self, answered: Answered) -> None:
        if not self._path:
            return
        self._waiting.append(answered)
        if len(self._waiting) >= MANY:
            self.flush()
        elif self._timer is None:
            self._timer = self._clock.callLater(SECONDS, self._due)

    def flush(self) -> None:
        """Write what waits."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        try:
            self.open()
            os.write(self._fd, "".join(map(_line, waiting)).encode("ascii"))
        except OSError as error:
            self._failed(error)
        else:
            self._failing = False

    def open(self) -> None:
        """OSError where the file cannot be appended to: said at a start, not later."""
        if self._path and self._fd < 0:
            self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def reopen(self) -> None:
        """The file was moved away, as log rotation does."""
        self.close()
        with suppress(OSError):
            self.open()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.flush()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _due(self) -> None:
        self._timer = None
        self.flush()

    def _failed(self, error: OSError) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        if not self._failing:
            self._failing = True
            _log.error("request log {path} cannot be written: {error}", path=self._path, error=str(error))


def _line(answered: Answered) -> str:
    facts = answered._asdict()
    seconds = int(answered.at)
    facts["at"] = f"{strftime('%Y-%m-%dT%H:%M:%S', gmtime(seconds))}.{int((answered.at - seconds) * 1000):03}Z"
    facts["seconds"] = round(answered.seconds, 3)
    if not answered.detail:
        del facts["detail"]
    return _json(facts) + "\n"
