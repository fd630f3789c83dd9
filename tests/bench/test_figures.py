"""What the kernel, pload and the profilers say, read."""

from __future__ import annotations

import os
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from bench import idle, load, machine, probe, processes, profile


class ReadingTests(SynchronousTestCase):
    """Their texts to numbers."""

    def test_ploads_line(self) -> None:
        """Words that are no figures are passed over."""
        self.assertEqual(load.figures("up standing=2000\n"), {"standing": 2000.0})
        self.assertEqual(load.figures("ok=3 rate=1.5"), {"ok": 3.0, "rate": 1.5})

    def test_cpu_time_of_a_process_whose_name_has_spaces_and_brackets(self) -> None:
        """The name is anything; the fields are counted from its last bracket."""
        stat = "7 (a) b (c) S 1 7 7 0 -1 4 1 2 3 4 100 20 3 4 20 0 1 0 99"
        self.assertEqual(processes.cpu_ticks(stat), (103, 24))

    def test_busy_time_leaves_out_idling_and_waiting(self) -> None:
        """And has stolen time in it, which is lost to the run as well."""
        self.assertEqual(processes.busy_ticks("cpu  1 2 4 1000 1000 8 16 32 0 0\ncpu0 1"), 63)

    def test_memory_lines(self) -> None:
        """Kilobytes of the named lines only: Pss is not Pss_Anon."""
        rollup = "5581-7ffd ---p 0 00:00 0 [rollup]\nRss: 900 kB\nPss: 10 kB\nPss_Anon: 70 kB\n"
        self.assertEqual(processes.smaps_bytes(rollup, "Pss"), 10_240)

    def test_the_processor(self) -> None:
        """Its model, where the kernel tells one."""
        self.assertEqual(machine.cpu_model("processor\t: 0\nmodel name\t: A B\nmodel name\t: A B\n"), "A B")
        self.assertTrue(machine.cpu_model(""))

    def test_a_response_is_whole_when_its_length_has_come(self) -> None:
        """tinyproxy sends head and body apart."""
        for fields in (b"Content-Length: 2\r\nServer: x\r\n\r\n", b"Server: x\r\nContent-Length: 2\r\n\r\n"):
            said = b"HTTP/1.1 200 OK\r\n" + fields
            found = [probe.body(said[:30]), probe.body(said + b"a"), probe.body(said + b"ab")]
            self.assertEqual(found, [None, None, b"ab"])

    def test_tunnels_that_fit_the_descriptor_limit(self) -> None:
        """Each tunnel and each client at work has two descriptors of the daemon."""
        self.assertEqual(idle.possible(50_000, 10_000, 100), 10_000)
        self.assertEqual(idle.possible(1_000 + idle.SPARE, 10_000, 100), 400)
        self.assertEqual(idle.possible(10, 10_000, 100), 0)

    def test_stacks_below_the_reactors_loop(self) -> None:
        """A recursive function counts once, and other threads not at all."""
        loop = "main;ReactorBase.mainLoop (base.py:1)"
        found = profile.of_stacks([f"{loop};a;b;a 3", f"{loop} 1", "Thread.run;wait 96"])
        self.assertEqual(found.own, [("a", 0.75), ("the loop itself", 0.25)])
        self.assertEqual(found.within, [("a", 0.75), ("b", 0.75), ("the loop itself", 0.25)])


class FamilyTests(SynchronousTestCase):
    """A proxy of several processes is measured as one."""

    def test_a_childs_child_belongs(self) -> None:
        """Workers are found however deep, and their memory counts."""
        code = "import subprocess, sys; p = subprocess.Popen(['cat'], stdin=0); print(p.pid, flush=True); p.wait()"
        with subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            grandchild = int(process.stdout.readline())
            self.assertEqual(processes.family(process.pid), [process.pid, grandchild])
            self.assertGreater(processes.memory(process.pid), processes.memory(grandchild))
        self.assertGreater(processes.memory(os.getpid()), 1_000_000)
