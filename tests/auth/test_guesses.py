"""Whose password is hashed next, as a table of who came when."""

from __future__ import annotations

from functools import partial

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from meshd.auth.guesses import HALF, NETWORKS, PATIENCE, Guess, Guesses, networks, set_by


class GuessesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.refused: list[str] = []
        self.guesses: Guesses[str] = Guesses(1000, self.clock.seconds, self.refused.append)

    def come(self, *addresses: str, known: bool = False) -> None:
        """One after the other; each job is called by its address and its number."""
        for number, address in enumerate(addresses):
            self.guesses.put(Guess(address, known), f"{address} {number}")

    def order(self) -> list[str]:
        taken: list[str] = []
        while (job := self.guesses.take()) is not None:
            taken.append(job)
        return taken

    def guess_wrong(self, address: str, count: int) -> None:
        for _ in range(count):
            self.guesses.put(Guess(address, False), "wrong")
            self.guesses.take()

    def test_in_the_order_of_coming(self) -> None:
        """Strangers of networks that asked for nothing before."""
        addresses = ["10.0.0.1", "10.1.0.1", "10.2.0.1", "2001:db8::/64"]
        self.come(*addresses)
        self.assertEqual(self.order(), [f"{address} {number}" for number, address in enumerate(addresses)])

    def test_who_was_right_before_is_first(self) -> None:
        self.come("10.0.0.1", "10.1.0.1")
        self.come("10.2.0.1", known=True)
        self.guesses.put(set_by("account 1"), "a new password")
        self.assertEqual(self.order(), ["10.2.0.1 0", "a new password", "10.0.0.1 0", "10.1.0.1 1"])

    def test_passwords_that_somebody_sets(self) -> None:
        """However many a customer sets, every other turn is that of who signs in, the known before strangers."""
        for number in range(4):
            self.guesses.put(set_by("account 1"), f"set {number}")
        self.come("10.0.0.1", "10.1.0.1")
        self.come("10.2.0.1", known=True)
        expected = ["set 0", "10.2.0.1 0", "set 1", "10.0.0.1 0", "set 2", "10.1.0.1 1", "set 3"]
        self.assertEqual(self.order(), expected)
        self.guesses.put(set_by("account 1"), "set later")
        self.assertEqual(self.order(), ["set later"])

    def test_passwords_that_several_set(self) -> None:
        """Who sets one does not wait for the many that another sets."""
        for number in range(50):
            self.guesses.put(set_by("account 1"), f"many {number}")
        self.guesses.put(set_by("account 2"), "one")
        self.assertEqual(self.order()[:3], ["many 0", "one", "many 1"])

    def test_too_many_passwords_that_somebody_sets(self) -> None:
        """The newest of them give way, and no stranger's guess."""
        guesses: Guesses[str] = Guesses(10, self.clock.seconds, self.refused.append)
        for number in range(4):
            guesses.put(Guess(f"10.{number}.0.1", False), f"guess {number}")
        for number in range(20):
            guesses.put(set_by("account 1"), f"set {number}")
        self.assertEqual(self.refused, [f"set {number}" for number in range(6, 20)])

    def test_a_burst_of_one_address_stands_behind_one_of_another(self) -> None:
        """Each of its guesses that has no answer yet puts its next one back."""
        self.come(*["10.0.0.1"] * 50)
        self.come("10.9.0.1")
        self.assertEqual(self.order()[:2], ["10.0.0.1 0", "10.9.0.1 0"])

    def test_a_burst_of_a_whole_network(self) -> None:
        """Two hundred addresses of a /16 are one crowd; what stands outside passes it."""
        self.come(*[f"10.0.{n}.{n}" for n in range(200)])
        self.come("10.1.0.1")
        self.assertEqual(self.order().index("10.1.0.1 0"), 1)

    def test_guessing_for_long(self) -> None:
        """A backlog of strangers who guess from many networks is passed by who has not guessed yet."""
        attackers = [f"10.{n}.0.1" for n in range(100)]
        for _ in range(20):
            for address in attackers:
                self.guess_wrong(address, 1)
            self.clock.advance(1)
        self.come(*attackers)
        self.clock.advance(5)
        self.come("192.0.2.1")
        self.assertEqual(self.guesses.take(), "192.0.2.1 0")

    def test_a_right_guess_is_forgiven(self) -> None:
        """An office whose people all know their passwords waits for nobody."""
        for _ in range(50):
            self.guesses.put(Guess("10.0.0.1", False), "right")
            self.guesses.take()
            self.guesses.forgive(Guess("10.0.0.1", False))
        self.come("10.0.0.1", "10.9.0.1")
        self.assertEqual(self.order(), ["10.0.0.1 0", "10.9.0.1 1"])

    def test_wrong_guesses_are_forgotten(self) -> None:
        """Half of them in each half-life: in the end a second matters more."""
        self.guess_wrong("10.0.0.1", 4)
        self.clock.advance(10 * HALF)
        self.come("10.0.0.1")
        self.clock.advance(1)
        self.come("10.9.0.1")
        self.assertEqual(self.order(), ["10.0.0.1 0", "10.9.0.1 0"])

    def test_nobody_waits_for_ever(self) -> None:
        """Who has waited longer than anybody waits for an answer is refused in place of being hashed."""
        self.come("10.0.0.1")
        self.clock.advance(PATIENCE + 1)
        self.come("10.9.0.1")
        self.assertEqual((self.order(), self.refused), (["10.9.0.1 0"], ["10.0.0.1 0"]))

    def test_whom_nobody_waits_for(self) -> None:
        """Whose client has hung up, or whose name is banned: dropped at its turn, or sooner; nothing is owed."""
        wanted = {"a", "b", "c"}
        for name in "abc":
            self.guesses.put(Guess("10.0.0.1", False, partial(wanted.__contains__, name)), name)
        wanted -= {"a", "c"}
        self.guesses.purge()
        self.assertEqual((self.refused, len(self.guesses)), (["c", "a"], 1))
        wanted.clear()
        self.assertEqual((self.order(), self.refused, self.guesses.owed("10.0.0.1")), ([], ["c", "a", "b"], 0.0))

    def test_those_give_way_first_whom_nobody_waits_for(self) -> None:
        self.guesses = Guesses(2, self.clock.seconds, self.refused.append)
        self.guesses.put(Guess("10.0.0.1", True, lambda: False), "gone")
        self.come("10.0.0.1", "10.0.0.1")
        self.assertEqual((self.refused, len(self.guesses)), (["gone"], 2))

    def test_the_last_in_turn_gives_way(self) -> None:
        """Not the last to come."""
        self.guesses = Guesses(3, self.clock.seconds, self.refused.append)
        self.come("10.0.0.1", "10.0.0.1", "10.0.0.1", "10.9.0.1")
        self.assertEqual(self.refused, ["10.0.0.1 2"])
        self.assertEqual((self.order(), len(self.guesses)), (["10.0.0.1 0", "10.9.0.1 3", "10.0.0.1 1"], 0))

    def test_who_leaves(self) -> None:
        self.come("10.0.0.1", "10.9.0.1")
        self.guesses.leave("10.0.0.1 0")
        self.guesses.leave("nobody")
        self.assertEqual((self.order(), self.refused), (["10.9.0.1 1"], []))

    def test_what_is_remembered_is_bounded(self) -> None:
        for n in range(NETWORKS):
            self.guess_wrong(f"10.{n >> 8}.{n & 255}.1", 1)
        self.assertEqual(len(self.guesses._debts), NETWORKS)


class NetworkTests(SynchronousTestCase):
    def test_networks(self) -> None:
        for address, around in (
            ("192.0.2.7", ("192.0.2.7", "192.0.2", "192.0")),
            ("2001:db8:1:203::/64", ("2001:db8:1:203::/64", "2001:db8:1:200::/56", "2001:db8:1::/48")),
            ("", ()),
            ("unix", ()),
            ("a.b.c.d", ()),
        ):
            self.assertEqual(networks(address), around)
