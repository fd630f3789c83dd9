"""`meshd account second-factor`: told, and taken away."""

from __future__ import annotations

from pyotp import TOTP

from meshd.accounts import secondfactor
from meshd.store.statements import accounts
from tests.cli.support import CommandCase

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
NOW = 1_768_478_400


class SecondFactorTests(CommandCase):
    def test_told_and_taken_away(self) -> None:
        """By `--off`; whoever has none is told so, and nothing of its secret is ever printed."""
        self.done("account", "create", "alice")
        self.refused("alice has no second factor", "account", "second-factor", "alice", "--off")
        store = self.store()
        alice = store.run(accounts.by_username, "alice")
        assert alice is not None
        code = TOTP(SECRET).at(NOW)
        store.run(secondfactor.switch_on, alice.id, SECRET, code, ["aaaa-bbbb"], now=NOW)
        shown = self.done("account", "second-factor", "alice")
        self.assertEqual((shown.facts["second factor"], shown.facts["recovery codes"]), ("on", "1"))
        self.assertNotIn(SECRET, shown.out)
        off = self.done("account", "second-factor", "alice", "--off", "--json").json
        self.assertEqual(off, {"account": "alice", "second_factor": False, "recovery_codes": 0})
        self.refused("there is no account named 'nobody'", "account", "second-factor", "nobody")
