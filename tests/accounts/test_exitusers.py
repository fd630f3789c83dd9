from __future__ import annotations

from meshd.accounts import exitusers
from meshd.accounts.errors import Forbidden
from meshd.accounts.exitusers import Users
from meshd.accounts.ownership import ActorId
from meshd.model import Account
from meshd.store.statements import activity, opened
from meshd.values.exchanges import Exchange, OpenExchange
from tests.accounts.support import NOON, OPERATOR, AccountsCase, OnPostgres


class ExitUsersTests(AccountsCase):
    def ended(self, account: Account, id_: str, at: int, seconds: int, way: str = "rack-1") -> Exchange:
        whose = (account.id, account.username, 0, "us", "192.0.2.1")
        return Exchange(id_, at, seconds, *whose, "GET", "h.example", 80, "198.51.100.1", 200, "", 5, 6, way)

    def open(self, account: Account, id_: str, at: int, way: str = "rack-1") -> OpenExchange:
        whose = (account.id, account.id, account.username, 0, "us", "192.0.2.1")
        return OpenExchange(id_, at * 1000, *whose, "CONNECT", "h.example", 443, "198.51.100.1", 5, 6, way)

    def users(self, actor: ActorId = OPERATOR, *ways: str, since: int = NOON, limit: int = 9) -> Users:
        names = ways or ("rack-1",)
        return self.run_unit(exitusers.users, actor, names, since=since, until=NOON + 10, limit=limit, now=NOON + 90)

    def test_past_and_open(self) -> None:
        """The oldest first, each with its account; one that is both has ended."""
        self.run_unit(
            activity.add,
            [
                self.ended(self.alice, "r-1", NOON - 5, 9),
                self.ended(self.kid, "r-2", NOON - 9, 9),
                self.ended(self.kid, "r-3", NOON, 1, "rack-2"),
                self.ended(self.kid, "r-0", NOON - 99, 9),
            ],
        )
        told = [
            self.open(self.kid, "r-4", NOON + 10),
            self.open(self.kid, "r-5", NOON + 11),
            self.open(self.alice, "r-1", NOON - 5),
        ]
        self.run_unit(opened.write, "a", NOON + 80, 9, told)
        self.run_unit(opened.write, "dead", NOON, 9, [self.open(self.kid, "r-6", NOON)])
        found = self.users()
        self.assertEqual(
            [("r-2", "kid", NOON * 1000), ("r-1", "alice", (NOON + 4) * 1000), ("r-4", "kid", 0)],
            [(row.request, row.username, row.ended) for row in found.rows],
        )
        self.assertEqual((False, (NOON - 90) * 1000), (found.more, found.since))
        self.assertEqual(
            ["r-2", "r-1", "r-3", "r-4"], [row.request for row in self.users(OPERATOR, "rack-1", "rack-2").rows]
        )
        self.assertEqual((["r-2"], True), ([row.request for row in self.users(limit=1).rows], self.users(limit=1).more))

    def test_nothing_is_known(self) -> None:
        """A store that keeps none says so."""
        self.assertEqual(Users([], False, 0), self.users())

    def test_who_may(self) -> None:
        """Whoever reads for the whole installation."""
        viewer = self.customer("vera", role="viewer")
        self.assertEqual([], self.users(viewer.id).rows)
        self.refused(Forbidden, exitusers.users, self.alice.id, ["x"], since=0, until=1, limit=9, now=NOON)


class PostgresExitUsersTests(OnPostgres, ExitUsersTests):
    pass
