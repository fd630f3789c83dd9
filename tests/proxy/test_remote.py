"""One destination of an association: what waits while it is looked for, and how that ends."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from meshd.model import Refusal
from meshd.proxy.remote import WAITING, WAITING_BYTES, Remote
from meshd.sockets.race import DialError


class Flow:
    """Keeps what it was given."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.ends: list[str] = []
        self.path = self
        self.address = "192.0.2.1"

    def send(self, data: bytes | memoryview) -> bool:
        self.sent.append(bytes(data))
        return True

    def close(self, reason: str) -> None:
        self.ends.append(reason)


class Owner:
    """An association that finds a destination when it is told to."""

    def __init__(self) -> None:
        self.waiting = 0
        self.found: Deferred[Any] = Deferred()
        self.flow = Flow()
        self.told: list[str] = []
        self.armed = False
        self.here = True

    async def open(self, way: Remote) -> Any:
        await self.found
        return self.flow

    def deliver(self, head: bytes, data: memoryview) -> bool:
        self.told.append(f"{head.decode()} {bytes(data).decode()}")
        return True

    def sent(self) -> None:
        self.told.append("sent")

    def refused(self, reason: str) -> None:
        self.told.append(reason)

    def failed(self, error: BaseException) -> None:
        self.told.append(type(error).__name__)

    def left(self, way: Remote) -> None:
        self.here = False

    def arm(self, way: Remote) -> None:
        self.armed = True

    def disarm(self, way: Remote) -> None:
        self.armed = False

    def seconds(self) -> float:
        return 7.0


class RemoteTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.owner = Owner()
        self.remote = Remote(self.owner, b"head", "name.example", 53)
        self.remote.begin()

    def came(self, *data: bytes) -> None:
        for each in data:
            self.remote.came(memoryview(each))

    def test_what_waits_goes_first(self) -> None:
        self.came(b"one", b"two")
        self.assertEqual((self.owner.waiting, self.owner.armed, self.remote.address), (6, True, ""))
        self.owner.found.callback(None)
        self.came(b"three")
        self.assertEqual((self.owner.flow.sent, self.owner.waiting), ([b"one", b"two", b"three"], 0))
        self.assertEqual((self.owner.armed, self.remote.address, self.remote.last), (False, "192.0.2.1", 7.0))
        self.remote.answer = b"answer"
        self.assertTrue(self.remote.deliver(memoryview(b"data")))
        self.assertEqual(self.owner.told, ["sent", "sent", "sent", "answer data"])

    def test_no_more_than_so_many_wait(self) -> None:
        """By number, and by bytes of the whole association."""
        self.came(*(b"%d" % number for number in range(WAITING + 5)))
        self.owner.found.callback(None)
        self.assertEqual(len(self.owner.flow.sent), WAITING)
        self.setUp()
        self.owner.waiting = WAITING_BYTES - 10
        self.came(bytes(11), bytes(10), b"1")
        self.owner.found.callback(None)
        self.assertEqual([len(each) for each in self.owner.flow.sent], [10])
        self.assertEqual(self.owner.waiting, WAITING_BYTES - 10)

    def test_it_is_refused_or_takes_too_long(self) -> None:
        """What waits is dropped, the reason noted, and a later datagram may begin anew."""
        for end, reason in ((DialError(Refusal("acl-private")), "acl-private"), (None, "connection-timeout")):
            self.setUp()
            self.came(b"one")
            if end is not None:
                self.owner.found.errback(end)
            else:
                self.remote.expired()
            self.assertEqual((self.owner.told, self.owner.here, self.owner.armed), ([reason], False, False))
            self.assertEqual((self.owner.waiting, self.remote.over), (0, True))

    def test_it_gives_way(self) -> None:
        """While it is looked for, and once it is found; twice is once."""
        self.came(b"one")
        self.remote.close("")
        self.remote.close("")
        self.assertEqual((self.owner.here, self.owner.waiting, self.owner.flow.ends), (False, 0, []))
        self.setUp()
        self.owner.found.callback(None)
        self.remote.close("connection-refused")
        self.assertEqual((self.owner.flow.ends, self.owner.told), ([""], ["connection-refused"]))

    def test_a_fault_of_ours(self) -> None:
        self.owner.found.errback(KeyError("internal text"))
        self.assertEqual((self.owner.told, self.owner.here), (["KeyError"], False))
