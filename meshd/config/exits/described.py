"""`[[exits]]`: the exits that the settings file itself describes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv6Network
from typing import Any

from meshd.config.exits.places import AS_NUMBER, COST, PLACED, address_or_prefix, place, proxy_url, upstream
from meshd.config.kinds import NAME, PATH, TEXT, TRUTH, Kind, choice, list_of, number, text_kind
from meshd.config.network import COUNTRY
from meshd.config.toml_file import File
from meshd.topology import Exit

Origins = dict[str, str]

UPSTREAM_KINDS = ("http", "https", "socks5")


def _secret(kind: Kind) -> Kind:
    """The kind with wrong values not quoted: a password may stand in them."""
    return replace(kind, secret=True)


TRUTHS = ("reuse", "visible", "tunnel")
"""What may be said of an upstream proxy that speaks HTTP."""

EXIT: Mapping[str, Kind] = {
    "name": NAME,
    "kind": choice("direct", "local", *UPSTREAM_KINDS),
    "address": text_kind("a single IPv4 or IPv6 address, or an IPv6 prefix such as 2001:db8:1::/64", address_or_prefix),
    "country": COUNTRY,
    "tags": list_of(NAME, into=frozenset),
    "weight": number(1, 100),
    "upstream": _secret(text_kind("host:port of another proxy", place)),
    "username": _secret(text_kind("a text", str)),
    "password": _secret(text_kind("a text", str)),
    "url": _secret(text_kind("a URL of another proxy such as socks5://user:password@host:1080", proxy_url)),
    **dict.fromkeys(TRUTHS, TRUTH),
    "ca": PATH,
    **dict.fromkeys(PLACED, TEXT),
    "asn": AS_NUMBER,
    "cost": COST,
}

_OF_EVERY_KIND = ("name", "kind", "country", "tags", "weight", *PLACED, "asn", "cost")

_OF_UPSTREAMS = ("upstream", "username", "password", *TRUTHS, "ca")


def read_exits(file: File, origins: Origins) -> tuple[Exit, ...]:
    """The exits in the file's order; none where the file has no such section.  Raises: ConfigError."""
    raw = file.get(("exits",))
    if raw is None:
        return ()
    if not isinstance(raw, list) or not raw:
        raise file.wrong(("exits",), "[[exits]] must be a list of tables, and not empty")
    found: dict[str, Exit] = {}
    addresses: dict[str, str] = {}
    for position, item in enumerate(raw):
        made = _Described(file, position, item).make(origins)
        if made.name in found:
            raise file.wrong(("exits", position, "name"), f"[[exits]] two exits are named '{made.name}'")
        found[made.name] = made
        address = where(made)
        other = addresses.setdefault(address, made.name) if address else made.name
        if other != made.name:
            text = f"[[exits]] '{made.name}' and '{other}' have one address, {address}"
            raise file.wrong(("exits", position, "address"), text)
    return tuple(found.values())


def where(exit_: Exit) -> str:
    """The address or prefix that customers ask for an exit by, of which no two exits have the same; "" for none."""
    return exit_.address or (str(exit_.prefix) if exit_.prefix else "")


class _Described:
    """One table `[[exits]]`."""

    def __init__(self, file: File, position: int, raw: object) -> None:
        self._file = file
        self._path = ("exits", position)
        self._given: dict[str, Any] = file.table(self._path, raw, EXIT)
        if "name" not in self._given:
            raise file.wrong(self._path, "[[exits]] name is missing")
        self._name = self._given["name"]

    def make(self, origins: Origins) -> Exit:
        """The exit; notes in `origins` where each of its values came from.  Raises: ConfigError."""
        given = self._given
        origins.update({f"exits.{self._name}.{key}": self._file.origin((*self._path, key)) for key in given})
        if "url" in given:
            self._take_url(origins)
        if "kind" not in given:
            raise self._file.wrong(self._path, "[[exits]] kind is missing")
        make = self._of_upstream if given["kind"] in UPSTREAM_KINDS else self._of_this_machine
        return make(**{key: given[key] for key in _OF_EVERY_KIND if key in given})

    def _take_url(self, origins: Origins) -> None:
        kind, proxy = self._given.pop("url")
        for key in ("upstream", "username", "password"):
            if key in self._given:
                raise self._wrong(key, f"has a url, which says its {key}")
        if self._given.setdefault("kind", kind) != kind:
            raise self._wrong("kind", f'has a url of kind "{kind}"')
        said = {"upstream": (proxy.host, proxy.port), "username": proxy.username, "password": proxy.password}
        self._given.update({key: value for key, value in said.items() if value})
        for key in ("kind", *said):
            origins.setdefault(f"exits.{self._name}.{key}", origins[f"exits.{self._name}.url"])

    def _of_this_machine(self, **common: Any) -> Exit:
        for key in _OF_UPSTREAMS:
            if key in self._given:
                kinds = '"https"' if key == "ca" else '"http", "https" or "socks5"'
                raise self._wrong(key, f"has {'an' if key == 'upstream' else 'a'} {key}: its kind must be {kinds}")
        address = self._given.get("address", "")
        if common["kind"] == "local" and not address:
            raise self._wrong("", "is local and needs an address")
        if common["kind"] == "direct" and address:
            raise self._wrong("address", 'has an address: its kind must be "local"')
        if isinstance(address, IPv6Network):
            return Exit(prefix=address, **common)
        return Exit(address=address, **common)

    def _of_upstream(self, **common: Any) -> Exit:
        given, kind = self._given, common["kind"]
        if "upstream" not in given:
            raise self._wrong("", f"is of kind {kind} and needs an upstream, or a url")
        if "ca" in given and kind != "https":
            raise self._wrong("ca", 'has a ca: its kind must be "https"')
        for key in TRUTHS:
            if given.get(key) and kind == "socks5":
                raise self._wrong(key, f'has a {key}: its kind must be "http" or "https"')
        address = given.get("address", "")
        if isinstance(address, IPv6Network):
            raise self._wrong("address", 'has a prefix: its kind must be "local"')
        host, port = given["upstream"]
        username, password = given.get("username", ""), given.get("password", "")
        try:
            proxy = upstream(kind, host, port, username, password, str(given.get("ca", "")))
        except ValueError as error:
            raise self._wrong("username", f"cannot be used: {error}") from None
        said = {key: given.get(key, False) for key in TRUTHS}
        return Exit(address=address, upstream=replace(proxy, **said), **common)

    def _wrong(self, key: str, text: str) -> Exception:
        return self._file.wrong((*self._path, key) if key else self._path, f"[[exits]] '{self._name}' {text}")
