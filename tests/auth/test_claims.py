"""Whose an address is that several claim: decided from the claims alone."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.auth.claims import HOLD, admitted, contested, leads
from meshd.values.traces import Claim

AT = 1_000_000

ALICE, KID, EVE = 1, 2, 3
FAMILY = {ALICE: ALICE, KID: ALICE, EVE: EVE}


def claim(account_id: int, hostname: str = "", *, first: int = 0, left_at: int = 0) -> Claim:
    return Claim(account_id, FAMILY[account_id], hostname, first, first, left_at)


LISTED = claim(ALICE)
NAMED = claim(ALICE, "home")
KIDS = claim(KID, "kid")
GOING = claim(ALICE, "home", left_at=AT - HOLD + 1)
GONE = claim(ALICE, "home", left_at=AT - HOLD)
THIEF = claim(EVE, "thief", first=1)
LATE = claim(EVE, first=1)

ADMITTED = {
    "nobody claims it": ([], "", None),
    "it is listed": ([LISTED], "", LISTED),
    "it is listed, and a name stands for it too": ([LISTED, NAMED], "home", LISTED),
    "a name stands for it": ([NAMED], "home", NAMED),
    "a name that this process sees elsewhere": ([NAMED], "", None),
    "another's name that came later": ([LISTED, THIEF], "thief", LISTED),
    "another's name that came later, the first one's not seen here": ([NAMED, THIEF], "thief", None),
    "another's entry that came later": ([NAMED, LATE], "home", NAMED),
    "another's entry that came later, the name not seen here": ([NAMED, LATE], "", None),
    "a name that has just left it": ([GOING, LATE], "", None),
    "a name that left it long ago": ([GONE, LATE], "", LATE),
    "the family's other claim, where the first is not seen here": ([KIDS, claim(ALICE), THIEF], "", claim(ALICE)),
}

CONTESTED = {
    "alone": ([LISTED], ALICE, None),
    "first": ([LISTED, THIEF], ALICE, None),
    "later": ([LISTED, THIEF], EVE, LISTED),
    "within the family": ([LISTED, KIDS], KID, LISTED),
    "behind one that left just now": ([GOING, LATE], EVE, GOING),
    "behind one that left long ago": ([GONE, LATE], EVE, None),
    "nobody's": ([], EVE, None),
}

LEADS = {
    "alone": ([NAMED], ALICE, True),
    "later": ([NAMED, THIEF], EVE, False),
    "behind another's entry": ([LISTED, THIEF], EVE, False),
    "beside its own entry": ([LISTED, NAMED], ALICE, True),
    "within the family, first": ([KIDS, claim(ALICE, "home", first=0)], KID, True),
    "within the family, second": ([KIDS, claim(ALICE, "home", first=0)], ALICE, False),
    "nobody's": ([], ALICE, False),
}


class ClaimTableTests(SynchronousTestCase):
    def test_by_which_a_client_comes_in(self) -> None:
        """By the first family's, and by no other's while it has one."""
        for case, (found, hostname, expected) in ADMITTED.items():
            self.assertEqual(admitted(found, hostname, AT), expected, case)

    def test_what_keeps_it_from_an_account(self) -> None:
        """The first claim, if that is another's."""
        for case, (found, account_id, expected) in CONTESTED.items():
            self.assertEqual(contested(found, account_id, AT), expected, case)

    def test_whose_names_match(self) -> None:
        """Those of one account, whichever process asks."""
        for case, (found, account_id, expected) in LEADS.items():
            self.assertEqual(leads(found, account_id, AT), expected, case)
