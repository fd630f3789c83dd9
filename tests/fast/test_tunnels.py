"""Tunnels in C, with a meter as the ledger's: the tests of `tests/sockets/test_relay` once more."""

from __future__ import annotations

import os
from typing import Any

from meshd.model import Refusal
from meshd.sockets.relay import SMALL
from meshd.usage.allowance import UNLIMITED
from tests.fast.building import fast
from tests.fast.test_meter import Counted
from tests.sockets import test_relay


class NativeCase(test_relay.TunnelCase):
    """Where meters are what they are in a daemon, C moves what is small."""

    def setUp(self) -> None:
        super().setUp()
        native = fast()
        native.begin()
        self.addCleanup(native.end)

    def counting(self, room: int) -> Any:
        self.counted = Counted(room, UNLIMITED, 0, one=False, lends=0)
        return self.counted.meter


class NativeBytesTest(NativeCase, test_relay.BytesTest):
    def test_more_room(self) -> None:
        """Where there is none, nothing is read; it goes on when there is more."""
        tunnel = self.tunnel(room=10)
        self.client.unsent = b"twelve bytes"
        self.until(lambda: len(self.origin.got) == 10)
        self.hand.settle()
        self.counted.own.room += 1
        tunnel.resume()
        self.until(lambda: len(self.origin.got) == 11)
        self.origin.unsent = b"no"
        self.step()
        self.hand.settle()
        self.assertEqual((self.meter.up, self.meter.down), (11, 0))

    def test_pieces(self) -> None:
        """Of every size up to what is spliced, both ways, with a lease that ends in the midst of them."""
        self.tunnel()
        for size in (1, 2, 100, SMALL - 1, SMALL, SMALL + 1):
            self.exchange(os.urandom(size), os.urandom(size))
        self.assertEqual(self.counted.cells.words.tolist()[:2], [self.meter.up, self.meter.down])


class NativeUrgentTest(NativeCase, test_relay.UrgentTest):
    pass


class NativeEndingsTest(NativeCase, test_relay.EndingsTest):
    pass


class EndedInsideTest(NativeCase):
    """Counting may end a tunnel, which closes both of its sockets."""

    def ended_by(self, *, upward: bool) -> None:
        tunnel = self.tunnel(room=5)
        self.counted.meter.tally.renew = lambda meter: tunnel.stopped(Refusal("quota-total"))
        (self.client if upward else self.origin).unsent = b"12345"
        self.until(lambda: self.ended == ["quota-total"])
        self.assertEqual((self.meter.up, self.meter.down), (5, 0) if upward else (0, 5))
        self.assert_gone("quota-total")

    def test_upward(self) -> None:
        """What was read goes nowhere, as there is no socket left."""
        self.ended_by(upward=True)

    def test_downward(self) -> None:
        """What was written has been counted."""
        self.ended_by(upward=False)
