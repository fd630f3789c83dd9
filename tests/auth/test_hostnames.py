"""Hostnames watched in the background."""

from __future__ import annotations

from typing import NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.auth import hostnames as module
from meshd.auth import units as lookups
from meshd.auth.hostnames import HostnameWatch
from meshd.dns.resolver import ResolveError
from meshd.model import Account, Change
from meshd.store.statements import accounts, hostnames
from tests.auth.world import NOON, DirectStore, logged

HOME, AWAY, V6 = "8.8.4.4", "1.1.1.1", "2606:4700::1111"


class Answer(NamedTuple):
    addresses: tuple[str, ...]
    expires: float


class FixedResolver:
    """Answers from a table; a name without an entry fails."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.table: dict[str, tuple[str, ...]] = {}
        self.ttl = 100.0
        self.asked: list[str] = []
        self.slow: dict[str, Deferred[None]] = {}

    async def resolve(self, host: str) -> Answer:
        self.asked.append(host)
        if host in self.slow:
            await self.slow[host]
        if host not in self.table:
            raise ResolveError("dns_error", "no such name")
        return Answer(self.table[host], self._clock.seconds() + self.ttl)


class WatchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = DirectStore(self)
        self.clock = Clock()
        self.clock.advance(10_000)
        self.resolver = FixedResolver(self.clock)
        self.alice, self.bob = self.account("alice"), self.account("bob")
        self.watch = HostnameWatch(self.resolver, self.store, self.clock, now=self.wall)
        self.addCleanup(self.stop)

    def wall(self) -> float:
        return NOON + self.clock.seconds()

    def account(self, name: str) -> Account:
        return self.store.now(
            accounts.create, name, parent_id=None, role="customer", plan="10", password_hash="", billing_day=1, now=0
        )

    def add(self, account: Account, hostname: str, *addresses: str) -> None:
        self.store.now(hostnames.add, account.id, hostname, 0)
        if addresses:
            self.resolver.table[hostname] = addresses

    def start(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.watch.start()))

    def stop(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.watch.stop()))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def changed(self, account: Account | None = None) -> None:
        self.watch.forget(Change(1, account.id if account else 0))

    def wait(self, seconds: int) -> None:
        self.clock.pump([1] * seconds)

    def test_found_from_the_start(self) -> None:
        """Names in the store are looked up at once; an address that no name has is nobody's."""
        self.add(self.alice, "home.example", HOME, V6)
        self.start()
        self.assertEqual([self.watch.find(text) for text in (HOME, V6, AWAY)], ["home.example", "home.example", ""])

    def test_a_change_is_followed_at_once(self) -> None:
        """A name that is added works without a tick, one that is removed no longer does."""
        self.start()
        self.add(self.alice, "home.example", HOME)
        self.changed(self.alice)
        self.assertEqual(self.watch.find(HOME), "home.example")
        self.store.now(hostnames.delete, self.alice.id, "home.example")
        self.changed(self.alice)
        self.assertEqual(self.watch.find(HOME), "")

    def test_a_change_of_everything(self) -> None:
        """All names are read again."""
        self.start()
        self.add(self.alice, "home.example", HOME)
        self.changed(self.bob)
        self.assertEqual(self.watch.find(HOME), "")
        self.changed()
        self.assertEqual(self.watch.find(HOME), "home.example")

    def test_a_name_that_changes_its_owner(self) -> None:
        """Is the new one's, once the former is gone."""
        self.add(self.alice, "home.example", HOME)
        self.add(self.bob, "work.example", HOME)
        self.start()
        self.assertEqual(self.watch.find(HOME), "home.example")
        self.store.now(hostnames.delete, self.alice.id, "home.example")
        self.store.now(hostnames.add, self.bob.id, "home.example", 0)
        self.changed(self.bob)
        self.changed(self.alice)
        self.assertIn(self.watch.find(HOME), ("home.example", "work.example"))
        self.assertNotIn((self.alice.id, "home.example"), self.watch._watched)

    def test_asked_again_by_ttl(self) -> None:
        """Within 60 seconds and five minutes; the new address counts, the old one no longer."""
        for ttl, asked_after in ((1.0, 60), (100.0, 100), (86_400.0, 290)):
            self.resolver.ttl = ttl
            self.store.now(hostnames.add, self.alice.id, "home.example", 0)
            self.resolver.table["home.example"] = (HOME,)
            self.start()
            self.resolver.table["home.example"] = (AWAY,)
            self.wait(asked_after - 1)
            self.assertEqual((self.watch.find(HOME), self.watch.find(AWAY)), ("home.example", ""), ttl)
            self.wait(2)
            self.assertEqual((self.watch.find(HOME), self.watch.find(AWAY)), ("", "home.example"), ttl)
            self.stop()
            self.store.now(hostnames.delete, self.alice.id, "home.example")
            self.watch = HostnameWatch(self.resolver, self.store, self.clock, now=self.wall)

    def test_the_last_good_answer_is_kept_for_a_while(self) -> None:
        """15 minutes from when it was given, and again when DNS is back."""
        self.add(self.alice, "home.example", HOME)
        self.start()
        del self.resolver.table["home.example"]
        self.wait(895)
        self.assertEqual(self.watch.find(HOME), "home.example")
        self.wait(10)
        self.assertEqual(self.watch.find(HOME), "")
        self.resolver.table["home.example"] = (AWAY,)
        self.wait(900)
        self.assertEqual(self.watch.find(AWAY), "home.example")

    def test_a_name_that_never_answers_is_asked_ever_more_rarely(self) -> None:
        """After 60, 120, 240, 480 and then every 900 seconds."""
        self.add(self.alice, "dead.example")
        self.start()
        self.wait(60 + 120 + 240 + 480 + 900 + 30)
        self.assertEqual(len(self.resolver.asked), 6)

    def test_an_answer_ends_the_long_pauses(self) -> None:
        """A name that answers and then fails is asked again after a minute, as at first."""
        self.add(self.alice, "home.example")
        self.start()
        self.wait(181)
        self.resolver.table["home.example"] = (HOME,)
        self.wait(241)
        self.assertEqual(self.watch.find(HOME), "home.example")
        del self.resolver.table["home.example"]
        self.wait(100)
        self.resolver.asked.clear()
        self.wait(61)
        self.assertEqual(len(self.resolver.asked), 1)

    def test_an_address_of_two_accounts_stays_the_first_ones(self) -> None:
        """The later name goes on by its other addresses; the log says so, once."""
        events = logged(self)
        self.add(self.alice, "home.example", HOME)
        self.start()
        self.add(self.bob, "a-thief.example", HOME, AWAY)
        self.changed(self.bob)
        self.assertEqual((self.watch.find(HOME), self.watch.find(AWAY)), ("home.example", "a-thief.example"))
        self.wait(300)
        told = [event for event in events if "stay with earlier claims" in event]
        self.assertEqual((len(told), HOME in told[0], "a-thief.example" in told[0]), (1, True, True))
        self.wait(3600)
        self.assertEqual(len([event for event in events if "stay with earlier claims" in event]), 2)

    def test_a_name_that_is_pointed_at_anothers_address_later(self) -> None:
        """That it was listed first makes its claim no earlier."""
        self.add(self.bob, "a-thief.example", AWAY)
        self.start()
        self.add(self.alice, "home.example", HOME)
        self.changed(self.alice)
        self.resolver.table["a-thief.example"] = (HOME,)
        self.wait(102)
        self.assertEqual((self.watch.find(HOME), self.watch.find(AWAY)), ("home.example", ""))

    def test_a_restart_changes_no_order(self) -> None:
        """The claims are in the store: whichever name is looked up first then."""
        self.add(self.alice, "home.example", HOME)
        self.start()
        self.add(self.bob, "a-thief.example", HOME)
        self.changed(self.bob)
        self.stop()
        self.watch = HostnameWatch(self.resolver, self.store, self.clock, now=self.wall)
        self.start()
        self.assertEqual(self.watch.find(HOME), "home.example")

    def test_several_processes_agree(self) -> None:
        """One that sees the later name first has it from the store whose the address is."""
        other = HostnameWatch(self.resolver, self.store, self.clock, now=self.wall)
        self.addCleanup(lambda: self.successResultOf(Deferred.fromCoroutine(other.stop())))
        self.add(self.alice, "home.example", HOME)
        self.start()
        self.add(self.bob, "a-thief.example", HOME)
        self.resolver.slow["home.example"] = Deferred()
        self.successResultOf(Deferred.fromCoroutine(other.start()))
        self.assertEqual(other.find(HOME), "")
        self.resolver.slow.pop("home.example").callback(None)
        self.assertEqual((self.watch.find(HOME), other.find(HOME)), ("home.example", "home.example"))

    def test_the_next_claim_counts_when_the_first_is_gone(self) -> None:
        """At once in the store, in the watch when the name is looked up again."""
        self.add(self.alice, "home.example", HOME)
        self.start()
        self.add(self.bob, "work.example", HOME)
        self.changed(self.bob)
        self.store.now(hostnames.delete, self.alice.id, "home.example")
        self.changed(self.alice)
        self.assertEqual(self.watch.find(HOME), "")
        self.wait(61)
        self.assertEqual(self.watch.find(HOME), "work.example")

    def test_a_name_that_leaves_holds_its_address_for_a_while(self) -> None:
        """For fifteen minutes: name servers do not all answer alike; then the next claim counts."""
        self.add(self.alice, "home.example", HOME)
        self.start()
        self.add(self.bob, "work.example", HOME)
        self.changed(self.bob)
        self.resolver.table["home.example"] = (AWAY,)
        self.wait(800)
        self.assertEqual((self.watch.find(HOME), self.watch.find(AWAY)), ("", "home.example"))
        self.wait(300)
        self.assertEqual(self.watch.find(HOME), "work.example")

    def test_a_name_that_comes_back_in_time_has_its_place_still(self) -> None:
        """A round of other addresses costs nobody an address."""
        self.add(self.alice, "home.example", HOME)
        self.start()
        self.add(self.bob, "work.example", HOME)
        self.changed(self.bob)
        self.resolver.table["home.example"] = (AWAY,)
        self.wait(400)
        self.resolver.table["home.example"] = (HOME,)
        self.wait(1200)
        self.assertEqual(self.watch.find(HOME), "home.example")

    def test_a_name_server_that_is_down_gives_nobody_away(self) -> None:
        """After fifteen minutes the address matches nobody; it is the next one's after a day."""
        self.add(self.alice, "home.example", HOME)
        self.start()
        self.add(self.bob, "work.example", HOME)
        self.changed(self.bob)
        del self.resolver.table["home.example"]
        self.wait(7200)
        self.assertEqual(self.watch.find(HOME), "")
        self.resolver.table["home.example"] = (HOME,)
        self.wait(901)
        self.assertEqual(self.watch.find(HOME), "home.example")
        del self.resolver.table["home.example"]
        self.clock.pump([60] * (26 * 60))
        self.assertEqual(self.watch.find(HOME), "work.example")

    def test_one_name_of_two_accounts(self) -> None:
        """It stands for its addresses for the first; the other's entry is in nobody's way."""
        self.add(self.alice, "home.example", HOME)
        self.start()
        self.store.now(hostnames.add, self.bob.id, "home.example", 0)
        self.changed(self.bob)
        self.assertEqual(self.store.now(lookups.by_peer, HOME, self.watch.find(HOME), 0).identity.account, self.alice)
        self.store.now(hostnames.delete, self.alice.id, "home.example")
        self.changed(self.alice)
        self.wait(61)
        self.assertEqual(self.store.now(lookups.by_peer, HOME, self.watch.find(HOME), 0).identity.account, self.bob)

    def test_two_names_of_one_account_agree(self) -> None:
        """An address of both is that account's, until both have moved."""
        self.add(self.alice, "home.example", HOME)
        self.add(self.alice, "house.example", HOME)
        self.start()
        self.assertTrue(self.watch.find(HOME))
        self.store.now(hostnames.delete, self.alice.id, "home.example")
        self.changed(self.alice)
        self.assertEqual(self.watch.find(HOME), "house.example")

    def test_addresses_that_everybody_has_are_ignored(self) -> None:
        """Private, loopback, link-local, shared and mapped ones; unless the operator wants them."""
        private = ("127.0.0.1", "10.0.0.1", "100.64.0.1", "169.254.1.1", "::1", "fd00::1", "fe80::1", "0.0.0.0")
        private += ("64:ff9b::a00:1", "2002:a00:1::1", "fec0::1")  # which no library of Python's calls private
        self.add(self.alice, "home.example", *private, "::ffff:192.168.1.1", f"::ffff:{HOME}")
        self.start()
        self.assertEqual([text for text in private if self.watch.find(text)], [])
        self.assertEqual((self.watch.find("192.168.1.1"), self.watch.find(HOME)), ("", "home.example"))
        self.stop()
        self.watch = HostnameWatch(self.resolver, self.store, self.clock, allow_private=True)
        self.start()
        self.assertEqual([text for text in private if not self.watch.find(text)], [])

    def test_sixteen_addresses_a_name(self) -> None:
        """A name cannot claim the whole Internet."""
        many = [f"8.8.{number}.1" for number in range(20)]
        self.add(self.alice, "home.example", *many)
        self.start()
        self.assertEqual([bool(self.watch.find(text)) for text in many], [True] * 16 + [False] * 4)

    def test_the_store_is_away(self) -> None:
        """What is known goes on, until DNS says otherwise; what it says then counts when the store is back."""
        self.add(self.alice, "home.example", HOME)
        self.start()
        self.store.away = True
        self.add(self.bob, "work.example", V6)
        self.changed(self.bob)
        self.resolver.table["home.example"] = (AWAY,)
        self.wait(102)
        self.assertEqual([self.watch.find(text) for text in (HOME, AWAY, V6)], ["", "", ""])
        self.store.away = False
        self.wait(1)
        self.assertEqual(self.watch.find(V6), "work.example")
        self.wait(5)
        self.assertEqual(self.watch.find(AWAY), "home.example")

    def test_a_missed_change_is_made_up_for(self) -> None:
        """All names are read every five minutes."""
        self.start()
        self.add(self.alice, "home.example", HOME)
        self.wait(299)
        self.assertEqual(self.watch.find(HOME), "")
        self.wait(2)
        self.assertEqual(self.watch.find(HOME), "home.example")

    def test_slow_names_do_not_stop_the_others(self) -> None:
        """Sixteen at a time, each in its turn; a slow one holds only its own place."""
        for number in range(40):
            self.add(self.alice, f"name{number:02}.example", f"8.8.{number}.1")
        for number in range(15):
            self.resolver.slow[f"name{number:02}.example"] = Deferred()
        self.start()
        found = [bool(self.watch.find(f"8.8.{number}.1")) for number in range(40)]
        self.assertEqual(found, [False] * 15 + [True] * 25)
        self.resolver.slow["name00.example"].callback(None)
        self.assertEqual(self.watch.find("8.8.0.1"), "name00.example")

    def test_a_full_house_of_slow_names(self) -> None:
        """The seventeenth is asked as soon as a place is free."""
        for number in range(17):
            self.add(self.alice, f"name{number:02}.example", f"8.8.{number}.1")
            self.resolver.slow[f"name{number:02}.example"] = Deferred()
        self.start()
        self.assertEqual(len(self.resolver.asked), 16)
        self.resolver.slow["name03.example"].callback(None)
        self.assertEqual(len(self.resolver.asked), 17)

    def test_a_name_removed_while_it_is_asked_for(self) -> None:
        """Its answer is nobody's."""
        self.add(self.alice, "home.example", HOME)
        gate = self.resolver.slow["home.example"] = Deferred()
        self.start()
        self.store.now(hostnames.delete, self.alice.id, "home.example")
        self.changed(self.alice)
        gate.callback(None)
        self.assertEqual((self.watch.find(HOME), self.watch._held), ("", {}))

    def test_the_number_of_names_is_bounded(self) -> None:
        """The first ones are watched."""
        self.patch(module, "PAGE", 2)
        self.watch = HostnameWatch(self.resolver, self.store, self.clock, cap=3)
        for number in range(6):
            self.add(self.alice, f"name{number}.example", f"8.8.{number}.1")
        self.start()
        self.assertEqual([bool(self.watch.find(f"8.8.{number}.1")) for number in range(6)], [True] * 3 + [False] * 3)

    def test_pages(self) -> None:
        """More names than fit a page are all read."""
        self.patch(module, "PAGE", 2)
        for number in range(5):
            self.add(self.alice, f"name{number}.example", f"8.8.{number}.1")
        self.start()
        self.assertTrue(all(self.watch.find(f"8.8.{number}.1") for number in range(5)))
