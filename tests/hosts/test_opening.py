"""Sockets for ports, bound as they were asked for."""

from __future__ import annotations

import contextlib
import errno
import socket
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.hosts import opening
from meshd.hosts.opening import Opened, open_place
from meshd.hosts.ports import Place


class OpeningTests(SynchronousTestCase):
    def opened(self, place: Place) -> Opened:
        opened = open_place(place)
        for each in opened.sockets:
            self.addCleanup(each.close)
        return opened

    def port(self, opened: Opened) -> int:
        port: int = opened.sockets[0].getsockname()[1]
        return port

    def test_all_addresses_of_both_families(self) -> None:
        opened = self.opened(Place("tcp", 0))
        self.assertEqual(opened.how, "all addresses")
        for host in ("127.0.0.1", "::1"):
            socket.create_connection((host, self.port(opened))).close()

    def test_one_address(self) -> None:
        for address in ("127.0.0.1", "::1"):
            opened = self.opened(Place("tcp", 0, address))
            self.assertEqual((opened.how, opened.sockets[0].getsockname()[0]), ("the address", address))
        opened = self.opened(Place("tcp", 0, "127.0.0.1"))
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", self.port(opened)))

    def test_a_device(self) -> None:
        """By the device itself where the kernel lets this process do so, as it has since Linux 5.7."""
        opened = self.opened(Place("tcp", 0, "lo"))
        self.assertIn(opened.how, {"the device", "the device's addresses"})
        socket.create_connection(("127.0.0.1", self.port(opened))).close()

    def test_a_device_that_this_process_may_not_bind_to(self) -> None:
        """Its addresses stand for it, each with a socket."""
        self.patch(opening, "BIND_TO_DEVICE", None)
        bound = opening._bound

        def forbidden(place: Place, address: Any, device: str = "") -> socket.socket:
            if device:
                raise PermissionError(1, "Operation not permitted")
            return bound(place, address)

        self.patch(opening, "_bound", forbidden)
        self.patch(opening, "addresses_of", lambda device: ("127.0.0.1", "127.0.0.5"))
        opened = self.opened(Place("udp", 0, "lo"))
        self.assertEqual(opened.how, "the device's addresses")
        self.assertEqual([each.getsockname()[0] for each in opened.sockets], ["127.0.0.1", "127.0.0.5"])
        self.patch(opening, "addresses_of", lambda device: ())
        with self.assertRaises(OSError) as caught:
            open_place(Place("udp", 0, "lo"))
        self.assertEqual(caught.exception.strerror, "lo has no address")

    def test_a_host_without_ipv6(self) -> None:
        """By whichever of both errors the kernel says so."""
        bound = opening._bound
        for number in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):

            def refused(place: Place, address: Any, device: str = "", number: int = number) -> socket.socket:
                if ":" in address[0]:
                    raise OSError(number, "no IPv6")
                return bound(place, address, device)

            self.patch(opening, "_bound", refused)
            opened = self.opened(Place("udp", 0))
            self.assertEqual(opened.sockets[0].getsockname()[0], "0.0.0.0")

    def test_no_such_device(self) -> None:
        with self.assertRaises(OSError) as caught:
            open_place(Place("tcp", 0, "none0"))
        self.assertEqual(caught.exception.strerror, "there is no network device none0")

    def test_a_port_that_is_taken(self) -> None:
        for kind, transport in ((socket.SOCK_STREAM, "tcp"), (socket.SOCK_DGRAM, "udp")):
            with contextlib.closing(socket.socket(socket.AF_INET6, kind)) as other:
                other.bind(("::", 0))
                if kind == socket.SOCK_STREAM:
                    other.listen()
                place: Any = Place(transport, other.getsockname()[1])  # type: ignore[arg-type]
                with self.assertRaises(OSError) as caught:
                    open_place(place)
                self.assertEqual(caught.exception.strerror, "Address already in use")

    def test_nothing_is_left_open_where_one_of_several_cannot_be_had(self) -> None:
        closed: list[str] = []

        class Played:
            def __init__(self, address: str) -> None:
                self.address = address

            def __enter__(self) -> Played:
                return self

            def __exit__(self, *_: object) -> None:
                closed.append(self.address)

        def bound(place: Place, address: Any, device: str = "") -> Any:
            if device:
                raise PermissionError(1, "Operation not permitted")
            if address[0] == "127.0.0.5":
                raise OSError(98, "Address already in use")
            return Played(address[0])

        self.patch(opening, "_bound", bound)
        self.patch(opening, "addresses_of", lambda device: ("127.0.0.1", "127.0.0.5"))
        self.assertRaises(OSError, open_place, Place("tcp", 9, "lo"))
        self.assertEqual(closed, ["127.0.0.1"])
