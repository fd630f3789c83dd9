"""The sockets that a worker has been handed by its daemon, and what else the daemon listens at."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from meshd.config.endpoints import TCP
from meshd.daemon.inherited import Inherited
from meshd.daemon.keeping import name_of
from meshd.exits.destinations import OwnListeners


class Handed(Inherited):
    """Those of the newest settings; a listener that is opened takes the one of its place."""

    def __init__(self) -> None:
        super().__init__()
        self._beyond = OwnListeners()
        self._by_name: dict[str, list[socket.socket]] = {}

    def receive(self, own: OwnListeners, sockets: Iterable[tuple[TCP, int]]) -> None:
        """Take new ones: descriptors by place.  own: the listeners of the whole daemon."""
        self.clear()
        self._beyond = own
        for place, descriptor in sockets:
            self._by_name.setdefault(name_of(place), []).append(socket.socket(fileno=descriptor))

    def clear(self) -> None:
        """Close the copies that no listener has taken: those that have one of the same place need no other."""
        for sockets in self._by_name.values():
            for each in sockets:
                each.close()
        self._by_name.clear()

    @property
    def beyond(self) -> OwnListeners:
        return self._beyond

    @property
    def lent(self) -> bool:
        return True

    def waiting(self, name: str) -> list[socket.socket]:
        """All that came for the place of that name; each is given once."""
        return self._by_name.pop(name, [])
