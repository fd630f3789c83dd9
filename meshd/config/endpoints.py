"""Twisted's endpoint strings: read by one parser for the check of the settings and for the socket that is opened.

The syntax and the names are Twisted's.  A type that is none of `tcp`, `tcp6`, `unix` and `systemd` is one of Twisted's
plugins, which reads its text itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os.path import normpath

from twisted.internet.endpoints import serverFromString

from meshd.config.errors import suggestion
from meshd.config.kinds import text_kind
from meshd.values.addresses import join_host, parse_ip

BACKLOG = 4096
"""Connections that may wait to be accepted; Twisted's 50 are too few for a burst."""

EVERYWHERE = ""
"""The interface that means all addresses, of both families where the host has both."""
_WILDCARDS = frozenset({EVERYWHERE, "::"})
_WRAPPER = "haproxy:"

_WORDS = re.compile(r"(?:\\.|[^\\])*")
_WORD = re.compile(r"(?:^|:)((?:\\.|[^:\\])*)")
_NAMED = re.compile(r"((?:\\.|[^=\\])*)(=?)(.*)")


@dataclass(frozen=True, slots=True)
class TCP:
    """A TCP port to listen on."""

    port: int
    """0 for any free port."""
    interface: str = EVERYWHERE
    """An IP address, or EVERYWHERE."""


@dataclass(frozen=True, slots=True)
class Unix:
    """A Unix socket to listen on."""

    path: str


@dataclass(frozen=True, slots=True)
class Inherited:
    """A socket that the service manager opened, by its name or by its place among those sockets."""

    family: str
    """`INET`, `INET6` or `UNIX`."""
    name: str = ""
    index: int = -1
    """The place from 0, where there is no name; else -1."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """An endpoint that a plugin of Twisted's listens on, by its string."""

    text: str


Place = TCP | Unix | Inherited | Foreign
"""What is listened on; two spellings of one thing are equal."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What an endpoint string says."""

    text: str
    place: Place
    haproxy: bool = False
    """Whether every connection begins with a PROXY header."""
    backlog: int = BACKLOG
    mode: int = 0o666
    """The mode of a Unix socket's file."""


def parsed(text: str) -> Endpoint:
    """Parse an endpoint string.  Raises: ValueError, whose text is for people, or is empty."""
    if not text.isprintable():
        raise ValueError
    haproxy = text.startswith(_WRAPPER)
    bare = text.removeprefix(_WRAPPER)
    kind, colon, rest = bare.partition(":")
    if not colon or not rest or not kind.isalnum():
        raise ValueError
    if kind == "haproxy":
        raise ValueError("haproxy: stands there twice")
    if kind == "ssl":
        raise ValueError("TLS is told from plain connections by itself: write tcp:")
    reader = _READERS.get(kind)
    if reader is None:
        _check_foreign(bare, kind)
        return Endpoint(text, Foreign(bare), haproxy)
    words, named = _arguments(rest)
    place, more = reader(_Arguments(words, named))
    return Endpoint(text, place, haproxy, **more)


def overlap(one: Place, other: Place) -> bool:
    """Whether the kernel lets only one socket listen on both places."""
    if isinstance(one, TCP) and isinstance(other, TCP):
        return one.port == other.port != 0 and _share(one.interface, other.interface)
    return one == other


def place_words(text: str) -> str:
    """Where an endpoint listens, for people: `every address of this machine, port 31280`."""
    place = parsed(text).place
    if not isinstance(place, TCP):
        return text
    names = {"0.0.0.0": "every IPv4 address of this machine"}  # noqa: S104 (a name for it)
    interface = "every address of this machine" if place.interface in _WILDCARDS else place.interface
    return f"{names.get(interface, interface)}, {f'port {place.port}' if place.port else 'any port'}"


def dialable(listen: str, port: int) -> str:
    """`host:port` at which this machine reaches an endpoint: the default of what customers are told."""
    return join_host(*reached(listen, port))


def reached(listen: str, port: int) -> tuple[str, int]:
    """Host and port at which this machine reaches an endpoint; port: the one that is told where it has none."""
    place = parsed(listen).place
    if not isinstance(place, TCP):
        return "127.0.0.1", port
    host = "127.0.0.1" if place.interface in (*_WILDCARDS, "0.0.0.0") else place.interface  # noqa: S104
    return host, place.port


def _share(one: str, other: str) -> bool:
    """Whether two interfaces have an address in common; `::` has all IPv4 addresses too."""
    if one == other or not _WILDCARDS.isdisjoint({one, other}):
        return True
    return "0.0.0.0" in (one, other) and ":" not in one + other  # noqa: S104


def _check_foreign(text: str, kind: str) -> None:
    """Refuse an endpoint that no plugin of Twisted's takes.  Raises: ValueError."""
    if kind == "stdio":
        raise ValueError("standard input is no listener")
    try:
        serverFromString(None, text)
    except (LookupError, OSError, TypeError, ValueError) as error:
        if str(error).startswith("Unknown endpoint type"):
            near = suggestion(kind, _READERS)
            raise ValueError(f"there is no endpoint of type '{kind}'{near}") from None
        raise ValueError(str(error)) from None
    except Exception:  # noqa: S110 (it may want the reactor, which reads no settings)
        pass


def _arguments(text: str) -> tuple[list[str], dict[str, str]]:
    """Arguments in order, and by name, of `a:b:name=c`; a backslash escapes.  Raises: ValueError."""
    words: list[str] = []
    named: dict[str, str] = {}
    if not _WORDS.fullmatch(text):
        raise ValueError("nothing follows its last backslash")
    for raw in _WORD.findall(text):
        name, sign, value = _NAMED.fullmatch(raw).groups()  # type: ignore[union-attr]
        if not sign:
            words.append(_bare(name))
        elif _bare(name) in named:
            raise ValueError(f"{_bare(name)} is given twice")
        else:
            named[_bare(name)] = _bare(value)
    return words, named


def _bare(text: str) -> str:
    """The text with its backslash escapes undone."""
    return re.sub(r"\\(.)", r"\1", text)


class _Arguments:
    """Arguments of an endpoint: each is taken once, by its name or in its order, and what is left over is refused."""

    def __init__(self, words: list[str], named: Mapping[str, str]) -> None:
        self._words = words
        self._named = dict(named)

    def take(self, name: str, *, in_order: bool = True) -> str | None:
        """Take the argument of this name, or the next in order; None where there is none.  Raises: ValueError."""
        if in_order and self._words:
            if name in self._named:
                raise ValueError(f"{name} is given twice")
            return self._words.pop(0)
        return self._named.pop(name, None)

    def number(self, name: str, low: int, high: int, *, base: int = 10) -> int | None:
        text = self.take(name)
        if text is None:
            return None
        try:
            number = int(text, base) if text.isascii() and text.isdigit() else -1
        except ValueError:
            number = -1
        if not low <= number <= high:
            what = "a port" if name == "port" else name
            raise ValueError(f"{what} is a number from {low:o} to {high:o}" if base == 8 else _range(what, low, high))
        return number

    def done(self) -> None:
        """Refuse arguments that nobody has taken.  Raises: ValueError."""
        for left in (*self._named, *self._words):
            raise ValueError(f"there is no argument '{left}'")


Said = tuple[Place, dict[str, int]]
"""The place, and the backlog and mode of an Endpoint where they are given."""


def _tcp(arguments: _Arguments, *, six: bool = False) -> Said:
    port = arguments.number("port", 0, 65535)
    if port is None:
        raise ValueError(_range("a port", 0, 65535))
    # The order of Twisted's parsers: of `tcp` and of `tcp6` it is not the same.
    first, second = ("backlog", "interface") if six else ("interface", "backlog")
    given = {name: arguments.take(name) if name == "interface" else _backlog(arguments) for name in (first, second)}
    arguments.done()
    interface = _interface(str(given["interface"] or ""), six=six)
    return TCP(port, interface), _given(backlog=given["backlog"])


def _unix(arguments: _Arguments) -> Said:
    path = arguments.take("address")
    if not path:
        raise ValueError("it names no file")
    mode = arguments.number("mode", 0, 0o777, base=8)
    backlog = _backlog(arguments)
    arguments.take("lockfile")  # a socket that nobody listens on any more is told by trying
    arguments.done()
    return Unix(normpath(path)), _given(mode=mode, backlog=backlog)


def _systemd(arguments: _Arguments) -> Said:
    family = arguments.take("domain")
    if family not in ("INET", "INET6", "UNIX"):
        raise ValueError("its domain is INET, INET6 or UNIX")
    index, name = arguments.number("index", 0, 10_000), arguments.take("name")
    arguments.done()
    if (index is None) == (not name):
        raise ValueError("it has a name or an index: systemd:domain=INET:name=NAME")
    return Inherited(family, name or "", -1 if index is None else index), {}


def _backlog(arguments: _Arguments) -> int | None:
    return arguments.number("backlog", 1, 2**31 - 1)


def _given(**values: object) -> dict[str, int]:
    return {name: value for name, value in values.items() if isinstance(value, int)}


def _range(what: str, low: int, high: int) -> str:
    return f"{what} is a number from {low} to {high}"


def _interface(text: str, *, six: bool) -> str:
    """An interface as ipaddress prints it; for "" all addresses.  Raises: ValueError."""
    if not text:
        return "::" if six else EVERYWHERE
    address = parse_ip(text)
    if address is None:
        raise ValueError("an interface is an address, such as 127.0.0.1")
    if six and address.version == 4:
        raise ValueError("an interface of tcp6 is an IPv6 address")
    return str(address)


_READERS: Mapping[str, Callable[[_Arguments], Said]] = {
    "tcp": _tcp,
    "tcp6": lambda arguments: _tcp(arguments, six=True),
    "unix": _unix,
    "systemd": _systemd,
}


ENDPOINT = text_kind("a Twisted endpoint string such as tcp:31280", lambda text: parsed(text).text)
