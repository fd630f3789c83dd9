"""The ports of streams and port forwards, opened and closed while the daemon runs, as what is published changes.

A port that is served before and after a change keeps its socket.  One that cannot be had is tried again and again.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from meshd.hosts.opening import Opened, open_place
from meshd.hosts.ports import Offer, Place, Plan

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds between two attempts at a port: each pause is twice as long as the one before."""

log = Logger()


class Listener(Protocol):
    """One socket of a place, and who is served there."""

    def change(self, offer: Offer, /) -> None: ...

    def close(self) -> None: ...


@dataclass(slots=True)
class _Port:
    """A place that is to be listened at."""

    offer: Offer
    listeners: tuple[Listener, ...] = ()
    sockets: tuple[socket.socket, ...] = ()
    problem: str = ""
    """Why nothing listens there; "" while something does."""
    pause: float = 0.0
    retry: Any = field(default=None)


class Ports:
    """All ports of the process that serve streams and port forwards."""

    def __init__(
        self,
        clock: IReactorTime,
        serve: Callable[[Place, socket.socket, Offer], Listener],
        open_: Callable[[Place], Opened] = open_place,
    ) -> None:
        """serve: makes the listener of a socket, which the listener closes."""
        self._clock = clock
        self._serve = serve
        self._open = open_
        self._ports: dict[Place, _Port] = {}

    def apply(self, plan: Plan) -> None:
        """Close what is no longer wanted, then open what is new; whatever is the same is left alone."""
        for place in [each for each in self._ports if each not in plan.offers]:
            self._close(place)
        for place, offer in plan.offers.items():
            port = self._ports.get(place)
            if port is None:
                port = self._ports[place] = _Port(offer)
            elif port.offer != offer:
                port.offer = offer
                for listener in port.listeners:
                    listener.change(offer)
            if not port.listeners:
                self._stop_waiting(port)
                self._try(place, port)

    def sockets(self) -> list[tuple[Place, socket.socket]]:
        """All that are open, with what they are for."""
        return [(place, each) for place, port in self._ports.items() if port.listeners for each in port.sockets]

    def problems(self) -> dict[int, str]:
        """By resource, which of its ports are not listened at, and why."""
        found: dict[int, list[str]] = {}
        for place, port in self._ports.items():
            if port.problem:
                for service in port.offer.services:
                    found.setdefault(service.id, []).append(f"{place}: {port.problem}")
        return {id_: "; ".join(texts) for id_, texts in found.items()}

    def close(self) -> None:
        """Listen no more."""
        for place in list(self._ports):
            self._close(place)

    def _try(self, place: Place, port: _Port) -> None:
        """Open the place, or try again later."""
        try:
            opened = self._open(place)
        except OSError as error:
            self._failed(place, port, error.strerror or str(error))
            return
        port.sockets = opened.sockets
        port.listeners = tuple(self._serve(place, each, port.offer) for each in opened.sockets)
        port.problem, port.pause = "", 0.0
        for service in port.offer.services:
            asked = f", passed on by meshd itself and not by {service.asked}" if service.asked == "iptables" else ""
            log.info(
                "{service} is served at {place} ({how}{asked})",
                service=service.label,
                place=str(place),
                how=opened.how,
                asked=asked,
            )

    def _failed(self, place: Place, port: _Port, problem: str) -> None:
        """Note the problem, and tell the log where it is new."""
        if problem != port.problem:
            port.problem = problem
            for service in port.offer.services:
                log.warn(
                    "{service} cannot be served at {place}: {problem}; it is tried again",
                    service=service.label,
                    place=str(place),
                    problem=problem,
                )
        port.pause = min(port.pause * 2 or FIRST_PAUSE, LONGEST_PAUSE)
        port.retry = self._clock.callLater(port.pause, self._again, place, port)

    def _again(self, place: Place, port: _Port) -> None:
        port.retry = None
        self._try(place, port)

    def _stop_waiting(self, port: _Port) -> None:
        if port.retry is not None:
            port.retry.cancel()
            port.retry = None

    def _close(self, place: Place) -> None:
        port = self._ports.pop(place)
        self._stop_waiting(port)
        for listener in port.listeners:
            listener.close()
