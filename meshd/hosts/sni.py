"""Whose a connection by TLS is, by the name that its client asks for before TLS begins.  Pure.

An exact name comes before a wildcard, which stands for one label; of two that have the same name the first one has it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Generic, TypeVar

from meshd.values.published import ProxyHost, Published, Stream

T = TypeVar("T")


class Names(Generic[T]):
    """What is found by a name."""

    __slots__ = ("_found",)

    def __init__(self, pairs: Iterable[tuple[str, T]]) -> None:
        """pairs: names with what they lead to; a later pair with the same name is left out."""
        self._found: dict[str, T] = {}
        for name, thing in pairs:
            self._found.setdefault(name, thing)

    def __len__(self) -> int:
        return len(self._found)

    def find(self, name: str) -> T | None:
        """What the name, in lower case, leads to; None for nothing, and for a client without a name ("")."""
        found = self._found.get(name)
        if found is None:
            first, _, rest = name.partition(".")
            if first and rest:
                found = self._found.get(f"*.{rest}")
        return found


class Passages:
    """At the ports where hosts are served by TLS: what is passed on with its TLS untouched, or is a stream.

    Beside each other on such a port are hosts, whose TLS ends here, hosts with `passthrough`, and streams with names.
    """

    __slots__ = ("_names",)

    def __init__(self, published: Published, ports: Collection[int]) -> None:
        """ports: those of the listeners of `[hosts] https`."""
        streams = ((name, each) for each in streams_beside(published, ports) for name in each.sni)
        hosts = (
            (name, each if isinstance(each, ProxyHost) and each.passthrough else None)
            for each in published.hosts
            for name in each.names
        )
        self._names: Names[tuple[Stream | ProxyHost | None]] = Names(
            (name, (thing,)) for name, thing in (*streams, *hosts)
        )

    def passed_on(self, name: str) -> Stream | ProxyHost | None:
        """What takes the bytes of a client that asks for this name; None where TLS ends here, if anywhere."""
        found = self._names.find(name)
        return None if found is None else found[0]


def streams_beside(published: Published, ports: Collection[int]) -> Iterable[Stream]:
    """The streams that share one of these ports with hosts."""
    return (each for each in published.streams if each.port in ports and each.sni and each.transport != "udp")
