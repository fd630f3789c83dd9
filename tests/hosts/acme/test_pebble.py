"""Certificates of Debian's Pebble: what is asked of an authority, and what it refuses."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from meshd.hosts.acme.authority import Authority, new_key
from meshd.hosts.acme.failure import Failed
from meshd.tls.material import Material, checked
from meshd.values.hosting import Acme
from tests.support.acmeservers import Challenged, Pebble

KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"


class PebbleTests(SynchronousTestCase):
    """Each starts its own, in half a second."""

    def setUp(self) -> None:
        self.challenged = Challenged(self)
        self.key = new_key()

    def served(self, **settings: object) -> Pebble:
        pebble = Pebble(self, self.challenged.port, **settings)  # type: ignore[arg-type]
        self.settings = Acme(pebble.directory, ca=pebble.ca)
        return pebble

    def authority(self, uri: str = "", **changes: str) -> Authority:
        return Authority(replace(self.settings, **changes), self.key, uri, threading.Event())

    def obtained(self, authority: Authority, *names: str) -> Material:
        placed = authority.place(names)
        self.challenged.texts.update((offer.token, offer.text) for offer in placed.offers)
        return checked(authority.collect(placed), placed.key, int(time.time()) + 60)

    def refused(self, authority: Authority, *names: str) -> str:
        return str(self.assertRaises(Failed, self.obtained, authority, *names))

    def test_names_and_addresses(self) -> None:
        """In one certificate; each was looked at by the authority; the account is found again by its URI."""
        self.served()
        authority = self.authority()
        uri = authority.sign_in()
        made = self.obtained(authority, "a.test", "b.test", "127.0.0.1")
        self.assertEqual(set(made.names), {"a.test", "b.test", "127.0.0.1"})
        self.assertEqual(len(set(self.challenged.asked)), 3)
        again = self.authority(uri)
        self.assertEqual(again.sign_in(), uri)
        self.assertEqual(self.obtained(again, "a.test").names, ("a.test",))
        self.assertEqual(self.authority().sign_in(), uri)  # known by its key, where the URI was lost

    def test_renewal_information_that_is_not_there(self) -> None:
        """This one has none, and so no opinion."""
        self.served()
        authority = self.authority()
        authority.sign_in()
        made = self.obtained(authority, "a.test")
        self.assertIsNone(authority.advice(made.chain).renew_at)

    def test_an_authority_that_has_begun_anew(self) -> None:
        """Knows the account no more: it is made again, with the same key."""
        self.served()
        authority = self.authority()
        uri = authority.sign_in()
        self.served()
        self.assertNotEqual(self.authority(uri).sign_in(), uri)

    def test_an_account_that_is_bound(self) -> None:
        """By the key that the authority has given; without it, and with another, it says no."""
        self.served(binding={"kid-1": KEY})
        self.assertIn("set acme_eab_kid", str(self.assertRaises(Failed, self.authority().sign_in)))
        for changes in ({"kid": "kid-1", "key": KEY[:-4] + "AAAA"}, {"kid": "kid-2", "key": KEY}):
            self.assertIn("(unauthorized)", str(self.assertRaises(Failed, self.authority(**changes).sign_in)))
        authority = self.authority(kid="kid-1", key=KEY)
        authority.sign_in()
        self.assertEqual(self.obtained(authority, "a.test").names, ("a.test",))

    def test_nonces_that_are_refused(self) -> None:
        """One of three is: no call fails of it, as five in a row are one in two hundred."""
        self.served(refused=20)
        authority = self.authority()
        authority.sign_in()
        self.assertEqual(self.obtained(authority, "a.test").names, ("a.test",))

    def test_all_nonces_are_refused(self) -> None:
        """Then it is told, after a few tries."""
        self.served(refused=100)
        self.assertIn("(badNonce)", str(self.assertRaises(Failed, self.authority().sign_in)))

    def test_refusals(self) -> None:
        """Each by the authority's own words, with the name it is about."""
        self.served()
        authority = self.authority()
        authority.sign_in()
        self.assertIn("a wildcard needs a challenge by DNS", self.refused(authority, "*.a.test"))
        self.assertIn("(malformed)", self.refused(authority, "under_score.test"))
        placed = authority.place(["a.test"])
        self.challenged.texts[placed.offers[0].token] = "something else"
        told = str(self.assertRaises(Failed, authority.collect, placed))
        self.assertRegex(told, r"^a\.test: .*\(unauthorized\)$")
        self.assertIn(
            "no profile 'shortlived'; it has none", self.refused(self.authority(profile="shortlived"), "a.test")
        )

    def test_a_directory_that_is_not_trusted(self) -> None:
        """Its certificate is of an authority that the system does not know."""
        self.served()
        self.assertIn("see acme_ca", str(self.assertRaises(Failed, self.authority, ca="")))

    def test_a_stop(self) -> None:
        """Ends the waiting for a decision at once."""
        self.served()
        self.challenged.answering.clear()
        stopped = threading.Event()
        authority = Authority(self.settings, self.key, "", stopped)
        authority.sign_in()
        placed = authority.place(["a.test"])
        stopped.set()
        self.assertIn("stopped", str(self.assertRaises(Failed, authority.collect, placed)))
