"""Wires and tasks in C: their own tests once more, and what only C could do wrong."""

from __future__ import annotations

import gc
import socket
import weakref
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.sockets.poll import IN
from meshd.sockets.task import READING, Task, parked
from meshd.sockets.wire import Wire
from tests.fast.building import fast
from tests.passing.hand import Hand
from tests.sockets import test_task, test_wire


class Native:
    """Mixed into a test, has C where a daemon has it."""

    def setUp(self) -> None:
        native = fast()
        native.begin()
        self.addCleanup(native.end)  # type: ignore[attr-defined]
        super().setUp()  # type: ignore[misc]


def again(module: Any) -> dict[str, type]:
    """The tests of a module, each of its classes with C."""
    found = {}
    for name, kind in vars(module).items():
        if isinstance(kind, type) and issubclass(kind, SynchronousTestCase) and kind.__module__ == module.__name__:
            found[f"Native{name}"] = type(f"Native{name}", (Native, kind), {"__module__": __name__})
    return found


globals().update(again(test_wire) | again(test_task))


class ReceivingTest(Native, SynchronousTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.hand = Hand(self)
        self.addCleanup(self.hand.close)
        near, self.far = socket.socketpair()
        near.setblocking(False)
        self.addCleanup(self.far.close)
        self.wire = Wire(self.hand.poller, near.detach(), "")
        self.addCleanup(self.wire.close)

    def test_events_that_are_no_plain_number(self) -> None:
        """Are left to Python, which takes whatever is one."""

        class Events(int):
            pass

        self.wire.readable = False
        self.wire.ready(self.wire.fd, Events(IN))
        self.assertTrue(self.wire.readable)
        self.assertRaises(TypeError, self.wire.ready, self.wire.fd, "in")

    def test_awaited_again(self) -> None:
        """What has given its bytes gives none a second time."""
        receiving: Any = self.wire.receive()
        self.far.send(b"x")
        self.assertRaises(StopIteration, next, receiving)
        self.assertRaises(RuntimeError, next, receiving)

    def test_made_otherwise(self) -> None:
        """Python sees to arguments by name, and to wrong ones."""
        near, far = socket.socketpair()
        self.addCleanup(near.close)
        self.addCleanup(far.close)
        wire = Wire(self.hand.poller, near.fileno(), peer="192.0.2.1", registered=False)
        self.assertEqual((wire.fd, wire.peer, wire.readable), (near.fileno(), "192.0.2.1", True))
        self.assertIs(self.hand.poller._owners[near.fileno()], wire)
        wire.poller.unregister(wire.release())
        odd: Any = Wire
        self.assertRaises(TypeError, odd, self.hand.poller, 1)
        self.assertRaises(TypeError, odd, self.hand.poller, 1, "", True)
        self.assertRaises(TypeError, odd, self.hand.poller, 1, "", other=True)
        self.assertRaises(TypeError, odd, 1, 2, 3, 4, 5, 6, 7)

    def test_an_exception_thrown_in(self) -> None:
        """It arrives where the coroutine waits, as with Python."""
        heard: list[BaseException | None] = []

        async def work() -> None:
            try:
                await self.wire.receive()
            finally:
                heard.append(None)

        task = Task(work(), heard.append)
        task.resume()
        self.assertIs(self.wire.reader, task)
        error = LookupError("over")
        self.assertTrue(task.throw(error))
        self.assertEqual(heard, [None, error])
        self.assertIsNone(self.wire.reader)

    def test_a_circle_is_collected(self) -> None:
        """A wire whose task waits at it, both forgotten."""

        class Noted(Wire):
            __slots__ = ("__weakref__",)

        near, far = socket.socketpair()
        near.setblocking(False)
        self.addCleanup(far.close)
        wire = Noted(self.hand.poller, near.detach(), "")

        async def work(wire: Wire) -> None:
            await wire.receive()

        task = Task(work(wire), lambda error: None)
        task.resume()
        gone = weakref.ref(wire)
        wire.poller.hand_over(wire.fd, self.wire)
        del wire, task
        gc.collect()
        self.assertIsNone(gone())

    def test_odd_waits(self) -> None:
        """A coroutine that waits for what is no place is an error, and not the end of the process."""

        class Odd:
            def __await__(self) -> Any:
                yield (1, 2, 3)

        async def work() -> None:
            await Odd()

        self.assertRaises(ValueError, Task(work(), lambda error: None).resume)
        self.assertRaises(AttributeError, Task.__new__(Task).resume)
        self.assertRaises(TypeError, Task.resume, self.wire)
        self.assertRaises(TypeError, self.wire.ready, 1)  # type: ignore[call-arg]
        self.assertRaises(TypeError, self.wire.ready, 1, "2")

    def test_parked_elsewhere(self) -> None:
        """Any object with the two attributes is a place."""

        class Place:
            reader: Task | None = None
            writer: Task | None = None

        place = Place()

        async def work() -> None:
            await parked(place, READING)

        task = Task(work(), lambda error: None)
        task.resume()
        self.assertIs(place.reader, task)
        task.resume()
        self.assertTrue(task.over)
