"""What a client is, which credentials each is run with, and what is seen of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.live.programs import Program

PASSWORD = "correcthorse"
WRONG = "wronghorse"
NAME = "origin.test"
"""Of the origins, at the daemon's name server: for a loopback address browsers ask no PAC."""
WAYS = ("http", "https", "SOCKS5")
REFUSED = {
    "wrong password": ("407", "invalid credentials"),
    "inactive": ("402", "account inactive"),
    "exhausted": ("509", "bandwidth limit exceeded"),
}
"""What the daemon answers to each: status and words."""
CARRIED = ("password", "token as password", "token as name", "sticky key", "selection")


class NotHereError(Exception):
    """What a client needs is not on this machine."""


@dataclass(frozen=True)
class Library:
    """One that a worker asks."""

    environment: str
    """Of place.ENVIRONMENTS."""
    name: str
    """Which the worker knows."""
    needs: str = ""
    """A program that it starts."""


@dataclass(frozen=True)
class Client:
    """One row of the table."""

    name: str
    version: str
    """A package that is pinned, by its name; else the Debian package that has it; "" for Python itself."""
    credential: str
    ways: Mapping[str, Program | Library]
    """Those that it knows."""
    note: str = ""
    """What no run shows."""
    shows: bool = True
    """Whether it prints the page that it got; else it is enough that the origin was asked."""
    serves: bool = False
    """Whether it speaks another protocol, to an origin that it brings: it prints SHAKEN where that has answered."""


@dataclass(frozen=True)
class Seen:
    """What came of one page."""

    arrived: bool
    """Whether the origin was asked."""
    text: str
    """What the client printed; without secrets, and without what is another in each run."""
    late: bool = False


SHAKEN = "shaken"
"""What is printed where the answer is no page."""

Outcome = dict[tuple[str, str], Seen]
"""By way and kind of credential."""
