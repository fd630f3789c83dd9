"""Certificates that come with a host, follow its names and go with it."""

from __future__ import annotations

from meshd.accounts.published import acme, resources
from meshd.accounts.published.rows import Row
from tests.accounts.published.support import PublishedCase
from tests.accounts.support import NOON, OnPostgres

CHAIN = "-----BEGIN CERTIFICATE-----"


class AutomaticTests(PublishedCase):
    def certificates(self) -> list[Row]:
        return self.run_unit(resources.listing, self.anna.id, "certificates")

    def due(self, now: int = NOON) -> list[int]:
        return [each.row.id for each in self.run_unit(acme.due, now)]

    def obtained(self, row: Row) -> None:
        self.run_unit(acme.obtained, row.id, CHAIN, b"sealed", NOON + 900, NOON + 600, NOON)

    def test_a_host_that_forces_https_has_one_obtained(self) -> None:
        """For its names, in the same moment; and so has whoever asks for a new one."""
        host = self.made(domain_names=["a.b", "c.b"], ssl_forced=True)
        (shown,) = self.certificates()
        self.assertEqual(host.settings["certificate_id"], shown.id)
        self.assertEqual((shown.settings["provider"], shown.settings["state"]), ("acme", "pending"))
        self.assertEqual((shown.settings["domain_names"], shown.settings["automatic"]), (["a.b", "c.b"], True))
        self.assertEqual(self.due(), [shown.id])
        other = self.made("dead-hosts", certificate_id="new")
        self.assertEqual(other.settings["certificate_id"], self.certificates()[1].id)
        plain = self.made("redirection-hosts")
        self.assertEqual(plain.settings["certificate_id"], 0)
        self.changed(plain, ssl_forced=True)
        self.assertEqual(len(self.certificates()), 3)

    def test_the_same_again_makes_no_other(self) -> None:
        """A client that puts what it once sent finds the same certificate."""
        host = self.made(ssl_forced=True)
        again = self.changed(host, ssl_forced=True, certificate_id=0, meta={"a": 1})
        self.assertEqual(again.settings["certificate_id"], host.settings["certificate_id"])
        self.assertEqual(len(self.certificates()), 1)

    def test_it_follows_its_hosts_names(self) -> None:
        """What was obtained is served until there is another."""
        host = self.made(ssl_forced=True)
        (shown,) = self.certificates()
        self.obtained(shown)
        self.assertEqual(self.due(), [])
        self.changed(host, domain_names=["app.example.com", "new.example.com"])
        (after,) = self.certificates()
        self.assertEqual(after.settings["domain_names"], ["app.example.com", "new.example.com"])
        self.assertEqual((after.settings["state"], after.settings["certificate"]), ("active", CHAIN))
        self.assertEqual((after.secret, self.due(NOON + 1)), (b"sealed", [shown.id]))

    def test_names_that_change_while_it_is_obtained(self) -> None:
        """It is obtained once more."""
        host = self.made(ssl_forced=True)
        (shown,) = self.certificates()
        self.run_unit(acme.claim, shown.id, "a", NOON + acme.LEASE)
        self.changed(host, domain_names=["new.example.com"])
        self.assertEqual(self.due(NOON + 1), [])
        self.obtained(shown)
        self.assertEqual(self.due(NOON + 1), [shown.id])
        self.run_unit(acme.claim, shown.id, "a", NOON + 1 + acme.LEASE)
        self.obtained(shown)
        self.assertEqual(self.due(NOON + 1), [])

    def test_one_that_others_use_keeps_its_names(self) -> None:
        """And stays when its host goes."""
        host = self.made(ssl_forced=True)
        (shown,) = self.certificates()
        self.made("dead-hosts", certificate_id=shown.id)
        self.changed(host, domain_names=["new.example.com"])
        self.assertEqual(self.certificates()[0].settings["domain_names"], ["app.example.com"])
        self.run_unit(resources.delete, self.anna.id, host.kind, host.id, now=NOON)
        self.assertEqual([each.id for each in self.certificates()], [shown.id])

    def test_it_goes_with_its_host(self) -> None:
        """And when that has another, or does without."""
        for change in (
            {"ssl_forced": False, "certificate_id": 0},
            {"certificate_id": self.made("certificates").id},
            None,
        ):
            host = self.made(ssl_forced=True)
            before = len(self.certificates())
            if change is not None:
                self.changed(host, **change)
                self.assertEqual(len(self.certificates()), before - 1)
            self.run_unit(resources.delete, self.anna.id, host.kind, host.id, now=NOON)
            self.assertEqual(len(self.certificates()), 1)
            self.assertEqual(len(self.due()), 1)

    def test_one_that_somebody_made_stays(self) -> None:
        """Whatever becomes of the host that uses it."""
        shown = self.made("certificates")
        host = self.made(ssl_forced=True, certificate_id=shown.id)
        self.changed(host, domain_names=["new.example.com"])
        self.run_unit(resources.delete, self.anna.id, host.kind, host.id, now=NOON)
        self.assertEqual(self.shown(shown).settings["domain_names"], ["app.example.com"])

    def test_a_failed_one_is_tried_again_by_a_change(self) -> None:
        """Of its names or of anything else."""
        shown = self.made("certificates")
        self.run_unit(acme.failed, shown.id, "no such name", NOON + 600, NOON)
        self.assertEqual((self.shown(shown).settings["state"], self.due()), ("failed", []))
        changed = self.changed(shown, nice_name="again")
        self.assertEqual((changed.settings["state"], changed.settings["problem"]), ("pending", ""))
        self.assertEqual(self.due(NOON + 1), [shown.id])


class AutomaticOnPostgresTests(OnPostgres, AutomaticTests):
    """The same on PostgreSQL."""
