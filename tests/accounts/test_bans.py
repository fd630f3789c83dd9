from __future__ import annotations

from meshd.accounts import bans
from meshd.accounts.errors import Forbidden, NotFound
from meshd.model import Ban
from meshd.store.statements import audit
from meshd.store.statements import bans as stored
from tests.accounts.support import NOON, OPERATOR, AccountsCase, OnPostgres


class BanTests(AccountsCase):
    def setUp(self) -> None:
        super().setUp()
        self.v4, self.v6 = Ban("192.0.2.1", "alice", NOON + 60), Ban("2001:db8::/64", "*", NOON + 120)
        other = Ban("192.0.2.1", "nobody", NOON + 30)
        over = Ban("192.0.2.9", "alice", NOON)
        for ban in (self.v4, self.v6, other, over):
            self.run_unit(stored.add, ban)

    def listed(self) -> list[str]:
        return [
            f"{ban.address} {ban.username}" for ban in self.run_unit(bans.listing, OPERATOR, limit=10, now=NOON).rows
        ]

    def test_listing(self) -> None:
        """Those in force, the longest first."""
        self.assertEqual(["2001:db8::/64 *", "192.0.2.1 alice", "192.0.2.1 nobody"], self.listed())

    def test_page_by_page(self) -> None:
        """Each once, also those that end in the same second."""
        for name in ("anna", "zoe"):
            self.run_unit(stored.add, Ban("192.0.2.7", name, NOON + 60))
        seen: list[str] = []
        after, more = None, True
        while more:
            page = self.run_unit(bans.listing, OPERATOR, after=after, limit=1, now=NOON)
            after, more = page.rows[-1], page.more
            seen.append(f"{after.address} {after.username}")
        self.assertEqual(
            ["2001:db8::/64 *", "192.0.2.1 alice", "192.0.2.7 anna", "192.0.2.7 zoe", "192.0.2.1 nobody"], seen
        )

    def test_who_may(self) -> None:
        """An admin does what the command line does, and is named; a viewer sees; a customer does neither."""
        admin, viewer = self.customer("adam", role="admin"), self.customer("vera", role="viewer")
        self.run_unit(bans.lift, admin.id, "192.0.2.1", "alice", now=NOON)
        self.assertEqual(("adam", "ban.lift", "192.0.2.1 alice"), self.history(self.alice)[0])
        self.assertEqual(2, len(self.run_unit(bans.listing, viewer.id, limit=9, now=NOON).rows))
        for actor in (viewer.id, self.alice.id, self.by_token(self.token(admin.id))):
            self.refused(Forbidden, bans.lift, actor, "192.0.2.1", "", now=NOON)
        self.refused(Forbidden, bans.listing, self.alice.id, limit=9, now=NOON)

    def test_one_name(self) -> None:
        """Only its ban is lifted; its account's audit says so."""
        self.assertEqual(1, self.run_unit(bans.lift, OPERATOR, "::ffff:192.0.2.1", "Alice", now=NOON))
        self.assertEqual(["2001:db8::/64 *", "192.0.2.1 nobody"], self.listed())
        entry = self.run_unit(audit.of_account, self.alice.id, 1)[0][:5]
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


class PostgresBanTests(OnPostgres, BanTests):
    pass
