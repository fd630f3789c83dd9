"""How much a peer may ask of HTTP/2 itself."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.http2.restraint import A_SECOND, SHARE, Restraint


class RestraintTests(SynchronousTestCase):
    def test_at_once(self) -> None:
        restraint = Restraint(100.0)
        self.assertTrue(all(restraint.allows(100.0) for _ in range(SHARE)))
        self.assertFalse(restraint.allows(100.0))

    def test_all_the_time(self) -> None:
        """As many as the share has each second may come for ever, and no more."""
        restraint = Restraint(0.0)
        self.assertTrue(all(restraint.allows(second, A_SECOND) for second in range(1, 1000)))
        self.assertFalse(all(restraint.allows(second, A_SECOND + 1) for second in range(1000, 2000)))

    def test_rest(self) -> None:
        """Whoever asks for nothing has no more than the share afterwards."""
        restraint = Restraint(0.0)
        self.assertTrue(restraint.allows(10**6, SHARE))
        self.assertFalse(restraint.allows(10**6))
