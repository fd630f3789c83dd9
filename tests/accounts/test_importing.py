from __future__ import annotations

import contextlib
from math import ceil
from uuid import RFC_4122, UUID

from meshd.accounts import importing, proxies
from meshd.accounts.errors import NotFound, PlanLimitReached, Taken
from meshd.accounts.importing import ImportedAccount, RowRefused
from meshd.accounts.profile import NewAccount, Profile
from meshd.accounts.toplevel import Terms
from meshd.store.statements import accounts, changes
from meshd.store.statements.newaccounts import MOST_PARAMETERS, neighbours
from meshd.store.statements.rows import CHUNK
from meshd.store.unit import Unit
from tests.accounts.support import KNOWN, NOON, OPERATOR, AccountsCase, named


def row(line: int, username: str, parent: str = "", **more: object) -> ImportedAccount:
    terms = Terms() if parent else Terms("20")
    return ImportedAccount(line, NewAccount(username=username, password_hash="h"), parent, terms, **more)  # type: ignore[arg-type]


class ImportTests(AccountsCase):
    def add(self, *rows: ImportedAccount) -> None:
        ready = importing.prepared(rows, self.plans, list(KNOWN), NOON)
        self.run_unit(importing.add_batch, OPERATOR, ready, plans=self.plans, now=NOON)

    def test_a_batch(self) -> None:
        """Accounts with their first proxies, sub-accounts below those of the same batch and of the store."""
        before = self.run_unit(changes.newest)
        self.add(row(2, "top"), row(3, "sub", "TOP"), row(4, "kid2", "alice"), row(5, "off", active=False))
        top, sub, kid, off = (self.account(name) for name in ("top", "sub", "kid2", "off"))
        self.assertEqual((top.id, self.alice.id), (sub.parent_id, kid.parent_id))
        self.assertEqual((True, False), (top.active, off.active))
        self.assertEqual(["us", "open"], self.run_unit(proxies.authorized, top.id))
        self.assertEqual(before + 1, self.run_unit(changes.newest))
        self.assertEqual(("operator:test", "account.import", off.id), self.told())

    def test_one_bad_row(self) -> None:
        """None of the batch is kept, and the line is told."""
        self.at_plan("20", sub_accounts=1)
        table = [
            ("a taken name", row(7, "KID"), Taken),
            ("a name of the batch", row(7, "FINE"), Taken),
            ("no such parent", row(7, "x", "nobody"), NotFound),
            ("a parent without room", row(7, "x", "alice"), PlanLimitReached),
        ]
        for sentence, bad, kind in table:
            with named(sentence):
                error = self.refused(
                    RowRefused,
                    importing.add_batch,
                    OPERATOR,
                    importing.prepared([row(6, "fine"), bad], self.plans, [], NOON),
                    plans=self.plans,
                    now=NOON,
                )
                self.assertEqual((7, kind), (error.line, type(error.reason)))

    def test_what_a_batch_asks_of_the_store(self) -> None:
        """No question before the first row is written, so nothing is done twice, and none for each row."""
        ready = importing.prepared([row(n, f"new{n}") for n in range(2, 302)], self.plans, list(KNOWN), NOON)
        texts: list[list[str]] = []
        begun: list[int] = []

        def watched() -> Unit[None]:
            begun.append(len(texts))
            unit = importing.add_batch(OPERATOR, ready, plans=self.plans, now=NOON)
            statement = next(unit)
            with contextlib.suppress(StopIteration):
                while True:
                    texts.append(statement.sql.split()[:3])
                    statement = unit.send((yield statement))

        self.run_unit(watched)
        self.assertEqual(begun, [0, 1], "a unit is a reader until it writes, and begun again then")
        del texts[0]
        accounts_each = MOST_PARAMETERS // len(ready[0].columns)
        self.assertEqual(texts[0], ["insert", "into", "accounts"])
        self.assertEqual(texts.count(["insert", "into", "accounts"]), ceil(300 / accounts_each))
        self.assertEqual(texts.count(["insert", "into", "proxy_authorizations"]), ceil(2 * 300 / CHUNK))
        self.assertLess(len(texts), 20)

    def test_uuids(self) -> None:
        """Random ones of version 4, those of a batch side by side, no two alike."""
        texts = neighbours(100)
        self.assertEqual((100, 1), (len(set(texts)), len({text[:6] for text in texts})))
        self.assertEqual({(4, RFC_4122)}, {(UUID(text).version, UUID(text).variant) for text in texts})
        self.assertNotEqual(neighbours(1)[0][:6], neighbours(1)[0][:6])

    def test_nothing(self) -> None:
        """An empty batch publishes nothing."""
        before = self.dump()
        self.add()
        self.assertEqual(before, self.dump())

    def test_rows_by_themselves(self) -> None:
        """What is wrong with a row whatever the store holds."""
        self.assertIsNone(importing.problem(row(2, "fine"), self.plans))
        wrong = NewAccount(username="x", profile=Profile(email="no"))
        table = [
            ("a name that is none", row(2, "a b"), "username:"),
            ("the root's name", row(2, "Admin"), "username:"),
            ("an unknown plan", ImportedAccount(2, NewAccount(username="x"), "", Terms("30")), "plan:"),
            ("a wrong address", ImportedAccount(2, wrong, "", Terms("20")), "email:"),
            ("an admin below", ImportedAccount(2, NewAccount(username="x"), "alice", Terms(role="admin")), "role:"),
        ]
        for sentence, bad, start in table:
            with named(sentence):
                self.assertTrue((importing.problem(bad, self.plans) or "").startswith(start))

    def test_existing(self) -> None:
        """Those that exist, by lower-case name, with the number of their sub-accounts."""
        found = self.run_unit(importing.existing, ["ALICE", "kid", "nobody"])
        self.assertEqual({"alice": 1, "kid": 0}, {name: children for name, (_, children) in found.items()})
        self.assertEqual(self.run_unit(accounts.by_username, "alice"), found["alice"][0])
