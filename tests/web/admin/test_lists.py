"""Lists of the whole installation, page by page."""

from __future__ import annotations

from typing import Any

from meshd.model import Ban
from meshd.store.statements import bans, opened
from meshd.values.exchanges import OpenExchange
from tests.web.admin.support import AdminTestCase
from tests.web.support import NOON, named

WRONG = {
    "a cursor of nobody's": ("/accounts?cursor=x", "cursor"),
    "a cursor of another list": ("/audit?cursor=WyJuYW1lIiwiYSJd", "cursor"),
    "a state that there is not": ("/accounts?state=sleeping", "state"),
    "a percentage beyond all": ("/accounts?near_limit=101", "near_limit"),
    "a page without end": ("/accounts?limit=1001", "limit"),
    "a page of nothing": ("/bans?limit=0", "limit"),
    "a slip of a parameter": ("/accounts?prefx=a", "prefx"),
    "a parent that there is not": ("/accounts?parent=nobody", "parent"),
    "a time that is none": ("/audit?since=yesterday", "since"),
}


class AccountListTests(AdminTestCase):
    def names(self, query: str = "", **options: Any) -> list[str]:
        return [each["username"] for each in self.do("GET", f"/accounts{query}", **options).json["accounts"]]

    def pages(self, path: str, key: str, size: int) -> list[Any]:
        """All entries, read in pages of that size, none of which is larger."""
        found: list[Any] = []
        mark = "&" if "?" in path else "?"
        cursor = ""
        for _ in range(100):
            answer = self.do("GET", f"{path}{mark}limit={size}{f'&cursor={cursor}' if cursor else ''}").json
            self.assertLessEqual(len(answer[key]), size)
            found += answer[key]
            cursor = answer["next"]
            if not cursor:
                return found
        raise AssertionError("the pages do not end")

    def test_all_by_name(self) -> None:
        """With sub-accounts among them; a viewer reads the same."""
        everybody = self.names()
        self.assertEqual(everybody, sorted(everybody))
        self.assertLessEqual({"jo", "sub", "eve", "tom", "op", "vi", "admin"}, set(everybody))
        self.assertEqual(self.names(who="vi"), everybody)
        paged = [each["username"] for each in self.pages("/accounts", "accounts", 2)]
        self.assertEqual(paged, everybody)

    def test_by_filter(self) -> None:
        """One at a time, and together."""
        self.do("PATCH", "/accounts/tom", {"active": False})
        self.do("PATCH", "/accounts/eve", {"email": "eve@example.com", "total_limit": 1000})
        self.world.use(self.world.eve, 950)
        for sentence, (query, expected) in {
            "by prefix": ("?prefix=E", ["eve", "eves"]),
            "by e-mail": ("?email=eve@example.com", ["eve"]),
            "by state": ("?state=inactive", ["tom"]),
            "by plan": ("?plan=trial", ["tom"]),
            "by role": ("?role=viewer", ["vi"]),
            "by parent": ("?parent=jo", ["sub"]),
            "near their limit": ("?near_limit=90", ["eve"]),
            "nearer than any": ("?near_limit=99", []),
            "seen of late": ("?seen_after=2000-01-01", ["eve"]),
            "by two": ("?prefix=e&parent=eve", ["eves"]),
        }.items():
            with named(sentence):
                self.assertEqual(self.names(query), expected)

    def test_what_a_row_tells(self) -> None:
        """The account, its limits as they hold, what it used, and when."""
        self.world.use(self.world.sub, 70)
        (row,) = self.do("GET", "/accounts?prefix=sub").json["accounts"]
        self.assertEqual((row["parent"], row["state"], row["usage"]["total_bytes"]), ("jo", "active", 70))
        self.assertIsNotNone(row["seen_at"])

    def test_wrong_questions(self) -> None:
        """Are told by parameter."""
        for sentence, (path, name) in WRONG.items():
            with named(sentence):
                self.refused(self.do("GET", path), 400, "invalid", name)

    def test_the_audit(self) -> None:
        """What was and what is, also of an account that is gone."""
        self.do("PATCH", "/accounts/tom", {"plan": "10"})
        self.do("DELETE", "/accounts/tom")
        gone, changed, *_ = self.do("GET", "/audit?account=tom").json["entries"]
        self.assertEqual((gone["action"], gone["actor"], gone["username"]), ("account.delete", "op", "tom"))
        self.assertEqual(changed["changed"], {"plan": ["trial", "10"]})
        everything = self.pages("/audit", "entries", 3)
        ids = [each["id"] for each in everything]
        self.assertEqual(ids, sorted(ids, reverse=True))
        by_op = self.do("GET", "/audit?actor=op&action=account.").json["entries"]
        self.assertEqual([each["action"] for each in by_op], ["account.delete", "account.edit"])
        self.refused(self.do("GET", "/audit?account=never-was"), 404, "not-found")

    def test_bans(self) -> None:
        """Listed in pages, lifted by name or by address."""
        for number in range(5):
            ban = Ban(f"192.0.2.{number}", "jo", NOON + 60 + number)
            self.world.store.file.run(bans.add, ban)
        found = self.pages("/bans", "bans", 2)
        self.assertEqual([each["address"][-1] for each in found], ["4", "3", "2", "1", "0"])
        self.assertEqual(self.do("POST", "/bans/lift", {"address": "192.0.2.3"}).json, {"lifted": 1})
        self.refused(self.do("POST", "/bans/lift", {"address": "192.0.2.3"}), 404, "not-found")
        self.refused(self.do("POST", "/bans/lift", {"address": "192.0.2.4"}, who="vi"), 403, "role")
        self.refused(self.do("POST", "/bans/lift", {}), 400, "invalid", "address")


class ExchangeTests(AdminTestCase):
    def setUp(self) -> None:
        super().setUp()
        known = OpenExchange._fields
        values: dict[str, Any] = dict.fromkeys(known, "") | {"token_id": 0, "port": 443, "up": 1, "down": 2}
        jo, eve = self.world.jo, self.world.eve
        rows = [
            OpenExchange(
                **{
                    **values,
                    "id": f"x{number}",
                    "began": (NOON - 30) * 1000 + number,
                    "account_id": account.id,
                    "family_id": account.id,
                    "username": account.username,
                    "host": "example.com",
                }
            )
            for number, account in enumerate((jo, eve))
        ]
        self.world.store.file.run(opened.write, "node", NOON, 7, rows)

    def test_what_is_open(self) -> None:
        """Of everybody, and of one; not all is known of a busy process."""
        found = self.do("GET", "/exchanges").json
        self.assertEqual([each["id"] for each in found["exchanges"]], ["x0", "x1"])
        self.assertEqual((found["total"], found["complete"]), (7, False))
        self.assertEqual(found["exchanges"][0]["age_seconds"], 30)
        self.assertEqual([each["id"] for each in self.do("GET", "/exchanges?account=eve").json["exchanges"]], ["x1"])

    def test_ending_one(self) -> None:
        """By an admin; one that is not known is not there."""
        self.assertEqual(self.do("DELETE", "/exchanges/x1").status, 204)
        self.refused(self.do("DELETE", "/exchanges/x9"), 404, "not-found")
        self.refused(self.do("DELETE", "/exchanges/x1", who="vi"), 403, "role")
