"""The exits of the named proxies, so arranged that a choice among fifty thousand is as quick as one among five."""

from __future__ import annotations

from bisect import bisect
from collections import Counter
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from ipaddress import IPv6Address
from itertools import accumulate, islice
from random import Random

from meshd.bounded import Bounded
from meshd.exits.fastest import SAMPLE, fastest
from meshd.exits.outlets import Outlet
from meshd.exits.places import PlaceIndex
from meshd.exits.sticky import Accept, Finder, Within, finder, is_large_part
from meshd.topology import Exit, ProxyHost, Rotation, Topology
from meshd.values.addresses import parse_ip
from meshd.values.samples import Sample

TRIES = 8
"""Random draws before the usable exits are listed: with half of all down, one request in 256 comes to that."""

KEYS = 256
"""Sticky keys whose exit each view remembers: a browser opens dozens of tunnels with one key."""
KEY, AVOIDED = 64, 4
"""Characters of a key that is remembered, and exits avoided with it, at most: about 100 KB a view."""

TOLD = 200
"""Exits that metrics tell apart: each is a few series for whoever keeps them, and there may be a million."""

NARROWED = 256
"""Views by region, city and tier of one pool that are kept, those that were asked for last; another one is made in the
time that its own exits take."""


class View:
    """Some exits of one proxy: all, those of a country, or those of a place in it and of a tier."""

    def __init__(self, outlets: Sequence[Outlet], rotation: Rotation, among: View | None = None) -> None:
        """outlets: at least one; among: the view whose exits these are a part of, None for none."""
        self.outlets = outlets
        self._among = among
        self._rotation = rotation
        self._simple = rotation == "random" and self._sums is None
        self._turn = 0
        self._latest = lru_cache(KEYS)(self._meant)

    @cached_property
    def finder(self) -> Finder:
        """Finds the exit of a sticky key."""
        among = self._among
        if among is not None and is_large_part(len(self.outlets), len(among.outlets)):
            return Within(among.finder, self.outlets)
        return finder(self.outlets)

    def prepare(self) -> None:
        """Build the tables that else are built when they are first used."""
        for part in (self.finder, self._by_name, self._prefixes, self._rotation == "round-robin" and self._turns):
            assert part is not None

    def named(self, asked: str) -> Outlet | None:
        """The exit of that name or address, or whose prefix contains the address; None for none."""
        found = self._by_name.get(asked)
        if found is not None or ":" not in asked:
            return found
        address = _ipv6(asked)
        if address is None:
            return None
        inside = (each for each in self._prefixes if _has(each.exit, address))
        return self._by_name.get(str(address)) or next(inside, None)

    def meant(self, key: str, avoid: frozenset[str]) -> Outlet | None:
        """The exit of a sticky key among those that are not to be avoided, whether or not that exit can be used now."""
        find = self._latest if len(key) <= KEY and len(avoid) <= AVOIDED else self._meant
        return find(key, avoid)

    def _meant(self, key: str, avoid: frozenset[str]) -> Outlet | None:
        return self.finder.find(key, lambda outlet: not avoided(outlet.exit, avoid))

    def first_drawn(self, chance: Random) -> Outlet | None:
        """One of all exits at random; None where weights or a rotation other than random have a say."""
        return self.outlets[int(chance.random() * len(self.outlets))] if self._simple else None

    def drawn(self, chance: Random, ready: Accept) -> Outlet | None:
        """One of the ready exits, by the proxy's rotation; None where none is ready."""
        match self._rotation:
            case "round-robin":
                return self._next(ready)
            case "least-used":
                return self._least_used(chance, ready)
            case "fastest" if (quick := fastest(self.outlets, chance, ready)) is not None:
                return quick
        outlets, sums = self.outlets, self._sums
        for _ in range(TRIES):
            place = int(chance.random() * len(outlets)) if sums is None else bisect(sums, chance.random() * sums[-1])
            if ready(outlets[place]):
                return outlets[place]
        found = [outlet for outlet in outlets if ready(outlet)]
        return chance.choices(found, [outlet.exit.weight for outlet in found])[0] if found else None

    def _next(self, ready: Accept) -> Outlet | None:
        """The next ready exit in the file's order; an exit of weight n has n turns in a row."""
        turns = self._turns
        for step in range(len(turns)):
            place = (self._turn + step) % len(turns)
            if ready(turns[place]):
                self._turn = place + 1
                return turns[place]
        return None

    def _least_used(self, chance: Random, ready: Accept) -> Outlet | None:
        some = self.outlets if len(self.outlets) <= SAMPLE else chance.sample(self.outlets, SAMPLE)
        found = [each for each in some if ready(each)] or [each for each in self.outlets if ready(each)]
        if not found:
            return None
        least = min(each.open / each.exit.weight for each in found)
        return chance.choice([each for each in found if each.open / each.exit.weight == least])

    @cached_property
    def _sums(self) -> list[int] | None:
        """The sums of the weights up to each exit; None where all weights are equal."""
        weights = [outlet.exit.weight for outlet in self.outlets]
        return None if len(set(weights)) == 1 else list(accumulate(weights))

    @cached_property
    def _turns(self) -> list[Outlet]:
        return [outlet for outlet in self.outlets for _ in range(outlet.exit.weight)]

    @cached_property
    def _by_name(self) -> dict[str, Outlet]:
        addresses = {outlet.exit.address: outlet for outlet in self.outlets if outlet.exit.address}
        return addresses | {outlet.exit.name: outlet for outlet in self.outlets}

    @cached_property
    def _prefixes(self) -> list[Outlet]:
        return [outlet for outlet in self.outlets if outlet.exit.prefix is not None]


class Pool:
    """The exits of one named proxy."""

    def __init__(self, outlets: Sequence[Outlet], rotation: Rotation = "random") -> None:
        self._rotation = rotation
        self._index = PlaceIndex(outlets)
        self._countries = self._index.countries
        self._views = {"": View(outlets, rotation)} if outlets else {}
        self._narrowed: Bounded[tuple[str, str, str, str], View | None] = Bounded(lambda: NARROWED)

    def view(self, country: str) -> View | None:
        """The exits of that country, all where country is ""; None where there are none."""
        view = self._views.get(country)
        if view is None and country and country in self._countries:
            view = self._views[country] = View(self._countries[country], self._rotation)
        return view

    def narrowed(self, country: str, region: str, city: str, tier: str) -> View | None:
        """The exits of a place and a tier, of which region, city or tier is not ""; None where there are none."""
        key = country, region, city, tier
        if key in self._narrowed:
            self._narrowed.move_to_end(key)
            return self._narrowed[key]
        outlets = self._index.find(*key)
        view = View(outlets, self._rotation, self.view(country)) if outlets else None
        self._narrowed.put(key, view)
        return view

    def prepare(self) -> None:
        """Build the views of all countries and their tables, which else are built when they are first used."""
        for country in ("", *self._countries):
            view = self.view(country)
            if view is not None:
                view.prepare()

    def countries(self, monotonic: float) -> Counter[str]:
        """How many exits can be used now, by country; exits without a country are not counted."""
        found: Counter[str] = Counter()
        for country, outlets in self._countries.items():
            usable = sum(outlet.usable(monotonic) for outlet in outlets)
            if country and usable:
                found[country] = usable
        return found


class Pools:
    """The pools of one topology.  An exit whose settings a reload leaves alone keeps its Outlet."""

    def __init__(self, topology: Topology, before: Pools | None = None, drained: Container[str] = ()) -> None:
        known = before.outlets if before is not None else {}
        self.outlets: Mapping[str, Outlet] = {exit_.name: _kept(exit_, known) for exit_ in topology.exits}
        shared: dict[tuple[int, Rotation], Pool] = {}
        self._pools = {name: self._pool(proxy, shared) for name, proxy in topology.proxies.items()}
        if before is None:
            self.drain(drained)

    def prepare(self) -> None:
        """Build all tables that else are built when they are first used: for fifty thousand exits that takes a second.

        Nothing else is changed, so that another thread may make and prepare pools while the pools so far serve.
        """
        for pool in set(self._pools.values()):
            pool.prepare()

    def samples(self) -> Iterable[Sample]:
        """How many there are; of the first TOLD, what leaves by each, whether it rests and how often it failed."""
        yield "exits", (), float(len(self.outlets))
        for name, outlet in islice(self.outlets.items(), TOLD):
            labels = (("exit", name),)
            yield "exit_exchanges_open", labels, float(outlet.open)
            yield "exit_resting", labels, float(outlet.resting)
            yield "exit_failures_total", labels, float(outlet.failed_ever)

    def of(self, proxy: str) -> Pool | None:
        """The pool of a named proxy; None for a proxy that the settings no longer have."""
        return self._pools.get(proxy)

    def drain(self, names: Container[str]) -> None:
        """Drain exactly the exits of these names: nothing new leaves by them."""
        for name, outlet in self.outlets.items():
            outlet.drained = name in names

    def _pool(self, proxy: ProxyHost, shared: dict[tuple[int, Rotation], Pool]) -> Pool:
        """The pool of a proxy; proxies with the very same tuple of exits and rotation share one."""
        key = id(proxy.exits), proxy.rotation
        if key not in shared:
            shared[key] = Pool([self.outlets[exit_.name] for exit_ in proxy.exits], proxy.rotation)
        return shared[key]


def addressed(exit_: Exit, asked: str, avoid: Container[str], bits: Callable[[int], int]) -> str:
    """The local address to connect from; "" where the kernel chooses it, or an upstream proxy connects.

    asked: the exit that the client pinned, "" for none; avoid: addresses to avoid, never all of a prefix; bits: gives a
    number of at least 64 random bits for each attempt.
    """
    prefix = exit_.prefix
    if prefix is None:
        return exit_.source
    pinned = _ipv6(asked)
    if pinned is not None and pinned in prefix:
        return str(pinned)
    usable = prefix.num_addresses - 1
    place = 0
    for attempt in range(TRIES):
        # The first address of a subnet is its routers' (RFC 4291, 2.6.1).
        place = bits(attempt) % usable
        address = str(prefix[1 + place])
        if address not in avoid:
            return address
    # A small prefix, most of which is avoided: take the next address that is not.
    following = (str(prefix[1 + (place + step) % usable]) for step in range(1, usable))
    return next(address for address in following if address not in avoid)


def avoided(exit_: Exit, names: Collection[str]) -> bool:
    """Whether a client avoids this exit, by its name or address, or by all addresses of its prefix."""
    return exit_.name in names or exit_.address in names or spent(exit_, names)


def spent(exit_: Exit, avoid: Collection[str]) -> bool:
    """Whether the exit has a prefix all of whose addresses are to be avoided."""
    prefix = exit_.prefix
    if prefix is None or len(avoid) < prefix.num_addresses - 1:
        return False
    return all(str(address) in avoid for address in islice(prefix, 1, None))


def _kept(exit_: Exit, known: Mapping[str, Outlet]) -> Outlet:
    before = known.get(exit_.name)
    if before is not None and before.exit == exit_:
        return before
    made = Outlet(exit_)
    if before is not None:
        made.succeed(before)
    return made


def _has(exit_: Exit, address: IPv6Address) -> bool:
    return exit_.prefix is not None and address in exit_.prefix


def _ipv6(text: str) -> IPv6Address | None:
    address = parse_ip(text)
    return address if isinstance(address, IPv6Address) else None
