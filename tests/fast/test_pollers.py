"""The poller and the wheel in C: their own tests once more, and what only C could do wrong."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.sockets.poll import Poller
from meshd.sockets.wheel import TICK, Wheel
from tests.fast.building import compiled
from tests.fast.test_wires import Native, again
from tests.sockets import test_poll, test_wheel

globals().update(again(test_poll) | again(test_wheel))


class Timed:
    deadline: float = 0.0
    slot: int = 0

    def expired(self) -> None:
        raise NotImplementedError


class OddTest(Native, SynchronousTestCase):
    def test_odd_times(self) -> None:
        """Python has the last word on numbers that are none, and on what is not timed."""
        wheel = Wheel(Clock())
        self.assertRaises(TypeError, wheel.arm, Timed(), "soon")
        self.assertRaises(TypeError, wheel.arm, Timed())  # type: ignore[call-arg]
        self.assertRaises(OverflowError, wheel.arm, Timed(), float("inf"))
        self.assertRaises(AttributeError, wheel.arm, object(), 1)
        self.assertRaises(AttributeError, wheel.disarm, object())
        timed = Timed()
        wheel.arm(timed, 2**70)
        self.assertEqual(timed.deadline, TICK + 2**70)
        wheel.disarm(timed)
        self.assertEqual((timed.slot, wheel._slots), (0, {}))

    def test_what_cannot_be_in_a_set(self) -> None:
        """It is refused, as by Python."""

        class Unhashable(Timed):
            __hash__ = None  # type: ignore[assignment]

        wheel = Wheel(Clock())
        self.assertRaises(TypeError, wheel.arm, Unhashable(), 1)

    def test_other_numbers_in_c(self) -> None:
        """C that has another batch than Python is not taken."""
        self.assertRaises(ValueError, compiled().poller_methods, Poller, 1, 1)
        self.assertRaises(TypeError, compiled().wheel_methods, Wheel, "tick")
