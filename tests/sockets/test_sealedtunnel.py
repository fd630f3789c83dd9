"""A tunnel whose client speaks TLS: what holds of any tunnel, and what TLS adds."""

from __future__ import annotations

import os
import ssl
from unittest import mock

from meshd.model import Refusal
from meshd.sockets.flow import Flow
from meshd.sockets.relay import SMALL, Tunnel
from meshd.sockets.sealed import PIECE
from meshd.sockets.sealedtunnel import SealedTunnel, ShapedSealedTunnel
from meshd.sockets.tunnels import shape
from meshd.sockets.wire import Wire
from tests.passing.hand import Far, tcp_pair
from tests.sockets import test_relay, test_shaped
from tests.sockets.securefar import SecureFar, client, shake_hands
from tests.sockets.test_relay import HALF_CLOSED, MiB, TunnelCase


class SealedCase(TunnelCase):
    version = ssl.TLSVersion.TLSv1_3
    sealing: type[SealedTunnel] = SealedTunnel

    def tunnel(self, *, buffers: int = 0, early: bytes = b"", late: bytes = b"", room: int = 2**62) -> Tunnel:
        self.meter = self.counting(room)
        near_client, far_client = tcp_pair(self, buffers)
        near_origin, far_origin = tcp_pair(self, buffers)
        self.client, self.origin = SecureFar(far_client, client(self.version)), Far(far_origin)
        sealed = shake_hands(self.client, near_client)
        fds = [Wire(self.hand.poller, near.detach(), "").release() for near in (near_client, near_origin)]
        parts = self.relay, self.meter, *test_relay.directions(*fds, early, late), self.ended.append
        tunnel = self.sealing(*parts, sealed={fds[0]: sealed})
        tunnel.start(True, True)
        return tunnel


class BytesTest(SealedCase, test_relay.BytesTest):
    turn = 32 * 1024

    def test_spliced(self) -> None:
        """Nothing is: the kernel cannot seal."""
        self.tunnel()
        self.exchange(os.urandom(2 * MiB), os.urandom(2 * MiB))
        self.assertEqual(self.pipes._made, 0)

    def test_downward_counts_what_was_delivered(self) -> None:
        """While the client does not read, what its socket took is counted, and one piece that is sealed."""
        self.tunnel(buffers=4096)
        self.client.reading = False
        self.origin.unsent = bytes(4 * MiB)
        for _ in range(12):
            self.step()
            self.hand.settle()
        counted = self.meter.down
        self.assertLess(counted, 4 * MiB)
        self.client.reading = True
        self.client.step()
        self.assertLessEqual(len(self.client.got), counted)
        self.assertGreaterEqual(len(self.client.got), counted - PIECE - 4096)


class OldBytesTest(BytesTest):
    version = ssl.TLSVersion.TLSv1_2


class LeaseTest(SealedCase, test_relay.LeaseTest):
    """Plain bytes are lent, and none is opened beyond them."""


class EndingsTest(SealedCase, test_relay.EndingsTest):
    def test_closed_with_bytes_in_a_pipe(self) -> None:
        """There is no pipe; what is sealed is delivered all the same, and the client told that it is the end."""
        tunnel = self.tunnel(buffers=4096)
        self.client.reading = False
        self.origin.unsent = bytes(4 * MiB)
        for _ in range(12):
            self.step()
            self.hand.settle()
        tunnel.close("cut")
        self.assertEqual(self.ended, ["cut"])
        self.assertEqual(len(self.hand.poller), 1)
        self.client.reading = True
        self.hand.until(lambda: self.client.ended, self.client.step)
        self.assertTrue(self.client.told)
        self.assertEqual(len(self.client.got), self.meter.down)
        self.assert_gone("cut")

    def test_stopped_while_the_kernel_takes_nothing(self) -> None:
        """What was sealed is sent as soon as it can be, and the end behind it."""
        tunnel = self.filled()
        with mock.patch.object(os, "write", side_effect=BlockingIOError):
            tunnel.stopped(Refusal("quota-total"))
        self.client.reading = True
        self.hand.until(lambda: self.client.ended, self.client.step)
        self.assertTrue(self.client.told)
        self.assertEqual(len(self.client.got), self.meter.down)
        self.assert_gone("quota-total")

    def test_closed_while_nobody_reads(self) -> None:
        """Who does not take the last bytes is waited for so long, and then reset."""
        tunnel = self.tunnel(buffers=4096)
        self.client.reading = False
        self.origin.unsent = bytes(4 * MiB)
        for _ in range(12):
            self.step()
            self.hand.settle()
        tunnel.close("cut")
        self.clock.advance(HALF_CLOSED + 1)
        self.wheel.tick()
        self.assert_gone("cut")

    def test_the_end_is_announced(self) -> None:
        """TLS itself says that nothing more comes, so that nobody can cut an answer short unseen."""
        self.tunnel()
        self.exchange(b"request", b"answer")
        self.origin.end()
        self.until(lambda: self.client.ended)
        self.assertTrue(self.client.told)

    def test_an_end_that_is_not_announced(self) -> None:
        """A client that only closes its socket has ended too."""
        self.tunnel()
        self.exchange(b"request", b"")
        Far.end(self.client)
        self.until(lambda: self.origin.ended)
        self.assertEqual(self.ended, [])

    def test_cut_off_is_not_announced(self) -> None:
        """Where the origin is reset, the client learns of no proper end."""
        self.tunnel()
        self.exchange(b"x", b"y")
        self.origin.sock.setsockopt(1, 13, b"\x01\0\0\0\0\0\0\0")
        self.origin.sock.close()
        self.hand.until(lambda: self.client.ended, self.client.step)
        self.assertEqual((self.client.told, self.client.reset), (False, True))


class StoppedInsideTest(SealedCase, test_relay.StoppedInsideTest):
    """Upward the numbers are given up at once; downward, what was sealed is delivered first."""

    def test_spliced_upward(self) -> None:
        """While a large piece of the client's is counted."""
        for after in (2, 3):
            self.ended.clear()
            self.stop_at(after, upward=True, size=4 * MiB)

    def test_spliced_downward(self) -> None:
        """While a large piece of the origin's is counted, and the client takes what was."""
        for after in (2, 3):
            self.ended.clear()
            self.stop_at(after, upward=False, size=4 * MiB)


class ShapedTest(SealedCase, test_shaped.ShapedCase):
    sealing = ShapedSealedTunnel

    def test_every_byte_arrives_in_order(self) -> None:
        """Held to a rate, and in whatever sizes."""
        tunnel = self.tunnel()
        self.meter.resume = tunnel.resume  # type: ignore[attr-defined]
        for size in (1, SMALL, 3 * SMALL, 300_000):
            self.exchange(os.urandom(size), os.urandom(size // 2))

    def test_an_open_one_becomes_one_that_is_held(self) -> None:
        """As a tunnel without TLS does, and once."""
        self.sealing = SealedTunnel
        tunnel = self.tunnel()
        self.exchange(bytes(100_000), bytes(100_000))
        shape(tunnel)
        shape(tunnel)
        self.assertIs(type(tunnel), ShapedSealedTunnel)
        self.meter.resume = tunnel.resume  # type: ignore[attr-defined]
        self.exchange(bytes(100_000), bytes(100_000))


class FlowTest(SealedCase):
    def test_on_and_on_to_a_slow_client(self) -> None:
        """A little at a time, each once the one before is taken: the tunnel goes on whenever there is room."""
        self.tunnel(buffers=4096)
        data = os.urandom(60_000)
        self.origin.unsent = data
        while len(self.client.got) < len(data):
            had = len(self.client.got)
            for _ in range(3):
                self.hand.settle()
                self.origin.step()
            self.client.step()
            self.assertGreater(len(self.client.got), had)
        self.assertEqual(bytes(self.client.got), data)

    def test_a_record_that_comes_in_parts(self) -> None:
        """Is passed on when it is whole, without another event than those of its parts."""
        tunnel = self.tunnel()
        flow: Flow = tunnel._up
        self.client.tls.write(b"whole")
        record = self.client._outgoing.read()
        for part in (record[:3], record[3:10]):
            self.client.sock.send(part)
            self.hand.settle()
            self.step()
            self.assertEqual((bytes(self.origin.got), flow.held), (b"", b""))
        self.client.sock.send(record[10:])
        self.until(lambda: bytes(self.origin.got) == b"whole")

    def test_many_records_in_one_piece(self) -> None:
        """And no more of them opened than there is room for."""
        tunnel = self.tunnel(room=7)
        for _ in range(5):
            self.client.tls.write(b"abc")
        self.client.sock.send(self.client._outgoing.read())
        self.hand.settle()
        self.step()
        self.assertEqual(bytes(self.origin.got), b"abcabca")
        self.meter.room = 100
        tunnel.resume()
        self.until(lambda: bytes(self.origin.got) == b"abc" * 5)

    def test_what_is_no_tls(self) -> None:
        """Ends the tunnel, and both sides are reset."""
        self.tunnel()
        self.client.sock.send(b"\x17\x03\x03\x00\x20" + bytes(32))
        self.hand.until(lambda: bool(self.ended), self.step)
        self.assert_gone("reset")
