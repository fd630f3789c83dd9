"""Which exits will not do for an exchange any more, and what is held against them; how they are tried is told under
tests/live.
"""

from __future__ import annotations

import random
from ipaddress import IPv6Network
from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.exits import departure as departing
from meshd.exits.bars import Barred
from meshd.exits.choosing import Choice
from meshd.exits.departure import Departure
from meshd.exits.outlets import FAILURES, Outlet
from meshd.exits.pools import Pools
from meshd.exits.unfit import Unfit, family
from meshd.http1.target import AuthorityForm
from meshd.model import Refusal
from meshd.selection import NONE
from meshd.sockets.ends import Stopped
from meshd.sockets.race import Blame, DialError, Dialled
from meshd.topology import Exit, ExitRule, Live, ProxyHost, Topology, UpstreamProxy
from meshd.values.destinations import level
from meshd.values.rules import Rules
from meshd.values.terms import terms

FAMILIES = {
    Exit("direct", "direct"): 0,
    Exit("four", "local", "192.0.2.1"): 4,
    Exit("six", "local", "2001:db8::1"): 6,
    Exit("net", "local", prefix=IPv6Network("2001:db8:1::/64")): 6,
    Exit("theirs", "http", "192.0.2.7", upstream=UpstreamProxy("gw.example", 8080)): 0,
}


class Carriers:
    """In the place of `datagrams.carrier`: its paths lead to one address, which the way judged itself."""

    def __init__(self, address: str) -> None:
        self.address = address

    async def begin(self, *told: Any) -> Carriers:
        return self

    async def open(self, *told: Any) -> SimpleNamespace:
        return SimpleNamespace(address=self.address, source="gw")

    def close(self) -> None:
        raise AssertionError


class ChangedRulesTests(SynchronousTestCase):
    def test_by_an_upstream_proxy(self) -> None:
        """Datagrams are judged by the address that was found here; of a connection only the proxy knows it."""
        levels = (
            Rules("except", ("192.0.2.0/24",)),
            Rules("only", ("192.0.2.0/24",)),
            Rules("except", ("198.51.100.0/24",)),
            Rules("except", ("h.example",)),
        )
        found = {way: [self.reason(way, level) for level in levels] for way in ("path", "dial", "")}
        self.assertEqual(
            found,
            {
                "path": ["acl-account", "", "", "acl-account"],
                "dial": ["", "acl-account", "", "acl-account"],
                "": ["", "acl-account", "", "acl-account"],
            },
        )

    def test_before_it_has_connected(self) -> None:
        """Rules that come then are those that its addresses are judged by, and nothing is ended that may be allowed."""
        departure = Departure(None, "p", NONE, 1, target=AuthorityForm("h.example", 443))  # type: ignore[arg-type]
        by_address = terms((), (level("acl-account", Rules("only", ("192.0.2.0/24",)).render()),))
        self.assertIsNone(departure.barred(by_address), "no exit was chosen")
        self.assertIsNotNone(departure.bar, "but its addresses will be judged")
        refusal = departure.barred(terms((), (level("acl-account", Rules("except", ("h.example",)).render()),)))
        self.assertEqual(refusal and refusal.reason, "acl-account", "the name needs no exit")
        departure.choice = Choice(Outlet(Exit("direct", "direct")), "")
        self.assertIsNone(departure.barred(by_address))
        bar = departure.bar
        assert bar is not None
        found = [bar.addresses((address,)) for address in ("192.0.2.1", "198.51.100.1")]
        self.assertEqual([each and each.reason for each in found], [None, "acl-account"])
        self.assertIsNone(departure.barred(terms((), ())))
        self.assertIsNone(departure.bar)

    def reason(self, way: str, changed: Rules) -> str:
        """Why an exchange that went to h.example, at 192.0.2.1, is ended when such rules come; "" where it is not."""
        self.patch(departing, "begin_carrier", Carriers("192.0.2.1").begin)
        exits = (Exit("up", "socks5", upstream=UpstreamProxy("gw.example", 80)),)
        topology = Topology({"p": ProxyHost("p", (), "p.example", ExitRule(), exits)}, exits, {})
        wheel = SimpleNamespace(monotonic=0.0)
        plane = SimpleNamespace(
            live=Live(topology),
            wheel=wheel,
            now=lambda: 0,
            chance=random.Random(1),
            pools=Pools(topology),
            dialler=Dialler(wheel, Dialled(-1, "198.51.100.1", "", False)),
        )
        target = AuthorityForm("h.example", 443)
        departure = Departure(plane, "p", NONE, 1, target=target)  # type: ignore[arg-type]
        self.assertIsNone(departure.choose())
        if way:
            with self.assertRaises(StopIteration):
                getattr(departure, way)("h.example", 443, lambda reason, seconds: None).send(None)
        refusal = departure.barred(terms((), (level("acl-account", changed.render()),)))
        return refusal.reason if refusal else ""


class UnfitTests(SynchronousTestCase):
    def test_families(self) -> None:
        """Of the addresses that connections leave by; an upstream proxy's are its own business."""
        for exit_, expected in FAMILIES.items():
            self.assertEqual(family(exit_), expected, exit_.name)

    def test_what_will_not_do(self) -> None:
        """What was tried, and all of a family once it is known to reach nothing."""
        outlets = [Outlet(exit_) for exit_ in FAMILIES]
        for lacking, expected in ((0, {"six"}), (4, {"four", "six"}), (6, {"six", "net"})):
            unfit = Unfit()
            unfit.tried.append(outlets[2])
            unfit.family = lacking
            self.assertEqual({outlet.exit.name for outlet in outlets if outlet in unfit}, expected)


class Dialler:
    """Tells what it was told to tell, one thing a dial, and lets time go by."""

    def __init__(self, wheel: Any, *ends: BaseException | Dialled, seconds: float = 0.0) -> None:
        self._wheel = wheel
        self._ends = list(ends)
        self._seconds = seconds
        self.by: list[str] = []

    async def dial(
        self, host: str, port: int, choice: Choice, account_id: int, *, tunnel: bool, barred: Barred
    ) -> Dialled:
        self.by.append(choice.exit.name)
        self._wheel.monotonic += self._seconds
        end = self._ends.pop(0)
        if isinstance(end, BaseException):
            raise end
        return end


def slow(*, blameless: bool = False) -> Stopped:
    stop = Stopped(Refusal("connection-timeout"))
    stop.blameless = blameless
    return stop


def no(blame: Blame, *, answered: bool = False) -> DialError:
    return DialError(Refusal("exit-failed"), blame, answered=answered)


class MarksTests(SynchronousTestCase):
    """What a dial that failed leaves behind at the first of two upstream proxies."""

    def dialled(self, *ends: BaseException, patience: float = 0, before: int = 1) -> tuple[int, int]:
        """Failures in a row of the one that was dialled first, which had so many before; and how many were dialled."""
        exits = tuple(Exit(name, "http", upstream=UpstreamProxy("gw.example", 80)) for name in ("one", "two"))
        topology = Topology({"p": ProxyHost("p", (), "p.example", ExitRule(), exits)}, exits, {})
        wheel = SimpleNamespace(monotonic=0.0)
        plane = SimpleNamespace(
            live=Live(topology),
            wheel=wheel,
            now=lambda: 0,
            chance=random.Random(1),
            pools=Pools(topology),
            dialler=Dialler(wheel, *ends, Dialled(-1, "", "", False)),
            note_exit=self.noted.append,
        )
        departure = Departure(plane, "p", NONE, 1, patience)  # type: ignore[arg-type]
        self.assertIsNone(departure.choose())
        first = departure.choice.outlet
        for _ in range(before):
            first.failed(0.0)
        try:
            departure.dial("h", 443, lambda reason, seconds: None).send(None)
        except StopIteration:
            pass
        except (DialError, Stopped) as error:
            self.assertIn(error, ends)
        named, ended = departure.way, departure.end()
        self.assertEqual((named, ended), (plane.dialler.by[-1],) * 2)  # of the one that was tried last
        self.assertEqual((departure.way, departure.end()), ("", ""))
        return first.failures, len(plane.dialler.by)

    def setUp(self) -> None:
        self.noted: list[Outlet] = []

    def test_whose_fault(self) -> None:
        """What only the exit can be blamed for counts; another one is tried all the same."""
        for what, end, expected in (
            ("it cannot be reached", no("exit"), (2, 2)),
            ("nobody can tell", no("either"), (1, 2)),
            ("the destination", no("destination"), (1, 1)),
            ("it refuses the destination", no("either", answered=True), (0, 2)),
            ("nobody listens there, says it", no("destination", answered=True), (0, 1)),
            ("slow before it was asked", slow(), (2, 2)),
            ("slow once it was asked", slow(blameless=True), (1, 2)),
        ):
            self.assertEqual(self.dialled(end), expected, what)

    def test_a_client_that_waits_no_longer(self) -> None:
        """Its impatience is not the exit's fault, and our own patience was not at an end."""
        self.assertEqual(self.dialled(slow(), patience=1), (1, 1))
        self.assertEqual(self.dialled(slow(), patience=600), (2, 1))

    def test_a_refusal_ends_a_rest(self) -> None:
        """It has shown that it works."""
        self.assertEqual(self.dialled(no("destination", answered=True), before=FAILURES), (0, 1))
        self.assertEqual([each.resting for each in self.noted], [False])
