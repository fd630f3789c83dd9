"""`meshd invite`: a code that is shown once, and what is known of it afterwards."""

from __future__ import annotations

from meshd.accounts import invitations
from meshd.store.sqlite.file import SQLiteFile
from tests.cli.support import CommandCase


class InviteTests(CommandCase):
    def test_a_life(self) -> None:
        made = self.meshd("--json", "invite", "create", "--label", "friends", "--uses", "3", "--until", "2999-01-01")
        told = made.json
        self.assertIn("shown this once", made.err)
        listed = self.meshd("--json", "invite", "list").json
        self.assertEqual(listed, [{name: value for name, value in told.items() if name != "code"}])
        self.assertEqual((told["label"], told["uses"], told["until"]), ("friends", 3, "2999-01-01T00:00:00Z"))
        self.assertNotIn(told["code"], self.meshd("invite", "list").out)
        store = SQLiteFile(f"{self.data_dir}/meshd.sqlite3")
        self.addCleanup(store.close)
        store.run(invitations.require, told["code"], "code", 0)
        self.assertEqual(self.meshd("invite", "delete", str(told["id"])).code, 0)
        self.assertEqual(self.meshd("--json", "invite", "list").json, [])

    def test_for_people(self) -> None:
        made = self.meshd("invite", "create")
        self.assertEqual((made.facts["uses"], made.facts["until"]), ("1", "never"))
        header, row = self.meshd("invite", "list").rows
        self.assertEqual(header[:3], ["ID", "USES", "UNTIL"])
        self.assertEqual(row[:3], [made.facts["id"], "1", "-"])

    def test_what_is_refused(self) -> None:
        for argv, code in (
            (("create", "--uses", "0"), 1),
            (("create", "--uses", "many"), 2),
            (("create", "--until", "2000-01-01"), 1),
            (("create", "--until", "soon"), 2),
            (("delete", "5"), 1),
        ):
            refused = self.meshd("invite", *argv)
            self.assertEqual((refused.code, refused.out), (code, ""))
