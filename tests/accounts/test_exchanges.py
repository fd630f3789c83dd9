from __future__ import annotations

from meshd.accounts import exchanges
from meshd.accounts.errors import Forbidden, NotFound, NotYours
from meshd.accounts.exchanges import STALE, OpenPage
from meshd.accounts.ownership import ActorId
from meshd.model import Account
from meshd.store.statements import opened
from meshd.store.statements.opened import Ending
from meshd.values.exchanges import OpenExchange
from tests.accounts.support import NOON, OPERATOR, AccountsCase, OnPostgres, named


class ExchangesTests(AccountsCase):
    """Alice has one exchange open in one process, her sub-account one in another, and bob has one in either."""

    def setUp(self) -> None:
        super().setUp()
        self.bob = self.customer("bob")
        self.viewer = self.customer("vera", role="viewer")
        self.tell("a", self.open(self.alice, "a-1", began=2), self.open(self.bob, "a-2", began=1))
        self.tell("b", self.open(self.kid, "b-1", began=0), self.open(self.bob, "b-2", began=3, exit="rack-2"))

    def open(self, account: Account, id_: str, *, began: int, exit: str = "rack-1") -> OpenExchange:
        family = account.parent_id or account.id
        whose = (account.id, family, account.username, 0)
        return OpenExchange(id_, began, *whose, "us", "192.0.2.1", "CONNECT", "h.example", 443, exit, 5, 6)

    def tell(self, node: str, *told: OpenExchange, total: int = 0, at: int = NOON) -> None:
        self.run_unit(opened.write, node, at, total or len(told), told)

    def of(self, actor: ActorId, username: str | None = None, limit: int = 9, exit_: str = "") -> list[str]:
        page = self.run_unit(exchanges.of_family, actor, username, exit_=exit_, limit=limit, now=NOON)
        return [row.exchange.id for row in page.rows]

    def everybody(self, actor: ActorId = OPERATOR, limit: int = 9, exit_: str = "") -> OpenPage:
        return self.run_unit(exchanges.of_everybody, actor, exit_=exit_, limit=limit, now=NOON)

    def end(self, actor: ActorId, id_: str, username: str | None = None) -> Ending:
        self.run_unit(exchanges.end, actor, id_, username, now=NOON)
        return self.run_unit(opened.endings, 0)[-1]

    def test_whose_are_seen(self) -> None:
        """A parent sees its sub-accounts'; nobody sees another's."""
        for sentence, actor, username, ids in (
            ("a parent sees its own and below", self.alice.id, None, ["b-1", "a-1"]),
            ("or those of one sub-account", self.alice.id, "kid", ["b-1"]),
            ("a sub-account sees its own", self.kid.id, None, ["b-1"]),
            ("an operator anybody's", OPERATOR, "Bob", ["a-2", "b-2"]),
            ("a viewer too", self.viewer.id, "bob", ["a-2", "b-2"]),
        ):
            with named(sentence):
                self.assertEqual(ids, self.of(actor, username))
        self.assertEqual(["b-2"], self.of(OPERATOR, "bob", exit_="rack-2"))
        self.refused(NotYours, exchanges.of_family, self.alice.id, "bob", limit=9, now=NOON)

    def test_everybodys(self) -> None:
        """The oldest first, with how many there are, known or not."""
        page = self.everybody(self.viewer.id)
        self.assertEqual(["b-1", "a-2", "a-1", "b-2"], [row.exchange.id for row in page.rows])
        self.assertEqual(("b", NOON, 4, True), (*page.rows[0][:2], page.total, page.complete))
        self.tell("a", self.open(self.alice, "a-1", began=2), total=700)
        page = self.everybody(limit=2)
        self.assertEqual((2, 702, False), (len(page.rows), page.total, page.complete))
        self.assertEqual((1, False), (self.everybody(exit_="rack-2").total, self.everybody(exit_="rack-2").complete))
        for actor in (self.alice.id, self.by_token(self.token(OPERATOR, "vera"))):
            self.refused(Forbidden, exchanges.of_everybody, actor, limit=9, now=NOON)

    def test_a_process_that_tells_no_more_is_not_believed(self) -> None:
        """It has died, and all of it with it."""
        self.tell("a", self.open(self.alice, "a-1", began=2), at=NOON - STALE - 1)
        self.assertEqual(["b-1", "b-2"], [row.exchange.id for row in self.everybody().rows])

    def test_ended(self) -> None:
        """By whoever may: with the reason that says who it was, a line of the audit, and the account's change told."""
        for sentence, actor, id_, username, account, reason, by in (
            ("by its holder", self.alice.id, "a-1", None, self.alice, "holder", "alice"),
            ("by the holder of the parent", self.alice.id, "b-1", None, self.kid, "holder", "alice"),
            ("by the sub-account itself", self.kid.id, "b-1", "kid", self.kid, "holder", "kid"),
            ("by an operator", OPERATOR, "a-2", None, self.bob, "operator", OPERATOR.name),
            ("named, since no process tells of it", OPERATOR, "z-9", "bob", self.bob, "operator", OPERATOR.name),
            ("the same by its holder", self.bob.id, "z-8", "bob", self.bob, "holder", "bob"),
        ):
            with named(sentence):
                self.run_unit(exchanges.end, actor, id_, username, now=NOON)
                self.assertIn(id_, [each.exchange for each in self.run_unit(opened.endings, account.id)])
                self.assertEqual((by, "exchange.end", account.id), self.told())
                if sentence != "by the sub-account itself":  # whoever asked first has ended it
                    self.assertIn(Ending(account.id, id_, f"ended-by-{reason}"), self.run_unit(opened.endings, 0))
        self.assertEqual((OPERATOR.name, "exchange.end", "a-2 to h.example:443"), self.history(self.bob)[2])

    def test_whether_another_has_it_open_is_told_to_nobody(self) -> None:
        """As if it had ended: what is written is of the actor's own account, with no word of where it goes."""
        for id_ in ("a-2", "z-9"):
            self.assertEqual("alice", self.run_unit(exchanges.end, self.alice.id, id_, "alice", now=NOON))
            self.assertEqual(("alice", "exchange.end", id_), self.history(self.alice)[0])
        self.assertEqual({self.alice.id}, {each.account_id for each in self.run_unit(opened.endings, 0)})

    def test_not_ended(self) -> None:
        """One answer for what is another's and for what there is none of."""
        confined = self.confined(proxies=("us",))
        for sentence, kind, actor, id_, username in (
            ("another's", NotFound, self.alice.id, "a-2", None),
            ("nobody's", NotFound, self.alice.id, "z-9", None),
            ("a parent's, by its sub-account", NotFound, self.kid.id, "a-1", None),
            ("another's, as if it were alice's", NotFound, OPERATOR, "a-2", "alice"),
            ("of another's name", NotYours, self.alice.id, "a-2", "bob"),
            ("by a viewer", NotFound, self.viewer.id, "a-1", None),
            ("by a confined token", Forbidden, self.by_token(confined), "a-1", None),
            ("nobody's, by a confined token", Forbidden, self.by_token(confined), "z-9", None),
            ("nobody's, by the operator", NotFound, OPERATOR, "z-9", None),
        ):
            with named(sentence):
                self.refused(kind, exchanges.end, actor, id_, username, now=NOON)
        texts = {
            self.refused(NotFound, exchanges.end, self.alice.id, id_, now=NOON).detail.replace(id_, "ID")
            for id_ in ("a-2", "z-9")
        }
        self.assertEqual(1, len(texts))


class PostgresExchangesTests(OnPostgres, ExchangesTests):
    pass
