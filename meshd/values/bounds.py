"""How much of the proxy one account may use at a time: rates and counts, as the operator gives them.  Pure.

A bound that is not given is decided a level below: an account's go over its plan's, and those over the settings'.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Literal, get_args

OnLimit = Literal["cut", "finish", "slow"]
"""What happens to an account at a byte limit: its exchanges end, may end by themselves, or go on at a crawl."""

MOST: Mapping[str, int] = {
    "requests_per_second": 10**6,
    "tunnels": 10**7,
    "kbit_down": 10**8,
    "kbit_up": 10**8,
    "client_addresses": 10**6,
}
"""The highest value of each number; what is higher is a slip of the hand."""


class BoundsError(ValueError):
    """A bound that there is not, or a value that it cannot have."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name
        self.text = text


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of one level; None for what the level below decides, 0 for no bound."""

    requests_per_second: int | None = None
    """Plain requests and tunnels that may begin within a second, counted together."""
    tunnels: int | None = None
    """Exchanges at a time: tunnels, and plain requests under way."""
    kbit_down: int | None = None
    """Kilobits a second to the clients."""
    kbit_up: int | None = None
    """Kilobits a second from the clients."""
    client_addresses: int | None = None
    """Distinct addresses of clients (of IPv6 their /64) that have something open at a time."""
    on_limit: OnLimit | Literal[""] = ""
    """What happens at a byte limit; "" for what the level below says."""

    def over(self, other: Bounds) -> Bounds:
        """These bounds, and the other's for those that are not given here."""
        return Bounds(*(_first(getattr(self, name), getattr(other, name)) for name in NAMES))

    def given(self) -> dict[str, int | str]:
        """The bounds that are given, by name: what `read` takes."""
        return {name: value for name in NAMES if (value := getattr(self, name)) not in (None, "")}

    def render(self) -> str:
        """The bounds that are given as a text that `parsed` reads; "" for none."""
        return " ".join(f"{name}={value}" for name, value in self.given().items())


NAMES = tuple(each.name for each in fields(Bounds))
NO_BOUNDS = Bounds()


def read(given: Mapping[str, Any]) -> Bounds:
    """The bounds of a mapping, as JSON and TOML have them; None for what the level below decides.
    Raises: BoundsError for the first that is unknown or wrong.
    """
    for name, value in given.items():
        if name not in NAMES:
            raise BoundsError(str(name)[:100], f"is unknown; known are {', '.join(NAMES)}")
        if value is not None:
            _check(name, value)
    return Bounds(**{name: value for name, value in given.items() if value is not None})


@lru_cache(maxsize=1024)
def parsed(text: str) -> Bounds:
    """The bounds of a text such as `kbit_down=10000 tunnels=50`.  Raises: BoundsError."""
    return read(told(text.split()))


def told(words: list[str]) -> dict[str, int | str | None]:
    """What words such as `tunnels=50` say, by name; `tunnels=` leaves that bound to the level below.
    Raises: BoundsError where a word is no `name=value`, or a name stands there twice.
    """
    given: dict[str, int | str | None] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise BoundsError(name[:100], "write it as name=value, such as tunnels=50")
        if name in given:
            raise BoundsError(name[:100], "it stands there twice")
        number = value.isascii() and value.isdigit() and len(value) <= 18
        given[name] = int(value) if number else value or None
    return given


def _check(name: str, value: object) -> None:
    """Refuse a value that the bound cannot have; true is no number, though an int to Python.  Raises: BoundsError."""
    if name == "on_limit":
        if value not in get_args(OnLimit):
            raise BoundsError(name, 'must be "cut", "finish" or "slow"')
        return
    if type(value) is not int or not 0 <= value <= MOST[name]:
        raise BoundsError(name, f"must be a whole number from 0 (no bound) to {MOST[name]}")


def _first(one: Any, other: Any) -> Any:
    return other if one in (None, "") else one
