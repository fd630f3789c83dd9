"""Exchanges, as the exchange log, the holders of accounts and operators see them."""

from __future__ import annotations

from typing import NamedTuple

NAMED = 64
"""Destinations of one exchange that are kept by name; further ones are only counted."""


class Destinations:
    """The places that one exchange has sent datagrams to, each once: host as asked for, port, and address."""

    __slots__ = ("places", "unnamed")

    def __init__(self) -> None:
        self.places: list[tuple[str, int, str]] = []
        self.unnamed = 0
        """How many times one more was begun with."""

    def add(self, host: str, port: int, address: str) -> None:
        place = host, port, address
        if place in self.places:
            return
        if len(self.places) < NAMED:
            self.places.append(place)
        else:
            self.unnamed += 1


class Exchange(NamedTuple):
    """One request and its answer, or one tunnel: a line of the exchange log.

    A tuple, since one is made for every request and a frozen dataclass takes four times as long to make.
    """

    id: str
    at: float
    seconds: float
    account_id: int
    """0 where nobody was admitted."""
    username: str
    token_id: int
    proxy: str
    client: str
    method: str
    host: str
    port: int
    exit: str
    status: int
    reason: str
    """"" where all went well, else the reason of the refusal or of an early end."""
    up: int
    down: int
    way: str = ""
    """The name of the exit that was chosen last; "" where none was.  Reports count by it; the log has `exit`."""
    detail: str = ""
    """More about the reason, for the log alone: the rule that was broken, or why an exit failed; "" for none."""
    destinations: Destinations | None = None
    """Of datagrams with heads of their own, for the log alone: where they went; None for any other exchange."""


class OpenExchange(NamedTuple):
    """An exchange that is under way and counted, as it was when somebody looked."""

    id: str
    began: int
    """Milliseconds since the epoch."""
    account_id: int
    family_id: int
    """The parent's id, or the account's own."""
    username: str
    token_id: int
    """0 where no token was used."""
    proxy: str
    client: str
    method: str
    host: str
    port: int
    exit: str
    """"" as long as no exit is connected."""
    up: int
    down: int
    way: str = ""
    """The name of the exit that was chosen last; "" where none was."""


class PastExchange(NamedTuple):
    """An exchange that has ended, as the holder of its account sees it."""

    account_id: int
    ended: int
    """Milliseconds since the epoch; `began` too."""
    request: str
    """The id of the exchange."""
    family_id: int
    """The parent's id, or the account's own."""
    began: int
    token_id: int
    proxy: str
    client: str
    method: str
    host: str
    port: int
    exit: str
    status: int
    reason: str
    up: int
    down: int
    way: str = ""
    """The name of the exit that was chosen last; "" where none was."""
