"""Wrong credentials: what counts, what it leads to, for whom and how long."""

from __future__ import annotations

from hashlib import sha256

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from meshd.auth import service
from meshd.auth.bans import name_of_token
from meshd.auth.secrets import new_token, token_digest
from meshd.model import Admission, Ban, Refusal
from meshd.store.statements import bans, tokens
from tests.auth.world import OTHER, PEER, DirectStore, World, basic, bearer, logged, said
from tests.store.contract import query

RIGHT = basic("alice:secret")


class Installation(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(self)
        self.alice = self.world.account("alice", "secret")
        self.bob = self.world.account("bob", "secret")

    def guess(self, number: int, name: str = "alice", peer: str = PEER) -> str:
        return self.world.reason(basic(f"{name}:wrong{number}"), peer=peer)

    def ban(self, name: str = "alice", peer: str = PEER) -> None:
        for number in range(4):
            self.assertEqual(self.guess(number, name, peer), "auth-invalid")


class ProxyTests(Installation):
    def test_the_fifth_is_refused_for_three_hours(self) -> None:
        """Four wrong ones say no more than that they are wrong; then even the right one is refused, for three hours."""
        self.ban()
        self.assertEqual(self.world.ask(RIGHT), Refusal("auth-banned", retry_after=10_800))
        self.world.clock.advance(10_799)
        self.assertEqual(self.world.ask(RIGHT), Refusal("auth-banned", retry_after=1))
        self.world.clock.advance(1)
        self.assertEqual(self.world.reason(RIGHT), "alice")

    def test_whom_a_ban_concerns(self) -> None:
        """That name, in any case, from that address; no other name, no token, no other address."""
        secret, _ = self.world.token(self.alice)
        self.ban()
        table = {
            "the name": (RIGHT, PEER, "auth-banned"),
            "in capitals": (basic("ALICE:secret"), PEER, "auth-banned"),
            "with a sticky key": (basic("alice:key:secret"), PEER, "auth-banned"),
            "by the mapped address": (RIGHT, f"::ffff:{PEER}", "auth-banned"),
            "another name": (basic("bob:secret"), PEER, "bob"),
            "the account's token": (bearer(secret), PEER, "alice"),
            "and in a Basic field": (basic(f"alice:{secret}"), PEER, "alice"),
            "from elsewhere": (RIGHT, OTHER, "alice"),
            "without a credential": (None, PEER, "auth-required"),
        }
        for sentence, (field, peer, expected) in table.items():
            self.assertEqual(self.world.reason(field, peer=peer), expected, sentence)

    def test_a_remembered_credential_is_banned_too(self) -> None:
        """That the right password was seen before a neighbour guessed makes no difference."""
        self.assertEqual(self.world.reason(RIGHT), "alice")
        self.ban()
        self.assertEqual(said(self.world.service.recall("us", PEER, RIGHT, None)), "auth-banned")
        self.assertEqual(said(self.world.service.recall("us", OTHER, RIGHT, None)), "alice")

    def test_a_ban_costs_no_hash(self) -> None:
        """Neither right nor wrong passwords are hashed while a ban holds."""
        self.ban()
        self.world.hasher.runs.clear()
        self.world.store.asked.clear()
        for field in (RIGHT, basic("alice:wrong9"), basic("alice:key:secret")):
            self.assertEqual(self.world.reason(field), "auth-banned")
        self.assertEqual((self.world.hasher.runs, self.world.store.asked), ([], []))

    def test_ipv6_neighbours_in_a_64_are_one(self) -> None:
        """Hopping through one's own /64 bypasses nothing; the next /64 is somebody else."""
        for number in range(4):
            self.guess(number, peer=f"2001:db8::{number + 1}")
        self.assertEqual(self.world.reason(RIGHT, peer="2001:db8::ffff"), "auth-banned")
        self.assertEqual(self.world.reason(RIGHT, peer="2001:db8:0:1::1"), "alice")

    def test_the_window(self) -> None:
        """Failures of more than ten minutes ago do not count."""
        for number in range(3):
            self.guess(number)
        self.world.clock.advance(600)
        self.guess(3)
        self.assertEqual(self.world.reason(RIGHT), "alice")

    def test_the_same_wrong_credential_counts_once_in_the_window(self) -> None:
        """A client that repeats an old password for hours bans nobody; with three other ones it makes four."""
        for _ in range(10):
            self.assertEqual(self.guess(0), "auth-invalid")
        self.assertEqual(self.world.reason(RIGHT), "alice")
        self.assertEqual(len(self.world.hasher.runs), 2)
        for _ in range(3 * 360):
            self.world.clock.advance(10)
            self.assertEqual(self.guess(0), "auth-invalid")
        self.assertEqual(self.world.reason(RIGHT), "alice")
        for number in range(3):
            self.assertEqual(self.guess(number), "auth-invalid")
        self.assertEqual(self.world.reason(RIGHT), "alice")
        self.guess(3)
        self.assertEqual(self.world.reason(RIGHT), "auth-banned")

    def test_the_same_password_under_other_selections_is_the_same(self) -> None:
        """A stale password with a session for each request is no other guess, and costs no hash and no question."""
        for number in range(100):
            self.assertEqual(self.world.reason(basic(f"alice-session-{number}:stale")), "auth-invalid")
        self.assertEqual(self.world.hasher.runs, ["stale"])
        self.assertEqual(self.world.store.asked, ["by_name", "failed"])
        self.assertEqual(self.world.reason(RIGHT), "alice")
        self.assertEqual(self.world.reason(basic("alice-session-1:secret")), "alice")

    def test_the_same_password_behind_other_sticky_keys_is_another(self) -> None:
        """The key may be the beginning of a password that holds a colon: each is a guess."""
        for number in range(4):
            self.assertEqual(self.world.reason(basic(f"alice:key{number}:stale")), "auth-invalid")
        self.assertEqual(self.world.reason(RIGHT), "auth-banned")

    def test_the_same_credential_from_two_addresses(self) -> None:
        """What is remembered as wrong still counts for each address, without another hash."""
        for number in range(4):
            for peer in (PEER, OTHER):
                self.guess(number, peer=peer)
        self.assertEqual(len(self.world.hasher.runs), 4)
        for peer in (PEER, OTHER):
            self.assertEqual(self.world.reason(RIGHT, peer=peer), "auth-banned")

    def test_what_is_no_guess(self) -> None:
        """No credential, another scheme, an unreadable field, the origin's own: nothing was guessed."""
        for field in (None, b"Digest abc", b"Basic ***", b"Basic", b"Bearer ", b""):
            for _ in range(30):
                self.world.clock.advance(11)
                self.world.ask(field)
        self.assertNotIn("failed", self.world.store.asked)
        self.world.ask(None, b"Bearer not-ours")
        self.assertNotIn("failed", self.world.store.asked)

    def test_one_wrong_token_again_and_again(self) -> None:
        """A program with a revoked token bans nothing at the proxy, at the API that token, nowhere what replaces it."""
        old, token = self.world.token(self.alice)
        self.world.store.now(tokens.set_active, token.id, False)
        for _ in range(100):
            for field in (bearer(old), basic(f"x:{old}"), basic(f"x-session-1:{old}")):
                self.assertEqual(self.world.reason(field), "auth-invalid")
            self.world.clock.advance(10)
        for _ in range(3):
            self.assertEqual(said(self.world.sign_in(bearer(old))), "auth-invalid")
        self.assertEqual(self.world.reason(bearer(old)), "auth-banned")
        new, _ = self.world.token(self.alice)
        self.assertEqual(self.world.reason(bearer(new)), "alice")
        self.assertEqual(self.world.reason(RIGHT), "alice")

    def test_many_names_ban_the_address(self) -> None:
        """Twenty names or tokens tried from one address are refused whole; an address that is listed stays listed."""
        self.world.list_address(self.bob, PEER)
        secret, _ = self.world.token(self.alice)
        self.assertEqual(self.world.reason(RIGHT, peer=OTHER), "alice")
        for number in range(19):
            self.guess(0, f"name{number}")
        self.world.ask(bearer(new_token()))
        self.assertEqual(self.world.reason(RIGHT), "auth-banned")
        self.assertEqual(said(self.world.sign_in(RIGHT)), "auth-banned")
        self.assertEqual(self.world.reason(None, bearer(secret)), "auth-banned")
        self.assertEqual(self.world.reason(bearer(new_token())), "auth-banned")
        self.assertEqual(self.world.reason(RIGHT, peer=OTHER), "alice")
        self.assertEqual(self.world.reason(), "bob")

    def test_names_that_cannot_be_are_one_name(self) -> None:
        """Rubbish for user-ids neither fills the store nor bans the address."""
        for number in range(30):
            self.guess(number, f"no name {number}")
        self.assertEqual(self.guess(0, "another rubbish"), "auth-banned")
        self.assertEqual(self.world.reason(RIGHT), "alice")

    def test_limits(self) -> None:
        """The numbers are settings; 0 failures means that nobody is ever banned, 0 names that no address is."""
        for settings, tries, expected in (
            ({"failures": 2, "ban_seconds": 60}, 2, "auth-banned"),
            ({"failures": 0}, 30, "alice"),
        ):
            self.world = World(self, **settings)
            self.world.account("alice", "secret")
            for number in range(tries):
                self.guess(number)
            self.assertEqual(self.world.reason(RIGHT), expected)
        self.world = World(self, names_per_address=0)
        self.world.account("alice", "secret")
        for number in range(30):
            self.guess(0, f"name{number}")
        self.assertEqual(self.world.reason(RIGHT), "alice")

    def test_guesses_at_once_meet_the_ban(self) -> None:
        """Of many different guesses in one moment, four are hashed, the rest refused."""
        gate = self.world.hasher.gate = Deferred()
        begun = [self.world.begin(basic(f"alice:wrong{number}")) for number in range(200)]
        self.assertEqual(len(self.world.hasher.runs), 1)
        gate.callback(None)
        answers = [said(self.successResultOf(one)) for one in begun]
        self.assertEqual(answers, ["auth-invalid"] * 4 + ["auth-banned"] * 196)
        self.assertEqual(len(self.world.hasher.runs), 4)
        self.assertEqual(self.world.store.asked.count("by_name"), 4)

    def test_one_guess_from_two_addresses_at_once(self) -> None:
        """Each address has its own failures, though the field is the same and the moment too."""
        for number in range(4):
            gate = self.world.hasher.gate = Deferred()
            begun = [self.world.begin(basic(f"alice:wrong{number}"), peer=peer) for peer in (PEER, OTHER)]
            gate.callback(None)
            for one in begun:
                self.successResultOf(one)
        for peer in (PEER, OTHER):
            self.assertEqual(self.world.reason(RIGHT, peer=peer), "auth-banned")


class SparedTests(Installation):
    """A stranger's many names ban an address, and there are others."""

    def setUp(self) -> None:
        super().setUp()
        self.secret, self.token = self.world.token(self.alice)

    def ban_all(self, world: World | None = None, names: int = 20) -> None:
        for number in range(names):
            self.assertEqual((world or self.world).reason(basic(f"name{number}:wrong")), "auth-invalid")

    def test_who_was_right_there_goes_on(self) -> None:
        """As long as the ban lasts, at the proxy and the API, decided anew too, however it is selected."""
        ways = {
            "a password": basic("alice:secret"),
            "with a selection": basic("alice-session-7:secret"),
            "a token": bearer(self.secret),
            "a token in another form": basic(f"x-country-us:{self.secret}"),
        }
        for field in (RIGHT, bearer(self.secret)):
            self.assertEqual(self.world.reason(field), "alice")
        self.ban_all()
        for _ in range(20):
            for sentence, field in ways.items():
                self.assertEqual(self.world.reason(field), "alice", sentence)
            self.assertEqual(said(self.world.sign_in(RIGHT)), "alice")
            self.assertEqual(self.world.reason(None, bearer(self.secret)), "alice")
            self.assertEqual(self.world.reason(basic("bob:secret")), "auth-banned")
            self.world.clock.advance(500)
            self.world.changed(self.alice)

    def test_it_may_have_been_at_the_api(self) -> None:
        """One service knows who is right."""
        self.assertEqual(said(self.world.sign_in(RIGHT)), "alice")
        self.ban_all()
        self.assertEqual(self.world.reason(RIGHT), "alice")

    def test_who_was_right_elsewhere_or_long_ago_does_not(self) -> None:
        """That a credential is remembered says nothing of where it was shown."""
        self.world.reason(basic("bob:secret"))
        self.world.clock.advance(601)
        self.world.reason(RIGHT, peer=OTHER)
        self.ban_all()
        for field in (RIGHT, basic("bob:secret"), bearer(self.secret)):
            self.assertEqual(self.world.reason(field), "auth-banned")
        self.assertEqual(self.world.reason(RIGHT, peer=OTHER), "alice")

    def test_what_is_in_use_was_right_a_moment_ago(self) -> None:
        """A remembered credential that is shown again and again, and one that was first shown elsewhere."""
        self.world.reason(RIGHT, peer=OTHER)
        for _ in range(20):
            self.world.clock.advance(299)
            self.assertEqual(self.world.reason(RIGHT), "alice")
        self.ban_all()
        self.assertEqual(self.world.reason(RIGHT), "alice")

    def test_its_own_name_is_still_banned(self) -> None:
        """Four wrong passwords of it from there, before or after."""
        self.world.reason(RIGHT)
        self.world.reason(basic("bob:secret"))
        self.ban()
        self.ban_all(names=19)
        self.assertEqual(self.world.reason(basic("name:secret")), "auth-banned")
        self.assertEqual(self.world.reason(RIGHT), "auth-banned")
        self.ban("bob")
        self.assertEqual(self.world.reason(basic("bob:secret")), "auth-banned")

    def test_it_must_still_be_right(self) -> None:
        """A revoked token and a changed password are wrong, spared or not."""
        for field in (RIGHT, bearer(self.secret)):
            self.world.reason(field)
        self.ban_all()
        self.world.edit(self.alice, password_hash="hash:another")
        self.world.store.now(tokens.set_active, self.token.id, False)
        self.world.changed(self.alice)
        for field in (RIGHT, bearer(self.secret)):
            self.assertEqual(self.world.reason(field), "auth-invalid")
        self.assertEqual(self.world.reason(basic("alice:another")), "alice")

    def test_every_process_spares(self) -> None:
        """Within two seconds, whichever verified the credential and whichever made the ban; after a restart too."""
        second, third = World(self, self.world.store), World(self, self.world.store)
        for world in (self.world, second, third):
            world.now(world.service.start())
        self.world.reason(RIGHT)
        second.reason(bearer(self.secret))
        self.ban_all(third)
        for world in (second, self.world, second, third):
            world.clock.advance(1)
        fourth = World(self, self.world.store)
        fourth.now(fourth.service.start())
        for world in (self.world, second, third, fourth):
            for field in (RIGHT, bearer(self.secret)):
                self.assertEqual(world.reason(field), "alice")
            self.assertEqual(world.reason(basic("bob:secret")), "auth-banned")
            world.now(world.service.stop())

    def test_a_ban_that_was_not_read_yet(self) -> None:
        """Who was right in this process is decided anew and let in; who was right in another is found in the store."""
        self.world.reason(RIGHT)
        second, third = World(self, self.world.store), World(self, self.world.store)
        self.ban_all(second)
        self.world.changed(self.alice)
        self.assertEqual(self.world.reason(RIGHT), "alice")
        self.world.now(self.world.service.start())
        self.world.now(self.world.service.stop())
        self.assertEqual(third.reason(RIGHT), "alice")
        self.assertEqual(third.reason(basic("bob:secret")), "auth-banned")

    def test_a_restart_right_after_the_ban(self) -> None:
        """Who is spared is in the store as soon as the ban is; by another process's ban, when this one stops."""
        self.world.reason(RIGHT)
        second = World(self, self.world.store)
        self.assertEqual(second.reason(basic("bob:secret")), "bob")
        self.ban_all()
        self.assertEqual(World(self, self.world.store).reason(RIGHT), "alice")
        second.changed(self.bob)
        self.assertEqual(second.reason(basic("bob:secret")), "bob")
        second.now(second.service.stop())
        self.assertEqual(World(self, self.world.store).reason(basic("bob:secret")), "bob")

    def test_while_the_store_is_away(self) -> None:
        """A ban that this process makes alone spares them too."""
        self.world.reason(RIGHT)
        self.world.now(self.world.service.start())
        for number in range(20):
            self.world.hasher.gate = gate = Deferred()
            begun = self.world.begin(basic(f"name{number}:wrong"))
            self.world.store.away = True
            gate.callback(None)
            self.successResultOf(begun)
            self.world.store.away = False
        self.world.hasher.gate = None
        self.assertEqual(self.world.reason(basic("bob:secret")), "auth-banned")
        self.assertEqual(self.world.reason(RIGHT), "alice")
        self.world.now(self.world.service.stop())

    def test_a_lifted_ban_spares_nobody(self) -> None:
        """The next one concerns whom it concerns."""
        self.world.now(self.world.service.start())
        self.world.reason(RIGHT)
        self.ban_all()
        self.world.clock.advance(1)
        self.world.store.now(bans.lift, PEER, "")
        self.world.clock.advance(1)
        self.assertEqual(self.world.reason(basic("bob:secret")), "bob")
        self.world.clock.advance(700)
        self.ban_all()
        self.assertEqual(self.world.reason(RIGHT), "auth-banned")
        self.world.now(self.world.service.stop())


class ApiTests(Installation):
    def test_each_counts(self) -> None:
        """The same wrong credential, four times in one moment, is four failures; a fifth is not hashed."""
        for _ in range(4):
            self.assertEqual(said(self.world.sign_in(basic("alice:wrong"))), "auth-invalid")
        self.assertEqual(self.world.sign_in(RIGHT), Refusal("auth-banned", retry_after=10_800))
        self.assertEqual(self.world.hasher.runs, ["wrong"])

    def test_each_counts_though_they_come_at_once(self) -> None:
        """Four that share one look-up are four failures all the same."""
        gate = self.world.hasher.gate = Deferred()
        begun = [Deferred.fromCoroutine(self.world.service.sign_in(PEER, basic("alice:wrong"))) for _ in range(4)]
        gate.callback(None)
        self.assertEqual([said(self.successResultOf(one)) for one in begun], ["auth-invalid"] * 4)
        self.assertEqual(said(self.world.sign_in(RIGHT)), "auth-banned")

    def test_one_count_for_proxy_and_api(self) -> None:
        """Two here and two there make four, and a ban holds in both."""
        for number in range(2):
            self.guess(number)
            self.world.sign_in(basic(f"alice:wrong{number}"))
        self.assertEqual(said(self.world.sign_in(RIGHT)), "auth-banned")
        self.assertEqual(self.world.reason(RIGHT), "auth-banned")

    def test_a_ban_elsewhere_costs_who_is_known_nothing(self) -> None:
        """Whose credential is remembered is not read again because somebody, somewhere, is banned."""
        self.assertIsInstance(self.world.sign_in(RIGHT), Admission)
        self.ban(peer=OTHER)
        self.ban("bob")
        read: list[object] = []
        self.patch(service, "asked", lambda *facts, **more: read.append(facts))
        self.assertEqual(said(self.world.sign_in(RIGHT)), "alice")
        self.assertEqual(read, [])

    def test_a_remembered_sign_in_is_banned_too(self) -> None:
        """As at the proxy."""
        self.assertIsInstance(self.world.sign_in(RIGHT), Admission)
        self.ban()
        self.assertEqual(said(self.world.sign_in(RIGHT)), "auth-banned")


class NodesTests(Installation):
    def setUp(self) -> None:
        super().setUp()
        self.second = World(self, self.world.store)

    def test_failures_on_two_nodes_are_one_count(self) -> None:
        """Two on each node make four."""
        for number in range(2):
            self.guess(number)
            self.second.ask(basic(f"alice:other{number}"))
        self.assertEqual(self.second.reason(RIGHT), "auth-banned")
        self.assertEqual(self.world.reason(RIGHT), "auth-banned")

    def test_the_same_wrong_credential_counts_once_on_all_nodes(self) -> None:
        """Whichever of them it reaches, and after each restart; a revoked token too, and other passwords as ever."""
        secret, token = self.world.token(self.alice)
        self.world.store.now(tokens.set_active, token.id, False)
        for _ in range(8):
            for world in (World(self, self.world.store), self.second):
                for field in (basic("alice:stale"), basic("alice-session-2:stale"), bearer(secret)):
                    self.assertEqual(world.reason(field), "auth-invalid")
        for number, world in enumerate((self.world, self.second, World(self, self.world.store))):
            self.assertEqual(world.reason(RIGHT), "alice")
            self.assertEqual(world.reason(basic(f"alice:wrong{number}")), "auth-invalid")
        self.assertEqual(World(self, self.world.store).reason(RIGHT), "auth-banned")

    def test_what_the_store_keeps_of_a_wrong_credential(self) -> None:
        """Nothing that a quick hash of a guess could be held against."""
        self.guess(0)
        ((trace,),) = self.world.store.now(query, "select trace from failures")
        slow = b"hash:secret wrong0"
        self.assertEqual(trace, sha256(slow).hexdigest()[:16])

    def test_a_ban_reaches_a_node_that_remembers(self) -> None:
        """Within a second a remembered credential is refused on the other node, and let in when the ban is lifted."""
        self.assertEqual(self.second.reason(RIGHT), "alice")
        self.second.now(self.second.service.start())
        self.ban()
        self.second.clock.advance(1)
        self.assertEqual(said(self.second.service.recall("us", PEER, RIGHT, None)), "auth-banned")
        self.assertEqual(self.world.store.now(bans.lift, PEER, "alice"), 1)
        self.second.clock.advance(1)
        self.assertEqual(said(self.second.service.recall("us", PEER, RIGHT, None)), "alice")
        self.second.now(self.second.service.stop())
        self.assertEqual(self.second.clock.getDelayedCalls(), [])

    def test_a_ban_survives_a_restart(self) -> None:
        """Who starts reads the bans first."""
        self.ban()
        third = World(self, self.world.store)
        third.now(third.service.start())
        third.store.asked.clear()
        self.assertEqual(third.reason(RIGHT), "auth-banned")
        self.assertEqual(third.store.asked, [])
        third.now(third.service.stop())

    def test_an_unread_ban_is_found_before_the_hash(self) -> None:
        """A node that has not read the bans yet finds one in the same question that it asks about the name."""
        secret, _ = self.world.token(self.alice)
        self.ban()
        self.world.store.now(bans.add, Ban(PEER, name_of_token(token_digest(secret)), 2**40))
        self.assertEqual(self.second.reason(RIGHT), "auth-banned")
        self.assertEqual(self.second.reason(bearer(secret)), "auth-banned")
        self.assertEqual(self.second.hasher.runs, [])


class OutageTests(Installation):
    def test_failures_are_counted_while_the_store_is_away(self) -> None:
        """A store that goes away between the question and the count loses no failure and lets nobody in."""
        self.world.now(self.world.service.start())
        for number in range(4):
            self.world.hasher.gate = gate = Deferred()
            begun = self.world.begin(basic(f"alice:wrong{number}"))
            self.world.store.away = True
            gate.callback(None)
            self.assertEqual(said(self.successResultOf(begun)), "auth-invalid")
            self.world.store.away = False
        self.world.hasher.gate = None
        self.assertEqual(self.world.reason(RIGHT), "auth-banned")
        self.world.clock.advance(1)
        self.assertEqual(self.world.reason(RIGHT), "auth-banned")
        found = self.world.store.now(bans.find, PEER, "alice", int(self.world.wall()))
        self.assertIsInstance(found, Ban)
        self.world.now(self.world.service.stop())

    def test_reading_goes_on_after_an_outage(self) -> None:
        """Bans known before it hold throughout; the store is asked again each second, and one line each says it."""
        events = logged(self)
        self.ban()
        self.world.now(self.world.service.start())
        self.world.store.away = True
        self.world.clock.pump([1] * 5)
        self.assertEqual(len(events), 1)
        self.assertEqual(self.world.reason(RIGHT), "auth-banned")
        self.world.store.away = False
        self.world.store.now(bans.lift, PEER, "alice")
        self.world.clock.advance(1)
        self.assertEqual(self.world.reason(RIGHT), "alice")
        self.assertEqual(len(events), 2)
        self.world.now(self.world.service.stop())


class StoreDouble(SynchronousTestCase):
    def test_the_double_is_a_real_store(self) -> None:
        """What these tests run on carries out real statements."""
        store = DirectStore(self)
        store.now(bans.add, Ban(PEER, "alice", 2**40))
        self.assertEqual(store.now(bans.active, 0, 10), [Ban(PEER, "alice", 2**40)])
