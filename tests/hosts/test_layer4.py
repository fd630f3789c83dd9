"""Which ports are meshd's own, and what is told of those that are not served."""

from __future__ import annotations

import socket

from meshd.hosts.layer4 import own_of
from meshd.hosts.ports import Own
from meshd.values.hosting import Hosting
from meshd.values.published import PortForward, Published, Stream, Upstream
from tests.hosts.ground import GroundCase
from tests.support.daemon import free_port

UP = Upstream("10.0.0.1", 5432)


class OwnTests(GroundCase):
    def test_those_of_https_are_shared(self) -> None:
        https = ("tcp:443", "tcp:8444:interface=10.0.0.1", "unix:/run/meshd/https")
        hosting = Hosting(listen=("tcp:8181",), http=("tcp:8080",), https=https)
        settings = {8080, 8181, 443, 8444}
        self.assertEqual(
            own_of(hosting, frozenset({443, 31280})), Own(frozenset(settings | {31280}), frozenset({443, 8444}))
        )
        self.assertEqual(own_of(hosting, frozenset(), ((1, 2),)).mouths, ((1, 2),))
        self.assertEqual(own_of(hosting, frozenset()), Own(frozenset(settings), frozenset({443, 8444})))

    def test_nothing_is_opened_at_the_end(self) -> None:
        """Changes may still be heard of while what is open is waited for."""
        port = free_port()
        self.plane.draining = True
        self.layer.stop()
        self.layer.apply(Published(streams=(Stream(1, port, UP),)))
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))


class StateTests(GroundCase):
    def test_what_is_served_has_none(self) -> None:
        self.layer.apply(Published(streams=(Stream(1, free_port(), UP), Stream(2, 443, UP, sni=("a.example",)))))
        self.assertEqual(self.layer.states(), {})

    def test_all_that_keeps_one_from_being_served(self) -> None:
        """By its rules, by the kernel, by its certificate; and no longer once that is over."""
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            stream = Stream(1, port, UP, "tcp+udp", ("a.example",), certificate=9)
            self.layer.apply(Published(streams=(stream,), forwards=(PortForward(2, 80, UP),)))
            self.assertEqual(
                self.layer.states(),
                {
                    1: f"udp port {port}: names (sni_match) are known over TCP alone; "
                    f"tcp port {port}: Address already in use; "
                    "certificate 9 is missing, switched off or cannot be used",
                    2: "tcp port 80 is reserved",
                },
            )
        self.contexts[9] = object()
        self.later(2)
        self.assertEqual(self.layer.states()[1], f"udp port {port}: names (sni_match) are known over TCP alone")
        self.layer.apply(Published())
        self.assertEqual(self.layer.states(), {})

    def test_samples(self) -> None:
        self.layer.apply(Published(streams=(Stream(1, free_port(), UP),)))
        self.assertEqual(
            list(self.layer.samples()), [("hosts_stream_exchanges", (), 0.0), ("hosts_stream_flows", (), 0.0)]
        )
