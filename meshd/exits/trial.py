"""Trying an exit on an operator's word: a connection through it, and nothing sent over that connection."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from twisted.internet.defer import TimeoutError as Late
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory, Protocol

from meshd.exits.client import ExitClient
from meshd.exits.pools import addressed
from meshd.sockets.race import DialError
from meshd.topology import Exit


class Tried(NamedTuple):
    """What became of a connection through an exit."""

    seconds: float
    """The time that it took, or after which it had failed."""
    problem: str
    """Why there was none, as the exchange log would say; "" where there was one."""


class Route(NamedTuple):
    """An exit, and the local address to connect from."""

    exit: Exit
    source: str


class Trials:
    """Tries exits, one connection each time, to where customers may go.

    client: connects by the rules for destinations; timeout: gives the seconds that a connection may take.
    """

    def __init__(self, clock: IReactorTime, client: ExitClient, timeout: Callable[[], float]) -> None:
        self._clock = clock
        self._client = client
        self._timeout = timeout

    async def connect(self, exit_: Exit, host: str, port: int) -> Tried:
        """Connect to the host through the exit, drained or not, and close."""
        way = Route(exit_, addressed(exit_, "", (), lambda _: int.from_bytes(os.urandom(8))))
        endpoint = self._client.endpoint(way, host, port)
        began = self._clock.seconds()
        problem = ""
        try:
            await endpoint.connect(Factory.forProtocol(Protocol)).addTimeout(self._timeout(), self._clock)
        except DialError as error:
            problem = error.cause
        except Late:
            problem = "connect-timeout"
        except OSError:
            problem = "connect-failed"
        finally:
            if endpoint.transport is not None:
                endpoint.transport.abortConnection()
        return Tried(self._clock.seconds() - began, problem)
