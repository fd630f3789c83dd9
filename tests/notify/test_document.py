"""A notice as JSON and as a letter."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from meshd.mail.letter import rendered
from meshd.notify import document
from meshd.values.notices import ACCOUNT_QUOTA, EXIT_RESTING, KINDS, Notice, kinds_of

QUOTA = Notice("msg_1", ACCOUNT_QUOTA, 1_800_000_000, '{"limit":"month","percent":80}', 7, "änna")


class DocumentTests(SynchronousTestCase):
    def test_body(self) -> None:
        """The same bytes at every try."""
        expected = {
            "version": 1,
            "id": "msg_1",
            "type": "account.quota",
            "timestamp": "2027-01-15T08:00:00Z",
            "data": {"account": {"id": 7, "username": "änna"}, "limit": "month", "percent": 80},
        }
        self.assertEqual(json.loads(document.body(QUOTA)), expected)
        self.assertEqual(document.body(QUOTA), document.body(Notice(*QUOTA)))

    def test_about_no_account(self) -> None:
        """Then there is none in it."""
        notice = Notice("msg_2", EXIT_RESTING, 0, '{"exit":"rack-1"}')
        self.assertEqual(json.loads(document.body(notice))["data"], {"exit": "rack-1"})

    def test_letter(self) -> None:
        """Says the same in lines, and can be rendered, whatever the name is."""
        letter = document.letter(QUOTA, "ops@mesh.example")
        self.assertEqual(letter.subject, "meshd: account.quota (änna)")
        self.assertIn("percent: 80\n", letter.text)
        self.assertIn("account: änna (id 7)\n", letter.text)
        self.assertTrue(rendered(letter, "meshd@mesh.example", now=0, unique="x"))

    def test_kinds(self) -> None:
        """A group stands for all kinds that begin so; nothing for everything."""
        for words, expected in (
            ((), KINDS),
            (("exit",), ("exit.resting", "exit.back")),
            (("exit.back", "ban.begun"), ("exit.back", "ban.begun")),
            (("store", "store.away"), ("store.away", "store.back")),
        ):
            self.assertEqual(kinds_of(words), expected)
