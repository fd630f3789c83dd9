"""A connection through an exit, made from the command line on an event loop of its own."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import NamedTuple

from meshd.cli.errors import Refused
from meshd.cli.resolving import TURN, own_loop
from meshd.exits.destinations import ANYWHERE, OwnListeners
from meshd.exits.dialling import Dialler
from meshd.exits.pools import addressed
from meshd.sockets.poll import Poller
from meshd.sockets.race import DialError
from meshd.sockets.task import Task
from meshd.sockets.tls import TLSUpstreams
from meshd.sockets.wheel import Wheel
from meshd.topology import Exit, Timeouts


class Way(NamedTuple):
    """An exit and the local address of the exit to connect from."""

    exit: Exit
    source: str


def try_exit(exit_: Exit, host: str, port: int, timeouts: Timeouts, servers: Sequence[str]) -> float:
    """Connect to the host through the exit; the seconds that took.  Raises: Refused, with the reason.

    servers: addresses of name servers; without any the system's resolver is asked.
    """
    ended: list[BaseException | None] = []
    with own_loop(servers, timeouts.dns) as (reactor, resolver):
        poller = Poller(reactor)
        secure = TLSUpstreams(reactor, poller, Wheel(reactor), lambda: 1.0)
        dialler = Dialler(poller, resolver, reactor, lambda: ANYWHERE, OwnListeners, secure)
        poller.start()
        began = time.monotonic()
        task = Task(_dial(dialler, poller, exit_, host, port), ended.append)
        try:
            task.resume()
            while not ended:
                reactor.iterate(TURN)
                if time.monotonic() - began >= timeouts.connect:
                    task.throw(Refused(f"{exit_.name}: no connection within {timeouts.connect:g} s"))
            seconds = time.monotonic() - began
        finally:
            task.throw(Refused("interrupted"))
            poller.stop()
    _judge(exit_, ended[0])
    return seconds


async def _dial(dialler: Dialler, poller: Poller, exit_: Exit, host: str, port: int) -> None:
    source = addressed(exit_, "", (), lambda _: int.from_bytes(os.urandom(8)))
    dialled = await dialler.dial(host, port, Way(exit_, source))
    poller.remove(dialled.fd)
    os.close(dialled.fd)


def _judge(exit_: Exit, error: BaseException | None) -> None:
    if isinstance(error, DialError):
        whose = {"exit": "the exit", "destination": "the destination"}
        raise Refused(f"{exit_.name}: {error.cause} ({whose.get(error.blame, 'the exit or the destination')})")
    if error is not None:
        raise error
