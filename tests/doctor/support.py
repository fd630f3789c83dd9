"""Tables of facts and of what has to be said of them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable

from twisted.trial.unittest import SynchronousTestCase

from meshd.doctor.findings import Finding


def status(mode: int = stat.S_IFREG | 0o600, *, uid: int = 7, links: int = 1, inode: int = 1) -> os.stat_result:
    return os.stat_result((mode, inode, 0, links, uid, uid, 0, 0, 0, 0))


class Judging(SynchronousTestCase):
    def says(self, found: Iterable[Finding], *expected: tuple[str, bool], case: object = "") -> None:
        """As many findings as these, in their order: words of each, and whether it is wrong."""
        findings = list(found)
        told = [(each.what, each.wrong) for each in findings]
        self.assertEqual(len(told), len(expected), f"{case}: {told}")
        for (what, wrong), (words, is_wrong) in zip(told, expected, strict=True):
            self.assertIn(words, what, case)
            self.assertEqual(wrong, is_wrong, f"{case}: {what}")
        for each in findings:
            self.assertTrue(each.mend and each.mend == each.mend.strip(), f"{case}: how {each.what} is mended")
