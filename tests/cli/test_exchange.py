from __future__ import annotations

import time

from meshd.store.statements import accounts, opened
from meshd.values.exchanges import OpenExchange
from tests.cli.support import CommandCase


class ExchangeTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.now = int(time.time())
        for number, name in enumerate(("alice", "bob")):
            self.customer(name)
            account = self.store().run(accounts.by_username, name)
            assert account is not None
            whose = (account.id, account.id, name, number)
            began = (self.now - 3725 * (1 - number)) * 1000
            told = OpenExchange(
                f"{name}-1", began, *whose, "us", "192.0.2.1", "CONNECT", "2001:db8::1", 443, "rack-1", 5, 2_500_000
            )
            self.store().run(opened.write, name, self.now, 1 + 700 * number, [told])

    def test_list(self) -> None:
        """The oldest first; that not all are known is said apart from them."""
        result = self.done("exchange", "list")
        self.assertEqual(["ID", "AGE", "ACCOUNT", "CLIENT", "PROXY", "TO", "EXIT", "UP", "DOWN"], result.rows[0])
        shown = ["alice-1", "1h02m", "alice", "192.0.2.1", "us", "[2001:db8::1]:443", "rack-1", "5", "B", "2.5", "MB"]
        self.assertEqual(shown, result.rows[1])
        self.assertEqual("2 exchanges of 702: of each process those with most bytes and the oldest\n", result.err)
        self.assertEqual(
            ["bob-1"], [row["id"] for row in self.done("exchange", "list", "--account", "bob", "--json").json]
        )
        self.assertEqual("[]\n", self.done("exchange", "list", "--exit", "rack-9", "--json").out)
        (row,) = self.done("exchange", "list", "--account", "alice", "--json").json
        del row["began"], row["seconds"], row["seen_at"]
        self.assertEqual(
            {
                "id": "alice-1", "account": "alice", "token": None, "client": "192.0.2.1", "proxy": "us",
                "method": "CONNECT", "to": "[2001:db8::1]:443", "exit": "rack-1", "up": 5, "down": 2_500_000,
                "node": "alice",
            },
            row,
        )  # fmt: skip

    def test_end(self) -> None:
        """By its id, or also by its account; the audit has who did it."""
        self.assertEqual({"ended": "bob-1", "account": "bob"}, self.done("exchange", "end", "bob-1", "--json").json)
        self.done("exchange", "end", "unseen-7", "--account", "alice")
        self.assertEqual({"bob-1", "unseen-7"}, {each.exchange for each in self.store().run(opened.endings, 0)})
        self.assertIn("bob-1 to 2001:db8::1:443", self.done("audit", "bob").out)
        line = "no exchange 'nobody-1' is known to be open; it may have ended, or name its account"
        self.refused(line, "exchange", "end", "nobody-1")
        self.refused("exchange 'bob-1' is none of that account's", "exchange", "end", "bob-1", "--account", "alice")
