"""Which host a name belongs to: the one that has the very name, else the one whose wildcard covers it.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from meshd.values.published import Host

WILDCARD = "*."


class Routes:
    """The hosts by their names, for one state of what is published."""

    __slots__ = ("_exact", "_wild")

    def __init__(self, hosts: Iterable[Host]) -> None:
        exact: dict[str, Host] = {}
        wild: dict[str, Host] = {}
        for host in hosts:
            for name in host.names:
                if name.startswith(WILDCARD):
                    wild[name.removeprefix(WILDCARD)] = host
                else:
                    exact[name] = host
        self._exact: Mapping[str, Host] = exact
        self._wild: Mapping[str, Host] = wild
        """By what follows the asterisk, which stands for one label."""

    def find(self, name: str) -> Host | None:
        """The host that a name, in lower case and without a final dot, belongs to; None where it is nobody's."""
        host = self._exact.get(name)
        if host is None and self._wild:
            label, dot, rest = name.partition(".")
            if label and dot:
                return self._wild.get(rest)
        return host
