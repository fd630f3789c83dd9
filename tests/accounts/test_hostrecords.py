"""What the API of published hosts records: changes with themselves, requests by tokens, sign-ins."""

from __future__ import annotations

from functools import partial

from meshd.accounts import hostaudit, hostrecords, hostsignins, hosttokens
from meshd.accounts.errors import Invalid
from meshd.accounts.hostrecords import Who
from meshd.accounts.published import resources
from meshd.model import Account
from tests.accounts.published.support import PublishedCase
from tests.accounts.support import NOON, OPERATOR, OnPostgres

WHO = Who(7, "boss", "boss@mesh.example", "192.0.2.1")
READ = {"domain_names": ["a.test"]}


class Recorded(PublishedCase):
    def recorded(self) -> list[tuple[str, str, int, str]]:
        entries = self.run_unit(hostaudit.listing, OPERATOR)
        return [(each.action, each.resource_type, each.resource_id, each.username) for each in entries]


class RecordTests(Recorded):
    def change(self, change: object, resource_id: object) -> None:
        self.run_unit(hostrecords.changed, WHO, "create", "dead_host", change, resource_id, {}, now=NOON)

    def test_a_change_and_its_record_are_one(self) -> None:
        """Where the change is refused nothing is told, and nothing where it changed nothing."""
        create = partial(resources.create, OPERATOR, "dead-hosts", now=NOON)
        self.change(partial(create, READ), lambda row: row.id)
        with self.assertRaises(Invalid):
            self.change(partial(create, {}), lambda row: row.id)
        switch = partial(resources.switch, OPERATOR, "dead-hosts", 1, True, now=NOON)
        self.change(switch, lambda outcome: outcome[0].id if outcome[1] else 0)
        self.assertEqual(self.recorded(), [("create", "dead_host", 1, "boss")])

    def test_an_entry_by_its_id(self) -> None:
        self.change(partial(resources.create, OPERATOR, "dead-hosts", READ, now=NOON), lambda row: row.id)
        (entry,) = self.run_unit(hostaudit.listing, OPERATOR)
        self.assertEqual(self.run_unit(hostaudit.entry, OPERATOR, entry.id), entry)
        for other in (entry.id + 1, 0, 2**70):
            self.assertIsNone(self.run_unit(hostaudit.entry, OPERATOR, other))


class SignInTests(Recorded):
    def begin(self, account: Account, number: int) -> int:
        access, refresh = (bytes([number, each]) * 16 for each in (0, 1))
        facts = {"access": access, "refresh": refresh, "address": "192.0.2.1", "now": NOON}
        return int(self.run_unit(hostsignins.begin, account.id, **facts).token.id)

    def test_a_sign_in(self) -> None:
        """Begun, told whose it is, over, and each recorded; a refusal has a name that may be nobody's."""
        boss = self.anna
        token_id, refresh = self.begin(boss, 1), bytes([1, 1]) * 16
        found = self.run_unit(hostsignins.of_refresh, refresh, NOON)
        self.assertEqual(found.id, boss.id)
        self.assertEqual(self.run_unit(hostsignins.token_of, token_id).kind, "session")
        later = NOON + hosttokens.REFRESHED
        for digest, now in ((refresh, later), (b"other", NOON)):
            self.assertIsNone(self.run_unit(hostsignins.of_refresh, digest, now))
        self.run_unit(hostsignins.failed, "nobody", address="192.0.2.9", now=NOON)
        for _ in range(2):
            self.run_unit(hostsignins.end, token_id=token_id, refresh=b"", address="192.0.2.1", now=NOON)
        self.assertIsNone(self.run_unit(hostsignins.of_refresh, refresh, NOON))
        self.assertEqual(
            [(action, name) for action, _, _, name in self.recorded()],
            [("logout", "anna"), ("login_failed", "nobody"), ("login", "anna")],
        )

    def test_a_request_by_a_token(self) -> None:
        """It is told with what was asked, and the token as used."""
        boss = self.anna
        token = self.run_unit(hosttokens.create, boss.id, name="ci", digest=b"d" * 32, now=NOON)
        details = {"method": "GET", "path": "/api/proxy-hosts", "status": 200}
        self.run_unit(hostrecords.asked, Who.of(boss, "::1"), token.id, "proxy_host", 0, details, now=NOON + 3600)
        (entry,) = self.run_unit(hostaudit.listing, OPERATOR)
        self.assertEqual((entry.action, entry.email, entry.address), ("request", boss.email, "::1"))
        self.assertEqual(self.run_unit(hosttokens.listing, boss.id)[0].used_at, NOON + 3600)


class RecordOnPostgresTests(OnPostgres, RecordTests):
    """The same on PostgreSQL."""


class SignInOnPostgresTests(OnPostgres, SignInTests):
    """The same on PostgreSQL."""
