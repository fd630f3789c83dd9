"""Addresses that another account claimed before: kept from whoever comes later, and told to nobody who is not there."""

from __future__ import annotations

from meshd.accounts import validate
from meshd.auth.claims import stand
from tests.auth.world import logged
from tests.web.api.document import DocumentTestCase
from tests.web.support import NOON

IP = "192.0.2.1"
"""Where the requests of these tests come from."""
PUBLIC, HOME = "9.9.9.9", "home.example.org"


class DisputeTests(DocumentTestCase):
    def test_an_address_that_is_anothers_is_as_one_that_is_nobodys(self) -> None:
        """The same answer; the daemon's log has it, and the lists of whoever came later do not."""
        events = logged(self)
        self.post("/api/ip/add/", ip=PUBLIC)
        self.assertEqual(self.post("/api/ip/add/", ip=PUBLIC, who="eve").seen, (200, {"ip": PUBLIC}))
        self.assertEqual(self.get("/api/ips/", who="eve").json, {"ips": [PUBLIC]})
        self.assertEqual(self.get("/api/ip_labels/", who="eve").json, [{"ip": PUBLIC, "label": ""}])
        told = [event for event in events if "stays with an earlier claim" in event]
        self.assertEqual((len(told), PUBLIC in told[0], str(self.world.eve.id) in told[0]), (1, True, True))

    def test_whoever_asks_from_there_is_told(self) -> None:
        """In every answer that has the address, or a name that stands for it."""
        file = self.world.store.file
        for account, name in ((self.world.jo, "jo.example.org"), (self.world.eve, HOME)):
            who = account.username
            self.post("/api/hostname/add/", domain=name, who=who)
            file.run(stand, account.id, name, frozenset({IP}), NOON)
        self.assertEqual(self.get("/api/hostnames/", who="eve").json, {"domains": [HOME], "disputed": [HOME]})
        self.assertEqual(self.get("/api/hostnames/").json, {"domains": ["jo.example.org"]})

    def test_of_a_listed_address(self) -> None:
        """Likewise: what is added, and both lists."""
        self.patch_public()
        self.post("/api/ip/add/", ip=IP)
        self.assertEqual(self.post("/api/ip/add/", ip=IP, who="eve").seen, (200, {"ip": IP, "disputed": True}))
        self.assertEqual(self.get("/api/ips/", who="eve").json, {"ips": [IP], "disputed": [IP]})
        self.assertEqual(self.get("/api/ip_labels/", who="eve").json, [{"ip": IP, "label": "", "disputed": True}])
        self.assertEqual(self.get("/api/ips/").json, {"ips": [IP]})

    def patch_public(self) -> None:
        """The address of these tests is a public one."""
        self.patch(validate, "address", lambda text, private: None)

    def test_within_the_family_the_parent_is_told(self) -> None:
        """Of its sub-account's entry behind its own."""
        self.post("/api/ip/add/", ip=PUBLIC)
        self.post("/api/ip/add/", ip=PUBLIC, username="sub")
        self.assertEqual(self.get("/api/ips/?username=sub").json, {"ips": [PUBLIC], "disputed": [PUBLIC]})
        self.assertEqual(self.get("/api/ips/", who="sub").json, {"ips": [PUBLIC]})
