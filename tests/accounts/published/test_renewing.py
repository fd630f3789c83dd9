"""What is asked of certificates beside what is asked of every resource."""

from __future__ import annotations

from meshd.accounts.errors import Invalid, NotFound
from meshd.accounts.published import acme, renewing, resources
from tests.accounts.published.support import PublishedCase
from tests.accounts.support import NOON, OPERATOR


class RenewingTests(PublishedCase):
    def certificate(self, *names: str) -> int:
        settings = {"provider": "acme", "domain_names": list(names)}
        return int(self.run_unit(resources.create, OPERATOR, "certificates", settings, now=NOON).id)

    def test_one_is_obtained_anew(self) -> None:
        """It is due at once, whatever was to be done later; the present one stays until then."""
        made = self.certificate("a.test")
        self.run_unit(acme.claim, made, "node", NOON + 600)
        self.run_unit(acme.obtained, made, "CHAIN", b"sealed", NOON + 90 * 86400, NOON + 60 * 86400, NOON)
        self.assertEqual(self.run_unit(acme.due, NOON + 1), [])
        row = self.run_unit(renewing.renew, OPERATOR, made, now=NOON + 2)
        self.assertEqual(row.settings["certificate"], "CHAIN")
        self.assertEqual([each.row.id for each in self.run_unit(acme.due, NOON + 700)], [made])

    def test_what_cannot_be(self) -> None:
        """One that was uploaded, one that is not there."""
        custom = {"provider": "custom", "domain_names": ["b.test"], "certificate": "CHAIN"}
        secrets = {"sealed_key": b"sealed", "expires": NOON + 1}
        made = self.run_unit(resources.create, OPERATOR, "certificates", custom, secrets=secrets, now=NOON)
        with self.assertRaises(Invalid):
            self.run_unit(renewing.renew, OPERATOR, made.id, now=NOON)
        with self.assertRaises(NotFound):
            self.run_unit(renewing.renew, OPERATOR, made.id + 1, now=NOON)

    def test_names_that_are_published(self) -> None:
        """Those of hosts; a certificate's are not."""
        self.run_unit(resources.create, OPERATOR, "dead-hosts", {"domain_names": ["a.test", "b.test"]}, now=NOON)
        self.certificate("c.test")
        found = self.run_unit(renewing.published_names, OPERATOR, ["a.test", "c.test", "d.test"])
        self.assertEqual(found, {"a.test"})
