"""Accounts that end, get another name, or another parent: what is remembered and what is open goes with that."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from meshd.model import Admission
from meshd.store.statements import accounts, moving
from tests.auth.test_selecting import Installation as _Installation
from tests.auth.world import basic, bearer, said

DAY = 86_400
PEER = "192.0.2.7"


class LastDayTests(_Installation):
    def setUp(self) -> None:
        super().setUp()
        self.kid = self.world.account("kid", "small", parent=self.alice)
        self.world.edit(self.alice, expires_on="2026-11-22")
        self.secret, _ = self.world.token(self.alice)
        self.world.list_address(self.alice, PEER)

    def ways(self) -> dict[str, str]:
        """What each way in says."""
        world = self.world
        return {
            "password": world.reason(basic("alice:secret")),
            "token": world.reason(bearer(self.secret)),
            "address": world.reason(peer=PEER),
            "sub-account": world.reason(basic("kid:small")),
            "API": said(world.sign_in(basic("alice:secret"))),
        }

    def test_through_that_day(self) -> None:
        """UTC, to the second, though it is remembered; from then on it is as inactive, and its sub-accounts are."""
        self.world.clock.advance(DAY / 2 - 100)
        names = {"password": "Alice", "token": "Alice", "address": "Alice", "sub-account": "kid", "API": "Alice"}
        self.assertEqual(names, self.ways())
        self.world.clock.advance(99.5)
        self.assertEqual(names, self.ways())
        self.world.clock.advance(0.5)
        self.assertEqual(dict.fromkeys(names, "account-inactive"), self.ways())
        self.world.store.asked.clear()
        self.assertEqual(dict.fromkeys(names, "account-inactive"), self.ways())
        self.assertEqual([], self.world.store.asked)

    def test_while_it_is_asked(self) -> None:
        """Whoever is let in after that day is so by an answer of after it."""
        units = {
            "by_name": [basic("alice:secret"), basic("kid:small")],
            "by_token": [bearer(self.secret)],
            "by_peer": [None],
        }
        self.world.clock.advance(DAY / 2 - 1)
        gates = self.world.store.gates = {unit: Deferred() for unit in units}
        begun = [self.world.begin(field, peer=PEER) for fields in units.values() for field in fields]
        self.world.clock.advance(1)
        for gate in gates.values():
            gate.callback(None)
        self.assertEqual(["account-inactive"] * 4, [said(self.successResultOf(each)) for each in begun])

    def test_while_the_store_is_away(self) -> None:
        """What is remembered does not outlive the day."""
        self.world.clock.advance(DAY / 2 - 100)
        self.ways()
        self.world.store.away = True
        self.world.clock.advance(100)
        self.assertEqual("auth-unavailable", self.world.reason(basic("alice:secret")))

    def test_it_is_put_off(self) -> None:
        """And the account passes again as soon as the change is told."""
        self.world.clock.advance(DAY / 2)
        self.assertEqual("account-inactive", self.world.reason(basic("kid:small")))
        self.world.edit(self.alice, expires_on="2026-12-31")
        self.world.changed(self.alice)
        self.assertEqual("kid", self.world.reason(basic("kid:small")))

    def test_what_is_open(self) -> None:
        """Ends when it is asked about after the day, by whatever it was let in."""
        admissions = [self.world.ask(basic("alice:secret")), self.world.ask(bearer(self.secret))]
        admissions += [self.world.ask(peer=PEER), self.world.ask(basic("kid:small"))]
        self.world.clock.advance(DAY / 2 - 1)
        for admission in admissions:
            assert isinstance(admission, Admission)
            self.assertIsNone(self.world.still(admission))
        self.world.clock.advance(1)
        for admission in admissions:
            assert isinstance(admission, Admission)
            self.assertEqual("account-inactive", said(self.world.still(admission)))


class RenameTests(_Installation):
    def rename(self) -> None:
        self.world.store.now(accounts.rename, self.alice.id, "Alicia")
        self.world.changed(self.alice)

    def test_the_old_name_is_nobodys(self) -> None:
        """Although its password was proven, whatever selection it comes with, also while the new one is remembered."""
        olds = ["alice:secret", "alice-session-a:secret", "ALICE-country-us:secret"]
        for userinfo in olds[:2]:
            self.assertEqual("Alice", self.admitted(userinfo)[0])
        self.rename()
        self.assertEqual("Alicia", self.admitted("alicia:secret")[0])
        self.assertEqual("Alicia", self.admitted("Alicia-session-b:secret")[0])
        for userinfo in olds:
            self.assertEqual("auth-invalid", self.world.reason(basic(userinfo)), userinfo)

    def test_what_is_open_by_it_ends(self) -> None:
        """By its password; a token does not say a name."""
        secret, _ = self.world.token(self.alice)
        password, token = self.world.ask(basic("alice:secret")), self.world.ask(bearer(secret))
        assert isinstance(password, Admission)
        assert isinstance(token, Admission)
        self.rename()
        self.assertEqual("auth-invalid", said(self.world.still(password)))
        self.assertIsNone(self.world.still(token))

    def test_only_its_case(self) -> None:
        """Is the same name."""
        admission = self.world.ask(basic("alice:secret"))
        assert isinstance(admission, Admission)
        self.world.store.now(accounts.rename, self.alice.id, "ALICE")
        self.world.changed(self.alice)
        self.assertIsNone(self.world.still(admission))
        self.assertEqual("ALICE", self.admitted("alice:secret")[0])


class MoveTests(_Installation):
    def test_what_is_open_ends(self) -> None:
        """The former parent would pay for it; what begins anew is the new one's."""
        kid = self.world.account("kid", "small", parent=self.alice)
        admission = self.world.ask(basic("kid:small"))
        assert isinstance(admission, Admission)
        self.world.store.now(moving.move, kid, self.alice.id, self.my, 0)
        self.world.changed(kid)
        self.assertEqual("auth-invalid", said(self.world.still(admission)))
        again = self.world.ask(basic("kid:small"))
        assert isinstance(again, Admission)
        self.assertEqual(self.my.id, again.account.parent_id)
