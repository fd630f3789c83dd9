"""Sockets by which questions leave, on loopback, with an epoll that is moved by hand."""

from __future__ import annotations

import socket
from unittest import TestCase

from twisted.internet.task import Clock

from meshd.dns import ports as module
from meshd.dns.messages import A, Reply, wire_name
from meshd.dns.ports import AT_ONCE, OPEN, SECONDS, USES, Port, Ports
from tests.passing.hand import Hand

NAME = wire_name("www.test")


def bound() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    made.settimeout(60)
    return made


def yes(question: bytes) -> bytes:
    """An answer without records."""
    return question[:2] + b"\x81\x80" + question[4:]


class Asker:
    def __init__(self) -> None:
        self.heard: list[Reply] = []

    def answered(self, reply: Reply, port: Port, number: int, /) -> None:
        self.heard.append(reply)


class PortsTests(TestCase):
    def setUp(self) -> None:
        self.hand = Hand(self)
        self.clock = Clock()
        self.server = bound()
        self.addCleanup(self.server.close)
        self.ports = Ports(self.hand.poller, self.clock, self.server.getsockname())
        self.addCleanup(self.ports.stop)
        self.asker = Asker()

    def asked(self, port: Port) -> tuple[int, bytes, tuple[str, int]]:
        """A question's id, and what came where from."""
        number = port.ask(NAME, A, self.asker)
        return number, *self.server.recvfrom(512)

    def turns(self) -> None:
        """Whatever has come is read: on loopback it is there before send returns."""
        for _ in range(4):
            self.hand.poller.doRead()

    def test_an_answer_counts_once_and_from_the_server_alone(self) -> None:
        """What others send the kernel drops; what answers nothing is not heard."""
        _, question, address = self.asked(self.ports.draw())
        with bound() as stranger:
            stranger.sendto(yes(question), address)
        other = bytes((question[0] ^ 1,)) + question[1:]
        for wrong in (b"", b"\0", yes(other), yes(question)[:-1], question):
            self.server.sendto(wrong, address)
        self.turns()
        self.assertEqual(self.asker.heard, [])
        for _ in range(2):
            self.server.sendto(yes(question), address)
        self.turns()
        self.assertEqual(self.asker.heard, [Reply(0)])

    def test_spelling_is_drawn_and_has_to_be_repeated(self) -> None:
        """To the letter; a server that folds letters is asked in lower case."""
        port = self.ports.draw()
        spelled = {self.asked(port)[1][12:] for _ in range(USES)}
        self.assertGreater(len(spelled), USES // 2)
        port = self.ports.draw()
        port.ask(NAME, A, self.asker, fold=True)
        self.assertEqual(self.server.recv(512)[12:], NAME + b"\x00\x01\x00\x01")
        _, question, address = self.asked(port)
        self.server.sendto(yes(question[:12] + question[12:].swapcase()), address)
        self.turns()
        self.assertEqual(self.asker.heard, [Reply(0, folded=True)])

    def test_ids_are_drawn(self) -> None:
        """None of those under way is taken twice."""
        numbers = [self.asked(self.ports.draw())[0] for _ in range(100)]
        self.assertGreater(len(set(numbers)), 90)

    def test_one_that_is_no_longer_waited_for_is_not_heard(self) -> None:
        number, question, address = self.asked(port := self.ports.draw())
        port.forget(number)
        self.server.sendto(yes(question), address)
        self.turns()
        self.assertEqual(self.asker.heard, [])

    def test_several_are_open_and_each_is_replaced(self) -> None:
        """After some questions or seconds; an old one stays until its last question is answered or forgotten."""
        seen: dict[tuple[str, int], int] = {}
        waiting = []
        for _ in range(OPEN * USES * 4):
            port = self.ports.draw()
            number, _, address = self.asked(port)
            seen[address] = seen.get(address, 0) + 1
            waiting.append((port, number))
        self.assertGreaterEqual(len(seen), OPEN * 3)
        self.assertEqual(max(seen.values()), USES)
        self.assertEqual(len(self.ports), len(seen))
        for port, number in waiting:
            port.forget(number)
        self.assertEqual(len(self.ports), OPEN)
        before = {self.ports.draw() for _ in range(200)}
        self.clock.advance(SECONDS)
        self.assertEqual(before & {self.ports.draw() for _ in range(200)}, set())
        self.assertEqual(len(self.ports), OPEN)

    def test_sockets_are_bounded(self) -> None:
        """Where a server is silent those that are open serve on."""
        self.patch_most(OPEN + 2)
        for _ in range(OPEN * USES * 3):
            self.asked(self.ports.draw())
        self.assertEqual(len(self.ports), OPEN + 2)
        for port in {self.ports.draw() for _ in range(200)}:
            self.ports.drop(port)
        self.assertRaises(OSError, self.ports.draw)

    def patch_most(self, most: int) -> None:
        before = module.MOST
        self.addCleanup(setattr, module, "MOST", before)
        module.MOST = most

    def test_more_than_are_read_at_once(self) -> None:
        """The rest is read at the next wake-up, though the edge has gone by."""
        port = self.ports.draw()
        for _ in range(3 * AT_ONCE):
            _, question, address = self.asked(port)
            self.server.sendto(yes(question), address)
        self.hand.poller.doRead()
        self.assertEqual(len(self.asker.heard), AT_ONCE)
        self.turns()
        self.assertEqual(len(self.asker.heard), 3 * AT_ONCE)

    def test_whoever_is_told_may_stop_everything(self) -> None:
        """What came with it is dropped, and no socket is left."""
        port = self.ports.draw()
        first, second = self.asked(port), self.asked(port)

        def stopped(reply: Reply, _: Port, number: int, /) -> None:
            port.forget(second[0])
            self.ports.stop()

        self.asker.answered = stopped  # type: ignore[method-assign]
        for _, question, address in (first, second):
            self.server.sendto(yes(question), address)
        self.turns()
        self.assertEqual(len(self.ports), 0)

    def test_a_port_that_is_closed_is_silence(self) -> None:
        """It may be a name server that starts again; what is asked then reaches it."""
        port = self.ports.draw()
        address = self.server.getsockname()
        self.server.close()
        port.ask(NAME, A, self.asker)
        self.server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.server.settimeout(60)
        self.server.bind(address)
        _, question, theirs = self.asked(port)
        self.server.sendto(yes(question), theirs)
        self.turns()
        self.assertEqual(self.asker.heard, [Reply(0)])
