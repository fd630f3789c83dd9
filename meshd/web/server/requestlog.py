"""The request log: a file with a line for each request to the API, JSON, buffered, many to a write.

A line through the daemon's own log takes as long as answering the request.  A line that cannot be written is given up,
and that is said once: who asks the API pays nothing by it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from time import gmtime, strftime
from typing import NamedTuple

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from meshd.linefile import LineFile

SECONDS = 1.0
"""A line waits so long at most."""
MANY = 1024
"""Lines that may wait, 200 KB of them: more are written at once."""
CAP = 300
"""Characters of any one text."""

GONE = "client gone"
"""The detail of a request whose client hung up before the answer, with the status that it would have been told."""

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
    """Why it was refused below the routes; or GONE."""


class RequestLog:
    """Appends to `path`; with "" nothing is written."""

    def __init__(self, path: str, clock: IReactorTime, now: Callable[[], float]) -> None:
        self._file = LineFile(path, self._failed, self._healed)
        self._clock = clock
        self.now = now
        self._waiting: list[Answered] = []
        self._timer: IDelayedCall | None = None
        self._lost = 0

    def add(self, answered: Answered) -> None:
        if not self._file.path:
            return
        self._waiting.append(answered)
        if len(self._waiting) >= MANY:
            self.flush()
        elif self._timer is None:
            self._timer = self._clock.callLater(SECONDS, self._due)

    def flush(self) -> None:
        """Write what waits."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._lost += len(waiting) - self._file.append("".join(map(_line, waiting)).encode("ascii"))

    def open(self) -> None:
        """OSError where the file cannot be appended to: said at a start, not later."""
        self._file.open()

    def reopen(self) -> None:
        """The file was moved away, as log rotation does."""
        self.flush()
        self._file.reopen()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.flush()
        self._file.close()

    def _due(self) -> None:
        self._timer = None
        self.flush()

    def _failed(self, error: OSError) -> None:
        _log.error("request log {path} cannot be written: {error}", path=self._file.path, error=str(error))

    def _healed(self) -> None:
        lost, self._lost = self._lost, 0
        _log.info("request log {path} is written again; {lost} lines are lost", path=self._file.path, lost=lost)


def _line(answered: Answered) -> str:
    facts = {name: fact[:CAP] if isinstance(fact, str) else fact for name, fact in answered._asdict().items()}
    seconds = int(answered.at)
    facts["at"] = f"{strftime('%Y-%m-%dT%H:%M:%S', gmtime(seconds))}.{int((answered.at - seconds) * 1000):03}Z"
    facts["seconds"] = round(answered.seconds, 3)
    if not answered.detail:
        del facts["detail"]
    return _json(facts) + "\n"
