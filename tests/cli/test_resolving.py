"""The event loop of commands."""

from __future__ import annotations

import os
import resource

from twisted.trial.unittest import SynchronousTestCase

from meshd.cli.resolving import own_loop

SELECTABLE = 1024
"""Descriptors that select(2) knows."""


class OwnLoopTests(SynchronousTestCase):
    def test_in_a_process_with_many_descriptors(self) -> None:
        """Those with high numbers are waited for as all others."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * SELECTABLE), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        while (taken := os.open(os.devnull, os.O_RDONLY)) < SELECTABLE:
            self.addCleanup(os.close, taken)
        self.addCleanup(os.close, taken)
        with own_loop((), 1) as (reactor, _):
            before = set(reactor.getReaders())
            reactor.iterate(0)
            self.assertTrue(before)
            self.assertEqual(set(reactor.getReaders()), before)
