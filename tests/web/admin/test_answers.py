"""The problems of the operators' API: each has its words, and the manual has each."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from meshd.accounts import errors, importing
from meshd.web.admin.answers import KINDS, RULINGS, of_rule
from tests.support.manual import ROOT
from tests.web.api.test_dialect import classes


class AnswerTests(SynchronousTestCase):
    def test_every_rule_has_a_kind(self) -> None:
        """A new one is a decision about what programs see."""
        known = {each for each in classes(errors.AccountError) if each.__module__.startswith("meshd.")}
        self.assertEqual(known - {importing.RowRefused}, set(RULINGS))
        self.assertLessEqual(set(RULINGS.values()), set(KINDS))

    def test_who_is_told_that_an_account_is_absent(self) -> None:
        """Operators are: they may know."""
        absent, anothers = (of_rule(errors.NotYours("x", absent=absent)) for absent in (True, False))
        self.assertEqual((absent.status, anothers.status), (404, 403))

    def test_the_manual_has_each_kind(self) -> None:
        """With its status."""
        rows = re.findall(r"^\| `([a-z-]+)` \| (\d+) \|", (ROOT / "docs/admin.md").read_text(), re.MULTILINE)
        self.assertEqual({name: int(status) for name, status in rows}, {k: v.status for k, v in KINDS.items()})
