"""Who was let in by the API of published hosts."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.web.postern.entry import SignedIn
from tests.hosts.hand import OWNER


class SignedInTests(SynchronousTestCase):
    def test_its_secrets_are_in_no_log(self) -> None:
        """However it gets there."""
        self.assertNotIn("secret", repr(SignedIn(OWNER, "ps_secret", "pr_secret")))
