"""Where the requests of an account, a plan or a token may go: a list of "only these" or "all but these".  Pure.

An entry is a name, which covers everything under it; `*.name`, only what is under it; an address or a network; or `*`
for every destination; each with a port or a range of ports behind it (`name:443`, `[2001:db8::/32]:80-89`, `*:25`), or
for every port.  Names are compared with the destination as the client asked for it, networks with the address that
will be dialled.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_network
from typing import Any, Literal, NamedTuple

from meshd.values.addresses import ends_in_number, is_name, parse_ip, read_port, unmapped

MOST_ENTRIES = 1000
MOST_TEXT = 64 * 1024
"""Characters of a rule's text in all: it is read with the account whenever a credential is verified anew."""
MOST_WORDS = 100
"""Characters of the operator's words: they stand in a reason phrase, which clients show on one line."""

EVERYWHERE = "*"
_PORTS = re.compile(r"[0-9]{1,5}(?:-[0-9]{1,5})?", re.ASCII)
_WORDS = re.compile(r"[!-~](?:[ -~]*[!-~])?", re.ASCII)


class RulesError(ValueError):
    """A rule that cannot be: the part at fault, and why."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name
        self.text = text


@dataclass(frozen=True, slots=True)
class Rules:
    """One level's list of destinations."""

    kind: Literal["only", "except"]
    entries: tuple[str, ...]
    """As `entry` spells them, each once, in the order in which they were given."""
    observe: bool = False
    """Whether what the list would refuse passes, and is only noted."""
    words: str = ""
    """The operator's words for a refusal, in place of "destination not allowed"."""

    def given(self) -> dict[str, Any]:
        """The rules as a mapping that `read` takes."""
        shown: dict[str, Any] = {self.kind: list(self.entries)}
        return shown | ({"observe": True} if self.observe else {}) | ({"words": self.words} if self.words else {})

    def render(self) -> str:
        """The rules as a text that `parsed` reads."""
        return json.dumps(self.given(), separators=(",", ":"))


class Entry(NamedTuple):
    """One entry, read: exactly one of `name` and `network`, or neither for every destination."""

    name: str
    below: bool
    """Whether only what is under the name is meant."""
    network: Any
    ports: tuple[int, int]


def read(given: Mapping[str, Any]) -> Rules:
    """The rules of a mapping, as JSON and TOML have them.  Raises: RulesError."""
    if unknown := given.keys() - {"only", "except", "observe", "words"}:
        raise RulesError(str(min(unknown))[:100], "a rule has only or except, observe and words")
    kinds = [kind for kind in ("only", "except") if given.get(kind) is not None]
    if len(kinds) != 1:
        raise RulesError("only", "give one list, only or except")
    kind = kinds[0]
    observe = given.get("observe", False)
    if type(observe) is not bool:
        raise RulesError("observe", "must be true or false")
    rules = Rules(kind, _entries(kind, given[kind]), observe, _words(given.get("words", "")))  # type: ignore[arg-type]
    if len(rules.render()) > MOST_TEXT:
        raise RulesError(kind, f"must be {MOST_TEXT} characters at most in all")
    return rules


@lru_cache(maxsize=512)
def parsed(text: str) -> Rules:
    """The rules of a text that `render` made.  Raises: RulesError."""
    try:
        given = json.loads(text)
    except ValueError:
        raise RulesError("rules", "no JSON") from None
    if not isinstance(given, dict):
        raise RulesError("rules", "must be an object")
    return read(given)


def entry(text: str) -> Entry:
    """Read one entry.  Raises: ValueError, whose text says what is wrong."""
    host, ports = _split(text.strip())
    span = _span(ports) if ports else (1, 65535)
    if host == EVERYWHERE:
        return Entry("", False, None, span)
    if "/" in host or parse_ip(host) is not None:
        return Entry("", False, _network(host), span)
    name = host.lower().removeprefix("*.").removesuffix(".")
    if not is_name(name) or ends_in_number(name):
        raise ValueError("it is no name, address, network or *, with a port or a range behind it or not")
    return Entry(name, host.startswith("*."), None, span)


def spelled(each: Entry) -> str:
    """The one spelling of an entry."""
    host = (
        f"{'*.' * each.below}{each.name}" if each.name else EVERYWHERE if each.network is None else _net(each.network)
    )
    low, high = each.ports
    if (low, high) == (1, 65535):
        return host
    bracketed = f"[{host}]" if ":" in host else host
    return f"{bracketed}:{low}" if low == high else f"{bracketed}:{low}-{high}"


def _entries(kind: str, given: Any) -> tuple[str, ...]:
    if not isinstance(given, list | tuple) or not given or not all(isinstance(each, str) for each in given):
        raise RulesError(kind, "must be a list of texts, and not empty")
    if len(given) > MOST_ENTRIES:
        raise RulesError(kind, f"must have {MOST_ENTRIES} entries at most")
    found: dict[str, None] = {}
    for text in given:
        try:
            found[spelled(entry(text))] = None
        except ValueError as error:
            raise RulesError(kind, f"{text[:100]!r}: {error}") from None
    return tuple(found)


def _words(given: Any) -> str:
    if not isinstance(given, str) or (given and not _WORDS.fullmatch(given)) or len(given) > MOST_WORDS:
        raise RulesError("words", f"must be one line of {MOST_WORDS} printable ASCII characters at most")
    return given


def _split(text: str) -> tuple[str, str]:
    """Host and ports of an entry; "" for no ports."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or ":" not in host or (rest and not rest.startswith(":")):
            raise ValueError("what begins with [ is an IPv6 address or network in brackets, such as [2001:db8::1]:443")
        return host, _required(rest[1:]) if rest else ""
    if text.count(":") > 1:
        return text, ""
    host, colon, ports = text.partition(":")
    return host, _required(ports) if colon else ""


def _required(ports: str) -> str:
    if not _PORTS.fullmatch(ports):
        raise ValueError("behind : comes a port or a range such as 8000-8999")
    return ports


def _span(ports: str) -> tuple[int, int]:
    low, dash, high = ports.partition("-")
    span = read_port(low), read_port(high if dash else low)
    if span[0] > span[1]:
        raise ValueError("the range of ports ends before it begins")
    return span


def _network(text: str) -> Any:
    try:
        network = ip_network(text)
    except ValueError:
        whole = ip_network(text, strict=False)  # ValueError where it is no range at all
        raise ValueError(f"did you mean {whole}?") from None
    first = network.network_address
    if unmapped(first) is not first:
        raise ValueError("IPv4-mapped addresses are compared as IPv4: write it so")
    return network


def _net(network: Any) -> str:
    return str(network.network_address if network.num_addresses == 1 else network)


def entries_of(rules: Rules) -> Sequence[Entry]:
    """The entries, read."""
    return [entry(text) for text in rules.entries]
