"""What is remembered of destinations that were judged."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.exits.destinations import OwnListeners
from meshd.exits.judged import REMEMBERED, Judged, place_of
from meshd.topology import DestinationRules

RULES, OWN = DestinationRules(), OwnListeners(frozenset({3128}))
PLACE = "a.example", 443, ""
BOTH = "192.0.2.1", "2001:db8::1"


class JudgedTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.judged = Judged()
        self.judged.note(RULES, OWN, PLACE, BOTH, BOTH[:1])

    def test_when_it_holds(self) -> None:
        """For the very settings, place and addresses alone, whichever of them differs."""
        others = DestinationRules(), OwnListeners(OWN.ports)
        for rules, own, place, addresses, found in (
            (RULES, OWN, PLACE, ("192.0.2.1", "2001:db8::1"), BOTH[:1]),
            (others[0], OWN, PLACE, BOTH, None),
            (RULES, others[1], PLACE, BOTH, None),
            (RULES, OWN, ("b.example", 443, ""), BOTH, None),
            (RULES, OWN, ("a.example", 80, ""), BOTH, None),
            (RULES, OWN, ("a.example", 443, "6"), BOTH, None),
            (RULES, OWN, PLACE, BOTH[::-1], None),
            (RULES, OWN, PLACE, BOTH[:1], None),
            (RULES, OWN, PLACE, (*BOTH, "10.0.0.1"), None),
            (RULES, OWN, PLACE, BOTH, BOTH[:1]),
        ):
            self.assertEqual(self.judged.find(rules, own, place, addresses), found, (place, addresses))

    def test_places(self) -> None:
        """Of a way out only the family counts: an exit with a prefix has another address for each connection."""
        for source, family in (("", ""), ("192.0.2.1", "4"), ("2001:db8::1", "6"), ("2001:db8::2", "6")):
            self.assertEqual(place_of("a.example", 443, source), ("a.example", 443, family))

    def test_other_settings(self) -> None:
        """What is noted by them puts an end to all that was noted by those before."""
        for rules, own in ((DestinationRules(), OWN), (RULES, OwnListeners())):
            self.judged.note(rules, own, ("b.example", 443, ""), BOTH, BOTH)
            self.assertIsNone(self.judged.find(RULES, OWN, PLACE, BOTH))
            self.assertIsNone(self.judged.find(rules, own, PLACE, BOTH))

    def test_a_port_of_ours(self) -> None:
        """Whether it leads back here is asked each time."""
        place = "a.example", 3128, ""
        self.judged.note(RULES, OWN, place, BOTH, BOTH)
        self.assertIsNone(self.judged.find(RULES, OWN, place, BOTH))

    def test_so_many(self) -> None:
        for number in range(REMEMBERED):
            self.judged.note(RULES, OWN, (f"{number}.example", 443, ""), BOTH, BOTH)
        self.assertIsNone(self.judged.find(RULES, OWN, PLACE, BOTH))
        self.assertLessEqual(len(self.judged._found), REMEMBERED)
