from __future__ import annotations

from meshd.accounts import bans
from meshd.accounts.errors import NotFound
from meshd.model import Ban
from meshd.store.statements import audit
from meshd.store.statements import bans as stored
from tests.accounts.support import NOON, OPERATOR, AccountsCase


class BanTests(AccountsCase):
    def setUp(self) -> None:
        super().setUp()
        self.v4, self.v6 = Ban("192.0.2.1", "alice", NOON + 60), Ban("2001:db8::/64", "*", NOON + 120)
        other = Ban("192.0.2.1", "nobody", NOON + 30)
        over = Ban("192.0.2.9", "alice", NOON)
        for ban in (self.v4, self.v6, other, over):
            self.run_unit(stored.add, ban)

    def listed(self) -> list[str]:
        return [f"{ban.address} {ban.username}" for ban in self.run_unit(bans.listing, limit=10, now=NOON)]

    def test_listing(self) -> None:
        """Those in force, the longest first."""
        self.assertEqual(["2001:db8::/64 *", "192.0.2.1 alice", "192.0.2.1 nobody"], self.listed())

    def test_one_name(self) -> None:
        """Only its ban is lifted; its account's audit says so."""
        self.assertEqual(1, self.run_unit(bans.lift, OPERATOR, "::ffff:192.0.2.1", "Alice", now=NOON))
        self.assertEqual(["2001:db8::/64 *", "192.0.2.1 nobody"], self.listed())
        entry = self.run_unit(audit.of_account, self.alice.id, 1)[0]
        self.assertEqual(("operator:test", "ban.lift", "192.0.2.1 Alice"), entry[1:3] + entry[4:])

    def test_a_name_with_what_may_be_a_selection(self) -> None:
        """Has the ban of what stands before it."""
        self.assertEqual(1, self.run_unit(bans.lift, OPERATOR, "192.0.2.1", "Alice-session-1", now=NOON))

    def test_a_whole_address(self) -> None:
        """Every ban from there; an IPv6 address by any of its network, or by the network."""
        self.assertEqual(2, self.run_unit(bans.lift, OPERATOR, "192.0.2.1", "", now=NOON))
        self.assertEqual(1, self.run_unit(bans.lift, OPERATOR, "2001:db8::1234", "", now=NOON))
        self.assertEqual([], self.listed())
        self.run_unit(stored.add, self.v6)
        self.assertEqual(1, self.run_unit(bans.lift, OPERATOR, "2001:db8::/64", "", now=NOON))

    def test_nothing_to_lift(self) -> None:
        """It is said, and nothing is written."""
        for address, username in (("192.0.2.2", ""), ("192.0.2.1", "kid"), ("nonsense", ""), ("", "")):
            self.refused(NotFound, bans.lift, OPERATOR, address, username, now=NOON)
