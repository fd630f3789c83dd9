"""When workers interrupt nobody: where they are more than the cores."""

from __future__ import annotations

import os
from collections.abc import Callable
from errno import ENOSYS
from threading import Thread
from typing import TypeVar
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from meshd.daemon.workers.crowding import give_way

T = TypeVar("T")
CORES = len(os.sched_getaffinity(0))


def apart(work: Callable[[], T]) -> T:
    """What work returns in a thread of its own, whose scheduling is nobody else's."""
    found: list[T] = []
    thread = Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


def policy() -> int:
    return os.sched_getscheduler(0)


class CrowdingTests(SynchronousTestCase):
    def after(self, workers: int) -> tuple[bool, int]:
        """What it says, and how a thread is scheduled that is begun then."""
        return apart(lambda: (give_way(workers), apart(policy)))

    def test_as_many_as_cores_and_more(self) -> None:
        usual = policy()
        self.assertEqual(self.after(1), (False, usual))
        self.assertEqual(self.after(CORES), (False, usual))
        self.assertEqual(self.after(CORES + 1), (True, os.SCHED_BATCH))
        self.assertEqual(policy(), usual, "of that thread alone")

    def test_what_somebody_has_chosen_stays(self) -> None:
        def chosen() -> tuple[bool, int]:
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
            return give_way(CORES + 1), policy()

        self.assertEqual(apart(chosen), (False, os.SCHED_IDLE))

    def test_where_it_is_forbidden(self) -> None:
        """Or there is no such call: a worker serves all the same."""
        usual = policy()
        for call in ("sched_getaffinity", "sched_getscheduler", "sched_setscheduler"):
            for refusal in (PermissionError, OSError(ENOSYS, "Function not implemented")):
                with patch(f"os.{call}", side_effect=refusal):
                    self.assertFalse(apart(lambda: give_way(CORES + 1)), call)
        self.assertEqual(policy(), usual)
