"""What is remembered, what ends it, and what it does while the store is away."""

from __future__ import annotations

from typing import Any
from unittest import mock

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from meshd.auth import service
from meshd.auth.asking import MOST_AT_ONCE
from meshd.auth.passwords import Busy
from meshd.auth.verify import LINE
from meshd.model import Admission, Refusal
from meshd.store.interface import StoreError
from meshd.store.statements import accounts, addresses, proxies, tokens
from meshd.topology import Limits
from tests.auth.world import OTHER, PEER, World, basic, bearer, said

RIGHT = basic("alice:secret")
LISTED = "198.51.100.7"
RESOLVED = "198.51.100.8"
DAY = 86_400


class Installation(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(self)
        self.alice = self.world.account("alice", "secret")
        self.secret, self.token = self.world.token(self.alice)
        self.world.list_address(self.alice, LISTED)
        self.world.list_hostname(self.alice, "home.example")
        self.world.resolve(self.alice, "home.example", RESOLVED)

    def recall(self, *args: Any, peer: str = PEER) -> str:
        field, authorization = (*args, None, None)[:2]
        return said(self.world.service.recall("us", peer, field, authorization))

    def ways(self) -> list[tuple[bytes | None, bytes | None, str]]:
        """Each way in which alice is known."""
        return [
            (RIGHT, None, PEER),
            (bearer(self.secret), None, PEER),
            (None, bearer(self.secret), PEER),
            (None, None, LISTED),
            (None, None, RESOLVED),
        ]

    def everybody(self, expected: str) -> None:
        for field, authorization, peer in self.ways():
            self.assertEqual(self.world.reason(field, authorization, peer=peer), expected, (field, peer))


class RecallTests(Installation):
    def test_nothing_is_known_at_first(self) -> None:
        """recall does no I/O: what it does not know it leaves to admit, what needs no store it answers."""
        for field, authorization, peer in self.ways():
            self.assertEqual(self.recall(field, authorization, peer=peer), "")
        self.assertEqual(self.recall(peer=OTHER), "")
        self.assertEqual(self.recall(b"Digest a"), "auth-invalid")
        self.assertEqual(self.recall(b"Basic ***"), "auth-invalid")
        self.assertEqual(self.world.store.asked, [])

    def test_a_credential_is_read_once(self) -> None:
        """However it ends: what `recall` has understood is what `admit` asks about."""
        for field in (RIGHT, basic("alice:wrong"), bearer(self.secret)):
            with mock.patch.object(service, "asked", wraps=service.asked) as read:
                self.world.ask(field)
            self.assertEqual(read.call_count, 1, field)

    def test_known_afterwards(self) -> None:
        """Each answer, yes or no, is known at once the next time, as the very same object."""
        self.everybody("alice")
        admission = self.world.ask(RIGHT)
        self.world.reason(peer=OTHER)
        self.world.reason(basic("alice:wrong"))
        self.world.store.asked.clear()
        for field, authorization, peer in self.ways():
            self.assertEqual(self.recall(field, authorization, peer=peer), "alice")
        self.assertEqual(self.recall(peer=OTHER), "auth-required")
        self.assertEqual(self.recall(basic("alice:wrong")), "auth-invalid")
        self.assertIs(self.world.service.recall("us", PEER, RIGHT, None), admission)
        self.assertEqual(self.world.store.asked, [])

    def test_fields_are_apart(self) -> None:
        """The same bytes in another field are another question."""
        self.world.ask(None, bearer(self.secret))
        self.assertEqual(self.recall(bearer(self.secret)), "")

    def test_no_password_is_hashed_twice(self) -> None:
        """Not for another sticky key, another spelling of the name, nor after the verdict has run out."""
        self.world.ask(RIGHT)
        for _ in range(5):
            for userinfo in ("alice:secret", "alice:key:secret", "ALICE:other:secret"):
                self.assertEqual(self.world.reason(basic(userinfo)), "alice")
            self.world.clock.advance(300)
        self.assertEqual(self.world.hasher.runs, ["secret"])

    def test_a_new_sticky_key_is_no_question(self) -> None:
        """A client with a key for every connection is answered at once."""
        self.world.ask(RIGHT)
        for number in range(3000):
            answer = self.world.service.recall("us", PEER, basic(f"alice:{number}:secret"), None)
            assert isinstance(answer, Admission)
            self.assertEqual(answer.selection.session, str(number))
        self.assertLess(len(self.world.service._cache), 1100)

    def test_a_proof_that_is_not_used_ends(self) -> None:
        """A password that nobody sends for ten minutes is hashed again."""
        self.world.ask(RIGHT)
        self.world.clock.advance(600)
        self.world.ask(RIGHT)
        self.assertEqual(self.world.hasher.runs, ["secret", "secret"])

    def test_memory_is_bounded(self) -> None:
        """Any number of credentials, strangers and wrong guesses takes bounded memory."""
        self.world.live.limits = Limits(identities=5)
        for number in range(10):
            account = self.world.account(f"user{number}", "secret")
            self.assertEqual(self.world.reason(basic(f"user{number}:secret")), account.username)
        self.assertEqual(len(self.world.service._cache), 5)
        self.assertEqual(len(self.world.service._verifier._proofs), 5)

    def test_a_verdict_runs_out(self) -> None:
        """After its five minutes the store is asked again."""
        self.everybody("alice")
        self.world.clock.advance(299.9)
        self.assertEqual(self.recall(RIGHT), "alice")
        self.world.clock.advance(0.1)
        for field, authorization, peer in self.ways():
            self.assertEqual(self.recall(field, authorization, peer=peer), "")

    def test_a_no_runs_out(self) -> None:
        """After ten seconds."""
        self.world.reason(peer=OTHER)
        self.world.reason(basic("alice:wrong"))
        self.world.clock.advance(10)
        self.assertEqual(self.recall(peer=OTHER), "")
        self.assertEqual(self.recall(basic("alice:wrong")), "")

    def test_a_token_ends_at_midnight_though_it_is_remembered(self) -> None:
        """UTC, to the second; also while the store is away."""
        secret, _ = self.world.token(self.alice, "2026-11-22")
        self.world.clock.advance(DAY / 2 - 100)
        self.assertEqual(self.world.reason(bearer(secret)), "alice")
        self.world.clock.advance(99.5)
        self.assertEqual(self.recall(bearer(secret)), "alice")
        self.world.store.away = True
        self.world.clock.advance(0.5)
        self.assertEqual(self.world.reason(bearer(secret)), "auth-unavailable")
        self.world.store.away = False
        self.assertEqual(self.world.reason(bearer(secret)), "auth-invalid")


class ChangeTests(Installation):
    def test_what_a_change_of_the_account_ends(self) -> None:
        """Each thing that can be taken away is gone with the change, by the ways that it concerns."""
        changes = {
            "the account is deactivated": (accounts.edit, (self.alice.id,), {"active": False}, "account-inactive"),
            "it is activated again": (accounts.edit, (self.alice.id,), {"active": True}, "alice"),
            "the proxy is revoked": (proxies.revoke, (self.alice.id, "us"), {}, "proxy-not-authorized"),
            "and authorised again": (proxies.authorize, (self.alice.id, "us", 0), {}, "alice"),
        }
        self.everybody("alice")
        for sentence, (unit, args, columns, expected) in changes.items():
            self.world.store.now(unit, *args, **columns)
            self.world.changed(self.alice)
            for field, authorization, peer in self.ways():
                self.assertEqual(self.world.reason(field, authorization, peer=peer), expected, sentence)

    def test_what_a_change_takes_away(self) -> None:
        """A new password, a deactivated token, a removed address: that way is closed and no other."""
        takings = {
            "the password": (lambda: self.world.edit(self.alice, password_hash="hash:new"), 0),
            "the token": (lambda: self.world.store.now(tokens.set_active, self.token.id, False), 1),
            "the address": (lambda: self.world.store.now(addresses.delete, self.alice.id, LISTED), 3),
        }
        self.everybody("alice")
        for sentence, (take, index) in takings.items():
            take()
            self.world.changed(self.alice)
            field, authorization, peer = self.ways()[index]
            self.assertIn(
                self.world.reason(field, authorization, peer=peer), ("auth-invalid", "auth-required"), sentence
            )
        self.assertEqual(self.world.reason(peer=RESOLVED), "alice")
        self.assertEqual(self.world.reason(basic("alice:new")), "alice")

    def test_an_old_password_under_a_new_sticky_key(self) -> None:
        """The proof of a password is one of its hash: after a change of password it proves nothing."""
        self.world.ask(RIGHT)
        self.world.edit(self.alice, password_hash="hash:new")
        self.world.changed(self.alice)
        self.assertEqual(self.world.reason(basic("alice:new")), "alice")
        self.assertEqual(self.recall(basic("alice:key:secret")), "")
        self.assertEqual(self.world.reason(basic("alice:key:secret")), "auth-invalid")

    def test_a_parents_change_concerns_its_sub_accounts(self) -> None:
        """And a change of everything everybody."""
        sub = self.world.account("sub", "subsecret", parent=self.alice)
        field = basic("sub:subsecret")
        for changed in (self.alice, sub, None):
            self.world.ask(field)
            self.world.changed(changed)
            self.assertEqual(self.recall(field), "")

    def test_others_are_left_alone(self) -> None:
        """A change of one account costs no other a question."""
        bob = self.world.account("bob", "secret")
        self.world.ask(RIGHT)
        self.world.changed(bob)
        self.assertEqual(self.recall(RIGHT), "alice")

    def test_what_is_given_works_at_once(self) -> None:
        """A remembered no ends with the change that makes it a yes."""
        self.assertEqual(self.world.reason(peer=OTHER), "auth-required")
        self.assertEqual(self.world.reason(basic("carol:secret")), "auth-invalid")
        self.world.list_address(self.alice, OTHER)
        carol = self.world.account("carol", "secret")
        self.world.changed(carol)
        self.assertEqual(self.world.reason(peer=OTHER), "alice")
        self.assertEqual(self.world.reason(basic("carol:secret")), "carol")

    def test_a_change_reaches_the_hostnames(self) -> None:
        """Their watch is told."""
        self.world.changed(self.alice)
        self.assertEqual(self.world.hostnames.forgotten, [self.alice.id])

    def test_a_change_while_the_hash_runs(self) -> None:
        """What was read before a change is read again, so that no tunnel is opened by what the change has ended."""
        gate = self.world.hasher.gate = Deferred()
        begun = self.world.begin(RIGHT)
        self.world.edit(self.alice, active=False)
        self.world.changed(self.alice)
        gate.callback(None)
        self.assertEqual(said(self.successResultOf(begun)), "account-inactive")
        self.assertEqual(self.recall(RIGHT), "account-inactive")
        self.assertEqual(self.world.hasher.runs, ["secret"])

    def test_a_change_while_the_store_is_asked_for_nobody(self) -> None:
        """A no that a change has overtaken is not remembered."""
        gate = self.world.store.gates["by_peer"] = Deferred()
        begun = self.world.begin(peer=OTHER)
        self.world.list_address(self.alice, OTHER)
        self.world.changed(self.alice)
        gate.callback(None)
        self.assertEqual(said(self.successResultOf(begun)), "auth-required")
        self.assertEqual(self.world.reason(peer=OTHER), "alice")


class OutageTests(Installation):
    def away(self) -> None:
        self.world.store.away = True

    def test_the_known_go_on(self) -> None:
        """For one lifetime more than they were remembered for; then they are refused, and all is well afterwards."""
        self.everybody("alice")
        self.away()
        self.world.clock.advance(599)
        self.everybody("alice")
        self.world.clock.advance(1)
        self.everybody("auth-unavailable")
        self.world.store.away = False
        self.everybody("alice")

    def test_the_unknown_are_refused(self) -> None:
        """With 503, whoever they say they are: never let in, never told that they are wrong."""
        self.away()
        for field in (RIGHT, basic("alice:wrong"), bearer(self.secret), None):
            self.assertEqual(self.world.ask(field), Refusal("auth-unavailable", retry_after=1))
        self.assertEqual(said(self.world.sign_in(RIGHT)), "auth-unavailable")

    def test_a_new_sticky_key_of_a_known_password(self) -> None:
        """Is as well known as the password, also when its verdict has run out."""
        self.world.ask(RIGHT)
        self.away()
        self.world.clock.advance(500)
        self.assertEqual(self.world.reason(basic("alice:key:secret")), "alice")
        self.world.clock.advance(100)
        self.assertEqual(self.world.reason(basic("alice:key:secret")), "auth-unavailable")

    def test_a_stranger_is_still_one(self) -> None:
        """A client that shows its credential only when asked is still asked for it."""
        self.world.reason(peer=OTHER)
        self.away()
        self.world.clock.advance(299)
        self.assertEqual(self.world.reason(peer=OTHER), "auth-required")
        self.world.clock.advance(1)
        self.assertEqual(self.world.reason(peer=OTHER), "auth-unavailable")

    def test_a_hostname_that_resolves_elsewhere_does_not_go_on(self) -> None:
        """The watch needs no store to know that an address is the account's no longer."""
        self.world.reason(peer=RESOLVED)
        self.away()
        self.world.hostnames.by_address.clear()
        self.assertEqual(self.world.reason(peer=RESOLVED), "auth-unavailable")

    def test_the_store_is_not_asked_at_every_request(self) -> None:
        """One question in two seconds for a credential that is past its time, or known by its password only."""
        self.world.ask(RIGHT)
        self.away()
        self.world.clock.advance(300)
        for field in (basic("alice:key:secret"), RIGHT):
            self.world.store.asked.clear()
            for _ in range(35):
                self.assertEqual(self.world.reason(field), "alice")
                self.world.clock.advance(0.1)
            self.assertEqual(self.world.store.asked, ["by_name", "by_name"])

    def test_any_error_of_the_store_is_a_refusal(self) -> None:
        """What the store refuses to do lets nobody in either."""

        async def broken(*args: Any, **kwargs: Any) -> None:
            raise StoreError("broken")

        self.patch(self.world.store, "run", broken)
        self.everybody("auth-unavailable")

    def test_what_is_not_foreseen_lets_nobody_in(self) -> None:
        """An error in our own code ends the request; it is no admission and is not remembered."""
        self.world.hasher.fails = ZeroDivisionError()
        self.failureResultOf(self.world.begin(RIGHT), ZeroDivisionError)
        self.world.hasher.fails = None
        self.assertEqual(self.world.reason(RIGHT), "alice")


class SharingTests(Installation):
    def test_many_misses_are_one(self) -> None:
        """A hundred requests with one credential cost one question and one hash."""
        gate = self.world.hasher.gate = Deferred()
        begun = [self.world.begin(RIGHT) for _ in range(100)]
        gate.callback(None)
        answers = [self.successResultOf(one) for one in begun]
        self.assertEqual(len({id(answer) for answer in answers}), 1)
        self.assertEqual((self.world.hasher.runs, self.world.store.asked), (["secret"], ["by_name"]))

    def test_who_asked_first_may_hang_up(self) -> None:
        """The others are answered all the same, and the verdict is remembered."""
        gate = self.world.hasher.gate = Deferred()
        first, second = self.world.begin(RIGHT), self.world.begin(RIGHT)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        gate.callback(None)
        self.assertEqual(said(self.successResultOf(second)), "alice")
        self.assertEqual(self.recall(RIGHT), "alice")

    def test_many_sticky_keys_at_once(self) -> None:
        """A hundred connections with a key each wait for one verification, not for a hundred."""
        gate = self.world.hasher.gate = Deferred()
        begun = [self.world.begin(basic(f"alice:key{number}:secret")) for number in range(100)]
        gate.callback(None)
        sessions = {self.session(self.successResultOf(one)) for one in begun}
        self.assertEqual(len(sessions), 100)
        self.assertEqual(self.world.hasher.runs, ["key0:secret", "secret"])

    def session(self, answer: Admission | Refusal) -> str:
        assert isinstance(answer, Admission)
        return answer.selection.session

    def test_different_questions_are_bounded(self) -> None:
        """Of unknown tokens so many may be asked about at once: 503, and none is lost of those under way."""
        gate = self.world.store.gates["by_token"] = Deferred()
        begun = [self.world.begin(bearer(f"token{number}")) for number in range(MOST_AT_ONCE)]
        self.assertEqual(self.world.reason(bearer("another")), "auth-unavailable")
        self.assertEqual(self.world.reason(basic("alice:secret"), peer=OTHER), "alice")
        gate.callback(None)
        self.assertEqual({said(self.successResultOf(one)) for one in begun} - {"auth-banned"}, {"auth-invalid"})
        self.assertEqual(self.world.reason(basic("alice:secret"), peer=OTHER), "alice")

    def test_strangers_who_hang_up(self) -> None:
        """Their passwords are hashed no more once nobody waits for them, and take nobody's place."""
        self.world = World(self, password_queue=1)
        self.world.account("alice", "secret")
        gate = self.world.hasher.gate = Deferred()
        guesses = [basic(f"nobody:guess{number}") for number in range(LINE)]
        guesses += [basic(f"nobody{number}:guess") for number in range(MOST_AT_ONCE + 1 - LINE)]
        begun = [self.world.begin(guess) for guess in guesses]
        self.assertEqual(self.world.reason(RIGHT, peer=OTHER), "auth-unavailable")
        for each in begun:
            each.cancel()
            self.failureResultOf(each, CancelledError)
        hashed = len(self.world.hasher.runs)
        gate.callback(None)
        self.assertEqual(self.world.reason(RIGHT, peer=OTHER), "alice")
        self.assertEqual(set(self.world.hasher.runs[hashed:]), {"secret"})

    def test_a_line_that_is_too_long(self) -> None:
        """So many credentials of one name wait for each other; one more is 503."""
        gate = self.world.hasher.gate = Deferred()
        begun = [self.world.begin(basic(f"alice:guess{number}")) for number in range(LINE + 1)]
        self.assertEqual(self.world.reason(basic("alice:one more")), "auth-unavailable")
        gate.callback(None)
        self.assertLessEqual({said(self.successResultOf(one)) for one in begun}, {"auth-invalid", "auth-banned"})

    def test_a_full_password_queue(self) -> None:
        """503 with a second to wait; nothing is counted and nothing remembered."""
        self.world.hasher.fails = Busy()
        self.assertEqual(self.world.ask(RIGHT), Refusal("auth-unavailable", retry_after=1))
        self.assertEqual(said(self.world.sign_in(RIGHT)), "auth-unavailable")
        self.world.hasher.fails = None
        self.assertEqual(self.world.reason(RIGHT), "alice")
        self.assertNotIn("failed", self.world.store.asked)


class StillTests(Installation):
    def setUp(self) -> None:
        super().setUp()
        self.bob = self.world.account("bob", "secret")
        self.admissions: dict[str, Admission] = {}
        names = ("password", "token", "authorization", "address", "hostname")
        for name, (field, authorization, peer) in zip(names, self.ways(), strict=True):
            admission = self.world.ask(field, authorization, peer=peer)
            assert isinstance(admission, Admission)
            self.admissions[name] = admission

    def held(self, proxy: str = "us") -> dict[str, str]:
        """The reason why each no longer holds."""
        return {name: said(self.world.still(admission, proxy)) for name, admission in self.admissions.items()}

    def all(self, reason: str, **others: str) -> dict[str, str]:
        return dict.fromkeys(self.admissions, reason) | others

    def test_nothing_changed(self) -> None:
        """A change that takes nothing away ends no tunnel."""
        self.world.token(self.alice)
        self.world.edit(self.alice, last_name="Liddell")
        self.assertEqual(self.held(), self.all(""))

    def test_each_thing_that_can_be_taken_away(self) -> None:
        """Ends what was admitted by it, and nothing else."""
        self.world.edit(self.alice, password_hash="hash:new")
        self.assertEqual(self.held(), self.all("", password="auth-invalid"))
        self.world.store.now(tokens.set_active, self.token.id, False)
        off = {"password": "auth-invalid", "token": "auth-invalid", "authorization": "auth-invalid"}
        self.assertEqual(self.held(), self.all("", **off))
        self.world.store.now(addresses.delete, self.alice.id, LISTED)
        self.world.list_address(self.bob, LISTED)
        self.assertEqual(self.held(), self.all("", **off, address="auth-invalid"))

    def test_the_account(self) -> None:
        """Deactivated, revoked from the proxy, or deleted: all its tunnels."""
        self.world.store.now(proxies.revoke, self.alice.id, "us")
        self.assertEqual(self.held(), self.all("proxy-not-authorized"))
        self.world.edit(self.alice, active=False)
        self.assertEqual(self.held(), self.all("account-inactive"))
        self.world.store.now(accounts.delete, self.alice.id)
        self.assertEqual(self.held(), self.all("auth-invalid"))

    def test_the_parent(self) -> None:
        """A deactivated parent ends its sub-account's."""
        sub = self.world.account("sub", "subsecret", parent=self.alice)
        admission = self.world.ask(basic("sub:subsecret"))
        assert isinstance(admission, Admission)
        self.assertEqual(admission.account, sub)
        self.assertIsNone(self.world.still(admission))
        self.world.edit(self.alice, active=False)
        self.assertEqual(said(self.world.still(admission)), "account-inactive")

    def test_an_expired_token(self) -> None:
        """Asked after its last day, a token's tunnel ends."""
        secret, _ = self.world.token(self.alice, "2026-11-22")
        admission = self.world.ask(bearer(secret))
        assert isinstance(admission, Admission)
        self.world.clock.advance(DAY / 2 - 1)
        self.assertIsNone(self.world.still(admission))
        self.world.clock.advance(1)
        self.assertEqual(said(self.world.still(admission)), "auth-invalid")

    def test_many_tunnels_ask_once(self) -> None:
        """A thousand tunnels of one credential are one question; another credential is another."""
        gate = self.world.store.gates["present"] = Deferred()
        self.world.store.asked.clear()
        password, token = self.admissions["password"], self.admissions["token"]
        begun = [Deferred.fromCoroutine(self.world.service.still(password, "us")) for _ in range(1000)]
        begun.append(Deferred.fromCoroutine(self.world.service.still(token, "us")))
        gate.callback(None)
        self.assertEqual({self.successResultOf(one) for one in begun}, {None})
        self.assertEqual(self.world.store.asked, ["present", "present"])

    def test_a_change_while_it_is_asked(self) -> None:
        """Who asks for a change waits for no answer that was on its way before, and may be as of before."""
        gate = self.world.store.gates["present"] = Deferred()
        before = Deferred.fromCoroutine(self.world.service.still(self.admissions["token"], "us"))
        self.world.store.now(tokens.set_active, self.token.id, False)
        self.world.changed(self.alice)
        after = Deferred.fromCoroutine(self.world.service.still(self.admissions["token"], "us"))
        gate.callback(None)
        self.assertIsNone(self.successResultOf(before))
        self.assertEqual(said(self.successResultOf(after)), "auth-invalid")

    def test_midnight_while_it_is_asked(self) -> None:
        """Who asks after midnight waits for no answer of before it."""
        self.world.edit(self.alice, expires_on="2026-11-22")
        gate = self.world.store.gates["present"] = Deferred()
        before = Deferred.fromCoroutine(self.world.service.still(self.admissions["token"], "us"))
        self.world.clock.advance(DAY / 2)
        after = Deferred.fromCoroutine(self.world.service.still(self.admissions["token"], "us"))
        gate.callback(None)
        self.assertIsNone(self.successResultOf(before))
        self.assertEqual(said(self.successResultOf(after)), "account-inactive")

    def test_the_question_waits_for_a_store_that_is_away(self) -> None:
        """A revocation is not lost in an outage: the tunnel stays, and ends as soon as the store says so."""
        self.world.edit(self.alice, active=False)
        self.world.store.away = True
        asked = Deferred.fromCoroutine(self.world.service.still(self.admissions["token"], "us"))
        self.world.clock.pump([1] * 100)
        self.assertNoResult(asked)
        self.world.store.away = False
        self.world.clock.advance(1)
        self.assertEqual(said(self.successResultOf(asked)), "account-inactive")

    def test_the_question_does_not_wait_for_ever(self) -> None:
        """After as long as an identity is remembered, a tunnel nobody can answer for ends."""
        self.world.store.away = True
        asked = Deferred.fromCoroutine(self.world.service.still(self.admissions["token"], "us"))
        self.world.clock.pump([1] * 299)
        self.assertNoResult(asked)
        self.world.clock.advance(1)
        self.assertEqual(said(self.successResultOf(asked)), "auth-unavailable")
        self.assertEqual(self.world.clock.getDelayedCalls(), [])
