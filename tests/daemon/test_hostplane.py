"""The plane of published hosts: what it shares with the proxy."""

from __future__ import annotations

from typing import Any
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from meshd.daemon.hostplane import host_plane


class HostPlaneTests(SynchronousTestCase):
    def test_who_gives_way(self) -> None:
        """Who has not taken the last of it, then pairs that wait, then idle connections to the proxy's origins, whoever
        it is that has no room.
        """
        proxy: Any = mock.MagicMock()
        parts = ("book", "hasher", "dialler", "payers", "certificates", "beside")
        plane = host_plane(mock.MagicMock(), proxy, **{part: mock.MagicMock() for part in parts})
        for caps in (plane.caps, proxy.caps):
            for ended, late, pairs, origins, asked in (
                (5, 0, 0, 0, 0),
                (0, 6, 0, 0, 0),
                (0, 0, 6, 0, 0),
                (0, 0, 2, 3, 3),
                (0, 0, 0, 5, 5),
                (1, 2, 1, 1, 1),
            ):
                proxy.relay.deliveries.give_up.return_value = ended
                proxy.poller.give_up.return_value = late
                proxy.resting.give_up.return_value, proxy.origins.give_up.return_value = pairs, origins
                self.assertEqual(caps.spare(5), ended + late + pairs + origins)
                proxy.relay.deliveries.give_up.assert_called_with(5)
                proxy.poller.give_up.assert_called_with(5 - ended)
                proxy.resting.give_up.assert_called_with(max(5 - ended - late, 0))
                proxy.origins.give_up.assert_called_with(asked)
