"""Who an exchange is noted for that has waited in line."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.model import Admission
from meshd.passing.caps import CROWD, Caps
from meshd.passing.record import Record
from meshd.proxy.admitting import admit
from meshd.proxy.request import ProxyRequest
from meshd.proxy.shares import Shares
from meshd.sockets.ends import Stopped
from meshd.sockets.line import BEAT, Line
from meshd.sockets.task import Task
from meshd.topology import Limits
from tests.proxy.test_request import request
from tests.support.live import settings

GET = b"GET http://name.example/ HTTP/1.1\r\nHost: name.example\r\n\r\n"


def of(account_id: int, username: str) -> Admission:
    account = SimpleNamespace(id=account_id, username=username)
    identity: Any = SimpleNamespace(account=account)
    return Admission(identity, "address", "192.0.2.5", 0, None, "")  # type: ignore[arg-type]


class Waiting:
    """A client whose address is another account's while its request waits in line."""

    def __init__(self) -> None:
        self.open = {7: 1}
        self.clock, limits = Clock(), Limits(tunnels_per_account=1)
        live = settings(limits)
        ledger = SimpleNamespace(tunnels=lambda account: self.open.get(account, 0), refused=self.refused)
        caps = Caps(live, 100)
        shares = Shares(live, caps, ledger)  # type: ignore[arg-type]
        seconds = self.clock.seconds
        self.line = Line(self.clock, lambda key: shares.may(key[0], seconds(), tunnel=key[1]))
        wheel = SimpleNamespace(monotonic=0.0, seconds=seconds)
        self.plane: Any = SimpleNamespace(
            live=live, ledger=ledger, caps=caps, shares=shares, line=self.line, wheel=wheel
        )
        self.plane.now, self.plane.request_id = seconds, lambda: "i"
        self.record = Record(self.plane, "p", "192.0.2.5")
        self.whose, self.held, self.logged = of(7, "first"), list[int](), list[Any]()
        self.buffer, self.place = b"", SimpleNamespace(asked=0.0, hold=self.held.append)
        self.wire = SimpleNamespace(gone=False, ending=False, watcher=None, peer="192.0.2.5")
        self.admitted: Any = None
        self.task = Task(self.serve(request(GET)), lambda error: None)
        self.task.resume()

    async def serve(self, asked: ProxyRequest) -> None:
        self.admitted = await admit(self, self.plane, asked, self.record)  # type: ignore[arg-type]

    async def who(self, *fields: bytes | None) -> Admission:
        return self.whose

    def phase(self, reason: str, seconds: float) -> None: ...

    def refused(self, exchange: Any, *, admitted: bool) -> None:
        self.logged.append((exchange.account_id, exchange.username))


class AdmittingTests(SynchronousTestCase):
    def test_whose_it_is_where_its_turn_does_not_come(self) -> None:
        """The one that it was found to be last, whose exchanges it waited behind."""
        client = Waiting()
        client.whose = of(8, "second")
        client.open = {8: 1}
        client.clock.pump((BEAT, 0, 0))
        client.task.throw(Stopped(CROWD))
        self.assertIs(client.admitted, CROWD)
        client.record.close("")
        self.assertEqual((client.held, client.logged), ([], [(8, "second")]))

    def test_whose_it_is_after_a_wait(self) -> None:
        """The exchange is logged for the account that pays for it, which its turn may find to be another."""
        client = Waiting()
        self.assertEqual(client.line.waiting, 1)
        client.whose = of(8, "second")
        client.open.clear()
        client.clock.pump((BEAT, 0, 0))
        self.assertIs(client.admitted, client.whose)
        client.record.close("")
        self.assertEqual((client.held, client.logged), ([8], [(8, "second")]))
