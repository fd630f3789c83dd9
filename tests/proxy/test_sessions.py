"""Sessions of HTTP/2 with clients whom another server serves: for whom they count."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.passing.caps import Caps
from meshd.passing.place import Place
from meshd.proxy.sessions import SessionConnection
from meshd.topology import Limits
from tests.support.live import settings


class Client:
    """In the place of a session's connection."""

    idle = True

    def __init__(self, caps: Caps, *, over: bool = False) -> None:
        self.evicted = False
        self.told: list[int] = []
        self.place = Place(caps, self, "192.0.2.1")
        self.place.wait()
        self.task = SimpleNamespace(over=over)
        self._line = SimpleNamespace(signed_in=self.told.append)

    def evict(self) -> None:
        self.evicted = True
        self.place.leave()


class KnownTests(SynchronousTestCase):
    def test_table(self) -> None:
        """Whoever has signed in on a stream is no stranger any more, whether or not it was told as whom."""
        for account_id, over, known, held in ((7, False, True, 7), (0, False, True, 0), (7, True, False, 0)):
            caps = Caps(settings(Limits(unauthenticated=1)), 1000)
            client: Any = Client(caps, over=over)
            SessionConnection.known(client, account_id)
            self.assertEqual((client.place.known, client.place.account_id), (known, held))
            self.assertEqual(client.told, [account_id])
            self.assertFalse(caps.crowded(10))
            self.assertEqual(client.evicted, not known)
