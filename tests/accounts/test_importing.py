from __future__ import annotations

import contextlib
from math import ceil
from typing import Any
from uuid import RFC_4122, UUID

from meshd.accounts import importing, proxies
from meshd.accounts.errors import NotFound, PlanLimitReached, Taken
from meshd.accounts.importedrow import Common, ImportedAccount, Rules
from meshd.accounts.importing import PreparedRow, RowRefused
from meshd.accounts.toplevel import Terms
from meshd.cli.csvrows import ReadRow
from meshd.store.statements import accounts, changes
from meshd.store.statements.newaccounts import MOST_PARAMETERS, PROXIES, neighbours
from meshd.store.unit import Unit
from tests.accounts.support import KNOWN, NOON, OPERATOR, AccountsCase, named


def row(
    line: int, username: str, parent: str = "", terms: Terms | None = None, email: str = "", **more: Any
) -> ImportedAccount:
    common = Common(terms or (Terms() if parent else Terms("20")), **more)
    return ImportedAccount(line, username, parent, common, "h", ("", "", email))


class ImportTests(AccountsCase):
    def prepared(self, *rows: ImportedAccount) -> list[PreparedRow]:
        return importing.prepared(rows, Rules(self.plans, list(KNOWN)), NOON)

    def add(self, *rows: ImportedAccount) -> None:
        ready = self.prepared(*rows)
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
                    self.prepared(row(6, "fine"), bad),
                    plans=self.plans,
                    now=NOON,
                )
                self.assertEqual((7, kind), (error.line, type(error.reason)))

    def test_what_a_batch_asks_of_the_store(self) -> None:
        """No question before the first row is written, so nothing is done twice, and none for each row."""
        ready = self.prepared(*(row(n, f"new{n}") for n in range(2, 302)))
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
        accounts_each = (MOST_PARAMETERS - len(ready[0].columns) + 3) // 3
        self.assertEqual(texts[0], ["insert", "into", "accounts"])
        self.assertEqual(texts.count(["insert", "into", "accounts"]), ceil(300 / accounts_each))
        self.assertEqual(texts.count(["insert", "into", "proxy_authorizations"]), ceil(2 * 300 / PROXIES))
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
        rules = Rules(self.plans, ["us"])
        self.assertIsNone(rules.problem(row(2, "fine", email="a@b.example")))
        table = [
            ("a name that is none", row(2, "a b"), "username:"),
            ("the root's name", row(2, "Admin"), "username:"),
            ("an unknown plan", row(2, "x", terms=Terms("30")), "plan:"),
            ("no plan", row(2, "x", terms=Terms()), "plan:"),
            ("a wrong address", row(2, "x", email="no"), "email:"),
            ("a limit above its ceiling", row(2, "x", limits=(2, 0, 1, 0)), "monthly_limit:"),
            ("an unknown proxy", row(2, "x", proxies=("nowhere",)), "proxies:"),
            ("an admin below", row(2, "x", "alice", Terms(role="admin")), "role:"),
            (
                "two at once",
                row(2, "a b", limits=(-1, 0, 0, 0)),
                "username: Use letters, digits and .@+-_ only.; monthly_",
            ),
        ]
        for sentence, bad, start in table:
            with named(sentence):
                self.assertEqual(str(rules.problem(bad))[: len(start)], start)
                self.assertRaises(RowRefused, self.prepared, bad)

    def test_what_rows_share_is_judged_once(self) -> None:
        """A name that is wrong does not spoil what its row shares with others, nor is a wrong limit forgiven."""
        rules = Rules(self.plans)
        right, wrong = Common(Terms("20")), Common(Terms("20"), limits=(-1, 0, 0, 0))
        for common, username, expected in (
            (right, "a b", False),
            (right, "fine", True),
            (right, "admin", False),
            (wrong, "fine", False),
            (wrong, "other", False),
        ):
            with named(username):
                self.assertEqual(rules.problem(ImportedAccount(2, username, "", common)) is None, expected)

    def test_no_secret_is_shown(self) -> None:
        """A hash is in none of what a traceback prints."""
        hashed = ImportedAccount(2, "fine", "", Common(Terms("20")), "a-hash")
        self.assertNotIn("a-hash", f"{hashed!r} {self.prepared(hashed)!r} {ReadRow(hashed, 'in-clear')!r}")
        self.assertNotIn("in-clear", repr(ReadRow(hashed, "in-clear")))

    def test_what_differs_in_a_batch(self) -> None:
        """What all say alike is stored of each, as is what each says by itself."""
        off = row(3, "b", active=False, limits=(5, 6, 7, 8))
        kid = row(4, "c", "alice", email="c@x.example", limits=(1, 0, 1, 0))
        for rows in ([row(2, "a"), off, kid], [row(5, "d"), row(6, "e")], [row(7, "f", email="f@x.example")]):
            self.add(*rows)
        found = [self.account(name) for name in "abcdef"]
        self.assertEqual([each.active for each in found], [True, False, True, True, True, True])
        self.assertEqual([each.email for each in found], ["", "", "c@x.example", "", "", "f@x.example"])
        self.assertEqual([each.monthly_limit for each in found], [0, 5, 1, 0, 0, 0])
        self.assertEqual([each.total_ceiling for each in found], [0, 8, 0, 0, 0, 0])
        self.assertEqual([each.parent_id for each in found], [None, None, self.alice.id, None, None, None])

    def test_existing(self) -> None:
        """Those that exist, by lower-case name, with the number of their sub-accounts."""
        found = self.run_unit(importing.existing, ["ALICE", "kid", "nobody"])
        self.assertEqual({"alice": 1, "kid": 0}, {name: children for name, (_, children) in found.items()})
        self.assertEqual(self.run_unit(accounts.by_username, "alice"), found["alice"][0])
