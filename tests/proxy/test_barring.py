"""Rules that change while an exchange's head waits for room, or its destination is being connected to."""

from __future__ import annotations

from collections import Counter
from random import Random
from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.exits.departure import Departure
from meshd.exits.pools import Pools
from meshd.http1.target import AuthorityForm
from meshd.model import Admission, Refusal
from meshd.passing.caps import Caps
from meshd.passing.place import Place
from meshd.proxy.barring import check_again
from meshd.proxy.connection import ClientConnection
from meshd.proxy.repeating import Repeated
from meshd.selection import NONE
from meshd.sockets.ends import Stopped
from meshd.topology import Exit, ExitRule, Live, ProxyHost, Topology
from meshd.values.destinations import level
from meshd.values.rules import Rules
from meshd.values.terms import Terms, terms
from tests.fast.test_meter import Counted
from tests.proxy.test_request import request


def excepting(network: str) -> Terms:
    return terms((), (level("acl-account", Rules("except", (network,)).render()),))


NAME = terms((), (level("acl-account", Rules("except", ("name.example",)).render()),))
OBSERVED = terms((), (level("acl-account", Rules("except", ("name.example",), observe=True).render()),))
FIELDS = b" HTTP/1.1\r\nHost: name.example\r\nProxy-Authorization: Basic YTpi\r\n\r\n"
GET = b"GET http://name.example/" + FIELDS


class Waiting(ClientConnection):
    """Has no room for a head before its account has other terms."""

    __slots__ = ("admission", "become", "counted", "found")

    def __init__(self, become: Terms | None) -> None:
        """become: the terms that the account has then."""
        exit_ = Exit("direct", "direct")
        topology = Topology({"p": ProxyHost("p", (), "p.example", ExitRule(), (exit_,))}, (exit_,), {})
        caps = Caps(Live(topology), 100)
        wheel = SimpleNamespace(monotonic=5.0, seconds=lambda: 5.0)
        self.become, self.counted, self.found = become, Counted(0, 0, 0, one=False, lends=0), list[object]()
        plane: Any = SimpleNamespace(
            live=Live(topology),
            pools=Pools(topology),
            chance=Random(4),
            wheel=wheel,
            now=lambda: 9.0,
            request_id=lambda: "i",
            ledger=SimpleNamespace(open=lambda admission, stop: self.counted.meter),
            observed=Counter(),
            origins=SimpleNamespace(take=self.looked_for),
        )
        wire: Any = SimpleNamespace(peer="192.0.2.5", receive=self.receive)
        self._plane, self.proxy, self.wire, self.cut, self.buffer = plane, "p", wire, None, b""
        self.place = Place(caps, self, "192.0.2.5")
        account = SimpleNamespace(id=7, username="shop")
        self.admission: Any = SimpleNamespace(
            identity=SimpleNamespace(account=account), account=account, token_id=3, selection=NONE, terms=None
        )

    async def receive(self) -> bytes:
        return GET

    async def charge(self, size: int) -> None:
        """As the recheck does it that finds the new terms."""
        meter = self.counted.meter
        meter.tally.terms = self.become
        refusal = meter.way.barred(self.become) if meter.way is not None and self.become is not None else None
        if refusal is not None:
            raise Stopped(refusal)

    def looked_for(self, key: tuple[object, ...]) -> None:
        self.found.append("a kept connection is looked for")

    def phase(self, reason: str, seconds: float) -> None: ...

    def _at_hand(self, same: Repeated, credential: bytes | None) -> Admission | None:
        found: Admission = self.admission
        return found

    def _opened(self, admission: Admission, /) -> Any:
        return self.counted.meter

    async def _refuse(self, refusal: Refusal, request: object, cause: str = "") -> bool:
        self.found.append(refusal.reason)
        return False

    async def _tunnel(self, request: object, departure: Departure, *others: object) -> bool:
        return self._left_by(departure)

    async def _forward(self, request: object, departure: Departure, *others: object) -> bool:
        return self._left_by(departure)

    def _left_by(self, departure: Departure) -> bool:
        """Note whether an address would be refused that was not known before."""
        refusal = departure.bar.addresses(("192.0.2.7",)) if departure.bar is not None else None
        self.found.append((departure.choice.exit.name, refusal.reason if refusal is not None else ""))
        return False

    def outcome(self, path: Any) -> list[object]:
        """Of that path, which waits for nothing else."""
        try:
            path.send(None)
        except StopIteration:
            pass
        except Stopped as stop:
            self.found.append(stop.refusal.reason)
        return [*self.found, *self._plane.observed.items()]


def passed(become: Terms | None, head: bytes) -> list[object]:
    """What comes of a request that was read."""
    waiting, asked = Waiting(become), request(head)
    record = waiting._new_record()
    record.note_request(asked)
    return waiting.outcome(waiting._pass(asked, waiting.admission, record))


def repeated(become: Terms | None) -> list[object]:
    """What comes of one that repeats another."""
    waiting = Waiting(become)
    return waiting.outcome(waiting._repeat(Repeated(request(GET))))


OUTCOMES: tuple[tuple[Terms | None, list[object]], ...] = (
    (None, [("direct", "")]),
    (NAME, ["acl-account"]),
    (excepting("192.0.2.0/24"), [("direct", "acl-account")]),
    (excepting("198.51.100.0/24"), [("direct", "")]),
    (OBSERVED, [("direct", ""), ("acl-account", 1)]),
)
"""Terms that come while a head waits, and what becomes of the exchange: its exit, and why an address is refused."""


class WaitingTests(SynchronousTestCase):
    """A head for which there was no room at first is judged by the rules that hold once there is."""

    def test_requests(self) -> None:
        for head in (GET, b"CONNECT name.example:443" + FIELDS):
            for become, expected in OUTCOMES:
                self.assertEqual(passed(become, head), expected)

    def test_repeated_requests(self) -> None:
        """Which take no kept connection then: its address was judged by nothing."""
        for become, expected in OUTCOMES:
            looked = [] if become is not None else ["a kept connection is looked for"]
            self.assertEqual(repeated(become), looked + expected)


class ChangedTests(SynchronousTestCase):
    def test_the_address_is_judged_by_the_rules_of_now(self) -> None:
        before = excepting("198.51.100.0/24")
        plane: Any = None
        departure = Departure(plane, "us", NONE, 7, 0, AuthorityForm("name.example", 443))
        departure.address = "192.0.2.7"
        choice: Any = SimpleNamespace(exit=SimpleNamespace(upstream=None))
        departure.choice = choice
        for now, refused in (
            (None, False),
            (before, False),
            (excepting("192.0.2.0/24"), True),
            (excepting("::/0"), False),
        ):
            meter: Any = SimpleNamespace(tally=SimpleNamespace(terms=now))
            for earlier in (before, None):
                if refused:
                    no = self.assertRaises(Stopped, check_again, departure, earlier, meter)
                    self.assertEqual(no.refusal.reason, "acl-account")
                else:
                    check_again(departure, earlier, meter)
