"""Which idle connection gives way."""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from meshd.passing.idle import Idle


class IdleTests(SynchronousTestCase):
    def held(self, **accounts: int) -> Idle[str]:
        """So many connections of each account, added account by account, and named after it."""
        idle: Idle[str] = Idle()
        for number, (name, count) in enumerate(accounts.items(), 1):
            for each in range(count):
                idle.add(number, f"{name}{each}")
        return idle

    def test_who_has_the_most(self) -> None:
        """Loses the one that has been idle longest; among several, who has been quiet longest."""
        self.assertEqual("b0", self.held(a=1, b=3, c=2).to_go())
        self.assertEqual("b0", self.held(a=1, b=3, c=3).to_go())
        self.assertEqual("b0", self.held(a=1, b=3, c=2).to_go(account=1))

    def test_who_has_one_more(self) -> None:
        """Gives way to itself, where it has more than the average."""
        self.assertEqual("c0", self.held(a=1, b=3, c=3).to_go(account=3))
        self.assertEqual("a0", self.held(a=2, b=1, c=1).to_go(account=2))

    def test_the_most_is_known_whatever_comes_and_goes(self) -> None:
        """As if it was looked for each time."""
        chance, idle, there = Random(7), Idle[int](), dict[int, list[int]]()
        for number in range(3_000):
            account = chance.randrange(1, 13)
            own = there.setdefault(account, [])
            if own and chance.random() < 0.5:
                idle.remove(account, own.pop(chance.randrange(len(own))))
            else:
                idle.add(account, number)
                own.append(number)
            self.assertEqual(idle.count, sum(map(len, there.values())))
            if idle.count:
                most = max(map(len, there.values()))
                losers = {each[0] for each in there.values() if len(each) == most}
                self.assertIn(idle.to_go(), losers)
