"""What a published host does, made ready for requests: its lists, its upstreams, its rules.  Pure.

A Site is made anew when its host, or the list that guards it, changes, and at no other time; a request that has begun
keeps the one that it began with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import NamedTuple

from meshd.hosts.fieldrules import FieldRules
from meshd.hosts.paths import loosely
from meshd.hosts.policies import choose
from meshd.hosts.routing import Routes
from meshd.hosts.vitals import Vital, Vitals, usable
from meshd.hosts.windows import Memory, Windows, new_memory
from meshd.http1.errors import BadMessage
from meshd.values.published import AccessList, Host, Location, ProxyHost, Published, Redirection

NOBODY = AccessList(0, "", enabled=False)
"""In the place of a list that is not there: what is guarded by it is closed."""

HSTS_SECONDS = 63_072_000
"""Two years, as browsers' preload lists ask for."""


class Place(NamedTuple):
    """Where requests of a host, or below one of its paths, go."""

    vitals: tuple[Vital, ...]
    path: bytes
    """The beginning of the path that stands for this place; b"" for all."""
    forward_path: bytes
    """What is sent in its stead; b"" where the path is sent as it came."""
    found_by: bytes = b""
    """The beginning, as paths are read to find their place."""

    def sent(self, path: bytes) -> bytes:
        """The path and query that the upstream is asked for."""
        if not self.forward_path or path == b"*":
            return path
        rest = path[len(self.path) :]
        if self.forward_path.endswith(b"/"):
            return self.forward_path + rest.removeprefix(b"/")
        return self.forward_path + (rest if rest[:1] in {b"/", b"?", b""} else b"/" + rest)


class Site:
    """One host, ready."""

    __slots__ = (
        "_places",
        "access",
        "host",
        "hsts",
        "pages",
        "place",
        "plain",
        "rate",
        "request_rules",
        "response_rules",
        "turn",
    )

    def __init__(self, host: Host, access: AccessList | None, vitals: Vitals, rates: Memory) -> None:
        """rates: what is remembered of clients that a host holds to a rate."""
        self.host = host
        self.access = access
        secured = host.secured
        subdomains = " includeSubDomains;" if secured.hsts_subdomains else ""
        hsts = f"max-age={HSTS_SECONDS};{subdomains} preload"
        self.hsts = hsts if secured.hsts else ""
        """What is told over TLS."""
        self.turn = 0
        """Counts the requests that were passed on."""
        self.rate: Windows | None = None
        self.pages: Mapping[int, bytes] = {}
        self.request_rules = FieldRules((), "request")
        self.response_rules = FieldRules((), "response")
        self.place = Place((), b"", b"")
        self.plain = False
        """Whether requests are all passed on alike, without asking who is there, and answers as they come."""
        self._places: tuple[Place, ...] = ()
        """Those of locations, the longest path first."""
        if isinstance(host, ProxyHost):
            self._ready(host, vitals, rates)

    def _ready(self, host: ProxyHost, vitals: Vitals, rates: Memory) -> None:
        if host.rate is not None:
            self.rate = Windows(host.rate.requests, host.rate.seconds, rates)
        self.pages = {status: text.encode() for status, text in host.error_pages}
        self.request_rules = FieldRules(host.fields, "request")
        self.response_rules = FieldRules(host.fields, "response")
        self.place = Place(vitals.of(host.id, host.scheme, host.upstreams), b"", b"")
        places = [_located(host, each, vitals) for each in host.locations]
        self._places = tuple(sorted(places, key=lambda each: len(each.found_by), reverse=True))
        told = self.response_rules or not self.request_rules.steady
        self.plain = self.access is None and not places and not told and not host.ejection.slowest

    def find(self, path: bytes) -> Place:
        """Where a path goes: the longest location that ends at one of its segments' ends.

        Raises: BadMessage where that is uncertain, in hosts that have locations.
        """
        if not self._places:
            return self.place
        read = loosely(path)
        if read is None:
            raise BadMessage(400, "a path with segments of dots")
        for place in self._places:
            prefix = place.found_by
            if read.startswith(prefix) and (prefix.endswith(b"/") or read[len(prefix) : len(prefix) + 1] in _ENDS):
                if place.forward_path and not path.startswith(place.path):
                    raise BadMessage(400, "a location's path in another spelling")
                return place
        return self.place

    @property
    def vitals(self) -> list[Vital]:
        """All upstreams, those of locations too."""
        return [vital for place in (self.place, *self._places) for vital in place.vitals]


def chosen(
    site: Site,
    place: Place,
    path: bytes,
    address: str,
    monotonic: float,
    chance: Random,
    tried: Sequence[Vital] = (),
) -> Vital | None:
    """The upstream for a request, by the host's policy; None where none is up.

    path: with the query; address: the client's; tried: those that have failed for this request.
    """
    candidates = usable(place.vitals, monotonic, tried)
    if len(candidates) < 2:
        return candidates[0] if candidates else None
    site.turn += 1
    assert isinstance(site.host, ProxyHost)
    return choose(site.host.policy, candidates, turn=site.turn, address=address, uri=path, chance=chance)


_ENDS = frozenset({b"", b"/"})
"""What may follow a location in a path."""


def _located(host: ProxyHost, location: Location, vitals: Vitals) -> Place:
    found = vitals.of(host.id, location.scheme, (location.upstream,))
    path, forward = (each.encode("latin-1", "replace") for each in (location.path, location.forward_path))
    return Place(found, path, forward, loosely(path) or path)


class Sites:
    """The sites of all that is published now, by name."""

    def __init__(self) -> None:
        self.vitals = Vitals()
        self.rates = new_memory()
        self._by_id: dict[int, Site] = {}
        self._routes = Routes(())

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Site]:
        return iter(self._by_id.values())

    def find(self, name: str) -> Site | None:
        """The site that a name belongs to."""
        host = self._routes.find(name)
        return self._by_id[host.id] if host is not None else None

    def of(self, host_id: int) -> Site | None:
        """The site of a host."""
        return self._by_id.get(host_id)

    def take(self, published: Published) -> None:
        """From the next request on, these are served; what has not changed stays as it is."""
        lists = {each.id: each for each in published.lists}
        sites: dict[int, Site] = {}
        for host in published.hosts:
            access = _guard(host, lists)
            before = self._by_id.get(host.id)
            same = before is not None and before.host == host and before.access == access
            sites[host.id] = before if before is not None and same else self._made(host, access, before)
        self._by_id = sites
        self._routes = Routes(published.hosts)
        self.vitals.keep(vital for site in sites.values() for vital in site.vitals)

    def _made(self, host: Host, access: AccessList | None, before: Site | None) -> Site:
        """A site; the requests that a client may make are counted on where their bound is the same."""
        site = Site(host, access, self.vitals, self.rates)
        if before is not None and isinstance(host, ProxyHost) and isinstance(before.host, ProxyHost):
            site.turn = before.turn
            if host.rate == before.host.rate:
                site.rate = before.rate
        return site


def _guard(host: Host, lists: Mapping[int, AccessList]) -> AccessList | None:
    """The list that guards a host; None for none."""
    if isinstance(host, Redirection) or not host.access_list:
        return None
    return lists.get(host.access_list, NOBODY)
