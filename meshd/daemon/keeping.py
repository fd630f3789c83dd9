"""How sockets that listen are called while one process hands them to the next, or a service manager keeps them.

A name says which place of the settings, or of what is published, the socket is for, so that the next process finds it
by what it wants itself.  Several sockets may have one name: those of one port among which workers are shared out.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from urllib.parse import quote

from meshd.config.endpoints import TCP, Endpoint, Foreign, Unix
from meshd.config.endpoints import Inherited as Activated
from meshd.hosts.ports import Place

PREFIX = "meshd/"
HOSTED = f"{PREFIX}hosts/"
LONGEST = 255
"""Most characters that systemd takes for a name (FDNAME= in sd_notify(3)); none may be a colon."""

Kept = tuple[str, socket.socket]
"""A socket with its name."""


def name_of(place: TCP | Unix) -> str:
    """The name of a socket that listens at a place of the settings: `meshd/tcp/31280/%3A%3A1`."""
    if isinstance(place, Unix):
        return f"{PREFIX}unix/{quote(os.path.abspath(place.path), safe='')}"
    return f"{PREFIX}tcp/{place.port}/{quote(place.interface, safe='') or '*'}"


def hosted_name(place: Place) -> str:
    """The name of a socket for what is published: `meshd/hosts/udp/53/*`."""
    return f"{HOSTED}{place.transport}/{place.port}/{quote(place.interface, safe='') or '*'}"


def named(endpoints: Iterable[Endpoint]) -> frozenset[str]:
    """The names of what these endpoints listen at, as far as meshd opens the sockets itself."""
    places = (each.place for each in endpoints)
    return frozenset(name_of(place) for place in places if not isinstance(place, Activated | Foreign))
