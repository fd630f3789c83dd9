"""Lists of exits as they are bought, one a line, in any of the common spellings; no file is touched here.

    proxy.example:8080
    proxy.example:8080:user:password           country=US tags=fast,dc
    proxy.example,8080,user,password           # columns, by commas, semicolons, bars, tabs or blanks
    user:password@[2001:db8::1]:1080           kind=socks5
    socks5://user:p%40ss@proxy.example:1080    weight=3
    proxy.example:8081                         country=US region=New_York city=New_York
    2001:db8:1::/64                            # a prefix of this machine, its exit a local one

A wrong line is told by number and reason, in words that repeat nothing of the line: any piece of it may be a password.
All other lines count.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from ipaddress import IPv6Network
from pathlib import Path
from typing import Any, NamedTuple

from meshd.config.exits import spelling
from meshd.config.exits.places import AS_NUMBER, COST, PLACED, SCHEMES, address_or_prefix, proxy_url, single_address
from meshd.config.kinds import NAME, TEXT, TRUTH, Kind, caption, choice, list_of, number, text_kind
from meshd.config.network import COUNTRY
from meshd.topology import Exit, ExitKind, UpstreamProxy
from meshd.values.addresses import parse_ip

_TRUTHS = {"reuse": "reuse", "visible": "be visible", "tunnel": "be asked for tunnels alone"}
"""Attributes that say something of an HTTP proxy, and what they say."""

ATTRIBUTES: Mapping[str, Kind] = {
    "name": NAME,
    "kind": choice("local", "http", "https", "socks5"),
    "address": text_kind("a single IPv4 or IPv6 address", single_address),
    "country": COUNTRY,
    "tags": list_of(NAME, into=frozenset),
    "weight": number(1, 100),
    **dict.fromkeys(_TRUTHS, TRUTH),
    # A line's words end at blanks.
    **dict.fromkeys(PLACED, text_kind(f"{TEXT.words}, _ for a blank", lambda text: caption(text.replace("_", " ")))),
    "asn": AS_NUMBER,
    "cost": replace(COST, words="a decimal such as 2.50"),
}

_OWN = frozenset({"name", "address"})
"""Attributes whose value differs from line to line, so that remembering what was read is of no use."""

_BARE = re.compile(r"[0-9]+(?:\.[0-9]+){3}(?:/[0-9]+)?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*/[0-9]+", re.ASCII)
"""An IPv4 address or a prefix without a port, so it is no proxy."""
_SIX = re.compile(r"[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_PLAIN = re.compile(r"[^\s;,|]*")
"""One word, and no columns."""
_STEM = re.compile(r"[^A-Za-z0-9._-]")
_STEM_LENGTH = 46
"""A name has 64 characters, 17 of which are for what follows the stem."""


class Problem(NamedTuple):
    line: int
    reason: str


class Source(NamedTuple):
    """Where an exit is described."""

    list: str
    """The list's name; "" for the settings."""
    line: int
    """0 for an exit of the settings."""


class Lines(NamedTuple):
    """What was read from a list."""

    exits: tuple[Exit, ...]
    problems: tuple[Problem, ...]


def stem_of(name: str) -> str:
    """The beginning of the names that are made for exits of a list of that name."""
    return _STEM.sub("-", name).lstrip(".-")[:_STEM_LENGTH] or "list"


def read(text: str, stem: str, taken: dict[str, Source], name: str = "") -> Lines:
    """The exits of a list, and what is wrong in the list.

    stem: the beginning of names for exits that the list gives none; name: the list's own.
    taken: names and addresses that other exits have; those of this list are added to it.
    """
    reader = _Reader(stem_of(stem), taken, name)
    problems: list[Problem] = []
    for line, written in enumerate(text.split("\n"), 1):
        words = written.split()
        if words and words[0][0] != "#" and not (not reader.exits and spelling.is_heading(written)):
            try:
                reader.take(line, written, words)
            except ValueError as error:
                problems.append(Problem(line, str(error)))
    return Lines(tuple(reader.exits), tuple(problems))


class _Way(NamedTuple):
    """What the first word of a line says."""

    kind: ExitKind
    address: str = ""
    prefix: IPv6Network | None = None
    upstream: UpstreamProxy | None = None

    def said(self, key: str) -> _Way:
        """The same, of whose proxy a truth is said.  ValueError where there is none that it could be said of."""
        if self.upstream is None or self.kind == "socks5":
            raise ValueError(f"only an http or https proxy can be said to {_TRUTHS[key]}")
        said: dict[str, Any] = {key: True}
        return self._replace(upstream=replace(self.upstream, **said))

    @property
    def identity(self) -> bytes:
        """What makes two exits the same."""
        proxy = self.upstream
        if proxy is None:
            return f"local\0{self.prefix or self.address}".encode()
        return f"{self.kind}\0{proxy.host}\0{proxy.port}\0{proxy.username}".encode()


class _Reader:
    def __init__(self, stem: str, taken: dict[str, Source], name: str) -> None:
        self.exits: list[Exit] = []
        self._stem = stem
        self._taken = taken
        self._name = name
        self._lines: dict[bytes, int] = {}
        """By identity."""
        self._made: dict[str, int] = {}
        """Which exit was the first to get a made name."""
        self._known: dict[str, tuple[str, Any]] = {}
        """Attributes by their text: most lines have the same few."""

    def take(self, line: int, written: str, words: list[str]) -> None:
        """Read a line, written so and of these words.  ValueError with the reason."""
        cells: Sequence[str] = ()
        if "://" not in words[0] and (len(words) > 1 or not _PLAIN.fullmatch(written)):
            said = next((place for place, word in enumerate(words) if place and _says_more(word)), len(words))
            cells = spelling.columns(written if said == len(words) else " ".join(words[:said]))
            if cells:
                words = [words[0], *words[said:]]
        given = self._attributes(words)
        way = _read_columns(cells, given.pop("kind", "")) if cells else _read_way(words[0], given.pop("kind", ""))
        identity = way.identity
        if identity in self._lines:
            raise ValueError(f"same as line {self._lines[identity]}")
        if way.upstream is None and "address" in given:
            raise ValueError("an exit of this machine has no second address")
        for key in _TRUTHS:
            if given.pop(key, False):
                way = way.said(key)
        address = given.pop("address", way.address)
        where = address or (str(way.prefix) if way.prefix else "")
        if where in self._taken:
            raise ValueError(f"its address is that of {self._place(where)}")
        name = given.pop("name", "") or self._made_name(identity)
        if name in self._taken:
            raise ValueError(f"its name is that of {self._place(name)}")
        self.exits.append(Exit(name, way.kind, address, prefix=way.prefix, upstream=way.upstream, **given))
        self._lines[identity] = line
        self._taken[name] = source = Source(self._name, line)
        if where:
            self._taken[where] = source

    def _place(self, key: str) -> str:
        """Of the exit that has this name or address already."""
        name, line = self._taken[key]
        if not line:
            return "an exit in the settings"
        return f"line {line}" if name == self._name else f"{name} line {line}"

    def _made_name(self, identity: bytes) -> str:
        """A name made from what the line says alone.  Two lines that would get the same name both get longer names."""
        digest = blake2b(identity, digest_size=8).hexdigest()
        name = f"{self._stem}-{digest[:8]}"
        first = self._made.setdefault(name, len(self.exits))
        if first == len(self.exits):
            return name
        if self.exits[first].name == name:
            self._rename(first)
        return f"{self._stem}-{digest}"

    def _rename(self, place: int) -> None:
        exit_ = self.exits[place]
        way = _Way(exit_.kind, exit_.address, exit_.prefix, exit_.upstream)
        name = f"{self._stem}-{blake2b(way.identity, digest_size=8).hexdigest()}"
        self.exits[place] = replace(exit_, name=name)
        self._taken[name] = self._taken.pop(exit_.name)

    def _attributes(self, words: list[str]) -> dict[str, Any]:
        given: dict[str, Any] = {}
        for position in range(1, len(words)):
            word = words[position]
            if word[0] == "#":
                break
            key, value = self._known.get(word) or self._attribute(word, position + 1)
            if key in given:
                raise ValueError(f"{key} is given twice")
            given[key] = value
        return given

    def _attribute(self, word: str, position: int) -> tuple[str, Any]:
        key, sign, text = word.partition("=")
        key = "tags" if key == "tag" else key
        kind = ATTRIBUTES.get(key) if sign else None
        if kind is None:
            raise ValueError(f"word {position} is no attribute: they are {', '.join(ATTRIBUTES)}, each with =")
        try:
            read = key, kind(kind.from_text(text), Path())
        except ValueError:
            raise ValueError(f"{key} must be {kind.words}") from None
        if key not in _OWN:
            self._known[word] = read
        return read


def _says_more(word: str) -> bool:
    """Whether the word is an attribute, or a comment begins with it."""
    key, sign, _ = word.partition("=")
    return word[0] == "#" or bool(sign and (key in ATTRIBUTES or key == "tag"))


def _check_text(text: str) -> None:
    if "\N{REPLACEMENT CHARACTER}" in text:
        raise ValueError("it is not UTF-8")
    if not text.isprintable():
        raise ValueError("it has a character that cannot be printed")


def _read_columns(cells: Sequence[str], kind: str) -> _Way:
    """Read columns; kind: the line's attribute, "" for none.  Raises: ValueError."""
    for cell in cells:
        _check_text(cell)
    if kind == "local":
        raise ValueError("an exit of this machine is an address alone")
    named, proxy = spelling.of_columns(SCHEMES[kind or "http"], cells)
    return _Way(named, upstream=proxy)


def _read_way(word: str, kind: str) -> _Way:
    """Read the first word; kind: the line's attribute, "" for none.  Raises: ValueError."""
    _check_text(word)
    if "://" in word:
        word = spelling.unnamed(word)
        named, proxy = spelling.of_url(word) or proxy_url(word)
        if kind not in ("", named):
            raise ValueError("its kind is not that of its URL")
        return _Way(named, upstream=proxy)
    local = _local(word, kind)
    if local is not None:
        if kind not in ("", "local"):
            raise ValueError("an address alone is an exit of this machine: a proxy's has a port")
        return _Way("local", prefix=local) if isinstance(local, IPv6Network) else _Way("local", local)
    if kind == "local":
        raise ValueError("an exit of this machine is an address alone")
    named = SCHEMES[kind or "http"]
    return _Way(named, upstream=spelling.proxy(named, word))


def _local(word: str, kind: str) -> str | IPv6Network | None:
    """The address or prefix of this machine that the word is; None for any other word.  Raises: ValueError."""
    if _BARE.fullmatch(word):
        return address_or_prefix(word)
    if not _SIX.fullmatch(word) or not parse_ip(word):
        return None
    address, _, port = word.rpartition(":")
    if kind != "local" and port.isdecimal() and 0 < int(port) <= 65535 and parse_ip(address):
        raise ValueError(spelling.SIX)
    return single_address(word)
