"""A request on its way to an origin; what becomes of it there is told under tests/live."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.exits.departure import Departure
from meshd.exits.pools import Pools
from meshd.model import Refusal
from meshd.passing.kept import Key
from meshd.proxy.forward import ProxyForwarding
from meshd.selection import NONE
from meshd.sockets.race import DialError, Dialled
from meshd.topology import Exit, ExitRule, Live, ProxyHost, Topology
from tests.exits.test_departure import Dialler
from tests.proxy.test_request import GET, request

EXITS = Exit("one", "local", "192.0.2.1"), Exit("two", "local", "192.0.2.2")


class FailoverTests(SynchronousTestCase):
    def test_whose_connection_is_kept(self) -> None:
        """That of the exit which the request has left by, and not of the one that had failed before."""
        topology = Topology({"p": ProxyHost("p", (), "p.example", ExitRule(), EXITS)}, EXITS, {})
        wheel = SimpleNamespace(monotonic=0.0)
        dialler = Dialler(wheel, DialError(Refusal("exit-failed"), "exit"), Dialled(-1, "198.51.100.1", "", False))
        keys: list[Key] = []

        def made(key: Key, dialled: Dialled) -> Any:
            keys.append(key)
            return SimpleNamespace(wire=SimpleNamespace(peer=dialled.address), source="192.0.2.9")

        plane: Any = SimpleNamespace(
            live=Live(topology),
            wheel=wheel,
            now=lambda: 0,
            chance=random.Random(1),
            pools=Pools(topology),
            dialler=dialler,
            note_exit=lambda outlet: None,
            origins=SimpleNamespace(take=keys.append, new=made),
        )
        meter = SimpleNamespace(tally=SimpleNamespace(terms=None))
        client: Any = SimpleNamespace(meter=meter, phase=lambda reason, seconds: None)
        forwarding = ProxyForwarding(plane, client, request(GET + b"\r\n"))
        forwarding._departure = departure = Departure(plane, "p", NONE, 7)
        forwarding._admission = SimpleNamespace(account=SimpleNamespace(id=7))  # type: ignore[assignment]
        forwarding._record = SimpleNamespace()  # type: ignore[assignment]
        self.assertIsNone(departure.choose())
        self.assertRaises(StopIteration, forwarding._connect().send, None)
        addresses = {exit_.name: exit_.address for exit_ in EXITS}
        failed, used = dialler.by
        self.assertNotEqual(failed, used)
        self.assertEqual(keys, [(7, "", name, addresses[name], "h.test", 80) for name in (failed, used)])
