"""What the kernel says of this process."""

from __future__ import annotations

import os
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from meshd.metrics import process
from meshd.metrics.process import ProcessFigures


class ProcessTests(SynchronousTestCase):
    def values(self) -> dict[str, float]:
        return {name: value for name, _, value in ProcessFigures("daemon").samples()}

    def test_descriptors_are_those_that_are_open(self) -> None:
        """One more is one more, however the kernel is asked."""
        self.check_one_more()
        with mock.patch.object(process.os, "stat", return_value=os.stat_result([0] * 10)):
            self.check_one_more()

    def check_one_more(self) -> None:
        before = process.open_descriptors()
        with open(os.devnull, "rb"):
            self.assertEqual(process.open_descriptors(), before + 1)

    def test_all_is_told(self) -> None:
        found = self.values()
        self.assertGreater(found["process_resident_memory_bytes"], 2**20)
        self.assertGreater(found["process_cpu_seconds_total"], 0)
        self.assertGreater(found["process_max_fds"], found["process_open_fds"])

    def test_what_a_kernel_does_not_tell_is_left_out(self) -> None:
        self.patch(process, "MEMORY", "/nowhere")
        self.patch(process, "DESCRIPTORS", "/nowhere")
        self.assertEqual(set(self.values()), {"process_cpu_seconds_total", "process_max_fds"})
